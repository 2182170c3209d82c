"""Recipes as users and editors write them: YAML's own readings of no and 1e-4, byte order marks, ~, full keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.lora_recipes import recipe
from support.paths import ROOT
from wallpaint import ConfigError
from wallpaint.train.engine.config import from_mapping, load_yaml, read_recipe
from wallpaint.train.light.task import LightConfig
from wallpaint.train.lora.config import LoraRecipe, read

START = "task: lora\nbundle: tiny\ndata: set\n"


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    (folder / "recipe.yaml").write_bytes(text.encode(encoding))
    return folder / "recipe.yaml"


@pytest.mark.parametrize("word", ["no", "No", "'no'", "off", "false"])
def test_precision_no_without_quotes_is_no(tmp_path: Path, word: str) -> None:
    """YAML reads these words as False, but for the quoted one."""
    assert read(written(tmp_path, f"{START}loop: {{precision: {word}}}\n")).loop.precision == "no"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("loop: {best_metric: no}", "loop.best_metric should be text, not False: write it in quotes"),
        ("loop: {precision: yes}", "loop.precision should be text, not True: write it in quotes"),
        ("tracking: {project: 15}", "tracking.project should be text, not 15: write it in quotes"),
        ("cache: {folder: 3}", "cache.folder should be a path, not 3: write it in quotes"),
        ("samples: {size: 100}", "`samples.size` must be a multiple of 8, not 100"),
        ("samples: {erosion_kernel: 4}", "`samples.erosion_kernel` must be odd, not 4: 5 erodes by 2 pixels"),
        ("samples: {color_range: [9, 3]}", "`samples.color_range` must be from low to high, not (9.0, 3.0)"),
        ("loop: {steps: 2.5e0}", "loop.steps should be a whole number, not 2.5"),
        ("loop: {steps: '200'}", "loop.steps should be a whole number, not '200'"),
        ("optimizer: {learning_rate: 1e}", "optimizer.learning_rate should be a number, not '1e'"),
        ("data: ~nobody_of_that_name/x", "data is ~nobody_of_that_name/x, and there is no such home folder"),
    ],
)
def test_errors_have_the_full_key_and_the_remedy(tmp_path: Path, text: str, message: str) -> None:
    text = f"{START}{text}\n".replace("data: set\n", "" if text.startswith("data") else "data: set\n")
    with pytest.raises(ConfigError) as caught:
        read(written(tmp_path, text))
    assert message in str(caught.value)


def test_exponents_without_a_dot_are_numbers(tmp_path: Path) -> None:
    text = (
        f"{START}optimizer: {{learning_rate: 1e-4, epsilon: 1E-7, beta1: 9e-1}}\n"
        "loop: {steps: 2e3, save_every: 5.0e+2}\n"
        "samples: {reference_gradient: [9e-1, 11e-1], color_range: [3e1, 240]}\n"
        "objective: {image_loss_timesteps: [1e2, 9e2]}\n"
    )
    config = read(written(tmp_path, text))
    assert (config.optimizer.learning_rate, config.optimizer.epsilon, config.optimizer.beta1) == (1e-4, 1e-7, 0.9)
    assert (config.loop.steps, config.loop.save_every) == (2000, 500)
    assert config.samples.reference_gradient == (0.9, 1.1)
    assert config.samples.color_range == (30, 240)
    assert config.objective.image_loss_timesteps == (100, 900)
    assert all(type(value) is int for value in (config.loop.steps, *config.objective.image_loss_timesteps))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_any_encoding_and_line_ends(tmp_path: Path, encoding: str) -> None:
    text = f"{START}tracking: {{project: phòng khách}}\n"
    expected = read(written(tmp_path, text))
    assert read(written(tmp_path, text.replace("\n", "\r\n"), encoding)) == expected


def test_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    config = read(written(tmp_path, START.replace("set", "~/set") + "cache: {folder: ~/latents}\n"))
    assert (config.data, config.cache.folder) == (tmp_path / "set", tmp_path / "latents")
    text = "task: light\nrooms: [{folder: ~/rooms, seed: 1, count: 3}]\n"
    text += "validation: [{folder: v, seed: 900000, count: 1}]\n"
    (room_set,) = read_recipe(LightConfig, written(tmp_path, text)).rooms
    assert room_set.folder == tmp_path / "rooms"


def test_precision_of_the_shipped_recipe_can_be_set_as_its_comment_advises(tmp_path: Path) -> None:
    text = (ROOT / "configs/lora_document.yaml").read_text(encoding="utf-8")
    assert "precision: bf16       # no on a CPU" in text
    assert read(written(tmp_path, text.replace("precision: bf16", "precision: no"))).loop.precision == "no"


def test_values_that_are_right_are_unchanged() -> None:
    plain: dict[str, Any] = {"bundle": "1e-4", "data": "no", "conditioning": {"captions": False}}
    config = from_mapping(LoraRecipe, plain, "x")
    assert (config.bundle, config.data, config.conditioning.captions) == ("1e-4", Path("no"), False)
    assert load_yaml(ROOT / "configs/lora_document.yaml")["task"] == "lora"
    assert recipe(Path("b"), Path("d")).bundle == "b"
