"""Training of a depth estimator: loss, alignment, samples, and a tiny run from scratch."""

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
from wallpaint.diffusion import encoders
from wallpaint.train import room_photos, tasks
from wallpaint.train.depth import objective
from wallpaint.train.depth.config import DepthAugmentationConfig, DepthConfig, read
from wallpaint.train.depth.task import DepthTask, DepthTrainer, predict, sample_view
from wallpaint.train.engine.schedule import SampleIndex
from wallpaint.train.room_sets import RoomSetConfig

MIN_LOSS_DECREASE = 0.3  # share of the loss of the first steps, in the tiny recipe
TINY = """
task: depth
configuration: tiny
rooms: [{folder: ROOMS/train}]
validation: [{folder: ROOMS/validation}]
test: [{folder: ROOMS/test}]
photos_per_room: 3
optimizer: {learning_rate: 3.0e-3, warmup_steps: 5}
loop: {steps: 60, batch_size: 4, ema_decay: 0.8, save_every: 60, log_every: 10, eval_every: 60}
"""


def depth_map() -> np.ndarray:
    y, x = np.mgrid[0:32, 0:40]
    return (1.5 + 0.05 * x + 0.02 * y).astype(np.float32)


# -- objective


def test_the_loss_ignores_scale_shift_and_invalid_pixels() -> None:
    inverse, valid = objective.to_inverse(torch.from_numpy(depth_map())[None])
    valid[0, :4] = 0
    predicted = 3 * inverse + 2
    predicted[0, :4] = 100
    terms = objective.losses(predicted, inverse, valid)
    assert float(terms["depth"]) < 1e-4
    assert float(terms["gradient"]) < 1e-4
    assert float(terms["level"]) == pytest.approx(float((2 * inverse + 2)[valid > 0].mean()), rel=1e-4)
    flipped = objective.losses(-inverse, inverse, valid)
    assert float(flipped["depth"]) == pytest.approx(2, rel=1e-3)  # twice the mean absolute deviation


def test_unknown_depth_has_no_inverse() -> None:
    inverse, valid = objective.to_inverse(torch.tensor([0.0, 2.0]))
    assert inverse.tolist() == [0, 0.5]
    assert valid.tolist() == [0, 1]


def test_alignment_finds_scale_and_shift_of_the_inverse_depth() -> None:
    depth = depth_map()
    depth[:3] = 0
    predicted = 5 / np.where(depth > 0, depth, 2) - 0.7
    np.testing.assert_allclose(objective.align(predicted, depth)[3:], depth[3:], rtol=1e-6)
    assert objective.delta_share(predicted, depth) == 1
    assert objective.mean_relative_error(predicted, depth) < 1e-6


def test_delta_counts_pixels_within_a_factor_of_1_25() -> None:
    """A constant prediction aligns to one depth, the harmonic mean of 1.5 and 3: 2, too far from both."""
    depth = np.where(np.arange(40) % 2 > 0, 1.5, 3.0)[None] * np.ones((8, 1))
    assert objective.delta_share(np.ones_like(depth), depth) == 0
    near = np.where(np.arange(40) % 2 > 0, 1.8, 2.0)[None] * np.ones((8, 1))
    assert objective.delta_share(np.ones_like(near), near) == 1


# -- samples and network


def test_views_keep_photo_and_depth_aligned() -> None:
    """Dark floor, light wall: after crop and mirroring the photo's dark half is still where depth changes."""
    taken = room_photos.take_photos(room_folders.record(), 1)
    photo = np.repeat(np.where(taken.depth < 4, 0, 200).astype(np.uint8)[None, ..., None], 3, -1)
    marked = room_photos.RoomPhotos(1, photo, taken.albedo, taken.alpha, taken.depth)
    for seed in range(6):
        rng = np.random.default_rng(seed)
        view, depth = sample_view(marked, DepthAugmentationConfig(gain_sigma=0.0), 64, rng)
        assert view.shape == (64, 64, 3)
        assert ((view[..., 0] < 100) == (depth < 4)).mean() > 0.97


def test_the_output_is_not_cut_off_in_training() -> None:
    config = DepthConfig(
        configuration="tiny", rooms=(RoomSetConfig(Path("a")),), validation=(RoomSetConfig(Path("b")),)
    )
    model = DepthTrainer(config).make()
    with torch.no_grad():
        model.head.head[4].bias.fill_(-10.0)
    photo = room_photos.take_photos(room_folders.record(), 1)
    task = DepthTask(model, [photo], config)
    losses = task.losses(model, task.collate([task.sample(SampleIndex(0, 0, 0))]))
    losses.total.backward()
    assert float(model.head.head[4].bias.grad.abs()) > 0
    assert float(predict(model.eval(), photo.photos[0], task.processor).min()) == 0  # as the stored model's ReLU


# -- recipe and run


def test_shipped_recipe_loads() -> None:
    assert read(ROOT / "configs" / "mini_depth.yaml").configuration == "mini"


def test_a_tiny_run_lowers_the_loss_and_is_a_bundle_component(tmp_path: Path) -> None:
    recipe, folder = tmp_path / "recipe.yaml", tmp_path / "run"
    recipe.write_text(TINY.replace("ROOMS", str(room_folders.write(tmp_path))))
    lines = tasks.train(recipe, folder, tasks.TrainOptions())
    assert lines[1].startswith("validation: delta < 1.25 on ")
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert log[-1]["loss"] < (1 - MIN_LOSS_DECREASE) * log[0]["loss"]
    scores = json.loads((folder / "scores.json").read_text())
    assert scores["test"]["photos"] == 4
    assert 0.5 < scores["test"]["delta_1.25"] <= 1
    stored = components.load("depth", folder / "depth", torch.float32)
    image = encoders.depth_control_image(
        stored, configuration("tiny")["processors"]["depth"], np.full((48, 64, 3), 128, np.uint8)
    )
    assert image.shape == (1, 3, 48, 64)
