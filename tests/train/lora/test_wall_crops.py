"""The crop `wall` of a recipe: that of the diffusion painter, in batches of several sizes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from support.data_sets import save, still
from support.drawn_rooms import make_room
from support.lora_recipes import recipe
from support.lora_tasks import make
from wallpaint import InputError
from wallpaint.bundles.bundle import load_bundle
from wallpaint.data.dataset import WallInpaintingDataset, collate
from wallpaint.diffusion.networks import Networks, side_multiple
from wallpaint.diffusion.settings import DiffusionSettings
from wallpaint.painters.diffusion import placement
from wallpaint.painters.diffusion.painter import DiffusionPainter
from wallpaint.pipeline.repaint import prepare
from wallpaint.train.engine.schedule import SampleIndex
from wallpaint.train.lora.job import run

WALLS = {
    "whole": (slice(0, 300), slice(0, 400)),
    "small": (slice(120, 150), slice(200, 240)),
    "in a corner": (slice(0, 90), slice(310, 400)),
    "wide": (slice(100, 160), slice(0, 400)),
    "tall": (slice(0, 300), slice(50, 120)),
}


def write_walls(root: Path, *, soft: bool) -> None:
    """A photo with the same room for each wall of `WALLS`. soft: masks with soft edges and noise."""
    room = make_room(300, 400, noise=0.01, seed=1)
    for name, (rows, columns) in WALLS.items():
        mask = np.zeros((300, 400), np.uint8)
        mask[rows, columns] = 255
        if soft:
            wide = np.pad(mask, 1, mode="edge").astype(np.float32)
            blurred = sum(wide[y : y + 300, x : x + 400] for y in range(3) for x in range(3)) / 9
            mask = np.maximum(np.round(blurred), 2).astype(np.uint8)  # nearly black is no wall
        save(root / "train/images" / f"{name}.png", room.photo)
        save(root / "train/masks" / f"{name}.png", mask)


@pytest.mark.parametrize("edges", ["refine", "keep"])
@pytest.mark.parametrize("soft", [False, True])
def test_training_and_the_painter_see_the_same_crop(tiny_bundle: Path, tmp_path: Path, soft: bool, edges: Any) -> None:
    """The same window of photo and mask, and the same pixels, for walls of all shapes and with refined edges."""
    bundle = load_bundle(tiny_bundle)
    write_walls(tmp_path, soft=soft)
    settings = still(size=bundle.native_px, crop="wall", quality_threshold=0.0, random_color_prob=0.0)
    data = WallInpaintingDataset(tmp_path, "train", settings, side_multiple=side_multiple(bundle))
    painter = DiffusionPainter(bundle, DiffusionSettings(device="cpu", dtype="float32"))
    shapes = set()
    for index, key in enumerate(data.keys):
        photo, mask = (tmp_path / "train" / folder / f"{key}.png" for folder in ("images", "masks"))
        scene = prepare(photo, {"wall": mask}, edges=edges)
        view = painter._view(scene, ("wall",))
        pixels = np.round((data[index]["pixel_values"].permute(1, 2, 0).numpy() + 1) * 127.5).astype(np.uint8)
        np.testing.assert_array_equal(pixels, view.image)
        assert view.window == placement.crop_window(
            scene, ["wall"], bundle.native_px, side_multiple(bundle), painter.settings
        )
        shapes.add(pixels.shape)
    assert len(shapes) >= 3


def test_sides_are_multiples_of_the_networks_and_the_area_is_that_of_size(tmp_path: Path) -> None:
    write_walls(tmp_path, soft=False)
    for multiple in (8, 32, 64):
        settings = still(size=128, crop="wall", quality_threshold=0.0)
        data = WallInpaintingDataset(tmp_path, "train", settings, side_multiple=multiple)
        for sample in (data[index] for index in range(len(data))):
            _, height, width = sample["mask"].shape
            assert height % multiple == width % multiple == 0
            assert 0.5 < height * width / 128**2 < 2
            assert sample["mask"].max() == 1
    digests = {
        WallInpaintingDataset(tmp_path, "train", settings, side_multiple=multiple).digest() for multiple in (8, 64)
    }
    assert len(digests) == 2
    plain = still(size=128, quality_threshold=0.0)
    assert WallInpaintingDataset(tmp_path, "train", plain).digest() == (
        WallInpaintingDataset(tmp_path, "train", plain, side_multiple=64).digest()
    )


def test_a_stacked_batch_of_several_sizes_is_refused(tmp_path: Path) -> None:
    write_walls(tmp_path, soft=False)
    data = WallInpaintingDataset(tmp_path, "train", still(crop="wall", quality_threshold=0.0))
    with pytest.raises(InputError, match=r"samples of a batch must have one size, not \d+x\d+, .*batch them by size"):
        collate([data[index] for index in range(len(data))])


@pytest.mark.parametrize("mode", ["document", "paired"])
@pytest.mark.parametrize("variants", [0, 1])
def test_losses_of_a_batch_of_several_sizes_are_the_mean_of_its_samples(
    tiny_bundle: Path, tmp_path: Path, mode: str, variants: int
) -> None:
    write_walls(tmp_path, soft=False)
    objective = {"color_weight": 1.0, "image_loss_timesteps": [0, 1000], "min_snr_gamma": 5.0}
    task = make(tiny_bundle, tmp_path, mode, objective=objective, samples={"crop": "wall", "quality_threshold": 0.0})
    samples = [task.sample(SampleIndex(index, 0, index)) for index in range(len(task))]
    batch = task.collate(samples)
    assert len(batch["batches"]) >= 3
    losses = task.losses(task.network, batch)
    single = [task.losses(task.network, task.collate([sample])) for sample in samples]
    assert losses.total.item() == pytest.approx(np.mean([one.total.item() for one in single]), rel=1e-4)
    for name, value in losses.terms.items():
        assert float(value) == pytest.approx(np.mean([float(one.terms[name]) for one in single]), rel=1e-4)
    assert losses.timesteps is not None
    assert losses.by_sample is not None
    pairs = sorted(zip(losses.timesteps.tolist(), losses.by_sample.tolist(), strict=True))
    expected = sorted((int(one.timesteps), float(one.by_sample)) for one in single)  # type: ignore[arg-type]
    np.testing.assert_allclose(pairs, expected, rtol=1e-4)
    losses.total.backward()
    gradients = [p.grad for p in task.network.parameters() if p.requires_grad]
    assert all(gradient is not None and torch.isfinite(gradient).all() for gradient in gradients)


def test_a_run_with_wall_crops(tiny_bundle: Path, tmp_path: Path) -> None:
    """Photos of several shapes train in one batch, are evaluated, and resume to equal weights."""
    root = tmp_path / "set"
    for number, (height, width) in enumerate(((96, 128), (64, 192), (128, 80))):
        room = make_room(height, width, noise=0.01, seed=number)
        save(root / f"train/images/{number}.png", room.photo)
        save(root / f"train/masks/{number}.png", room.soft_mask)
    config = recipe(
        tiny_bundle,
        root,
        samples={"size": 64, "crop": "wall", "quality_threshold": 0.0},
        loop={"steps": 4, "batch_size": 3, "eval_every": 4, "log_every": 1, "precision": "no"},
        sampling={"count": 3, "steps": 2},
    )
    report = run(config, tmp_path / "run")
    assert report.step == 4
    entries = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text(encoding="utf-8").splitlines()]
    losses = [entry["loss"] for entry in entries if "loss" in entry]
    assert len(losses) == 4
    assert all(math.isfinite(loss) for loss in losses)
    multiple = Networks(load_bundle(tiny_bundle), DiffusionSettings(device="cpu")).side_multiple
    data = WallInpaintingDataset(root, "train", config.samples, config.seed, side_multiple=multiple)
    assert len({data[index]["mask"].shape for index in range(3)}) == 3
