"""The diffusion painter: effect of each component, batches and calls, views and walls, and full repaints."""

from __future__ import annotations

import shutil
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import wallpaint
from support.drawn_rooms import Room
from support.measures import delta_e
from support.stock_pipelines import Case, make_case, ours, stock, write_lora
from wallpaint import Paint
from wallpaint.bundles.bundle import Bundle, load_bundle
from wallpaint.diffusion import image_tensors
from wallpaint.diffusion.networks import Networks
from wallpaint.diffusion.settings import DiffusionSettings, Lora
from wallpaint.imaging import color
from wallpaint.painters import analytic
from wallpaint.painters.diffusion import placement
from wallpaint.painters.diffusion.painter import DiffusionPainter
from wallpaint.pipeline.repaint import Scene
from wallpaint.scene import mask as masks

Array = np.ndarray
SETTINGS = DiffusionSettings(steps=2, dtype="float32", device="cpu")
SAGE, NAVY, CREAM = Paint.parse("#7d9b84"), Paint.parse("#2b3a5c"), Paint.parse("#efe6d2")


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return load_bundle(tiny_bundle)


@pytest.fixture(scope="module")
def case() -> Case:
    return make_case()


@pytest.fixture
def scene(room: Room) -> Scene:
    return wallpaint.prepare(room.photo, {"wall": room.soft_mask})


def without(bundle: Bundle, removed: set[str], folder: Path) -> Bundle:
    """Copy a bundle without some components."""
    shutil.copytree(bundle.folder, folder)
    table = tomllib.loads((folder / "bundle.toml").read_text(encoding="utf-8"))
    paths = "\n".join(f'{name} = "{path}"' for name, path in table["parts"].items() if name not in removed)
    head = "\n".join(f"{key} = {_toml(value)}" for key, value in table.items() if key != "parts")
    (folder / "bundle.toml").write_text(f"{head}\n[parts]\n{paths}\n", encoding="utf-8")
    copy = load_bundle(folder)
    assert not any(copy.has(component) for component in removed)
    return copy


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)


def difference(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).abs().max())


# -- effect of each component


@pytest.mark.parametrize(
    ("setting", "components"),
    [("ip_adapter_scale", {"ip_adapter", "image_encoder"}), ("controlnet_scale", {"controlnet", "depth"})],
)
def test_scale_zero_equals_absence(
    bundle: Bundle, case: Case, tmp_path: Path, setting: str, components: set[str]
) -> None:
    full = ours(bundle, SETTINGS, case)
    zero = ours(bundle, replace(SETTINGS, **{setting: 0.0}), case)
    absent = ours(without(bundle, components, tmp_path / "bundle"), SETTINGS, case)
    assert difference(zero, absent) == 0
    assert difference(full, absent) > 0.01
    tiny = ours(bundle, replace(SETTINGS, **{setting: 1e-5}), case)  # the effect is continuous near zero
    assert 0 < difference(tiny, absent) < 1e-3


def test_lora_scale_zero_equals_absence(bundle: Bundle, case: Case, tmp_path: Path) -> None:
    file = write_lora(bundle, tmp_path)
    plain = ours(bundle, SETTINGS, case)
    assert difference(ours(bundle, replace(SETTINGS, loras=(Lora(file, 0.0),)), case), plain) == 0
    assert difference(ours(bundle, replace(SETTINGS, loras=(Lora(file, 1.0),)), case), plain) > 0.01
    assert difference(ours(bundle, replace(SETTINGS, loras=(Lora(file, 1e-5),)), case), plain) < 1e-3


@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_ip_adapter_plus_equals_the_stock_pipeline(
    case: Case, tmp_path_factory: pytest.TempPathFactory, guidance: float
) -> None:
    from support.bundles import random_folder

    plus = load_bundle(random_folder("tiny-plus", tmp_path_factory))
    settings = replace(SETTINGS, controlnet_scale=0.0, guidance=guidance)
    assert (
        difference(ours(plus, settings, case), stock(plus, settings, case, with_controlnet=False, with_ip_adapter=True))
        <= 1e-4
    )


def test_prompts_equal_the_stock_pipeline_and_change_the_image(bundle: Bundle, case: Case) -> None:
    prompted = replace(SETTINGS, prompt="a green wall", negative_prompt="a red one", guidance=3.0)
    actual = ours(bundle, prompted, case)
    assert difference(actual, stock(bundle, prompted, case, with_controlnet=True, with_ip_adapter=True)) <= 1e-4
    assert difference(actual, ours(bundle, replace(prompted, prompt="", negative_prompt=""), case)) > 0.01


def test_seed_determines_the_image(bundle: Bundle, case: Case) -> None:
    assert difference(ours(bundle, SETTINGS, case), ours(bundle, SETTINGS, case)) == 0
    assert difference(ours(bundle, SETTINGS, case), ours(bundle, SETTINGS, replace(case, seed=6))) > 0.01


# -- batches and number of calls


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize("scheduler", ["ddim", "lcm"])
def test_batch_equals_single_images(bundle: Bundle, case: Case, scheduler: str, guidance: float) -> None:
    if scheduler == "lcm" and guidance > 1:
        pytest.skip("lcm does not support guidance")
    painter = DiffusionPainter(bundle, replace(SETTINGS, scheduler=scheduler, guidance=guidance))
    view = painter.encode_view(case.image, case.mask, case.window)
    references = [np.full((64, 64, 3), value, np.uint8) for value in (20, 128, 240)]
    batched = painter.inpaint(view, references, 3)
    single = np.concatenate([painter.inpaint(view, [reference], 3) for reference in references])
    assert np.abs(batched - single).max() < 1e-4
    assert np.abs(batched[0] - batched[1]).max() > 0.01


def calls(painter: DiffusionPainter) -> dict[str, int]:
    return {row["stage"]: row["calls"] for row in painter.profile.rows()}


def test_scene_and_paint_encodings_run_once(bundle: Bundle, scene: Scene) -> None:
    painter = DiffusionPainter(bundle, SETTINGS)
    results = list(scene.repaint_many([{"wall": paint} for paint in (SAGE, NAVY, CREAM)], painter=painter))
    assert len(results) == 3
    per_scene = {"vae encode": 1, "depth": 1, "control stem": 1}
    assert calls(painter) == {
        **per_scene, "text": 1, "image encode": 1, "denoise": 2, "scheduler": 2, "vae decode": 3
    }  # fmt: skip
    scene.repaint({"wall": "#884444"}, painter=painter)
    assert not calls(painter).keys() & per_scene.keys()  # the profile is reset in each call
    assert calls(painter)["image encode"] == 1


def test_batch_size_does_not_change_the_images(bundle: Bundle, scene: Scene) -> None:
    choices = [{"wall": paint} for paint in (SAGE, NAVY, CREAM)]
    small = DiffusionPainter(bundle, replace(SETTINGS, batch=2))
    large = DiffusionPainter(bundle, SETTINGS)
    for one, other in zip(small.paint(scene, choices, "room", 0), large.paint(scene, choices, "room", 0), strict=True):
        assert np.abs(one["wall"].rgb - other["wall"].rgb).max() < 1e-3
    assert calls(small)["denoise"] == 2 * calls(large)["denoise"]


def test_text_encoder_is_loaded_only_for_a_prompt(
    bundle: Bundle, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    load = Bundle.load

    def recording_load(self: Bundle, component: str, dtype: torch.dtype | None = None) -> Any:
        loaded.append(component)
        return load(self, component, dtype)

    monkeypatch.setattr(Bundle, "load", recording_load)
    scene.repaint({"wall": SAGE}, painter=DiffusionPainter(bundle, SETTINGS))
    assert sorted(loaded) == ["controlnet", "depth", "image_encoder", "unet", "vae"]
    scene.repaint({"wall": SAGE}, painter=DiffusionPainter(bundle, replace(SETTINGS, prompt="wall")))
    assert "text_encoder" in loaded


def test_profile_counts_cpu_attention(bundle: Bundle) -> None:
    """The count equals that of the meta device, where PyTorch counts all attention kernels."""
    from torch.utils.flop_counter import FlopCounterMode

    from wallpaint.diffusion.profile import flop_counter

    unet = bundle.load("unet")
    width = unet.config.cross_attention_dim

    def run(device: str, counter: Any) -> int:
        unet.to(device)
        with torch.inference_mode(), counter:
            unet(
                torch.zeros(2, 9, 16, 8, device=device),
                torch.tensor(5, device=device),
                torch.zeros(2, 77, width, device=device),
            )
        return int(counter.get_total_flops())

    flops = run("cpu", flop_counter())
    assert flops == run("meta", FlopCounterMode(display=False))
    assert flops > 0


def test_offloaded_networks_are_on_the_device_only_while_they_run(bundle: Bundle, case: Case) -> None:
    """With the meta device as the accelerator. Without offload networks do not move."""
    networks = Networks(bundle, replace(SETTINGS, offload=True))
    networks.device = torch.device("meta")
    vae = networks.vae
    moves: list[str] = []
    vae.to = lambda device: moves.append(str(device))
    with networks.on_device(vae):
        assert moves == ["meta"]
    assert moves == ["meta", "cpu"]
    resident = Networks(bundle, SETTINGS)
    vae = resident.vae
    vae.to = lambda device: moves.append(str(device))
    with resident.on_device(vae):
        pass
    assert len(moves) == 2
    assert difference(ours(bundle, replace(SETTINGS, offload=True), case), ours(bundle, SETTINGS, case)) == 0


def test_tiling_is_enabled_on_the_vae(bundle: Bundle) -> None:
    assert Networks(bundle, replace(SETTINGS, tiling=True)).vae.use_tiling
    assert not Networks(bundle, SETTINGS).vae.use_tiling


def test_step_compiles_to_one_graph(bundle: Bundle, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without graph breaks, and with the same image. The eager backend needs no compiler."""
    modes: list[str] = []
    torch_compile = torch.compile

    def recording_compile(function: Any, mode: str) -> Any:
        modes.append(mode)
        return torch_compile(function, backend="eager", fullgraph=True)

    monkeypatch.setattr(torch, "compile", recording_compile)
    compiled = ours(bundle, replace(SETTINGS, compile=True), case)
    assert modes == ["default"]
    assert difference(compiled, ours(bundle, SETTINGS, case)) < 1e-5


# -- views and walls


def test_view_of_the_photo_resampled_to_the_wall_equals_the_photo(bundle: Bundle, scene: Scene, room: Room) -> None:
    """If the networks returned the photo, the painted wall would equal the wall in the photo."""
    wall = scene.walls["wall"]
    alpha = placement.alpha_of(scene, ["wall"])
    assert np.abs(alpha - room.alpha).max() < 0.35
    window = masks.crop_with_context(alpha, 0.25, 256 * 256, 64)
    image = image_tensors.crop(scene.photo, window).astype(np.float32) / 255
    painted = placement.wall_from_view(wall, image, window, SAGE, "room")
    photo = color.srgb_to_linear(room.photo / 255.0)
    top, left = wall.canvas.origin
    step, (height, width) = wall.step, wall.intrinsics.weight.shape
    expected = photo[top : top + height * step, left : left + width * step]
    rows, cols = expected.shape[0] // step, expected.shape[1] // step
    expected = expected[: rows * step, : cols * step].reshape(rows, step, cols, step, 3).mean((1, 3))
    interior = masks.erode(wall.intrinsics.weight > 0.99, 6)[:rows, :cols]
    error = np.abs(painted.rgb[:rows, :cols] - expected)[interior] / expected[interior]
    assert interior.sum() > 500
    assert np.median(error) < 0.01
    assert np.median(painted.rgb[:rows, :cols][interior], axis=0) == pytest.approx(painted.target, rel=0.02)


def test_initial_image_equals_the_analytic_repaint(bundle: Bundle, scene: Scene) -> None:
    painter = DiffusionPainter(bundle, replace(SETTINGS, mask_dilation_px=0.0))
    view = painter._view(scene, ("wall",))
    initial = placement.initial_image(scene, ["wall"], view.image, view.window, NAVY)
    result = scene.repaint({"wall": NAVY}, match="room")
    expected = image_tensors.crop(replace(scene.photo, codes=result.codes), view.window)
    error = np.abs(initial.astype(int) - expected)
    alpha = placement.alpha_of(scene, ["wall"])
    interior = masks.erode(image_tensors.model_mask(alpha, view.window, 0), 3)  # the composite treats edges differently
    assert interior.sum() > 300
    assert error[interior].max() <= 5
    assert np.abs(initial.astype(int) - view.image)[interior].mean() > 30
    outside = ~masks.dilate(view.mask[0, 0].numpy() > 0, 2)
    assert outside.sum() > 40
    assert np.abs(initial.astype(int) - view.image)[outside].max() <= 1


@pytest.mark.parametrize("hex_color", ["#7d9b84", "#2b3a5c", "#efe6d2"])
def test_to_swatch_sets_the_median_and_keeps_the_shading(scene: Scene, hex_color: str) -> None:
    """For a painted wall much darker than the swatch: without clipping."""
    wall, paint = scene.walls["wall"], Paint.parse(hex_color)
    painted = 0.3 * analytic.paint_wall(wall, paint, "room", use_model=False).rgb
    weight = wall.intrinsics.weight
    median = np.median(painted[weight > 0.99], axis=0)
    target = np.asarray(paint.albedo_linear)
    result = placement.to_swatch(wall, painted, weight, median, target, np.eye(3))
    result_median = np.median(result[weight > 0.99], axis=0)
    assert color.delta_e_2000(color.linear_to_lab(result_median), color.linear_to_lab(target)) < 0.5
    inside = weight > 0.99
    before, after = (np.log(color.luminance(image))[inside] for image in (painted, result))
    assert np.corrcoef(before, after)[0, 1] > 0.98
    assert result.max() <= 1 + 1e-6


# -- full repaints


@pytest.mark.parametrize("match", ["swatch", "room"])
def test_repaint_reaches_the_target_and_keeps_the_outside(bundle: Bundle, scene: Scene, match: str) -> None:
    result = scene.repaint({"wall": SAGE}, painter=DiffusionPainter(bundle, SETTINGS), match=match)
    report = result.report
    assert report["outside_max_diff"] == 0
    assert report["painter"] == "diffusion"
    assert report["bundle"] == "tiny"
    assert report["diffusion"]["steps"] == 2
    assert any("random" in line for line in report["warnings"])
    wall = report["walls"][0]
    assert wall["delta_e_2000_target"] <= 0.5
    if match == "swatch":
        assert delta_e(np.array(wall["median_rgb"]), np.array(SAGE.rgb)) <= 0.5


def test_repaint_with_a_bundle_folder_uses_the_diffusion_painter(bundle: Bundle, room: Room) -> None:
    """With painter "auto" in the one-call form."""
    result = wallpaint.repaint(room.photo, room.soft_mask, "#7d9b84", bundle=bundle.folder)
    assert result.report["painter"] == "diffusion"
    assert wallpaint.repaint(room.photo, room.soft_mask, "#7d9b84").report["painter"] == "analytic"


def test_walls_with_the_same_paint_share_a_view(bundle: Bundle, room: Room) -> None:
    half = room.photo.shape[1] // 2
    left, right = room.soft_mask.copy(), room.soft_mask.copy()
    left[:, half:], right[:, :half] = 0, 0
    scene = wallpaint.prepare(room.photo, {"left": left, "right": right})
    painter = DiffusionPainter(bundle, SETTINGS)
    scene.repaint({"left": SAGE, "right": SAGE}, painter=painter)
    assert calls(painter)["vae encode"] == 1
    result = scene.repaint({"left": SAGE, "right": NAVY}, match="swatch", painter=painter)
    assert calls(painter)["vae encode"] == 2
    assert [wall["delta_e_2000"] <= 0.5 for wall in result.report["walls"]] == [True, True]


def test_reference_texture_and_new_detail_come_from_the_painter(bundle: Bundle, scene: Scene, tmp_path: Path) -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2], stripes[:, 1::2] = (200, 120, 90), (120, 160, 90)
    Image.fromarray(stripes).save(tmp_path / "stripes.png")
    from wallpaint.paints.reference import paint_from_picture

    paint = paint_from_picture(tmp_path / "stripes.png")
    painter = DiffusionPainter(bundle, SETTINGS)
    new, keep = (scene.repaint({"wall": paint}, painter=painter, match="room", detail=d) for d in ("new", "keep"))
    assert not any("texture needs" in line for line in new.report["walls"][0]["warnings"])
    assert np.abs(new.codes.astype(int) - keep.codes).max() > 2
    wall = scene.walls["wall"]
    view = painter._view(scene, ("wall",))
    image = painter.inpaint(view, [stripes], 0)[0]
    expected = placement.wall_from_view(wall, image, view.window, paint, "room").rgb
    top, left = wall.canvas.origin
    core = masks.erode(wall.canvas.matte.core, 2)
    actual = color.srgb_to_linear(new.codes[top:, left:][: core.shape[0], : core.shape[1]] / 255.0)
    assert wall.step == 1
    error = np.abs(actual - expected)[core]
    assert np.median(error) < 0.01


@pytest.mark.parametrize("hex_color", ["#ffff00", "#00ffff", "#ff0000", "#ff8000", "#00ff00", "#0000ff"])
def test_to_swatch_reaches_paints_at_the_gamut_boundary(scene: Scene, hex_color: str) -> None:
    """For a noisy wall with a colour cast, as closely as the analytic painter does."""
    paint = Paint.parse(hex_color)
    wall = scene.walls["wall"]
    rng = np.random.default_rng(0)
    painted = analytic.paint_wall(wall, paint, "room").rgb
    painted = np.clip(painted * (1 + 0.1 * rng.standard_normal(painted.shape)) + 0.02, 1e-3, 1).astype(np.float32)
    weight, target = wall.intrinsics.weight, np.asarray(paint.albedo_linear)
    median = np.median(painted[weight > 0.99], axis=0)
    result = placement.to_swatch(wall, painted, weight, median, target, np.eye(3))
    analytic_result = analytic.paint_wall(wall, paint, "swatch").rgb

    def swatch_error(rgb: Array) -> float:
        median = np.median(rgb[weight > 0.99], axis=0).astype(np.float64)
        return float(color.delta_e_2000(color.linear_to_lab(median), color.linear_to_lab(target)))

    assert swatch_error(result) <= max(0.5, 1.5 * swatch_error(analytic_result))


def test_equal_runs_give_equal_bytes(bundle: Bundle, scene: Scene, tmp_path: Path) -> None:
    from wallpaint.diffusion.profile import Profile

    for name in ("one.png", "two.png"):
        painter = DiffusionPainter(bundle, SETTINGS, profile=Profile(count_flops=True))
        scene.repaint({"wall": SAGE}, painter=painter).save(tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_scenes_hold_no_networks_and_painters_no_scenes(bundle: Bundle, scene: Scene) -> None:
    """Deleting a painter frees its networks; deleting a scene frees its views."""
    import gc
    import weakref

    painter = DiffusionPainter(bundle, SETTINGS)
    scene.repaint({"wall": SAGE}, painter=painter)
    networks = weakref.ref(painter.networks)
    other = wallpaint.prepare(scene.photo, {"wall": np.full(scene.photo.size, 255, np.uint8)})
    other.repaint({"wall": SAGE}, painter=painter)
    assert len(painter._views) == 2
    del other
    gc.collect()
    assert len(painter._views) == 1
    del painter
    gc.collect()
    assert networks() is None


def test_transparent_pixels_of_a_reference_are_ignored(tmp_path: Path) -> None:
    from wallpaint.paints.reference import paint_from_picture, reference_pixels

    references = []
    for hidden in (0, 255):
        image = np.full((20, 20, 4), 255, np.uint8)
        image[..., :3] = (120, 90, 60)
        image[:8] = (hidden, 255 - hidden, 0, 0)
        Image.fromarray(image).save(tmp_path / f"{hidden}.png")
        paint = paint_from_picture(tmp_path / f"{hidden}.png")
        references.append(reference_pixels(paint, np.random.default_rng(0)))
    assert np.array_equal(*references)
    assert np.all(references[0] == (120, 90, 60))


def test_without_ip_adapter_only_the_reference_colour_is_used(bundle: Bundle, scene: Scene) -> None:
    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[::2] = (200, 120, 90)
    painter = DiffusionPainter(bundle, replace(SETTINGS, ip_adapter_scale=0.0))
    paint = Paint.parse("#7d9b84").with_reference(stripes)
    wall = scene.repaint({"wall": paint}, painter=painter).report["walls"][0]
    assert any("only the reference's colour" in line for line in wall["warnings"])


@pytest.mark.parametrize("size", [(401, 300), (300, 400), (97, 64), (1000, 333), (640, 427), (224, 224)])
def test_reference_preprocessing_equals_the_clip_processor(size: tuple[int, int]) -> None:
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    image = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    processor = CLIPImageProcessorPil()
    expected = processor(Image.fromarray(image), return_tensors="pt").pixel_values
    pixels = image_tensors.image_prompt_pixels(
        image, {"image_mean": processor.image_mean, "image_std": processor.image_std}, 224
    )
    assert difference(pixels, expected) < 1e-5


def test_nan_weights_raise(bundle: Bundle, scene: Scene) -> None:
    painter = DiffusionPainter(bundle, SETTINGS)
    with torch.no_grad():
        next(painter.networks.unet.parameters()).fill_(float("nan"))
    with pytest.raises(wallpaint.ModelError, match="NaN or infinity"):
        scene.repaint({"wall": SAGE}, painter=painter)


def test_model_mask_keeps_a_thin_wall() -> None:
    alpha = np.zeros((3000, 4000), np.float32)
    alpha[1000:1003, 500:3500] = 1
    window = masks.crop_with_context(alpha)
    assert image_tensors.model_mask(alpha, window, 0.0).any()


def test_unsupported_painter_arguments_raise(bundle: Bundle, scene: Scene) -> None:
    with pytest.raises(wallpaint.ConfigError, match="`prompt` belongs to the diffusion painter"):
        wallpaint.make_painter("analytic", settings=DiffusionSettings(prompt="x"))
    with pytest.raises(wallpaint.ConfigError, match="leave `bundle` out"):
        scene.repaint({"wall": SAGE}, painter=DiffusionPainter(bundle, SETTINGS), bundle="nonsense")
    with pytest.raises(wallpaint.ConfigError, match="`compile`"):
        wallpaint.make_painter("diffusion", bundle.folder, DiffusionSettings(compile=True), count_flops=True)
    with pytest.raises(wallpaint.InputError, match="reference picture"):
        Paint.parse("navy").with_reference(np.zeros((4, 4), np.uint8))


def test_bundle_without_controlnet_warns(bundle: Bundle, scene: Scene, tmp_path: Path) -> None:
    bare = without(bundle, {"controlnet"}, tmp_path / "bare")
    result = scene.repaint({"wall": SAGE}, painter=DiffusionPainter(bare, SETTINGS))
    assert any("no depth control" in line for line in result.report["warnings"])


def test_truncated_prompt_warns(bundle: Bundle, scene: Scene) -> None:
    painter = DiffusionPainter(bundle, replace(SETTINGS, prompt="wall " * 100))
    result = scene.repaint({"wall": SAGE}, painter=painter)
    assert any("truncated" in line for line in result.report["warnings"])
