"""The diffusion painter's choices: all that is wrong is said at once, and the command line says it in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from wallpaint import ConfigError
from wallpaint.cli import main
from wallpaint.diffusion.settings import Lora, Settings, about


def test_the_source_documents_values_are_the_defaults() -> None:
    chosen = Settings()
    assert (chosen.steps, chosen.image_scale, chosen.strength, chosen.prompt) == (20, 1.0, 1.0, "")
    assert chosen.guidance == 1.0


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"scheduler": "euler"}, "ddim"),
        ({"steps": 0}, "steps"),
        ({"image_scale": 2.1}, "image_scale"),
        ({"control_scale": -0.1}, "control_scale"),
        ({"guidance": 0.5}, "guidance"),
        ({"strength": 0.0}, "strength"),
        ({"strength": 0.04}, "leaves none"),
        ({"device": "tpu"}, "cuda"),
        ({"dtype": "int8"}, "bfloat16"),
        ({"batch": 0}, "batch"),
        ({"negative_prompt": "red"}, "guidance"),
        ({"scheduler": "lcm", "guidance": 2.0}, "lcm"),
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, object], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        Settings(**wrong)  # type: ignore[arg-type]


def test_all_errors_at_once() -> None:
    with pytest.raises(ConfigError, match=r"scheduler.*steps.*guidance"):
        Settings(scheduler="euler", steps=0, guidance=0.1)


def test_every_setting_is_described() -> None:
    for name in vars(Settings()):
        assert about(name)


def test_loras_as_people_write_them() -> None:
    assert Lora.parse("walls/") == Lora(Path("walls/"), 1.0)
    assert Lora.parse("a=b/walls.safetensors=0.5") == Lora(Path("a=b/walls.safetensors"), 0.5)
    with pytest.raises(ConfigError, match="PATH=SCALE"):
        Lora.parse("walls=much")


REPAINT = ["repaint", "photo.png", "--mask", "mask.png", "--color", "#7d9b84", "-o", "out.png"]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--painter", "diffusion"], "--bundle"),
        (["--steps", "5"], "--steps"),
        (["--lora", "x.safetensors", "--guidance", "2"], "--guidance"),
        (["--painter", "analytic", "--bundle", "x"], "analytic"),
        (["--bundle", "nowhere"], "nowhere"),
        (["--bundle", "{bundle}", "--steps", "0"], "steps"),
        (["--bundle", "{bundle}", "--scheduler", "euler"], "scheduler"),
        (["--bundle", "{bundle}", "--lora", "nowhere.safetensors"], "nowhere.safetensors"),
        (["--bundle", "{bundle}", "--device", "cuda"], "--device auto"),
    ],
)
def test_one_line_and_status_2(
    files: Path, tiny_bundle: Path, options: list[str], word: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(files)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert main([*REPAINT, *(option.format(bundle=tiny_bundle) for option in options)]) == 2
    told = capsys.readouterr()
    assert told.err.count("\n") == 1
    assert word in told.err
    assert not (files / "out.png").exists()


def test_the_command_paints_many_in_one_batch(
    files: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(files)
    words = ["repaint", "photo.png", "--mask", "mask.png", "--color", "navy", "--color", "#7d9b84", "-o", "looks"]
    assert main([*words, "--bundle", str(tiny_bundle), "--steps", "2", "--profile"]) == 0
    told = capsys.readouterr().out
    assert "weights are random" in told
    stages = {line.split("  ")[0]: line.split() for line in told.splitlines()}
    assert stages["denoise"][2] == "2"
    assert float(stages["denoise"][3]) > 0
    assert stages["vae decode"][3] == "2"
    assert len(list((files / "looks").iterdir())) == 3


def test_sockets_are_not_needed(files: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*args: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.chdir(files)
    assert main([*REPAINT, "--bundle", str(tiny_bundle), "--steps", "2", "--prompt", "a wall"]) == 0
    assert (files / "out.png").is_file()


def test_the_command_lines_defaults_are_the_settings() -> None:
    """Options that are not given change nothing: else the analytic painter would refuse them."""
    import inspect

    from wallpaint.cli import repaint

    given = {name: p.default for name, p in inspect.signature(repaint).parameters.items()}
    given["compile"] = given.pop("compile_networks")
    given["loras"] = given.pop("lora") or ()
    assert {name: given[name] for name in vars(Settings())} == vars(Settings())
