"""The page's JavaScript: its types, and its evaluation of a payload against the reference in NumPy."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

import wallpaint
from support import preview_reference
from support.browser import ENGINE, NODE, NODE_MODULES
from support.fixed_light_model import FixedLightModel
from support.paths import ROOT
from support.relief_walls import relief_wall, whole_mask
from wallpaint.imaging import color
from wallpaint.pipeline.preview import build_preview

HERE = Path(__file__).parent
BENCHMARK = ROOT / "examples" / "benchmark"
PAINTS = ("#f5f2ea", "#7d9b84", "#e3c565", "#2b2b2b")
needs_node = pytest.mark.skipif(NODE is None, reason="Node.js is not installed")


@pytest.fixture(scope="session", autouse=True)
def _needs_extra() -> None:
    """These tests need no server, unlike the others of this folder."""


@needs_node
@pytest.mark.skipif(not (NODE_MODULES / "typescript").is_dir(), reason="run `npm ci` in tests/serve/page")
def test_types_of_the_page() -> None:
    assert NODE is not None
    compiler = NODE_MODULES / "typescript" / "bin" / "tsc"
    run = subprocess.run([NODE, compiler, "-p", HERE / "tsconfig.json"], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout


@needs_node
def test_languages_have_the_same_texts_and_placeholders() -> None:
    assert NODE is not None
    script = """
      const [en, vi] = await Promise.all(["en", "vi"].map((name) => import(`${process.argv[1]}/texts/${name}.js`)));
      console.log(JSON.stringify([en.texts, vi.texts]));"""
    run = subprocess.run(
        [NODE, "--no-warnings", "--input-type=module", "-e", script, f"{ENGINE.parent.as_uri()}"],
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
    )
    english, vietnamese = json.loads(run.stdout)
    assert english.keys() == vietnamese.keys()
    for key, text in english.items():
        names = {part.split("}")[0] for part in text.split("{")[1:]}
        assert names == {part.split("}")[0] for part in vietnamese[key].split("{")[1:]}, key
        assert vietnamese[key] != text or key in {"share"}, f"{key} is not translated"


def scene_of(name: str) -> wallpaint.Scene:
    """The scene of a photo of the examples, or of a brick wall whose light model expects a dark one."""
    if name == "brick":
        photo = relief_wall("brick").photo
        return wallpaint.prepare(
            photo, {"wall": whole_mask(photo)}, old_wall="relief", light_model=FixedLightModel("#3a2018")
        )
    if name == "room":
        return wallpaint.prepare(ROOT / "examples" / "room.jpg", {"wall": ROOT / "examples" / "room_mask.png"})
    return wallpaint.prepare(BENCHMARK / "images" / f"{name}.jpg", {"wall": BENCHMARK / "masks" / f"{name}.png"})


# A pale wall; dark walls, one in two paints; a pattern that was removed; relief that is exposed shorter.
@needs_node
@pytest.mark.parametrize("name", ["room", "room_950010_03", "room_950012_02", "room_950009_02", "brick"])
def test_evaluation_equals_the_reference(name: str, tmp_path: Path) -> None:
    assert NODE is not None
    data = build_preview(scene_of(name), "wall")
    payload = preview_reference.parse(data)
    (tmp_path / "payload.bin").write_bytes(data)
    paints = [{"hex": paint, "match": match} for paint in PAINTS for match in ("room", "swatch")]
    request = {"engine": str(ENGINE), "payload": str(tmp_path / "payload.bin"), "paints": paints}
    run = subprocess.run(
        [NODE, "--no-warnings", HERE / "evaluate.mjs"], input=json.dumps(request), capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    for paint, edit in zip(paints, json.loads(run.stdout), strict=True):
        albedo = color.srgb_to_linear(np.array(list(bytes.fromhex(paint["hex"][1:]))) / 255)
        planes = preview_reference.exposed_planes(payload, albedo, paint["match"])
        np.testing.assert_allclose(np.array(edit["planes"]).reshape(planes.shape), planes, atol=2e-4)
        if paint["match"] == "room":
            room = preview_reference.room_edit(payload, planes, albedo)
            np.testing.assert_allclose(edit["target"], room.target, atol=1e-4)
            np.testing.assert_allclose(edit["cast"], room.cast, atol=1e-3)
            assert edit["expectedError"] > 0
            continue
        swatch = preview_reference.swatch_edit(payload, planes, albedo)
        np.testing.assert_allclose(edit["target"], swatch.target, atol=1e-4)
        assert edit["share"] == pytest.approx(swatch.share, abs=1e-6)
        assert edit["shift"] == pytest.approx(swatch.shift, abs=1e-3)
        np.testing.assert_allclose(edit["lock"], swatch.lock, atol=1e-3)
        x = -2 + np.arange(41) / 10
        np.testing.assert_allclose(edit["curve"], np.interp(x, *swatch.curve), atol=1e-3)
