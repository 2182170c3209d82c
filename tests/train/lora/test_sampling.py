"""Pictures while it trains: the painter's own way from noise to picture, and nothing of the training disturbed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from support.lora_tasks import make
from support.training_sets import write_set
from wallpaint.bundles.bundle import load_bundle
from wallpaint.data.dataset import WallInpaintingDataset
from wallpaint.diffusion.settings import Settings
from wallpaint.evaluation import metrics
from wallpaint.imaging.color import srgb_to_linear
from wallpaint.painters.diffusion.painter import DiffusionPainter
from wallpaint.scene.mask import Window
from wallpaint.train.engine.config import SamplingConfig
from wallpaint.train.lora.job import run
from wallpaint.train.lora.sampling import Sampler, rgb_of


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("set"), 3)


def test_a_look_is_what_the_painter_paints(tiny_bundle: Path, data: Path) -> None:
    """The networks as they are before training, with reference and depth: the painter's picture within a code value."""
    still: dict[str, Any] = {"random_color_prob": 0.0, "flip_prob": 0.0, "reference_noise": 0.0}
    task = make(tiny_bundle, data, "image_prompt", samples=still, conditioning={"depth": True})
    with torch.no_grad():
        seen = Sampler(task, task.samples, SamplingConfig(count=1, steps=4), seed=5)(0, task.network.eval())
    sample = task.samples.get(0, 0)
    settings = Settings(device="cpu", dtype="float32", steps=4, guidance=1.0, scheduler="ddim", strength=1.0)
    painter = DiffusionPainter(load_bundle(tiny_bundle), settings)
    view = painter.look(rgb_of(sample["pixel_values"]), sample["mask"][0].numpy() > 0.5, Window(0, 0, 64, 64, 64, 64))
    told = task.config.samples
    mean, std = (torch.tensor(v)[:, None, None] for v in (told.image_mean, told.image_std))
    reference = ((sample["reference_image"] * std + mean) * 255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    expected = np.round(255 * painter.generate(view, [reference], seed=5)[0])
    (picture,) = seen.pictures.values()
    assert picture.shape == (64, 128, 3)
    assert np.array_equal(picture[:, :64], rgb_of(sample["pixel_values"]))
    assert np.abs(picture[:, 64:] - expected).max() <= 1
    wall = sample["color_mask"][0].numpy() > 0.5
    swatch = sample["dominant_color"].numpy() / 255
    error = metrics.to_paint(picture[:, 64:], wall, srgb_to_linear(swatch))["swatch"]
    assert seen.scalars["val/swatch"] == pytest.approx(error, rel=1e-5)


def test_looking_does_not_disturb(tiny_bundle: Path, data: Path, tmp_path: Path) -> None:
    """Weights of a watched run are those of one that is not; pictures and numbers are there."""
    config = make(tiny_bundle, data, "paired").config
    blind = run(config, tmp_path / "blind")
    looking = replace(config.loop, eval_every=3, best="-val/shading")
    seeing = replace(config, loop=looking, sampling=SamplingConfig(count=2, steps=2))
    report = run(seeing, tmp_path / "seeing")
    assert report.files["diffusers"].read_bytes() == blind.files["diffusers"].read_bytes()
    lines = [json.loads(line) for line in (tmp_path / "seeing" / "log.jsonl").read_text().splitlines()]
    looks = {line["step"]: line["seen"]["val/swatch"] for line in lines if "seen" in line}
    assert sorted(looks) == [3, 6]
    assert all(0 < error < 150 for error in looks.values())
    assert all({"val/room_mean", "val/hue_lab", "val/shading"} <= set(line["seen"]) for line in lines if "seen" in line)
    shading = {line["step"]: line["seen"]["val/shading"] for line in lines if "seen" in line}
    best = load_file(report.files["diffusers, best"])
    final = load_file(report.files["diffusers"])
    is_last = shading[6] > shading[3]
    assert all(torch.equal(best[name], value) for name, value in final.items()) == is_last
    sheets = sorted((tmp_path / "seeing" / "samples").iterdir())
    assert [path.name for path in sheets] == ["step_00000003.png", "step_00000006.png"]
    assert np.asarray(Image.open(sheets[0])).std() > 10


def test_the_validation_split_is_looked_at(tiny_bundle: Path, data: Path, tmp_path: Path) -> None:
    """It is the one that is not trained on; without one the training samples are."""
    from wallpaint.train.lora.job import _watch

    task = make(tiny_bundle, data, "paired")
    own = _watch(task.config, task)
    write_set(tmp_path, 2)
    (tmp_path / "train").rename(tmp_path / "validation")
    write_set(tmp_path, 4)
    other = _watch(replace(task.config, data=tmp_path), task)
    assert isinstance(own, Sampler)
    assert isinstance(other, Sampler)
    assert len(own.samples) == 3
    validation = WallInpaintingDataset(tmp_path, "validation", task.config.samples, 0)
    assert [s["key"] for s in other.samples] == validation.keys
