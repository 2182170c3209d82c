"""The diffusion painter: what it computes and how often, what its parts change, and how walls come out of its views."""

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
from wallpaint.diffusion import image_tensors as pictures
from wallpaint.diffusion.networks import Networks
from wallpaint.diffusion.settings import Lora, Settings
from wallpaint.imaging import color
from wallpaint.painters import analytic
from wallpaint.painters.diffusion import placement
from wallpaint.painters.diffusion.painter import DiffusionPainter
from wallpaint.scene import mask as masks
from wallpaint.scene.scene import Scene

Array = np.ndarray
QUICK = Settings(steps=2, dtype="float32", device="cpu")
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


def without(bundle: Bundle, parts: set[str], folder: Path) -> Bundle:
    """The same weights in a bundle that lacks some parts."""
    shutil.copytree(bundle.folder, folder)
    told = tomllib.loads((folder / "bundle.toml").read_text())
    left = "\n".join(f'{name} = "{place}"' for name, place in told["parts"].items() if name not in parts)
    head = "\n".join(f"{key} = {_toml(value)}" for key, value in told.items() if key != "parts")
    (folder / "bundle.toml").write_text(f"{head}\n[parts]\n{left}\n")
    found = load_bundle(folder)
    assert not any(found.has(part) for part in parts)
    return found


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)


def difference(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).abs().max())


# -- what each part changes


@pytest.mark.parametrize(
    ("setting", "parts"),
    [("image_scale", {"ip_adapter", "image_encoder"}), ("control_scale", {"controlnet", "depth"})],
)
def test_a_scale_of_zero_is_absence(bundle: Bundle, case: Case, tmp_path: Path, setting: str, parts: set[str]) -> None:
    full = ours(bundle, QUICK, case)
    zero = ours(bundle, replace(QUICK, **{setting: 0.0}), case)
    absent = ours(without(bundle, parts, tmp_path / "bundle"), QUICK, case)
    assert difference(zero, absent) == 0
    assert difference(full, absent) > 0.01
    tiny = ours(bundle, replace(QUICK, **{setting: 1e-5}), case)  # and near zero the part itself fades, not a switch
    assert 0 < difference(tiny, absent) < 1e-3


def test_a_lora_of_scale_zero_is_absence(bundle: Bundle, case: Case, tmp_path: Path) -> None:
    file = write_lora(bundle, tmp_path)
    plain = ours(bundle, QUICK, case)
    assert difference(ours(bundle, replace(QUICK, loras=(Lora(file, 0.0),)), case), plain) == 0
    assert difference(ours(bundle, replace(QUICK, loras=(Lora(file, 1.0),)), case), plain) > 0.01
    assert difference(ours(bundle, replace(QUICK, loras=(Lora(file, 1e-5),)), case), plain) < 1e-3


@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_image_prompts_plus_are_the_stock_pipelines(
    case: Case, tmp_path_factory: pytest.TempPathFactory, guidance: float
) -> None:
    from support.bundles import random_folder

    plus = load_bundle(random_folder("tiny-plus", tmp_path_factory))
    settings = replace(QUICK, control_scale=0.0, guidance=guidance)
    assert (
        difference(ours(plus, settings, case), stock(plus, settings, case, controlled=False, referenced=True)) <= 1e-4
    )


def test_prompts_are_heard(bundle: Bundle, case: Case) -> None:
    prompted = replace(QUICK, prompt="a green wall", negative_prompt="a red one", guidance=3.0)
    found = ours(bundle, prompted, case)
    assert difference(found, stock(bundle, prompted, case, controlled=True, referenced=True)) <= 1e-4
    assert difference(found, ours(bundle, replace(prompted, prompt="", negative_prompt=""), case)) > 0.01


def test_seeds(bundle: Bundle, case: Case) -> None:
    assert difference(ours(bundle, QUICK, case), ours(bundle, QUICK, case)) == 0
    assert difference(ours(bundle, QUICK, case), ours(bundle, QUICK, replace(case, seed=6))) > 0.01


# -- batches, and what is computed how often


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize("scheduler", ["ddim", "lcm"])
def test_paints_of_a_batch_do_not_mix(bundle: Bundle, case: Case, scheduler: str, guidance: float) -> None:
    if scheduler == "lcm" and guidance > 1:
        pytest.skip("refused")
    painter = DiffusionPainter(bundle, replace(QUICK, scheduler=scheduler, guidance=guidance))
    view = painter.look(case.image, case.mask, case.window)
    references = [np.full((64, 64, 3), value, np.uint8) for value in (20, 128, 240)]
    together = painter.generate(view, references, 3)
    alone = np.concatenate([painter.generate(view, [reference], 3) for reference in references])
    assert np.abs(together - alone).max() < 1e-4
    assert np.abs(together[0] - together[1]).max() > 0.01


def calls(painter: DiffusionPainter) -> dict[str, int]:
    return {row["stage"]: row["calls"] for row in painter.profile.rows()}


def test_nothing_is_computed_twice(bundle: Bundle, scene: Scene) -> None:
    painter = DiffusionPainter(bundle, QUICK)
    results = list(scene.repaint_many([{"wall": paint} for paint in (SAGE, NAVY, CREAM)], painter=painter))
    assert len(results) == 3
    once = {"vae encode": 1, "depth": 1, "control stem": 1}
    assert calls(painter) == {
        **once, "text": 1, "image encode": 1, "denoise": 2, "scheduler": 2, "vae decode": 3
    }  # fmt: skip
    scene.repaint({"wall": "#884444"}, painter=painter)
    assert not calls(painter).keys() & once.keys()  # counted anew in each call
    assert calls(painter)["image encode"] == 1


def test_small_batches_give_the_same_pictures(bundle: Bundle, scene: Scene) -> None:
    choices = [{"wall": paint} for paint in (SAGE, NAVY, CREAM)]
    small = DiffusionPainter(bundle, replace(QUICK, batch=2))
    large = DiffusionPainter(bundle, QUICK)
    for one, other in zip(small.paint(scene, choices, "room", 0), large.paint(scene, choices, "room", 0), strict=True):
        assert np.abs(one["wall"].rgb - other["wall"].rgb).max() < 1e-3
    assert calls(small)["denoise"] == 2 * calls(large)["denoise"]


def test_without_a_prompt_no_text_encoder_is_loaded(
    bundle: Bundle, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    load = Bundle.load

    def watched(self: Bundle, part: str, dtype: torch.dtype | None = None) -> Any:
        loaded.append(part)
        return load(self, part, dtype)

    monkeypatch.setattr(Bundle, "load", watched)
    scene.repaint({"wall": SAGE}, painter=DiffusionPainter(bundle, QUICK))
    assert sorted(loaded) == ["controlnet", "depth", "image_encoder", "unet", "vae"]
    scene.repaint({"wall": SAGE}, painter=DiffusionPainter(bundle, replace(QUICK, prompt="wall")))
    assert "text_encoder" in loaded


def test_the_profile_counts_attention_on_the_cpu(bundle: Bundle) -> None:
    """As many operations as torch counts on the meta device, where its counter leaves nothing out."""
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

    found = run("cpu", flop_counter())
    assert found == run("meta", FlopCounterMode(display=False))
    assert found > 0


def test_offloaded_networks_rest_on_the_cpu(bundle: Bundle, case: Case) -> None:
    """With "meta" standing in for a card: a network is there only while it runs, and what is not offloaded stays."""
    networks = Networks(bundle, replace(QUICK, offload=True))
    networks.device = torch.device("meta")
    vae = networks.vae
    moves: list[str] = []
    vae.to = lambda device: moves.append(str(device))
    with networks.running(vae):
        assert moves == ["meta"]
    assert moves == ["meta", "cpu"]
    stays = Networks(bundle, QUICK)
    kept = stays.vae
    kept.to = lambda device: moves.append(str(device))
    with stays.running(kept):
        pass
    assert len(moves) == 2
    assert difference(ours(bundle, replace(QUICK, offload=True), case), ours(bundle, QUICK, case)) == 0


def test_tiling_is_handed_on(bundle: Bundle) -> None:
    assert Networks(bundle, replace(QUICK, tiling=True)).vae.use_tiling
    assert not Networks(bundle, QUICK).vae.use_tiling


def test_a_step_compiles_as_one_graph(bundle: Bundle, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both networks in one graph without a break, and the same picture. Without a backend: no compiler is needed."""
    asked: list[str] = []
    compile_for_real = torch.compile

    def watched(function: Any, mode: str) -> Any:
        asked.append(mode)
        return compile_for_real(function, backend="eager", fullgraph=True)

    monkeypatch.setattr(torch, "compile", watched)
    found = ours(bundle, replace(QUICK, compile=True), case)
    assert asked == ["default"]
    assert difference(found, ours(bundle, QUICK, case)) < 1e-5


# -- between view and wall


def test_a_view_and_back_is_the_wall(bundle: Bundle, scene: Scene, room: Room) -> None:
    """If the networks gave the photo back, the painted wall would be the photo's own wall, at its place."""
    wall = scene.walls["wall"]
    alpha = placement.alpha_of(scene, ["wall"])
    assert np.abs(alpha - room.alpha).max() < 0.35
    window = masks.crop_with_context(alpha, 0.25, 256 * 256, 64)
    picture = pictures.crop(scene.photo, window).astype(np.float32) / 255
    painted = placement.finish(wall, picture, window, SAGE, "room")
    photo = color.srgb_to_linear(room.photo / 255.0)
    top, left = wall.canvas.origin
    step, (height, width) = wall.step, wall.shading.weight.shape
    own = photo[top : top + height * step, left : left + width * step]
    rows, cols = own.shape[0] // step, own.shape[1] // step
    own = own[: rows * step, : cols * step].reshape(rows, step, cols, step, 3).mean((1, 3))
    inner = masks.erode(wall.shading.weight > 0.99, 6)[:rows, :cols]
    error = np.abs(painted.rgb[:rows, :cols] - own)[inner] / own[inner]
    assert inner.sum() > 500
    assert np.median(error) < 0.01
    assert np.median(painted.rgb[:rows, :cols][inner], axis=0) == pytest.approx(painted.target, rel=0.02)


def test_places_in_view_and_wall_are_inverse(scene: Scene) -> None:
    wall = scene.walls["wall"]
    window = masks.Window(3, 5, 200, 300, 128, 192)
    rows, cols = placement._wall_in_view(wall, window)
    back_rows, back_cols = placement._view_in_wall(window, wall)
    assert np.interp(rows, np.arange(128), back_rows)[6:50] == pytest.approx(np.arange(6, 50), abs=1e-6)
    assert np.interp(cols, np.arange(192), back_cols)[6:50] == pytest.approx(np.arange(6, 50), abs=1e-6)


def test_the_first_guess_is_the_analytic_repaint(bundle: Bundle, scene: Scene) -> None:
    painter = DiffusionPainter(bundle, replace(QUICK, mask_dilation_px=0.0))
    view = painter._view(scene, ("wall",))
    guess = placement.first_guess(scene, ["wall"], view.image, view.window, NAVY)
    result = scene.repaint({"wall": NAVY}, match="room")
    expected = pictures.crop(replace(scene.photo, codes=result.codes), view.window)
    away = np.abs(guess.astype(int) - expected)
    alpha = placement.alpha_of(scene, ["wall"])
    deep = masks.erode(pictures.model_mask(alpha, view.window, 0), 3)  # edges are the composite's own business
    assert deep.sum() > 300
    assert away[deep].max() <= 5
    assert np.abs(guess.astype(int) - view.image)[deep].mean() > 30
    outside = ~masks.dilate(view.mask[0, 0].numpy() > 0, 2)
    assert outside.sum() > 40
    assert np.abs(guess.astype(int) - view.image)[outside].max() <= 1


@pytest.mark.parametrize("wanted", ["#7d9b84", "#2b3a5c", "#efe6d2"])
def test_literal_takes_the_lit_wall_to_the_swatch(scene: Scene, wanted: str) -> None:
    """From a lit wall much darker than the swatch: the median is the swatch, the shading stays and nothing clips."""
    wall, paint = scene.walls["wall"], Paint.parse(wanted)
    lit = 0.3 * analytic.paint_wall(wall, paint, "room", use_model=False).rgb
    weight = wall.shading.weight
    median = np.median(lit[weight > 0.99], axis=0)
    target = np.asarray(paint.albedo_linear)
    found = placement.to_swatch(wall, lit, weight, median, target, np.eye(3))
    middle = np.median(found[weight > 0.99], axis=0)
    assert color.delta_e_2000(color.linear_to_lab(middle), color.linear_to_lab(target)) < 0.5
    inside = weight > 0.99
    before, after = (np.log(color.luminance(picture))[inside] for picture in (lit, found))
    assert np.corrcoef(before, after)[0, 1] > 0.98
    assert found.max() <= 1 + 1e-6


# -- whole repaints


@pytest.mark.parametrize("match", ["swatch", "room"])
def test_a_repaint_keeps_its_promises(bundle: Bundle, scene: Scene, match: str) -> None:
    result = scene.repaint({"wall": SAGE}, painter=DiffusionPainter(bundle, QUICK), match=match)
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


def test_a_bundle_by_name_of_its_folder(bundle: Bundle, room: Room) -> None:
    """The one-call form; "auto" is diffusion once a bundle is named."""
    result = wallpaint.repaint(room.photo, room.soft_mask, "#7d9b84", bundle=bundle.folder)
    assert result.report["painter"] == "diffusion"
    assert wallpaint.repaint(room.photo, room.soft_mask, "#7d9b84").report["painter"] == "analytic"


def test_walls_of_one_paint_are_one_view(bundle: Bundle, room: Room) -> None:
    half = room.photo.shape[1] // 2
    left, right = room.soft_mask.copy(), room.soft_mask.copy()
    left[:, half:], right[:, :half] = 0, 0
    scene = wallpaint.prepare(room.photo, {"left": left, "right": right})
    painter = DiffusionPainter(bundle, QUICK)
    scene.repaint({"left": SAGE, "right": SAGE}, painter=painter)
    assert calls(painter)["vae encode"] == 1
    result = scene.repaint({"left": SAGE, "right": NAVY}, painter=painter)
    assert calls(painter)["vae encode"] == 2
    assert [wall["delta_e_2000"] <= 0.5 for wall in result.report["walls"]] == [True, True]


def test_a_texture_is_followed_and_new_detail_is_the_painters(bundle: Bundle, scene: Scene, tmp_path: Path) -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2], stripes[:, 1::2] = (200, 120, 90), (120, 160, 90)
    Image.fromarray(stripes).save(tmp_path / "stripes.png")
    from wallpaint.paints.reference import paint_from_picture

    paint = paint_from_picture(tmp_path / "stripes.png")
    painter = DiffusionPainter(bundle, QUICK)
    new, kept = (scene.repaint({"wall": paint}, painter=painter, match="room", detail=way) for way in ("new", "keep"))
    assert not any("texture needs" in line for line in new.report["walls"][0]["warnings"])
    assert np.abs(new.codes.astype(int) - kept.codes).max() > 2
    wall = scene.walls["wall"]
    view = painter._view(scene, ("wall",))
    picture = painter.generate(view, [stripes], 0)[0]
    expected = placement.finish(wall, picture, view.window, paint, "room").rgb
    top, left = wall.canvas.origin
    core = masks.erode(wall.canvas.matte.core, 2)
    shown = color.srgb_to_linear(new.codes[top:, left:][: core.shape[0], : core.shape[1]] / 255.0)
    assert wall.step == 1
    away = np.abs(shown - expected)[core]
    assert np.median(away) < 0.01


@pytest.mark.parametrize("wanted", ["#ffff00", "#00ffff", "#ff0000", "#ff8000", "#00ff00", "#0000ff"])
def test_paints_at_the_gamuts_border_are_literal_too(scene: Scene, wanted: str) -> None:
    """From a wall that the networks painted noisily and with a cast, as far as the analytic painter gets there."""
    paint = Paint.parse(wanted)
    wall = scene.walls["wall"]
    rng = np.random.default_rng(0)
    lit = analytic.paint_wall(wall, paint, "room").rgb
    lit = np.clip(lit * (1 + 0.1 * rng.standard_normal(lit.shape)) + 0.02, 1e-3, 1).astype(np.float32)
    weight, target = wall.shading.weight, np.asarray(paint.albedo_linear)
    found = placement.to_swatch(wall, lit, weight, np.median(lit[weight > 0.99], axis=0), target, np.eye(3))
    best = analytic.paint_wall(wall, paint, "swatch").rgb

    def miss(rgb: Array) -> float:
        median = np.median(rgb[weight > 0.99], axis=0).astype(np.float64)
        return float(color.delta_e_2000(color.linear_to_lab(median), color.linear_to_lab(target)))

    assert miss(found) <= max(0.5, 1.5 * miss(best))


def test_the_same_run_gives_the_same_bytes(bundle: Bundle, scene: Scene, tmp_path: Path) -> None:
    from wallpaint.diffusion.profile import Profile

    for name in ("one.png", "two.png"):
        painter = DiffusionPainter(bundle, QUICK, profile=Profile(count_flops=True))
        scene.repaint({"wall": SAGE}, painter=painter).save(tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_a_scene_holds_no_networks(bundle: Bundle, scene: Scene) -> None:
    """A painter that is let go takes its networks along, and a scene that is let go its views."""
    import gc
    import weakref

    painter = DiffusionPainter(bundle, QUICK)
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


def test_what_cannot_be_seen_of_a_reference_prompts_for_nothing(tmp_path: Path) -> None:
    from wallpaint.paints.reference import paint_from_picture, reference_pixels

    seen = []
    for hidden in (0, 255):
        picture = np.full((20, 20, 4), 255, np.uint8)
        picture[..., :3] = (120, 90, 60)
        picture[:8] = (hidden, 255 - hidden, 0, 0)
        Image.fromarray(picture).save(tmp_path / f"{hidden}.png")
        paint = paint_from_picture(tmp_path / f"{hidden}.png")
        seen.append(reference_pixels(paint, np.random.default_rng(0)))
    assert np.array_equal(*seen)
    assert np.all(seen[0] == (120, 90, 60))


def test_a_reference_that_nothing_sees_is_a_colour(bundle: Bundle, scene: Scene) -> None:
    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[::2] = (200, 120, 90)
    painter = DiffusionPainter(bundle, replace(QUICK, image_scale=0.0))
    paint = Paint.parse("#7d9b84").with_reference(stripes)
    wall = scene.repaint({"wall": paint}, painter=painter).report["walls"][0]
    assert any("only the reference's colour" in line for line in wall["warnings"])


@pytest.mark.parametrize("size", [(401, 300), (300, 400), (97, 64), (1000, 333), (640, 427), (224, 224)])
def test_references_are_squared_as_the_encoders_own_processor_does(size: tuple[int, int]) -> None:
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    picture = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    processor = CLIPImageProcessorPil()
    expected = processor(Image.fromarray(picture), return_tensors="pt").pixel_values
    found = pictures.image_prompt_pixels(
        picture, {"image_mean": processor.image_mean, "image_std": processor.image_std}, 224
    )
    assert difference(found, expected) < 1e-5


def test_no_numbers_are_one_line(bundle: Bundle, scene: Scene) -> None:
    painter = DiffusionPainter(bundle, QUICK)
    with torch.no_grad():
        next(painter.networks.unet.parameters()).fill_(float("nan"))
    with pytest.raises(wallpaint.ModelError, match="no numbers"):
        scene.repaint({"wall": SAGE}, painter=painter)


def test_a_thin_wall_does_not_vanish() -> None:
    alpha = np.zeros((3000, 4000), np.float32)
    alpha[1000:1003, 500:3500] = 1
    window = masks.crop_with_context(alpha)
    assert pictures.model_mask(alpha, window, 0.0).any()


def test_what_a_painter_cannot_use_is_refused(bundle: Bundle, scene: Scene) -> None:
    with pytest.raises(wallpaint.ConfigError, match="--prompt"):
        wallpaint.make_painter("analytic", settings=Settings(prompt="x"))
    with pytest.raises(wallpaint.ConfigError, match="leave the bundle out"):
        scene.repaint({"wall": SAGE}, painter=DiffusionPainter(bundle, QUICK), bundle="nonsense")
    with pytest.raises(wallpaint.ConfigError, match="--compile"):
        wallpaint.make_painter("diffusion", bundle.folder, Settings(compile=True), count_flops=True)
    with pytest.raises(wallpaint.InputError, match="reference picture"):
        Paint.parse("navy").with_reference(np.zeros((4, 4), np.uint8))


def test_a_bundle_without_depth_control_says_so(bundle: Bundle, scene: Scene, tmp_path: Path) -> None:
    bare = without(bundle, {"controlnet"}, tmp_path / "bare")
    result = scene.repaint({"wall": SAGE}, painter=DiffusionPainter(bare, QUICK))
    assert any("no depth control" in line for line in result.report["warnings"])


def test_long_prompts_are_told(bundle: Bundle, scene: Scene) -> None:
    painter = DiffusionPainter(bundle, replace(QUICK, prompt="wall " * 100))
    result = scene.repaint({"wall": SAGE}, painter=painter)
    assert any("cut off" in line for line in result.report["warnings"])
