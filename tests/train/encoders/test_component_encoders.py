"""Training of image and text encoders: samples, losses, measures, and tiny runs from scratch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from support.paths import ROOT
from wallpaint.bundles import components
from wallpaint.bundles.prompts import load_tokenizer
from wallpaint.errors import ConfigError
from wallpaint.imaging import color
from wallpaint.rooms.surfaces import paints
from wallpaint.train import tasks
from wallpaint.train.encoders import objective, samples
from wallpaint.train.encoders.config import (
    ImageEncoderConfig,
    TextEncoderConfig,
    read_image_encoder,
    read_text_encoder,
)
from wallpaint.train.encoders.tasks import ImageEncoderTask, TextEncoderTask
from wallpaint.train.engine.schedule import SampleIndex

MIN_LOSS_DECREASE = 0.3  # share of the loss of the first steps, in the tiny recipes
TINY = """
task: {task}
configuration: tiny
probe_swatches: 64
test_swatches: 16
optimizer: {{learning_rate: 3.0e-3, warmup_steps: 5}}
loop: {{steps: {steps}, batch_size: 16, ema_decay: 0.8, save_every: 200, log_every: 20}}
"""


@pytest.fixture(scope="module")
def coverings() -> list[samples.Covering]:
    return samples.sample_coverings(4, "train", 0)


# -- samples


def test_references_show_the_albedo() -> None:
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        albedo = samples.sample_albedo(rng, split)
        assert paints.in_split(albedo, split)
        image = samples.reference(albedo, 64, rng)
        assert image.shape == (64, 64, 3)
        mean = color.linear_to_lab(color.srgb_to_linear(image.reshape(-1, 3).mean(0) / 255))
        assert float(color.delta_e_2000(mean, color.linear_to_lab(albedo))) < 2


def test_coverings_and_their_crops(coverings: list[samples.Covering]) -> None:
    assert all(one.texture.shape == (samples.TEXTURE_PX,) * 2 + (3,) for one in coverings)
    rng = np.random.default_rng(1)
    for covering in coverings:
        crop = samples.crop(covering, 40, rng)
        assert crop.shape == (40, 40, 3)
        mean = color.linear_to_lab(color.srgb_to_linear(crop.astype(np.float64) / 255).mean((0, 1)))
        assert float(color.delta_e_2000(mean, covering.lab)) < 12  # a crop may miss a motif
    again = samples.sample_coverings(4, "train", 0)
    np.testing.assert_array_equal(again[3].texture, coverings[3].texture)
    assert not np.array_equal(samples.sample_coverings(1, "test", 0)[0].texture, coverings[0].texture)


def test_captions_name_the_colour() -> None:
    navy = color.srgb_to_linear(np.array([0, 0, 128]) / 255)
    texts = {samples.caption(navy, np.random.default_rng(seed)) for seed in range(40)}
    assert len(texts) > 5
    assert all("navy" in text for text in texts)


# -- objective


def test_contrastive_loss_is_lowest_for_matching_views() -> None:
    views = torch.randn(8, 16, generator=torch.Generator().manual_seed(0))
    matching = objective.contrastive_loss(views, views, 0.1)
    shuffled = objective.contrastive_loss(views, views.roll(1, 0), 0.1)
    assert float(matching) < 0.1 < 1 < float(shuffled)
    equal = torch.ones(8, 16)  # 15 other views, none better than another
    assert float(objective.contrastive_loss(equal, equal, 0.1)) == pytest.approx(np.log(15))


def test_color_loss_is_zero_for_the_true_colour() -> None:
    lab = torch.tensor([[50.0, 10.0, -20.0]])
    assert float(objective.color_loss(objective.scaled_lab(lab), lab)) == 0
    assert float(objective.color_loss(objective.scaled_lab(lab + 25), lab)) > 0.9


def test_probe_reads_a_linear_feature_and_fails_on_noise() -> None:
    rng = np.random.default_rng(0)
    lab = rng.normal([60, 0, 0], [15, 10, 10], (300, 3))
    features = lab @ rng.normal(size=(3, 12)) + 5
    noise = rng.normal(size=(300, 12))
    assert objective.probe_error(features[:200], lab[:200], features[200:], lab[200:]) < 0.5
    assert objective.probe_error(noise[:200], lab[:200], noise[200:], lab[200:]) > 8


def test_retrieval_counts_the_nearest_candidate() -> None:
    queries = np.eye(4)
    assert objective.retrieval_accuracy(queries, 3 * queries) == 1
    assert objective.retrieval_accuracy(queries, queries[[1, 0, 2, 3]]) == 0.5


# -- recipes and runs


def test_samples_depend_on_their_index_alone(coverings: list[samples.Covering]) -> None:
    task = ImageEncoderTask(ImageEncoderConfig(configuration="tiny"), coverings)
    first, again, other = (task.sample(SampleIndex(position, 0, 0)) for position in (3, 3, 4))
    assert first["pixels"].shape == (2, 3, 56, 56)
    assert torch.equal(first["pixels"], again["pixels"])
    assert not torch.equal(first["pixels"], other["pixels"])


def test_shipped_recipes_load() -> None:
    assert read_image_encoder(ROOT / "configs" / "mini_image_encoder.yaml").configuration == "mini"
    assert read_text_encoder(ROOT / "configs" / "mini_text_encoder.yaml").configuration == "mini"


def test_recipe_errors_are_reported_together(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("task: image_encoder\ntextures: 1\ntemperature: 0\nconfiguration: big\n")
    with pytest.raises(ConfigError) as caught:
        read_image_encoder(path)
    for key in ("textures", "temperature", "configuration"):
        assert f"`{key}` must be" in str(caught.value)


def losses(folder: Path) -> tuple[float, float]:
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return log[0]["loss"], log[-1]["loss"]


def test_a_tiny_image_encoder_learns_and_is_a_bundle_component(tmp_path: Path) -> None:
    recipe, folder = tmp_path / "recipe.yaml", tmp_path / "run"
    recipe.write_text(TINY.format(task="image_encoder", steps=80) + "textures: 8\ntest_textures: 6\n")
    lines = tasks.train(recipe, folder, tasks.TrainOptions())
    assert lines[0] == "80 of 80 steps"
    first, last = losses(folder)
    assert last < (1 - MIN_LOSS_DECREASE) * first
    scores = json.loads((folder / "scores.json").read_text())
    assert 0 <= scores["retrieval"] <= 1
    stored = components.load("image_encoder", folder / "image_encoder", torch.float32)
    assert stored(torch.zeros(1, 3, 56, 56)).image_embeds.shape == (1, 24)


def test_a_tiny_text_encoder_learns_and_starts_from_its_result(tmp_path: Path) -> None:
    recipe, folder = tmp_path / "recipe.yaml", tmp_path / "run"
    recipe.write_text(TINY.format(task="text_encoder", steps=240))
    lines = tasks.train(recipe, folder, tasks.TrainOptions())
    assert lines[1].startswith("linear probe ")
    first, last = losses(folder)
    assert last < (1 - MIN_LOSS_DECREASE) * first
    load_tokenizer(folder / "tokenizer", 514)
    weights = folder / "text_encoder" / "model.safetensors"
    components.load("text_encoder", folder / "text_encoder", torch.float32)

    recipe.write_text(TINY.format(task="text_encoder", steps=1).replace("3.0e-3", "0"))
    tasks.train(recipe, tmp_path / "next", tasks.TrainOptions(init=weights))
    probes = [json.loads((one / "scores.json").read_text())["probe"] for one in (folder, tmp_path / "next")]
    assert probes[1] == pytest.approx(probes[0], abs=0.05)


def test_packaged_text_encoder_reads_colours() -> None:
    folder = ROOT / "src" / "wallpaint" / "bundles" / "mini"
    config = TextEncoderConfig(probe_swatches=500, test_swatches=100)
    task = TextEncoderTask(config, load_tokenizer(folder / "tokenizer", 514))
    stored = components.load("text_encoder", folder / "text_encoder", torch.float32)
    assert task.measure(stored)["probe"] < 8
    assert task.measure(task.network.encoder.eval())["probe"] > 10  # random weights
