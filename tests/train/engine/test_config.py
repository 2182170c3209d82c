"""Recipes: every key known, every error told at once, and what was read can be written."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from wallpaint import ConfigError
from wallpaint.train.engine.config import (
    LoopConfig,
    OptimizerConfig,
    TrackingConfig,
    TrainConfig,
    from_mapping,
    read,
    to_mapping,
)

LEAST = {"bundle": "mini", "data": "dataset"}


def test_the_source_documents_values_are_the_defaults() -> None:
    config = from_mapping(TrainConfig, LEAST, "recipe")
    assert (config.lora.rank, config.loop.batch_size, config.optimizer.clip_norm) == (8, 4, 1.0)
    assert (config.samples.size, config.mode, config.conditioning.captions) == (512, "document", False)
    assert config.data == Path("dataset")


def test_written_and_read_it_is_the_same(tmp_path: Path) -> None:
    config = from_mapping(TrainConfig, {**LEAST, "loop": {"steps": 5}, "optimizer": {"learning_rate": "3e-5"}}, "x")
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(to_mapping(config)))
    assert read(tmp_path / "recipe.yaml") == config
    assert config.optimizer.learning_rate == 3e-5


def test_all_errors_at_once() -> None:
    wrong = {
        "data": 3,
        "sizes": 512,
        "samples": {"flip": 1, "crop": "round"},
        "loop": {"steps": "many", "batch_size": True, "workers": 1.5, "step": 1},
        "optimizer": [],
        "conditioning": {"captions": "yes"},
    }
    with pytest.raises(ConfigError) as caught:
        from_mapping(TrainConfig, wrong, "recipe.yaml")
    told = str(caught.value)
    assert told.startswith("recipe.yaml: ")
    for words in (
        "bundle is missing", "data should be a path", "sizes is not known",
        "samples.flip is not known", "loop.steps should be a whole number",
        "loop.batch_size should be", "loop.workers should be", "loop.step is not known", "optimizer should hold",
        "conditioning.captions should be true or false",
    ):  # fmt: skip
        assert words in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"mode": "other"}, "document"),
        ({"samples": {"size": 500}}, "multiple of 8"),
        ({"loop": {"batch_size": 4, "accumulation": 3}}, "equal parts"),
        ({"loop": {"ema_decay": 1.0}}, "ema_decay"),
        ({"loop": {"precision": "int8"}}, "bf16"),
        ({"loop": {"best": "val/swatch"}}, "set loop.eval_every"),
        ({"optimizer": {"kind": "sgd"}}, "adamw_8bit"),
        ({"objective": {"zero_terminal_snr": True}}, "v_prediction"),
        ({"optimizer": {"schedule": "step"}}, "cosine"),
        ({"cache": {"variants": -1}}, "cache.variants"),
        ({"optimizer": {"learning_rate": -1.0}}, "learning_rate"),
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        from_mapping(TrainConfig, {**LEAST, **wrong}, "recipe")


def test_errors_of_every_kind_at_once() -> None:
    """A key that is not known hides no value that makes no sense, here or in another section."""
    wrong = {"data": "x", "mode": "pairs", "lora": {"rnk": 1}, "loop": {"steps": 0}, "samples": {"size": 13, "flip": 1}}
    with pytest.raises(ConfigError) as caught:
        from_mapping(TrainConfig, wrong, "recipe.yaml")
    for words in ("lora.rnk is not known", "mode must be one of", "loop.steps must be at least 1", "bundle is missing",
                  "samples.flip is not known", "size must be a multiple of 8"):  # fmt: skip
        assert str(caught.value).count(words) == 1, words


@pytest.mark.parametrize("text", ["- a list", "a: [", "\x00"])
def test_no_yaml(tmp_path: Path, text: str) -> None:
    (tmp_path / "recipe.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"recipe\.yaml"):
        read(tmp_path / "recipe.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path / "nowhere.yaml")


def test_every_key_is_described() -> None:
    for kind in (TrainConfig, LoopConfig, OptimizerConfig, TrackingConfig):
        for name, about in kind.__dataclass_fields__.items():
            assert about.metadata.get("help") or name in {
                "bundle", "data", "samples", "lora", "optimizer", "conditioning", "objective", "loop", "cache",
                "tracking", "sampling",
            }  # fmt: skip
