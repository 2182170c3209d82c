"""Mode document: the colour loss aims at the noised photo's own colour, and no repaint is computed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from support.data_sets import make_set
from support.lora_recipes import recipe
from support.lora_tasks import make
from wallpaint.data import target_colors
from wallpaint.data.dataset import WallInpaintingDataset
from wallpaint.imaging.color import linear_to_lab, srgb_to_linear
from wallpaint.train.engine.schedule import SampleIndex
from wallpaint.train.lora import image_losses
from wallpaint.train.lora.encoding import to_uint8
from wallpaint.train.lora.job import run

COLOR_LOSS: dict[str, Any] = {"objective": {"color_weight": 1.0, "image_loss_timesteps": [0, 1000]}}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photos in one pale paint with true repaints in green."""
    root = tmp_path_factory.mktemp("set")
    make_set(root, count=3, targets=True)
    return root


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_color_loss_aims_at_the_photos_own_colour(tiny_bundle: Path, data: Path, share: float) -> None:
    """With any share of random colours: the loss of the noised photo itself is near zero, and the colour is its wall's
    median."""
    task = make(tiny_bundle, data, "document", samples={"random_color_prob": share}, **COLOR_LOSS)
    for position in range(6):
        batch = task.collate([task.sample(SampleIndex(index=position % 3, epoch=position // 3, position=position))])
        encoded = task.encoder(batch["samples"])
        sample = batch["samples"][0]
        wall = sample["color_mask"][0].numpy() > 0.5
        photo = to_uint8(sample["pixel_values"]).permute(1, 2, 0).numpy()
        expected = target_colors.wall_color(photo, wall, "median")
        np.testing.assert_allclose(encoded["color"][0].numpy(), expected, atol=1e-4)
        noised = encoded["target"].float() / 127.5 - 1
        assert float(image_losses.swatch_distance(noised, encoded["color"], encoded["color_mask"])) < 0.05


def test_other_modes_keep_the_references_colour(tiny_bundle: Path, data: Path) -> None:
    task = make(tiny_bundle, data, "image_prompt", samples={"random_color_prob": 1.0}, **COLOR_LOSS)
    batch = task.collate([task.sample(SampleIndex(index=0, epoch=0, position=0))])
    encoded = task.encoder(batch["samples"])
    assert torch.equal(encoded["color"][0], batch["samples"][0]["dominant_color"])
    photo_lab = linear_to_lab(srgb_to_linear(np.array([217, 207, 192]) / 255))
    color_lab = linear_to_lab(srgb_to_linear(encoded["color"][0].numpy() / 255))
    assert float(np.linalg.norm(photo_lab - color_lab)) > 15


def test_document_mode_computes_no_repaint(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an analytic one nor a true one is read; one note states that the option has no effect."""
    plain = tmp_path / "plain"
    make_set(plain, count=2)

    def refuse(*args: object) -> None:
        raise AssertionError("a repaint was computed")

    monkeypatch.setattr(target_colors, "repaint_wall", refuse)
    config = recipe(tiny_bundle, plain, mode="document", samples={"size": 64, "random_color_prob": 1.0}, **COLOR_LOSS)
    config = replace(config, loop=replace(config.loop, steps=1))
    lines: list[str] = []
    run(config, tmp_path / "run", log=lines.append)
    assert lines == [
        "note: samples.random_color_prob 1 has no effect in mode document: the photo itself is noised, and there is no "
        "reference"
    ]
    dataset = WallInpaintingDataset(plain, "train", config.samples, repaint=False)
    sample = dataset[0]
    assert torch.equal(sample["pixel_values"], sample["target_values"])


def test_no_note_without_random_colours(tiny_bundle: Path, data: Path) -> None:
    quiet = recipe(tiny_bundle, data, mode="document", samples={"random_color_prob": 0.0})
    paired = recipe(tiny_bundle, data, mode="paired", samples={"random_color_prob": 0.3})
    default = recipe(tiny_bundle, data, mode="document")
    assert default.samples.random_color_prob > 0
    assert quiet.notes() == paired.notes() == default.notes() == []
