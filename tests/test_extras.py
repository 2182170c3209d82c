"""Installations without extras: commands that work, and errors of the others. A subprocess blocks the imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.paths import ROOT
from wallpaint import extras

CONFIGS = ROOT / "configs"


BLOCK = """
import sys

class HidingFinder:
    '''A module finder that hides some packages.'''

    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in PACKAGES else self.finder.find_spec(name, path, target)

sys.meta_path[:] = map(HidingFinder, sys.meta_path)
from wallpaint.cli import main

status = main(sys.argv[1:])
assert not PACKAGES & sys.modules.keys()
sys.exit(status)
"""


def without(packages: tuple[str, ...], argv: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a process in which packages cannot be imported."""
    words = [sys.executable, "-c", f"PACKAGES = set({packages})\n{BLOCK}", *argv]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False)


ALL = tuple(extras.EXTRAS)
PAINT = ("repaint", "photo.png", "--mask", "mask.png", "--color", "red")


@pytest.mark.parametrize(
    "argv",
    [
        ["mask", "photo.png", "-o", "walls.png", "--overlay", "overlay.png", "--separate", "--click", "30,30"],
        ["repaint", "photo.png", "--color", "#7d9b84", "-o", "out.png"],
        ["repaint", "photo.png", "--mask", "mask.png", "--palette", "paints.csv", "-o", "results"],
        [
            "repaint",
            "photo.png",
            "--mask",
            "mask.png",
            "--color",
            "navy",
            "--match",
            "room",
            "--bleed",
            "-o",
            "out.jpg",
        ],
        ["identify", "photo.png", "--mask", "mask.png", "--palette", "paints.csv"],
        ["benchmark", "benchmark", "--limit", "2"],
        ["models", "list"],
        ["--help"],
    ],
    ids=lambda argv: " ".join(argv[:1] + argv[-2:]),
)
def test_core_commands_need_no_extra(argv: list[str], files: Path, examples: Path) -> None:
    (files / "paints.csv").write_text("code,name,hex\n1,Sage,#7d9b84\n2,Navy,#2b3a5c\n")
    (files / "benchmark").symlink_to(examples / "benchmark")
    done = without(ALL, argv, files)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("argv", "extra"),
    [
        ([*PAINT, "--bundle", "sd15", "-o", "o.png"], "diffusion"),
        (["mask", "photo.png", "-o", "o.png", "--bundle", "sd15"], "diffusion"),
        (["mask", "photo.png", "-o", "o.png", "--click", "9,9", "--sam", "."], "diffusion"),
        (["trace"], "diffusion"),
        (["models", "random", "mini", "m"], "diffusion"),
        (["models", "pull", "sd15"], "diffusion"),
        (["validate", "--data", ".", "--bundle", "sd15", "-o", "v"], "diffusion"),
        (["train", str(CONFIGS / "lora_paired.yaml"), "-o", "run"], "diffusion"),
        (["train", str(CONFIGS / "light_model.yaml"), "-o", "run"], "diffusion"),
        (["train", str(CONFIGS / "segmenter.yaml"), "-o", "run"], "diffusion"),
        ([*PAINT, "-o", "o.heic"], "heic"),
        (["serve", "--port", "0"], "serve"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else value,
)
def test_error_names_the_missing_extra(argv: list[str], extra: str, files: Path) -> None:
    blocked = tuple(name for name, provider in extras.EXTRAS.items() if provider == extra)
    done = without(blocked, argv, files)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.count("\n") == 1
    assert f'pip install "wallpaint[{extra}]"' in done.stderr
    assert sorted(path.name for path in files.iterdir()) == ["mask.png", "photo.png"]


def test_training_names_the_train_extra(files: Path) -> None:
    done = without(ALL, ["train", "recipe.yaml", "-o", "run"], files)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert 'pip install "wallpaint[train]"' in done.stderr


def test_other_import_errors_are_not_replaced() -> None:
    assert extras.missing(ImportError("no name x in torch", name="torch")) is None
    assert extras.missing(ModuleNotFoundError("no module", name="somewhere_else")) is None
    assert extras.missing(ImportError("no name given")) is None


def test_extras_are_declared_in_pyproject() -> None:
    import tomllib

    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert set(extras.EXTRAS.values()) <= known.keys()
    core = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    assert not [line for line in core if line.partition(">")[0].replace("-", "_") in extras.EXTRAS]
