"""Recipes: unknown and renamed keys, all errors in one message, and round trips through YAML."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from wallpaint import ConfigError
from wallpaint.train.engine.config import (
    CONFIG_FILE,
    RENAMED_KEYS,
    LoopConfig,
    OptimizerConfig,
    TrackingConfig,
    check_saved_config,
    from_mapping,
    to_mapping,
)
from wallpaint.train.lora.config import (
    CacheConfig,
    ConditioningConfig,
    LoraConfig,
    LoraRecipe,
    ObjectiveConfig,
    SamplingConfig,
    read,
)

REQUIRED = {"bundle": "mini", "data": "dataset"}


def test_defaults_are_the_source_documents_values() -> None:
    config = from_mapping(LoraRecipe, REQUIRED, "recipe")
    assert (config.lora.rank, config.loop.batch_size, config.optimizer.max_grad_norm) == (8, 4, 1.0)
    assert (config.samples.size, config.mode, config.conditioning.captions) == (512, "document", False)
    assert config.data == Path("dataset")


def test_config_round_trips_through_yaml(tmp_path: Path) -> None:
    config = from_mapping(LoraRecipe, {**REQUIRED, "loop": {"steps": 5}, "optimizer": {"learning_rate": "3e-5"}}, "x")
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(to_mapping(config)), encoding="utf-8")
    assert read(tmp_path / "recipe.yaml") == config
    assert config.optimizer.learning_rate == 3e-5


def test_unknown_keys_and_wrong_types_are_reported_together() -> None:
    wrong = {
        "data": 3,
        "sizes": 512,
        "samples": {"flip": 1, "crop": "round"},
        "loop": {"steps": "many", "batch_size": True, "num_workers": 1.5, "step": 1},
        "optimizer": [],
        "conditioning": {"captions": "yes"},
    }
    with pytest.raises(ConfigError) as caught:
        from_mapping(LoraRecipe, wrong, "recipe.yaml")
    message = str(caught.value)
    assert message.startswith("recipe.yaml: ")
    for words in (
        "bundle is missing", "data should be a path", "sizes is not known",
        "samples.flip is not known", "loop.steps should be a whole number",
        "loop.batch_size should be", "loop.num_workers should be", "loop.step is not known", "optimizer should hold",
        "conditioning.captions should be true or false",
    ):  # fmt: skip
        assert words in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"mode": "other"}, "document"),
        ({"samples": {"size": 500}}, "multiple of 8"),
        ({"loop": {"batch_size": 4, "gradient_accumulation_steps": 3}}, "is not divisible by"),
        ({"loop": {"ema_decay": 1.0}}, "ema_decay"),
        ({"loop": {"precision": "int8"}}, "bf16"),
        ({"loop": {"best_metric": "val/swatch"}}, "set `loop.eval_every`"),
        ({"optimizer": {"kind": "sgd"}}, "adamw_8bit"),
        ({"objective": {"zero_terminal_snr": True}}, "v_prediction"),
        ({"optimizer": {"schedule": "step"}}, "cosine"),
        ({"cache": {"variants": -1}}, "cache.variants"),
        ({"optimizer": {"learning_rate": -1.0}}, "learning_rate"),
    ],
)
def test_invalid_values_are_refused(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        from_mapping(LoraRecipe, {**REQUIRED, **wrong}, "recipe")


def test_unknown_keys_and_invalid_values_are_reported_together() -> None:
    """An unknown key does not hide an invalid value, in the same section or another."""
    wrong = {"data": "x", "mode": "pairs", "lora": {"rnk": 1}, "loop": {"steps": 0}, "samples": {"size": 13, "flip": 1}}
    with pytest.raises(ConfigError) as caught:
        from_mapping(LoraRecipe, wrong, "recipe.yaml")
    for words in ("lora.rnk is not known", "`mode` must be one of", "`loop.steps` must be at least 1",
                  "bundle is missing",
                  "samples.flip is not known", "`samples.size` must be a multiple of 8"):  # fmt: skip
        assert str(caught.value).count(words) == 1, words


@pytest.mark.parametrize("text", ["- a list", "a: [", "\x00"])
def test_invalid_or_missing_yaml_raises_config_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"recipe\.yaml"):
        read(tmp_path / "recipe.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path / "nowhere.yaml")


def test_every_field_has_a_help_text() -> None:
    for config_type in (
        LoraRecipe, LoopConfig, OptimizerConfig, TrackingConfig, LoraConfig, ConditioningConfig, ObjectiveConfig,
        SamplingConfig, CacheConfig,
    ):  # fmt: skip
        for name, field in config_type.__dataclass_fields__.items():
            assert field.metadata.get("help") or name in {
                "bundle", "data", "samples", "lora", "optimizer", "conditioning", "objective", "loop", "cache",
                "tracking", "sampling",
            }  # fmt: skip


# -- renamed keys and values


def error_of(changed: dict[str, object]) -> list[str]:
    """The error lines of a recipe."""
    with pytest.raises(ConfigError) as caught:
        from_mapping(LoraRecipe, {**REQUIRED, **changed}, "recipe.yaml")
    return str(caught.value).removeprefix("recipe.yaml: ").split("; ")


LORA_SECTIONS = {"samples", "optimizer", "conditioning", "objective", "loop"}


@pytest.mark.parametrize("old", [key for key in RENAMED_KEYS if key.partition(".")[0] in LORA_SECTIONS])
def test_renamed_key_gives_one_line_with_the_new_name(old: str) -> None:
    section, _, key = old.partition(".")
    assert error_of({section: {key: -1}}) == [f"{old} is now {RENAMED_KEYS[old]}"]


@pytest.mark.parametrize(("old", "new"), [("literal", "swatch"), ("lit", "room")])
def test_renamed_value_gives_one_line_with_the_new_name(old: str, new: str) -> None:
    assert error_of({"samples": {"match": old}}) == [f"samples.match {old} is now {new}"]


def test_renamed_keys_are_reported_with_all_other_errors() -> None:
    wrong = {
        "loop": {"watch_every": 5, "steps": 0},
        "samples": {"match": "lit", "crop": "left"},
        "seed": -1,
        "color": 1,
    }
    lines = error_of(wrong)
    for line in (
        "loop.watch_every is now loop.eval_every",
        "`loop.steps` must be at least 1, not 0",
        "samples.match lit is now room",
        '`samples.crop` must be one of center, random, wall, not "left"',
        "`seed` must be at least 0, not -1",
    ):
        assert lines.count(line) == 1, line
    assert sum("color is not known" in line for line in lines) == 1
    assert len(lines) == 6


def test_renamed_key_of_another_task_is_unknown() -> None:
    (line,) = error_of({"crew": 2})
    assert line.startswith("crew is not known")


@pytest.mark.parametrize(
    ("old", "new"),
    [("crew", "render_workers"), ("most_rooms", "max_rooms"), ("paints_each", "paints_per_photo")],
)
def test_renamed_key_of_the_light_recipe(old: str, new: str) -> None:
    from wallpaint.train.light.task import LightConfig

    with pytest.raises(ConfigError) as caught:
        from_mapping(LightConfig, {old: 2}, "recipe.yaml")
    assert str(caught.value).count(f"{old} is now {new}") == 1
    assert "not known" not in str(caught.value)


def test_renamed_key_of_the_segmenter_recipe() -> None:
    from wallpaint.train.segmenter.config import SegmenterConfig

    with pytest.raises(ConfigError, match="seen_px is now input_px"):
        from_mapping(SegmenterConfig, {"seen_px": 256}, "recipe.yaml")


def test_saved_config_of_an_earlier_version_names_the_renamed_keys(tmp_path: Path) -> None:
    check_saved_config(tmp_path)
    (tmp_path / CONFIG_FILE).write_text(
        yaml.safe_dump(to_mapping(from_mapping(LoraRecipe, REQUIRED, "x"))), encoding="utf-8"
    )
    check_saved_config(tmp_path)
    (tmp_path / CONFIG_FILE).write_text("loop: {watch_every: 5}\ncrew: 2\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        check_saved_config(tmp_path)
    renames = "loop.watch_every is now loop.eval_every; crew is now render_workers"
    assert str(caught.value) == f"{tmp_path / CONFIG_FILE}: {renames}"


def test_task_of_another_recipe_is_refused() -> None:
    assert error_of({"task": "light"}) == ["task should be lora here, not 'light'"]


def test_a_key_outside_of_its_section_names_the_section() -> None:
    with pytest.raises(ConfigError) as caught:
        from_mapping(
            LoraRecipe, {"bundle": "mini", "data": "set", "learning_rate": 1e-4, "folder": "x", "nothing": 1}, "r"
        )
    errors = str(caught.value).removeprefix("r: ").split("; ")
    assert errors[0] == "learning_rate is not known here: the key is optimizer.learning_rate"
    assert errors[1] == "folder is not known here: the key is cache.folder"
    assert errors[2].startswith("nothing is not known (known: ")
