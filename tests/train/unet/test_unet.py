"""Training of a base UNet: schedule, masks, crops, evaluation, and a tiny run from scratch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from support import room_folders
from support.paths import ROOT
from wallpaint.bundles import components
from wallpaint.bundles.configurations import configuration
from wallpaint.bundles.random_bundle import write_tokenizer
from wallpaint.diffusion import schedulers
from wallpaint.errors import ConfigError
from wallpaint.train import component_files, room_photos, tasks
from wallpaint.train.engine.schedule import SampleIndex
from wallpaint.train.lora import objective
from wallpaint.train.room_sets import RoomSetConfig
from wallpaint.train.unet import samples
from wallpaint.train.unet.config import UnetConfig, read
from wallpaint.train.unet.frozen import FrozenNetworks
from wallpaint.train.unet.task import UnetEvaluator, UnetTask, UnetTrainer
from wallpaint.train.vae import network as vae_network

MIN_LOSS_DECREASE = 0.2  # share of the loss of the first steps, in the tiny recipe
TINY = """
task: unet
rooms: [{folder: ROOMS/train}]
validation: [{folder: ROOMS/validation}]
test: [{folder: ROOMS/test}]
vae: FROZEN/vae
text_encoder: FROZEN/text_encoder
tokenizer: FROZEN/tokenizer
photos_per_room: 3
sampling_steps: 2
augmentation: {crop_px: 32}
optimizer: {learning_rate: 1.0e-3, warmup_steps: 5}
loop: {steps: 40, batch_size: 8, ema_decay: 0.8, save_every: 40, log_every: 10, eval_every: 40}
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Rooms, and frozen networks of the configuration mini: a VAE that passes block means, a random text encoder."""
    rooms = room_folders.write(tmp_path_factory.mktemp("rooms"))
    frozen = tmp_path_factory.mktemp("frozen")
    component_files.save("vae", vae_network.make("mini", 0), "mini", frozen / "vae")
    text_encoder = component_files.make("text_encoder", "mini", 0)
    component_files.save("text_encoder", text_encoder, "mini", frozen / "text_encoder")
    write_tokenizer(frozen / "tokenizer", configuration("mini")["text_encoder"]["vocab_size"])
    return rooms, frozen


@pytest.fixture(scope="module")
def config(folders: tuple[Path, Path]) -> UnetConfig:
    rooms, frozen = folders
    sets = (RoomSetConfig(rooms / "train"),)
    names = {name: frozen / name for name in ("vae", "text_encoder", "tokenizer")}
    return UnetConfig(rooms=sets, validation=sets, **names, sampling_steps=2)


@pytest.fixture(scope="module")
def frozen(config: UnetConfig) -> FrozenNetworks:
    return FrozenNetworks(config.vae, config.text_encoder, config.tokenizer)


# -- the noise schedule


def test_the_last_timestep_is_pure_noise_and_has_a_positive_weight() -> None:
    """min(SNR, 5) / (SNR + 1) would be 0 there, and the timestep that starts every picture would not be trained."""
    scheduler = objective.noise_schedule(configuration("mini")["scheduler"])
    timesteps = torch.tensor([0, 500, 999])
    assert float(objective.alpha_bar(scheduler, timesteps)[-1]) == 0
    weights = objective.min_snr_weights(scheduler, timesteps, 5.0)
    assert float(weights[-1]) == 1
    snr = objective.alpha_bar(scheduler, timesteps) / (1 - objective.alpha_bar(scheduler, timesteps))
    torch.testing.assert_close(weights, snr.clamp(1, 5) / (snr + 1))
    latents, noise = torch.randn(3, 4, 2, 2), torch.randn(3, 4, 2, 2)
    noisy = scheduler.add_noise(latents, noise, timesteps)
    torch.testing.assert_close(noisy[-1], noise[-1])
    target = objective.prediction_target(scheduler, latents, noise, timesteps)
    torch.testing.assert_close(target[-1], -latents[-1])
    torch.testing.assert_close(objective.predict_x0(scheduler, noisy, target, timesteps), latents, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("steps", [1, 4, 20])
@pytest.mark.parametrize("name", list(schedulers.SCHEDULER_CLASSES))
def test_samplers_start_at_pure_noise_and_give_finite_latents(name: str, steps: int) -> None:
    """With the true v of constant latents every sampler returns them."""
    scheduler = schedulers.make_scheduler(name, dict(configuration("mini")["scheduler"]))
    timesteps = schedulers.get_timesteps(scheduler, steps, 1.0)
    assert int(timesteps[0]) == 999
    alpha_bar = objective.noise_schedule(configuration("mini")["scheduler"]).alphas_cumprod
    truth = torch.full((1, 4, 4, 4), 0.7)
    latents = torch.randn(truth.shape, generator=torch.Generator().manual_seed(0)) * scheduler.init_noise_sigma
    for timestep in timesteps:
        signal = alpha_bar[int(timestep)]
        sample = scheduler.scale_model_input(latents, timestep)
        noise = (sample - signal.sqrt() * truth) / (1 - signal).sqrt().clamp_min(1e-6)
        v = signal.sqrt() * noise - (1 - signal).sqrt() * truth
        latents = scheduler.step(v, timestep, latents, return_dict=False)[0]
    assert bool(latents.isfinite().all())
    torch.testing.assert_close(latents, truth, rtol=0, atol=0.02)


# -- samples


def test_masks_have_any_shape_and_are_never_empty() -> None:
    wall = np.zeros((48, 64), bool)
    wall[:30, 10:50] = True
    masks = [samples.sample_mask(wall, np.random.default_rng(seed)) for seed in range(80)]
    assert all(mask.any() and mask.shape == wall.shape for mask in masks)
    shares = np.array([mask.mean() for mask in masks])
    assert shares.min() < 0.2
    assert shares.max() == 1
    assert any(np.array_equal(mask, wall) for mask in masks)
    outside = np.array([(mask & ~wall).any() for mask in masks])
    assert outside.any()
    assert not outside.all()
    assert all(samples.sample_mask(np.zeros_like(wall), np.random.default_rng(seed)).any() for seed in range(20))


def test_half_of_a_wall() -> None:
    wall = np.zeros((4, 10), bool)
    wall[:, 2:8] = True
    half = samples.half_wall(wall)
    assert half.sum() == 12
    assert not half[:, 5:].any()
    assert not samples.half_wall(np.zeros_like(wall)).any()


def test_captions_name_the_paint() -> None:
    assert samples.caption(np.array([1.0, 1.0, 1.0])) == "a room with white walls"
    assert samples.caption(np.full(3, np.nan)) == "a room with patterned walls"


def test_crops_have_the_asked_size_also_from_smaller_photos() -> None:
    room = room_photos.take_photos(room_folders.record(), 1)
    for side in (32, 64):
        crop, wall = samples.sample_crop(room, 0, side, 0.1, np.random.default_rng(0))
        assert crop.shape == (side, side, 3)
        assert wall.shape == (side, side)
        assert wall.dtype == bool


def test_a_sample_does_not_depend_on_its_batch(config: UnetConfig, frozen: FrozenNetworks) -> None:
    rooms = [room_photos.take_photos(room_folders.record(seed), 2) for seed in (12, 13)]
    task = UnetTask(UnetTrainer(config, frozen).make(), rooms, config, frozen)
    both = [task.sample(SampleIndex(position, 0, position % 2)) for position in (4, 5)]
    assert both[0]["image"].shape == (3, 192, 192)
    with torch.no_grad():
        together = task.losses(task.network, task.collate(both)).by_sample
        alone = [task.losses(task.network, task.collate([one])).by_sample for one in both]
    assert together is not None
    torch.testing.assert_close(together, torch.cat([one for one in alone if one is not None]), rtol=1e-3, atol=1e-4)


def test_evaluation_changes_only_the_masked_half(config: UnetConfig, frozen: FrozenNetworks) -> None:
    record = room_folders.synthetic_rooms.render(12, (64, 64), 256)
    evaluator = UnetEvaluator([room_photos.take_photos(record, 1)], config, frozen)
    ((_, photo, half),) = evaluator.photos
    network = UnetTrainer(config, frozen).make().eval()
    result = evaluator.paint(network, photo, half, 0)
    np.testing.assert_array_equal(result[~half], photo[~half])
    assert (result[half] != photo[half]).any()
    np.testing.assert_array_equal(evaluator.paint(network, photo, half, 0), result)


# -- recipe and run


def test_shipped_recipe_loads() -> None:
    config = read(ROOT / "configs" / "mini_unet.yaml")
    assert config.side_multiple == 32


def test_crops_must_fit_the_levels(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("task: unet\nrooms: [{folder: a}]\nvalidation: [{folder: b}]\naugmentation: {crop_px: 72}\n")
    with pytest.raises(ConfigError, match=r"`augmentation\.crop_px` must be a multiple of 32, not 72"):
        read(path)


def test_a_tiny_run_lowers_the_loss_and_is_a_bundle_component(folders: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, folder = tmp_path / "recipe.yaml", tmp_path / "run"
    recipe.write_text(TINY.replace("ROOMS", str(folders[0])).replace("FROZEN", str(folders[1])))
    lines = tasks.train(recipe, folder, tasks.TrainOptions())
    assert lines[1].startswith("validation: median of half-masked walls ")
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert log[-1]["loss"] < (1 - MIN_LOSS_DECREASE) * log[0]["loss"]
    assert log[-1]["by_timestep"]
    scores = json.loads((folder / "scores.json").read_text())
    assert np.isfinite(scores["test"]["half_wall"])
    assert components.load("unet", folder / "unet", torch.float32).config.in_channels == 9
