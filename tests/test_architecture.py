"""The house in order: layers, sizes, docstrings, and documents that tell the truth."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest
import typer

import wallpaint
from support.paths import ROOT
from wallpaint.cli.app import app

SOURCE = ROOT / "src" / "wallpaint"
MODULES = sorted(SOURCE.rglob("*.py"))
LONGEST = 420  # lines
# What nothing but a shell or the job behind it may import.
SHELLS = {"wallpaint.cli.app": set(), "wallpaint.pipeline.job": {"wallpaint.cli.app"}}


def name_of(path: Path) -> str:
    """'wallpaint.painters.analytic' for its file."""
    parts = ("wallpaint", *path.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path, *, at_start: bool = False) -> set[str]:
    """Modules of the package that a file imports. at_start: only what runs when the file is imported."""
    tree = ast.parse(path.read_text())
    if at_start:
        nodes: list[ast.AST] = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    else:
        nodes = list(ast.walk(tree))
    known = {name_of(p) for p in MODULES}
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found & known - {"wallpaint"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_says_what_it_is_and_stays_short(path: Path) -> None:
    text = path.read_text()
    lines = text.splitlines()
    assert len(lines) <= LONGEST
    if len(lines) > 1:
        assert ast.get_docstring(ast.parse(text)), "no docstring"


def test_public_names_are_documented() -> None:
    for path in MODULES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                is_choice = any(
                    isinstance(base, ast.Name) and base.id == "StrEnum" for base in getattr(node, "bases", [])
                )
                assert is_choice or ast.get_docstring(node), f"{name_of(path)}.{node.name} has no docstring"


def test_arrows_go_down() -> None:
    for path in MODULES:
        for target in imports_of(path):
            assert name_of(path) in SHELLS.get(target, {name_of(path)}), f"{name_of(path)} imports the shell {target}"


def test_no_module_imports_itself_by_way_of_others() -> None:
    """What is imported at the start of a file forms no ring."""
    graph = {name_of(path): imports_of(path, at_start=True) for path in MODULES}
    done: set[str] = set()
    while left := {name for name in graph if name not in done}:
        ready = {name for name in left if graph[name] <= done}
        assert ready, f"a ring among {sorted(left)}"
        done |= ready


def test_no_vague_names() -> None:
    vague = {"utils", "util", "helper", "helpers", "manager", "base", "common", "misc"}
    assert not [name_of(path) for path in MODULES if vague & set(name_of(path).split("."))]


def test_the_public_names_are_those() -> None:
    names = {
        *("ConfigError", "InputError", "Limits", "ModelError", "Paint", "Palette", "Photo", "Result", "Scene"),
        *(
            "DetectedWalls",
            "ShapeError",
            "WallpaintError",
            "__version__",
            "detect_walls",
            "load_bundle",
            "make_painter",
        ),
        *("prepare", "read_palette", "read_photo", "repaint"),
    }
    assert set(wallpaint.__all__) == names
    assert all(getattr(wallpaint, name) for name in names)
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        wallpaint.no_such_name  # noqa: B018


def test_all_errors_are_of_one_tree() -> None:
    assert issubclass(wallpaint.InputError, ValueError)
    assert issubclass(wallpaint.ShapeError, wallpaint.InputError)
    for error in (wallpaint.InputError, wallpaint.ConfigError, wallpaint.ModelError):
        assert issubclass(error, wallpaint.WallpaintError)


# -- documents


def document(name: str) -> str:
    path = ROOT / name
    if not path.exists():
        pytest.skip(f"no {name}")
    return path.read_text()


def shell_lines(text: str) -> list[str]:
    """Commands of the ```sh blocks, continued lines joined."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [bare for line in lines if (bare := re.sub(r"(^|\s)#\s.*$", "", line).strip())]


@pytest.mark.parametrize("name", ["README.md", "README.vi.md"])
def test_commands_of_the_readme_parse(name: str) -> None:
    """Every `wallpaint ...` in it is a command with options that exist and values of the right kind."""
    lines = [line for line in shell_lines(document(name)) if line.startswith("wallpaint ")]
    assert len(lines) >= 3
    group = typer.main.get_command(app)
    for line in lines:
        command, words = group, shlex.split(line)[1:]
        while hasattr(command, "commands"):
            command, words = command.commands[words[0]], words[1:]
        command.make_context("wallpaint", words)


@pytest.mark.parametrize("name", ["README.md", "README.vi.md"])
def test_options_of_the_readme_exist(name: str) -> None:
    told = {option for cell in re.findall(r"`(--[^`]+)`", document(name)) for option in re.findall(r"--[a-z-]+", cell)}
    assert len(told) > 8
    group = typer.main.get_command(app)
    known = {option for command in group.commands.values() for p in command.params for option in p.opts}
    known |= {
        option for command in group.commands["rooms"].commands.values() for p in command.params for option in p.opts
    }
    assert told <= known | {"--help", "--version"}


@pytest.mark.parametrize("name", ["README.md", "README.vi.md", "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", document(name)):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_make_targets_of_the_readme_exist() -> None:
    targets = {line.split()[1] for line in shell_lines(document("README.md")) if line.startswith("make ")}
    assert targets
    for target in targets:
        assert re.search(rf"^{target}:", document("Makefile"), re.MULTILINE), target


def test_the_python_example_of_the_readme_runs(tmp_path: Path, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the example's files in place, what it prints is a number under the bar."""
    blocks = re.findall(r"^```python\n(.*?)^```", document("README.md"), re.MULTILINE | re.DOTALL)
    assert blocks
    (files / "photo.png").rename(files / "room.jpg")
    (files / "mask.png").rename(files / "wall.png")
    monkeypatch.chdir(files)
    printed: list[object] = []
    exec(blocks[0], {"print": printed.append})
    assert (files / "out.jpg").is_file()
    assert 0 <= printed[0] <= 0.5


def test_the_readme_runs(examples: Path, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command of it, on small files of the names that it uses; rooms are made few, small and noisy."""
    from PIL import Image

    monkeypatch.chdir(files)
    (files / "photo.png").rename(files / "room.jpg")
    (files / "mask.png").rename(files / "wall.png")
    with Image.open("wall.png") as wall:
        box = (wall.width // 2, 0, wall.width, wall.height)
        for name, covered in (("left.png", box), ("right.png", (0, 0, box[0], wall.height))):
            half = wall.copy()
            half.paste(0, covered)
            half.save(name)
    (files / "examples").symlink_to(examples)
    from wallpaint.cli.app import main

    for line in shell_lines(document("README.md")):
        if line.startswith("wallpaint "):
            for word, value in (("count", 1), ("size", 32), ("samples", 4)):
                line = re.sub(rf"--{word} \d+", f"--{word} {value}", line)
            words = shlex.split(line)[1:]
            assert main([*words, "--limit", "3"] if words[0] == "benchmark" else words) == 0, line


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_file_is_in_the_architecture(path: Path) -> None:
    """By its name, or as one of a folder that is named as a whole."""
    place = path.relative_to(SOURCE)
    named = set(re.findall(r"`([\w/]+(?:\.py|/))`", document("ARCHITECTURE.md")))
    assert {str(place), f"{place.parent}/"} & named or len(path.read_text().splitlines()) <= 1


def test_the_architecture_names_no_ghosts() -> None:
    """Files that it names exist."""
    here = {
        path.name
        for path in (*MODULES, *(ROOT / "tests").glob("*.py"), *ROOT.glob("*"), *(ROOT / "examples").glob("*"))
    }
    told = set(re.findall(r"\b([a-z_]+\.py)\b", document("ARCHITECTURE.md")))
    assert told
    assert told <= here


def test_documents_are_about_the_program() -> None:
    """No paths of one machine, no leftovers."""
    texts = [*MODULES, *(ROOT / "tests").glob("*.py"), *ROOT.glob("*.md"), ROOT / "Makefile", ROOT / "pyproject.toml"]
    for path in texts:
        if path.exists() and path != Path(__file__):
            found = re.search(r"/work/|/home/\w|/Users/|\bTODO\b|\bFIXME\b|\bXXX\b", path.read_text())
            assert not found, f"{path.name}: {found and found[0]}"


def test_the_changelog_is_up_to_date() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", wallpaint.__version__)
    heads = re.findall(r"^## \[(.+?)\]", document("CHANGELOG.md"), re.MULTILINE)
    assert heads[0] in ("Unreleased", wallpaint.__version__)
