"""Imports of scene, light, painters and pipeline point to lower layers only; no branch on a painter's name."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from support.paths import ROOT

SOURCE = ROOT / "src" / "wallpaint"
BELOW_SCENE = {"light", "paints", "bundles", "html", "imaging", "files"}
BELOW_PAINTERS = BELOW_SCENE | {"diffusion", "segment", "scene"}
ALLOWED = {
    "light": BELOW_SCENE - {"light"},
    "scene": BELOW_SCENE,
    "painters": BELOW_PAINTERS,
    "pipeline": BELOW_PAINTERS | {"painters"},
}
LAYERS = {path.name for path in SOURCE.iterdir() if path.is_dir()}


def imported_packages(source: str) -> set[str]:
    """Return the subpackages that a module imports: at the top, inside functions and for type checkers."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name.split(".")[1] for name in names if name.startswith("wallpaint.")} & LAYERS


@pytest.mark.parametrize("layer", ALLOWED)
def test_imports_point_to_lower_layers(layer: str) -> None:
    for path in sorted((SOURCE / layer).rglob("*.py")):
        upward = imported_packages(path.read_text(encoding="utf-8")) - ALLOWED[layer] - {layer}
        assert not upward, f"{path.relative_to(SOURCE)} imports {sorted(upward)}"


def test_lazy_and_type_checking_imports_count() -> None:
    source = "if TYPE_CHECKING:\n    from wallpaint.pipeline import job\ndef f():\n    import wallpaint.cli.app\n"
    assert imported_packages(source) == {"pipeline", "cli"}


def test_pipeline_does_not_branch_on_a_painters_name() -> None:
    for path in sorted((SOURCE / "pipeline").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare):
                constants = {c.value for c in ast.walk(node) if isinstance(c, ast.Constant)}
                assert not constants & {"analytic", "diffusion"}, f"{path.name}:{node.lineno}"


@pytest.mark.parametrize("module", ["painters.registry", "pipeline.options", "scene.options"])
def test_options_and_registry_import_no_array_library(module: str) -> None:
    """Help pages use them."""
    code = f"import sys, wallpaint.{module}; print(*{{'numpy', 'cv2', 'torch', 'PIL'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=True)
    assert done.stdout.strip() == ""
