"""Training of a VAE: initialization, losses, unit-variance latents, crops, and a tiny run from scratch."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from support import room_folders
from support.paths import ROOT
from wallpaint.bundles import components
from wallpaint.bundles.configurations import configuration
from wallpaint.errors import ConfigError, InputError, ModelError
from wallpaint.imaging import color
from wallpaint.rooms.sets import room_file
from wallpaint.train import component_files, room_photos, tasks
from wallpaint.train.engine.schedule import SampleIndex
from wallpaint.train.room_sets import RoomSetConfig
from wallpaint.train.vae import evaluation, initialization, objective
from wallpaint.train.vae import network as vae_network
from wallpaint.train.vae.config import VaeAugmentationConfig, VaeConfig, read
from wallpaint.train.vae.task import VaeTask, sample_crop

WEIGHTS = "diffusion_pytorch_model.safetensors"
MIN_LOSS_DECREASE = 0.3  # share of the loss of the first steps, in the tiny recipe
TINY = """
task: vae
rooms: [{folder: ROOMS/train}]
validation: [{folder: ROOMS/validation}]
test: [{folder: ROOMS/test}]
photos_per_room: 4
augmentation: {crop_px: 32, gain_share: 0.0}
optimizer: {learning_rate: 2.0e-4, warmup_steps: 1}
loop: {steps: 60, batch_size: 4, ema_decay: 0.9, save_every: 60, log_every: 10, eval_every: 60}
"""


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return room_folders.write(tmp_path_factory.mktemp("vae"))


@pytest.fixture(scope="module")
def vae() -> Any:
    return vae_network.make("mini", 0).eval()


def block_image(seed: int = 0) -> torch.Tensor:
    blocks = torch.rand(2, 3, 6, 8, generator=torch.Generator().manual_seed(seed)) * 1.6 - 0.8
    return functional.interpolate(blocks, scale_factor=8)


# -- initialization


def test_a_new_vae_passes_block_means(vae: Any) -> None:
    """The first three latent channels are the mean colours of the blocks, and decode to them."""
    image = block_image()
    with torch.no_grad():
        mean, log_variance = vae_network.posterior(vae, image)
    assert (mean[:, :3] - objective.block_means(image)).abs().max() < 0.1
    assert float(log_variance.max()) == initialization.INITIAL_LOG_VARIANCE
    flat = torch.full((1, 3, 64, 64), 0.4)
    with torch.no_grad():
        decoded = vae_network.decode(vae, vae_network.posterior(vae, flat)[0])
    assert (decoded[..., 16:-16, 16:-16] - 0.4).abs().max() < 0.05


def test_every_weight_of_a_new_vae_gets_a_gradient_after_one_step() -> None:
    """Zero-initialized convolutions block gradients in the first step only."""
    vae = vae_network.make("mini", 0)
    optimizer = torch.optim.SGD(vae.parameters(), 1e-3)
    for _ in range(2):
        optimizer.zero_grad()
        mean, log_variance = vae_network.posterior(vae, block_image())
        latents = mean + torch.exp(0.5 * log_variance) * torch.randn(
            mean.shape, generator=torch.Generator().manual_seed(1)
        )
        (vae_network.decode(vae, latents) - block_image()).square().mean().backward()
        optimizer.step()
    assert [name for name, value in vae.named_parameters() if not bool(value.grad.abs().max() > 0)] == []


def test_only_suitable_configurations_can_be_initialized() -> None:
    with pytest.raises(ConfigError, match="needs one normalisation group, no attention, and 8 channels"):
        vae_network.make("tiny", 0)


# -- objective


def test_losses_are_zero_for_equal_images_and_separate_colour_from_detail() -> None:
    image = block_image()
    assert all(float(value) == 0 for value in objective.reconstruction_losses(image, image, 0.05).values())
    pattern = torch.where(torch.arange(64) % 2 > 0, 0.05, -0.05) * torch.ones(2, 3, 48, 64)
    detail, tint = (objective.reconstruction_losses(image + change, image, 0.0) for change in (pattern, 0.05))
    assert float(detail["rgb"]) == pytest.approx(float(tint["rgb"]), rel=1e-4)
    assert float(detail["block_lab"]) < 0.2 * float(tint["block_lab"])


def test_kl_divergence() -> None:
    zeros = torch.zeros(1, 4, 2, 2)
    assert float(objective.kl_divergence(zeros, zeros)) == 0
    assert float(objective.kl_divergence(zeros + 2, zeros)) == pytest.approx(2)
    assert float(objective.kl_divergence(zeros, zeros + np.log(4))) == pytest.approx(0.5 * (3 - np.log(4)))


def test_downscaled_latents_and_image_keep_their_ratio() -> None:
    latents, image = torch.randn(1, 4, 8, 12), torch.full((1, 3, 64, 96), 0.3)
    for factor, size in ((0.5, (4, 6)), (0.75, (6, 9))):
        small, target = objective.downscaled(latents, image, factor)
        assert small.shape == (1, 4, *size)
        assert target.shape == (1, 3, 8 * size[0], 8 * size[1])
        torch.testing.assert_close(target, torch.full_like(target, 0.3))


# -- the latents' scale


def test_unit_variance_latents_decode_to_the_same_image(vae: Any) -> None:
    image, std = block_image(3), torch.tensor([0.2, 0.5, 1.7, 3.0])
    scaled = vae_network.make("mini", 0).eval()
    vae_network.scale_to_unit_variance(scaled, std)
    with torch.no_grad():
        (mean, log_variance), (scaled_mean, scaled_log_variance) = (
            vae_network.posterior(one, image) for one in (vae, scaled)
        )
        torch.testing.assert_close(scaled_mean, mean / std[:, None, None], rtol=1e-4, atol=1e-5)
        noise = torch.exp(0.5 * (log_variance - scaled_log_variance))
        torch.testing.assert_close(noise, std[:, None, None].expand_as(noise), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(
            vae_network.decode(scaled, scaled_mean), vae_network.decode(vae, mean), atol=2e-4, rtol=0
        )


def test_saved_weights_are_half_precision_and_a_bundle_component(vae: Any, tmp_path: Path) -> None:
    component_files.save("vae", vae, "mini", tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["scaling_factor"] == 1.0
    assert (tmp_path / WEIGHTS).stat().st_size < 2.1 * sum(p.numel() for p in vae.parameters())
    loaded = components.load("vae", tmp_path, torch.float32)
    for name, value in vae.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], value, rtol=2e-3, atol=1e-4)
    other = vae_network.make("mini", 1)
    component_files.load_weights("vae", other, tmp_path / WEIGHTS)
    torch.testing.assert_close(other.state_dict(), loaded.state_dict())


def test_weights_of_another_size_are_refused(vae: Any, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ConfigError, match="another size than the recipe's configuration"):
        component_files.check_weights("vae", vae, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="cannot be read"):
        component_files.check_weights("vae", vae, tmp_path / "missing.safetensors")


# -- photos and crops


def test_photos_show_the_room_in_many_paints() -> None:
    record = room_folders.record()
    taken = room_photos.take_photos(record, 12)
    assert taken.photos.shape == (12, 48, 64, 3)
    assert taken.photos.dtype == np.uint8
    plain = ~np.isnan(taken.albedo[:, 0])
    assert 0 < plain.sum() < 12  # some photos show the wallpaper
    np.testing.assert_allclose(taken.albedo[0], record.old_paint, rtol=1e-6)
    wall = taken.alpha > 230
    colors = taken.photos[plain][:, wall].mean(1)
    warmth, albedo_warmth = (np.log(one[:, 0] / one[:, 2]) for one in (colors, taken.albedo[plain]))
    assert np.corrcoef(warmth, albedo_warmth)[0, 1] > 0.8
    again = room_photos.take_photos(record, 3)
    np.testing.assert_array_equal(again.photos, taken.photos[:3])  # a photo does not depend on their number


def test_photo_files_are_reused_and_checked(rooms: Path, tmp_path: Path) -> None:
    paths = sorted((rooms / "train").glob(room_file.ROOM_GLOB))[:2]
    written = room_photos.photograph_rooms(paths, tmp_path / "photos", 2)
    times = [path.stat().st_mtime_ns for path in written]
    assert room_photos.photograph_rooms(paths, tmp_path / "photos", 2) == written
    assert [path.stat().st_mtime_ns for path in written] == times
    assert len(room_photos.read(written[0]).photos) == 2
    written[0].write_bytes(written[0].read_bytes()[:200])
    with pytest.raises(InputError, match="cannot be read"):
        room_photos.read(written[0])


def test_crops_keep_colours_without_gains_and_change_them_with_gains() -> None:
    photo = np.full((40, 50, 3), (200, 100, 50), np.uint8)
    plain = VaeAugmentationConfig(crop_px=32, gain_share=0.0)
    crop = sample_crop(photo, plain, np.random.default_rng(0))
    assert crop.shape == (32, 32, 3)
    np.testing.assert_allclose(crop, np.broadcast_to(np.array([200, 100, 50]) / 127.5 - 1, crop.shape), atol=1e-3)
    with_gains = VaeAugmentationConfig(crop_px=32, gain_share=1.0)
    dark = np.full((40, 50, 3), 60, np.uint8)  # is not clipped
    colors = np.stack([sample_crop(dark, with_gains, np.random.default_rng(seed))[0, 0] for seed in range(300)])
    log_gains = np.log(color.srgb_to_linear((colors + 1) / 2) / color.srgb_to_linear(np.float32(60 / 255)))
    np.testing.assert_allclose(log_gains.std(0), with_gains.gain_sigma, rtol=0.15)
    assert abs(np.corrcoef(log_gains[:, 0], log_gains[:, 2])[0, 1]) < 0.2
    small = sample_crop(np.zeros((20, 30, 3), np.uint8), plain, np.random.default_rng(0))  # smaller than a crop
    assert small.shape == (32, 32, 3)


def test_samples_depend_on_their_index_alone(rooms: Path) -> None:
    config = VaeConfig(rooms=(RoomSetConfig(rooms),), validation=(RoomSetConfig(rooms),))
    record = room_folders.record()
    task = VaeTask(vae_network.make("mini", 0), [room_photos.take_photos(record, 2)], config)
    first, again, other = (task.sample(SampleIndex(position, 0, 0)) for position in (5, 5, 6))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["image"], other["image"])


# -- evaluation


def test_round_trip_errors() -> None:
    photo = np.full((16, 16, 3), 120, np.uint8)
    wall = np.zeros((16, 16), bool)
    wall[:8] = True
    one = evaluation.WallPhoto("a", photo, wall)
    assert evaluation.measure(one, photo).wall_median == 0
    brighter = evaluation.measure(one, photo + np.uint8(10))
    assert brighter.psnr == pytest.approx(20 * np.log10(255 / 10))
    assert brighter.wall_median == pytest.approx(brighter.wall_pixels)
    assert 2 < brighter.wall_median < 5
    assert np.isnan(evaluation.measure(replace(one, wall=~wall & wall), photo).wall_median)


def test_packaged_vae_keeps_the_example_room() -> None:
    stored = components.load("vae", ROOT / "src" / "wallpaint" / "bundles" / "mini" / "vae", torch.float32)
    size = (256, 168)
    photo = np.asarray(Image.open(ROOT / "examples" / "room.jpg").convert("RGB").resize(size, Image.Resampling.BICUBIC))
    mask = np.asarray(Image.open(ROOT / "examples" / "room_mask.png").convert("L").resize(size))
    example = evaluation.WallPhoto("example", photo, mask > evaluation.MIN_WALL_ALPHA)
    output, latents = evaluation.round_trip(stored, photo)
    errors = evaluation.measure(example, output)
    assert errors.psnr > 24
    assert errors.wall_median < 1
    assert errors.wall_pixels < 2
    assert 0.4 < float(latents.std()) < 2


# -- recipe and run


def test_shipped_recipe_loads() -> None:
    config = read(ROOT / "configs" / "mini_vae.yaml")
    assert configuration(config.configuration)["vae"]["scaling_factor"] == 1.0


def test_recipe_errors_are_reported_together(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "task: vae\nrooms: [{folder: a}]\nvalidation: [{folder: b}]\nconfiguration: big\n"
        "augmentation: {crop_px: 40}\nobjective: {kl_weight: -1}\n"
    )
    with pytest.raises(ConfigError) as caught:
        read(path)
    for error in (
        "`configuration` must be one of",
        "`augmentation.crop_px` must be a multiple of 16",
        "`objective.kl_weight` must be",
    ):
        assert error in str(caught.value)


def test_a_tiny_run_lowers_the_loss_and_starts_from_its_result(rooms: Path, tmp_path: Path) -> None:
    recipe, folder = tmp_path / "recipe.yaml", tmp_path / "run"
    recipe.write_text(TINY.replace("ROOMS", str(rooms)))
    lines = tasks.train(recipe, folder, tasks.TrainOptions())
    assert [line.split(":")[0] for line in lines[1:]] == ["validation", "test", "written"]
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert log[-1]["loss"] < (1 - MIN_LOSS_DECREASE) * log[0]["loss"]
    scores = json.loads((folder / "scores.json").read_text())
    assert scores["test"]["photos"] == 4
    stored = components.load("vae", folder / "vae", torch.float32)
    paths = sorted((folder / "photos").glob("room_0000*_4.npz"))
    std = evaluation.latent_std(stored, evaluation.wall_photos([room_photos.read(path) for path in paths], 1))
    torch.testing.assert_close(std, torch.ones(4), rtol=0.02, atol=0)

    init = folder / "vae" / WEIGHTS
    recipe.write_text(
        recipe.read_text().replace("steps: 60", "steps: 1").replace("learning_rate: 2.0e-4", "learning_rate: 0")
    )
    tasks.train(recipe, tmp_path / "next", tasks.TrainOptions(init=init))
    started = json.loads((tmp_path / "next" / "scores.json").read_text())
    assert started["test"]["psnr"] == pytest.approx(scores["test"]["psnr"], abs=0.05)
