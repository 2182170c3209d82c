"""From a photo to masks: the package's own network on the example room, and what is said of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import wallpaint
from support.painted_rooms import overlap, photo_and_walls, rough
from wallpaint.cli.app import main
from wallpaint.errors import InputError
from wallpaint.pipeline.job import RepaintJob
from wallpaint.pipeline.job import run as repaint
from wallpaint.scene.mask import read_mask
from wallpaint.segment import detect as find
from wallpaint.segment import network
from wallpaint.segment.job import MaskJob, run


class Told:
    """A network that answers what it is told, whatever it sees."""

    def __init__(self, probability: np.ndarray) -> None:
        self.map = probability

    def probability(self, rgb: np.ndarray) -> np.ndarray:
        return self.map


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch):
    """Photo and walls of the drawn room, whose walls every network finds, roughly."""
    photo, walls = photo_and_walls()
    real = network.Finder(None, 0, (0.0,) * 3, (1.0,) * 3, network.Calibration(), "told")  # type: ignore[arg-type]
    monkeypatch.setattr(network.Finder, "probability", lambda self, rgb: rough(walls))
    monkeypatch.setattr(network, "load", lambda which=None: replace(real, name=str(which or "built-in")))
    return photo, walls


@pytest.fixture
def photo_file(found, tmp_path: Path) -> Path:
    Image.fromarray(found[0]).save(tmp_path / "room.png")
    return tmp_path / "room.png"


def test_the_packages_own_network_finds_the_example_rooms_walls(examples: Path) -> None:
    walls = wallpaint.detect_walls(examples / "room.jpg")
    truth = read_mask(examples / "room_mask.png").alpha > 0.5
    assert overlap(walls.whole > 0.5, truth) > 0.7
    assert walls.share == pytest.approx(truth.mean(), abs=0.1)
    assert 0.5 < walls.confidence <= 1
    assert walls.network == "built-in"


def test_masks_are_ready_to_be_painted(found) -> None:
    photo, walls = found
    masks = wallpaint.detect_walls(photo).masks
    result = wallpaint.prepare(photo, masks).repaint({"wall": "#7d9b84"})
    assert result.report["walls"][0]["delta_e_2000"] < 0.5
    assert overlap(masks["wall"] > 0.5, walls >= 0) > 0.98


def test_what_cannot_be_seen_is_no_wall(found) -> None:
    photo, _ = found
    alpha = np.full(photo.shape[:2], 255, np.uint8)
    alpha[:, :100] = 0
    walls = wallpaint.detect_walls(np.dstack([photo, alpha]))
    assert walls.whole[:, :100].max() == 0


def test_the_expected_overlap_is_that_of_coins() -> None:
    """Where probabilities hold, it is the mean overlap over drawn truths."""
    rng = np.random.default_rng(0)
    probability = rng.beta(0.3, 0.3, (60, 80)).astype(np.float32)
    mask = (probability > 0.5).astype(np.float32)
    drawn = [overlap(mask > 0.5, rng.random(mask.shape) < probability) for _ in range(40)]
    assert find.expected_overlap(probability, mask) == pytest.approx(np.mean(drawn), abs=0.005)


def test_a_photo_without_a_wall_is_one_line(photo_file: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(network.Finder, "probability", lambda self, rgb: np.zeros((60, 80), np.float32))
    out = photo_file.with_name("mask.png")
    assert main(["mask", str(photo_file), "-o", str(out)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "room.png: no wall was found" in said
    assert not out.exists()
    with pytest.raises(InputError, match="no wall was found"):
        repaint(RepaintJob(photo=photo_file, output=photo_file.with_name("out.png"), colors=("navy",)))


def test_mask_files(photo_file: Path, found, capsys) -> None:
    out, look = photo_file.with_name("mask.png"), photo_file.with_name("look.png")
    assert main(["mask", str(photo_file), "-o", str(out), "--separate", "--overlay", str(look)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("room.png: found wall on 5")
    assert "look at the mask before you paint" in said[0]
    whole, one, two = (read_mask(path).alpha for path in (out, *(out.with_name(f"mask-{n}.png") for n in (1, 2))))
    assert overlap(whole > 0.5, found[1] >= 0) > 0.98
    assert np.allclose(one + two, whole, atol=0.01)
    with Image.open(look) as picture:
        assert picture.size == (240, 180)


def test_clicks_reach_the_mask(photo_file: Path, capsys) -> None:
    out = photo_file.with_name("mask.png")
    assert main(["mask", str(photo_file), "-o", str(out), "--not", "60,60", "--click", "120,12", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    alpha = read_mask(out).alpha
    assert alpha[12, 120] == 1
    assert alpha[60, 60] == 0
    assert report["files"] == [str(out)]
    assert report["share"] == pytest.approx(alpha.mean(), abs=1e-3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"output": "mask.jpg"}, "are PNG files"),
        ({"output": "absent/mask.png"}, "there is no folder"),
        ({"output": "room.png"}, "this is the photo"),
        ({"overlay": "mask.png"}, "two names"),
        ({"clicks": ("12",)}, "--click wants X,Y"),
        ({"not_clicks": ("a,b",)}, "--not wants X,Y"),
        ({"clicks": ("999,2",)}, "outside the photo"),
        ({"sam": "sam"}, "SAM follows clicks"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(
    photo_file: Path, change: dict[str, object], words: str
) -> None:
    folder = photo_file.parent
    paths = {key: folder / str(value) for key, value in change.items() if key in ("output", "overlay", "sam")}
    job = MaskJob(photo=photo_file, output=folder / "mask.png")
    with pytest.raises(InputError, match=words):
        run(replace(job, **{**change, **paths}))
    assert {path.name for path in folder.iterdir()} == {"room.png"}


def test_repaint_without_a_mask_finds_walls_and_says_so(photo_file: Path, capsys) -> None:
    out = photo_file.with_name("out.png")
    assert main(["repaint", str(photo_file), "--color", "#7d9b84", "-o", str(out)]) == 0
    assert "no mask was given: found wall on" in capsys.readouterr().out
    report = repaint(RepaintJob(photo=photo_file, output=out, colors=("#7d9b84",)))
    assert report["detected_walls"]["network"] == "built-in"
    assert any("look at the mask" in line for line in report["warnings"])
    many = repaint(RepaintJob(photo=photo_file, output=photo_file.with_name("looks"), colors=("navy", "#7d9b84")))
    assert all("detected_walls" in entry for entry in many["results"])


def test_a_bundle_with_a_segmenter_finds_the_walls_that_it_paints(photo_file: Path, tiny_bundle: Path) -> None:
    from wallpaint.pipeline import job

    assert job._segmenter_bundle(RepaintJob(photo=photo_file, output=photo_file, bundle=str(tiny_bundle))) == str(tiny_bundle)


def test_a_mask_that_is_given_needs_no_network(files: Path) -> None:
    """`repaint --mask` imports neither torch nor the wall finder."""
    import subprocess
    import sys

    program = (
        "import sys; from wallpaint.cli.app import main; "
        f"assert main(['repaint', '{files}/photo.png', '--mask', '{files}/mask.png', '--color', 'navy', "
        f"'-o', '{files}/o.png']) == 0; "
        "assert not [m for m in sys.modules if m == 'torch' or m.startswith('wallpaint.segment')]"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
