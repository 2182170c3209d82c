"""Architecture rules: layers, names, sizes, docstrings; and documents that match the code."""

from __future__ import annotations

import ast
import re
import shlex
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import typer

import wallpaint
from support.paths import ROOT
from wallpaint.cli.app import app

SOURCE = ROOT / "src" / "wallpaint"
TESTS = ROOT / "tests"
MODULES = sorted(SOURCE.rglob("*.py"))
MAX_LINES = 420
MAX_TOP_LEVEL_FILES = 12
UNLAYERED = {"wallpaint", "wallpaint.__main__"}  # the public names, and `python -m wallpaint`
BANNED_WORDS = {"told", "tell", "tells", "say", "says", "seen", "look", "looks"}
BANNED_NAMES = {"found", "place", "places", "parts"}
ALLOWED_NAMES = {"look_at"}  # the camera transform
PACKAGES_WITH_FLAGS = {"cli", "html"}  # html: custom properties of style sheets
VAGUE_MODULES = {"utils", "util", "helper", "helpers", "manager", "base", "common", "misc"}


def module_name(path: Path, source: Path = SOURCE) -> str:
    """'wallpaint.painters.analytic' for its file."""
    names = (source.name, *path.relative_to(source).with_suffix("").parts)
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


def imported_modules(tree: ast.AST, known: set[str], *, at_start: bool = False) -> set[str]:
    """Modules of `known` that a syntax tree imports. at_start: only what runs when the file itself is imported."""
    nodes = tree.body if at_start and isinstance(tree, ast.Module) else ast.walk(tree)
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names & known


# -- layers


def declared_layers(text: str) -> dict[str, int]:
    """Rank by subpackage or module, 0 on top, from the ```layers block of ARCHITECTURE.md."""
    block = re.search(r"^```layers\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert block, "no ```layers block"
    lines = [line.split("#")[0] for line in block[1].splitlines()]
    return {name.strip(): rank for rank, line in enumerate(lines) for name in line.split(",") if name.strip()}


def layer_violations(source: Path, layers: Mapping[str, int]) -> list[str]:
    """Imports that do not point to a lower layer, TYPE_CHECKING and imports inside functions included."""
    modules = {module_name(path, source): path for path in sorted(source.rglob("*.py"))}
    lines = []
    for name, path in modules.items():
        if name in UNLAYERED:
            continue
        mine = name.split(".")[1]
        if mine not in layers:
            lines.append(f"{name}: {mine} is in no layer")
            continue
        for target in sorted(imported_modules(ast.parse(path.read_text(encoding="utf-8")), set(modules)) - UNLAYERED):
            other = target.split(".")[1]
            if other != mine and layers.get(other, -1) <= layers[mine]:
                lines.append(f"{name} imports {target}, which is not in a lower layer")
    return lines


def test_imports_point_to_lower_layers() -> None:
    assert not layer_violations(SOURCE, declared_layers(document("ARCHITECTURE.md")))


@pytest.mark.parametrize(
    "line",
    [
        "import wallpaint.cli.app",
        "from wallpaint.cli import app",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from wallpaint.cli.app import main",
        "def f():\n    from wallpaint.cli.app import main",
        "from wallpaint.imaging.color import lab",
    ],
)
def test_a_planted_upward_import_is_reported(line: str, tmp_path: Path) -> None:
    source = tmp_path / "wallpaint"
    for package in ("cli", "paints", "imaging"):
        (source / package).mkdir(parents=True)
        (source / package / "__init__.py").touch()
    (source / "cli" / "app.py").write_text("from wallpaint.paints import paint\n", encoding="utf-8")
    (source / "paints" / "paint.py").write_text("from wallpaint.imaging import color\n", encoding="utf-8")
    (source / "imaging" / "color.py").touch()
    layers = {"cli": 0, "paints": 1, "imaging": 1} if "color" in line else {"cli": 0, "paints": 1, "imaging": 2}
    assert not layer_violations(source, {"cli": 0, "paints": 1, "imaging": 2})
    (source / "paints" / "paint.py").write_text(line, encoding="utf-8")
    assert any(report.startswith("wallpaint.paints.paint imports ") for report in layer_violations(source, layers))


def test_no_import_cycle() -> None:
    """Imports inside functions, and of a module's own package, are left out."""
    known = {module_name(path) for path in MODULES} - {"wallpaint"}
    graph = {}
    for path in MODULES:
        name = module_name(path)
        imports = imported_modules(ast.parse(path.read_text(encoding="utf-8")), known, at_start=True)
        graph[name] = {other for other in imports if not f"{name}.".startswith(f"{other}.")}
    done: set[str] = set()
    while left := {name for name in graph if name not in done}:
        ready = {name for name in left if graph[name] <= done}
        assert ready, f"a cycle among {sorted(left)}"
        done |= ready


# -- portability

POSIX_ONLY = {"fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"}


def posix_imports(source: str) -> set[str]:
    """POSIX-only modules that a file imports when it is itself imported, conditional imports included."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    nodes, names = [ast.parse(source)], set()
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
        nodes += [child for child in ast.iter_child_nodes(node) if not isinstance(child, functions)]
    return names & POSIX_ONLY


def test_no_module_needs_posix_to_be_imported() -> None:
    for path in MODULES:
        assert not posix_imports(path.read_text(encoding="utf-8")), path.relative_to(ROOT)


def test_planted_posix_imports_are_reported() -> None:
    assert posix_imports("import resource") == {"resource"}
    assert posix_imports("try:\n    from fcntl import flock\nexcept ImportError:\n    pass") == {"fcntl"}
    assert posix_imports("class A:\n    import pwd") == {"pwd"}
    assert posix_imports("def f():\n    import resource\nfrom importlib import resources") == set()


# -- names


def defined_names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every identifier of a syntax tree with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.Name):
            yield node.id, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Attribute):
            yield node.attr, node.lineno
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg, node.value.lineno
        elif isinstance(node, ast.alias):
            yield node.asname or node.name.split(".")[-1], node.lineno
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node.name, node.lineno


def is_banned(name: str) -> bool:
    """Whether an identifier holds a banned word between its underscores or capitals, or is a catch-all."""
    words = [word for word in re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_") if word]
    return name not in ALLOWED_NAMES and (not BANNED_WORDS.isdisjoint(words) or "_".join(words) in BANNED_NAMES)


def test_no_banned_identifiers() -> None:
    lines = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in (*MODULES, *sorted(TESTS.rglob("*.py")))
        for name, line in [(path.stem, 1), *defined_names(ast.parse(path.read_text(encoding="utf-8")))]
        if is_banned(name) and path != Path(__file__)
    ]
    assert not lines, lines[:20]


@pytest.mark.parametrize(
    "source",
    [
        "told = 1",
        "def tell_all(): ...",
        "class SaysSo: ...",
        "f(was_seen=1)",
        "a.look",
        "import x as looks",
        "def f(_found): ...",
        "for place in x: ...",
        "PARTS = 1",
        "try: ...\nexcept E as say: ...",
    ],
)
def test_a_planted_name_is_reported(source: str) -> None:
    assert [name for name, _ in defined_names(ast.parse(source)) if is_banned(name)]


@pytest.mark.parametrize(
    "name", ["look_at", "outlook", "essay", "placement", "foundation", "n_parts", "parts_of_speech"]
)
def test_other_names_pass(name: str) -> None:
    assert not is_banned(name)


def test_class_names_are_unique() -> None:
    """A class name says what it is wherever it is used; private classes may repeat."""
    owners: dict[str, list[str]] = defaultdict(list)
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                owners[node.name].append(module_name(path))
    assert not {name: where for name, where in owners.items() if len(where) > 1}


def test_no_vague_module_names() -> None:
    assert not [module_name(path) for path in MODULES if VAGUE_MODULES & set(module_name(path).split("."))]


def test_no_module_shadows_a_public_function() -> None:
    modules = {path.stem for path in SOURCE.iterdir()}
    assert not modules & {name for name in wallpaint.__all__ if not name.startswith("__")}


def messages(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every string literal with its line, docstrings left out; the values of an f-string are "{}"."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inner: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inner |= {id(part) for part in node.values}
            values = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
            yield "".join(map(str, values)), node.lineno
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings | inner:
            yield node.value, node.lineno


def named_flags(message: str) -> list[str]:
    """Flags in a message, but those of whole commands: `wallpaint ... --flag`, or a line that is one."""
    message = re.sub(r"`wallpaint [^`]*`|^ *wallpaint .*$", "", message, flags=re.MULTILINE)
    message = re.sub(r"var\(--[a-z-]+\)|(?<=[{;]) *--[a-z-]+:|^\s*--[a-z-]+:", "", message, flags=re.MULTILINE)
    return re.findall(r"(?<![\w(-])--[a-z][a-z-]*", message)


def test_messages_of_the_library_name_parameters_not_flags() -> None:
    """`cli.flags` turns a parameter in backticks into the flag of the running command."""
    lines = [
        f"{path.relative_to(ROOT)}:{line}: {flag}"
        for path in MODULES
        if module_name(path).partition(".")[2].split(".")[0] not in PACKAGES_WITH_FLAGS
        for message, line in messages(ast.parse(path.read_text(encoding="utf-8")))
        for flag in named_flags(message)
    ]
    assert not lines, lines


@pytest.mark.parametrize(
    ("source", "flags"),
    [
        ('raise E("pass --device auto")', ["--device"]),
        ('raise E(f"{path}: choose another --output")', ["--output"]),
        ('raise E("pass `device=auto`")', []),
        ('E("run `wallpaint models pull --force`")', []),
        ('E(f"    wallpaint repaint room.jpg --bundle {name} --lora .")', []),
        ('def f():\n    """As by --old-color."""', []),
    ],
)
def test_a_planted_flag_is_reported(source: str, flags: list[str]) -> None:
    assert [flag for message, _ in messages(ast.parse(source)) for flag in named_flags(message)] == flags


# -- sizes and docstrings


def test_the_top_level_is_small() -> None:
    assert len(list(SOURCE.glob("*.py"))) <= MAX_TOP_LEVEL_FILES


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_module_is_short_and_documented(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    assert len(lines) <= MAX_LINES
    if len(lines) > 1:
        assert ast.get_docstring(ast.parse(text)), "no docstring"


def test_public_definitions_have_docstrings() -> None:
    for path in MODULES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                is_enum = any(
                    isinstance(base, ast.Name) and base.id == "StrEnum" for base in getattr(node, "bases", [])
                )
                assert is_enum or ast.get_docstring(node), f"{module_name(path)}.{node.name} has no docstring"


# -- public names


def test_public_names() -> None:
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
    return path.read_text(encoding="utf-8")


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


def test_every_package_is_in_the_architecture() -> None:
    named = set(re.findall(r"([a-z_]+)/", document("ARCHITECTURE.md")))
    packages = {path.parent.name for path in SOURCE.rglob("__init__.py")} - {"wallpaint"}
    assert packages <= named, packages - named


def test_files_in_the_architecture_exist() -> None:
    names = {path.name for path in (*MODULES, *TESTS.rglob("*.py"))}
    named = set(re.findall(r"\b([a-z_]+\.py)\b", document("ARCHITECTURE.md") + document("CONTRIBUTING.md")))
    assert named
    assert named <= names, named - names


def test_documents_are_about_the_program() -> None:
    """No paths of one machine, no leftovers."""
    texts = [*MODULES, *(ROOT / "tests").glob("*.py"), *ROOT.glob("*.md"), ROOT / "Makefile", ROOT / "pyproject.toml"]
    for path in texts:
        if path.exists() and path != Path(__file__):
            found = re.search(r"/work/|/home/\w|/Users/|\bTODO\b|\bFIXME\b|\bXXX\b", path.read_text(encoding="utf-8"))
            assert not found, f"{path.name}: {found and found[0]}"


def test_the_changelog_is_up_to_date() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", wallpaint.__version__)
    heads = re.findall(r"^## \[(.+?)\]", document("CHANGELOG.md"), re.MULTILINE)
    assert heads[0] in ("Unreleased", wallpaint.__version__)
