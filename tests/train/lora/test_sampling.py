"""Evaluation of a LoRA during training: equal to the painter, and without side effects on training."""

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
from wallpaint.diffusion.settings import DiffusionSettings
from wallpaint.evaluation import metrics
from wallpaint.imaging.color import srgb_to_linear
from wallpaint.painters.diffusion.painter import DiffusionPainter
from wallpaint.scene.mask import Window
from wallpaint.train.lora.config import SamplingConfig
from wallpaint.train.lora.job import run
from wallpaint.train.lora.sampling import LoraEvaluator, to_rgb


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("set"), 3)


def test_evaluation_image_equals_the_painters_result(tiny_bundle: Path, data: Path) -> None:
    """Untrained, with reference and depth: equal to the painter's image within one 8-bit value."""
    still: dict[str, Any] = {"random_color_prob": 0.0, "flip_prob": 0.0, "reference_noise": 0.0}
    task = make(tiny_bundle, data, "image_prompt", samples=still, conditioning={"depth": True})
    with torch.no_grad():
        evaluator = LoraEvaluator(task, task.samples, SamplingConfig(count=1, steps=4), seed=5)
        result = evaluator(0, task.network.eval())
    sample = task.samples.get(0, 0)
    settings = DiffusionSettings(device="cpu", dtype="float32", steps=4, guidance=1.0, scheduler="ddim", strength=1.0)
    painter = DiffusionPainter(load_bundle(tiny_bundle), settings)
    view = painter.encode_view(
        to_rgb(sample["pixel_values"]), sample["mask"][0].numpy() > 0.5, Window(0, 0, 64, 64, 64, 64)
    )
    settings_of_samples = task.config.samples
    mean, std = (
        torch.tensor(v)[:, None, None] for v in (settings_of_samples.image_mean, settings_of_samples.image_std)
    )
    reference = ((sample["reference_image"] * std + mean) * 255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    expected = np.round(255 * painter.inpaint(view, [reference], seed=5)[0])
    (image,) = result.images.values()
    assert image.shape == (64, 128, 3)
    assert np.array_equal(image[:, :64], to_rgb(sample["pixel_values"]))
    assert np.abs(image[:, 64:] - expected).max() <= 1
    wall = sample["color_mask"][0].numpy() > 0.5
    swatch = sample["dominant_color"].numpy() / 255
    error = metrics.paint_metrics(image[:, 64:], wall, srgb_to_linear(swatch))["swatch"]
    assert result.scalars["val/swatch"] == pytest.approx(error, rel=1e-5)


def test_evaluation_leaves_the_trained_lora_bit_equal(tiny_bundle: Path, data: Path, tmp_path: Path) -> None:
    """The LoRA equals that of a run without evaluation; log, contact sheets and best weights are written."""
    config = make(tiny_bundle, data, "paired").config
    plain = run(config, tmp_path / "plain")
    evaluated_loop = replace(config.loop, eval_every=3, best_metric="-val/shading")
    evaluated = replace(config, loop=evaluated_loop, sampling=SamplingConfig(count=2, steps=2))
    report = run(evaluated, tmp_path / "evaluated")
    assert report.files["diffusers"].read_bytes() == plain.files["diffusers"].read_bytes()
    lines = [
        json.loads(line) for line in (tmp_path / "evaluated" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    swatch_errors = {line["step"]: line["eval"]["val/swatch"] for line in lines if "eval" in line}
    assert sorted(swatch_errors) == [3, 6]
    assert all(0 < error < 150 for error in swatch_errors.values())
    assert all({"val/room_mean", "val/hue_lab", "val/shading"} <= set(line["eval"]) for line in lines if "eval" in line)
    shading = {line["step"]: line["eval"]["val/shading"] for line in lines if "eval" in line}
    best = load_file(report.files["diffusers, best"])
    final = load_file(report.files["diffusers"])
    is_last = shading[6] > shading[3]
    assert all(torch.equal(best[name], value) for name, value in final.items()) == is_last
    sheets = sorted((tmp_path / "evaluated" / "samples").iterdir())
    assert [path.name for path in sheets] == ["step_00000003.png", "step_00000006.png"]
    assert np.asarray(Image.open(sheets[0])).std() > 10


def test_evaluation_uses_the_validation_split_if_there_is_one(tiny_bundle: Path, data: Path, tmp_path: Path) -> None:
    """Without one, the training samples are evaluated."""
    from wallpaint.train.lora.job import _make_evaluator

    task = make(tiny_bundle, data, "paired")
    without_validation = _make_evaluator(task.config, task, 8)
    write_set(tmp_path, 2)
    (tmp_path / "train").rename(tmp_path / "validation")
    write_set(tmp_path, 4)
    with_validation = _make_evaluator(replace(task.config, data=tmp_path), task, 8)
    assert isinstance(without_validation, LoraEvaluator)
    assert isinstance(with_validation, LoraEvaluator)
    assert len(without_validation.samples) == 3
    validation = WallInpaintingDataset(tmp_path, "validation", task.config.samples, 0)
    assert [s["key"] for s in with_validation.samples] == validation.keys
