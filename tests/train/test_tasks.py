"""`wallpaint train`: dispatch by the recipe's key `task`, its options, and the commands of earlier versions."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from support.data_sets import make_set
from support.paths import ROOT
from wallpaint import ConfigError
from wallpaint.cli.app import main
from wallpaint.train.depth.config import DepthConfig
from wallpaint.train.encoders.config import ImageEncoderConfig, TextEncoderConfig
from wallpaint.train.light.task import LightConfig
from wallpaint.train.lora.config import LoraRecipe
from wallpaint.train.segmenter.config import SegmenterConfig
from wallpaint.train.tasks import KEYS_OF_TASK, TASKS, task_of
from wallpaint.train.unet.config import UnetConfig
from wallpaint.train.vae.config import VaeConfig

CHOICES = "lora, light, segmenter, vae, depth, image_encoder, text_encoder or unet"


def recipe(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def error_of(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """The one error line of a command that exits with status 2."""
    assert main([str(word) for word in words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    return line


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_recipe_names_its_task(path: Path) -> None:
    task = task_of(path)
    assert path.stem.removeprefix("mini_").startswith(task)
    assert task in TASKS


def test_recipe_without_task_names_the_key_and_its_values(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text, advice in (
        ("seed: 1\n", f"set it to {CHOICES}"),
        ("bundle: mini\ndata: set\n", 'add the line "task: lora"'),
        ("rooms: []\nsizes: [64]\n", 'add the line "task: segmenter"'),
        ("side: 64\n", 'add the line "task: light"'),
    ):
        path = recipe(tmp_path, text)
        line = error_of(capsys, "train", path, "-o", tmp_path / "run")
        assert line == f"wallpaint: {path}: task is missing: {advice}"
        assert not (tmp_path / "run").exists()


def test_keys_of_a_task_are_those_that_no_other_task_has() -> None:
    recipes: dict[str, type] = {
        **{"lora": LoraRecipe, "light": LightConfig, "segmenter": SegmenterConfig, "vae": VaeConfig},
        **{"depth": DepthConfig, "image_encoder": ImageEncoderConfig, "text_encoder": TextEncoderConfig},
        "unet": UnetConfig,
    }
    assert recipes.keys() == TASKS.keys()
    names = {task: {field.name for field in dataclasses.fields(recipe)} for task, recipe in recipes.items()}
    for task, keys in KEYS_OF_TASK.items():
        assert keys == names[task].difference(*(names[other] for other in names if other != task))


def test_a_faulty_sample_names_the_check_of_the_whole_set(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "set"
    folder = make_set(data, count=2)
    (folder / "images/room_1.png").write_bytes(b"")
    text = f"task: lora\nbundle: {tiny_bundle}\ndata: {data}\ndevice: cpu\nsamples: {{size: 64}}\n"
    assert main(["train", str(recipe(tmp_path, text)), "-o", str(tmp_path / "run")]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line == (
        f"wallpaint: {folder / 'metadata.jsonl'}, line 2: room_1.png: the file is empty: copy or download it again; "
        f"`wallpaint data check {data}` lists all issues"
    )
    line = error_of(capsys, "train", recipe(tmp_path, text), "--data", tmp_path / "none", "-o", tmp_path / "run")
    assert "data check" not in line


@pytest.mark.parametrize("task", ["gan", "[lora]", "", "true"])
def test_unknown_task_names_the_values(tmp_path: Path, task: str) -> None:
    with pytest.raises(ConfigError, match=f"task must be {CHOICES}, not"):
        task_of(recipe(tmp_path, f"task: {task}\n"))


def test_recipe_of_an_earlier_version_lists_task_and_renamed_keys(tmp_path: Path) -> None:
    path = recipe(tmp_path, "crew: 2\nloop: {watch_every: 5}\n")
    with pytest.raises(ConfigError) as caught:
        task_of(path)
    assert str(caught.value).split("; ") == [
        f"{path}: task is missing: set it to {CHOICES}",
        "crew is now render_workers",
        "loop.watch_every is now loop.eval_every",
    ]


@pytest.mark.parametrize("task", ["light", "segmenter"])
def test_commands_of_earlier_versions_name_the_new_one(task: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ((), ("recipe.yaml", "-o", "run"), ("recipe.yaml", "--start", "x", "--resume", "latest"), ("--help",)):
        line = error_of(capsys, f"train-{task}", *words)
        assert line == f"wallpaint: wallpaint train-{task} is now wallpaint train with task: {task}"


def test_help_lists_train_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert "train-light" not in text
    assert "train-segmenter" not in text


@pytest.mark.parametrize(
    ("task", "option", "message"),
    [
        ("lora", "--init", "--init applies to the other tasks, not to task lora: use --init-lora"),
        ("light", "--init-lora", "--init-lora applies to task lora, not to task light: use --init"),
        ("light", "--data", "--data applies to task lora, not to task light: remove it"),
        ("segmenter", "--bundle", "--bundle applies to task lora, not to task segmenter: remove it"),
    ],
)
def test_option_of_another_task_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], task: str, option: str, message: str
) -> None:
    path = recipe(tmp_path, f"task: {task}\n")
    line = error_of(capsys, "train", path, "-o", tmp_path / "run", option, tmp_path)
    assert line == f"wallpaint: {message}"


@pytest.mark.parametrize("task", list(TASKS))
def test_resume_of_a_run_of_an_earlier_version_names_the_renamed_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], task: str
) -> None:
    path, run = recipe(tmp_path, f"task: {task}\n"), tmp_path / "run"
    run.mkdir()
    (run / "config.yaml").write_text("loop: {steps: 5, watch_every: 2}\n", encoding="utf-8")
    line = error_of(capsys, "train", path, "-o", run, "--resume", "latest")
    assert line == f"wallpaint: {run / 'config.yaml'}: loop.watch_every is now loop.eval_every"


@pytest.mark.parametrize("task", list(TASKS))
def test_every_task_reports_errors_of_its_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str], task: str) -> None:
    path = recipe(tmp_path, f"task: {task}\nseed: -1\nloop: {{best: x}}\n")
    line = error_of(capsys, "train", path, "-o", tmp_path / "run")
    assert line.startswith(f"wallpaint: {path}: ")
    assert line.count("loop.best is now loop.best_metric") == 1
    assert line.count("seed must be at least 0, not -1") == 1


def test_steps_without_a_terminal_are_printed_at_intervals_and_other_lines_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from wallpaint.cli import train as command

    now = [0.0]
    monkeypatch.setattr(command, "monotonic", lambda: now[0])
    monkeypatch.setattr(command, "is_terminal", lambda: False)
    log = command._logger(with_flags_of={})
    for step in range(1, 36):
        now[0] = float(step)
        log(f"step {step}: loss 0.5")
    log("validation: 0.4")
    assert capsys.readouterr().err == "step 15: loss 0.5\nstep 30: loss 0.5\nvalidation: 0.4\n"
