"""Automatic wall detection: the packaged networks on the example room, `wallpaint mask`, and repaint without a mask."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import wallpaint
from support.painted_rooms import iou, photo_and_walls, soft_map
from wallpaint.cli.app import main
from wallpaint.errors import InputError
from wallpaint.pipeline.job import RepaintJob
from wallpaint.pipeline.job import run as repaint
from wallpaint.pipeline.options import RepaintOptions
from wallpaint.scene.mask import read_mask
from wallpaint.segment import detect, network
from wallpaint.segment.job import MaskJob, run


@pytest.fixture
def synthetic_room(monkeypatch: pytest.MonkeyPatch):
    """Photo and walls of the synthetic room, for which any segmenter predicts a soft map."""
    photo, walls = photo_and_walls()
    segmenter = network.WallSegmenter(None, 0, (0.0,) * 3, (1.0,) * 3, network.Calibration(), "fixed")  # type: ignore[arg-type]
    monkeypatch.setattr(network.WallSegmenter, "probability", lambda self, rgb: soft_map(walls))
    monkeypatch.setattr(network, "load", lambda source=None: replace(segmenter, name=str(source or "built-in")))
    return photo, walls


@pytest.fixture
def photo_file(synthetic_room, tmp_path: Path) -> Path:
    Image.fromarray(synthetic_room[0]).save(tmp_path / "room.png")
    return tmp_path / "room.png"


def test_packaged_networks_detect_the_example_rooms_walls(examples: Path) -> None:
    walls = wallpaint.detect_walls(examples / "room.jpg")
    truth = read_mask(examples / "room_mask.png").alpha > 0.5
    assert iou(walls.combined > 0.5, truth) > 0.7
    assert walls.share == pytest.approx(truth.mean(), abs=0.1)
    assert 0.5 < walls.confidence <= 1
    assert walls.network == "built-in"


def test_masks_can_be_repainted(synthetic_room) -> None:
    photo, walls = synthetic_room
    masks = wallpaint.detect_walls(photo).masks
    result = wallpaint.prepare(photo, masks).repaint({"wall": "#7d9b84"}, match="swatch")
    assert result.report["walls"][0]["delta_e_2000"] < 0.5
    assert iou(masks["wall"] > 0.5, walls >= 0) > 0.98


def test_transparent_pixels_are_not_wall(synthetic_room) -> None:
    photo, _ = synthetic_room
    alpha = np.full(photo.shape[:2], 255, np.uint8)
    alpha[:, :100] = 0
    walls = wallpaint.detect_walls(np.dstack([photo, alpha]))
    assert walls.combined[:, :100].max() == 0


def test_expected_iou_is_the_mean_over_sampled_truths() -> None:
    rng = np.random.default_rng(0)
    probability = rng.beta(0.3, 0.3, (60, 80)).astype(np.float32)
    mask = (probability > 0.5).astype(np.float32)
    sampled = [iou(mask > 0.5, rng.random(mask.shape) < probability) for _ in range(40)]
    assert detect.expected_iou(probability, mask) == pytest.approx(np.mean(sampled), abs=0.005)


def test_photo_without_a_wall_gives_one_error_line(photo_file: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(network.WallSegmenter, "probability", lambda self, rgb: np.zeros((60, 80), np.float32))
    out = photo_file.with_name("mask.png")
    assert main(["mask", str(photo_file), "-o", str(out)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "room.png: no wall was detected" in error
    assert not out.exists()
    with pytest.raises(InputError, match="no wall was detected"):
        repaint(RepaintJob(photo=photo_file, output=photo_file.with_name("out.png"), colors=("navy",)))


def test_mask_command_writes_masks_and_overlay(photo_file: Path, synthetic_room, capsys) -> None:
    out, overlay = photo_file.with_name("mask.png"), photo_file.with_name("overlay.png")
    assert main(["mask", str(photo_file), "-o", str(out), "--separate", "--overlay", str(overlay)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("room.png: detected wall on 5")
    assert "check the mask before you repaint" in lines[0]
    combined, first, second = (
        read_mask(path).alpha for path in (out, *(out.with_name(f"mask-{n}.png") for n in (1, 2)))
    )
    assert iou(combined > 0.5, synthetic_room[1] >= 0) > 0.98
    assert np.allclose(first + second, combined, atol=0.01)
    with Image.open(overlay) as image:
        assert image.size == (240, 180)


def test_clicks_change_the_mask(photo_file: Path, capsys) -> None:
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
        ({"clicks": ("12",)}, "`clicks` takes X,Y"),
        ({"not_clicks": ("a,b",)}, "`not_clicks` takes X,Y"),
        ({"clicks": ("999,2",)}, "outside the photo"),
        ({"sam": "sam"}, "SAM needs clicks"),
    ],
)
def test_wrong_options_are_rejected_before_writing(photo_file: Path, change: dict[str, object], words: str) -> None:
    folder = photo_file.parent
    paths = {key: folder / str(value) for key, value in change.items() if key in ("output", "overlay", "sam")}
    job = MaskJob(photo=photo_file, output=folder / "mask.png")
    with pytest.raises(InputError, match=words):
        run(replace(job, **{**change, **paths}))
    assert {path.name for path in folder.iterdir()} == {"room.png"}


def test_repaint_without_a_mask_detects_walls_and_reports_them(photo_file: Path, capsys) -> None:
    out = photo_file.with_name("out.png")
    assert main(["repaint", str(photo_file), "--color", "#7d9b84", "-o", str(out)]) == 0
    assert "no mask was given: detected wall on" in capsys.readouterr().out
    report = repaint(RepaintJob(photo=photo_file, output=out, colors=("#7d9b84",)))
    assert report["detected_walls"]["network"] == "built-in"
    assert any("check the mask" in line for line in report["warnings"])
    many = repaint(RepaintJob(photo=photo_file, output=photo_file.with_name("results"), colors=("navy", "#7d9b84")))
    assert all("detected_walls" in entry for entry in many["results"])


def test_bundle_with_a_segmenter_is_used_for_detection(photo_file: Path, tiny_bundle: Path) -> None:
    from wallpaint.pipeline import job

    options = RepaintOptions(bundle=str(tiny_bundle))
    repaint_job = RepaintJob(photo=photo_file, output=photo_file, repaint_options=options)
    assert job._segmenter_bundle(repaint_job) == str(tiny_bundle)


def test_repaint_with_a_mask_imports_neither_torch_nor_the_segmenter(files: Path) -> None:
    import subprocess
    import sys

    program = (
        "import sys; from wallpaint.cli.app import main; "
        f"assert main(['repaint', '{files}/photo.png', '--mask', '{files}/mask.png', '--color', 'navy', "
        f"'-o', '{files}/o.png']) == 0; "
        "assert not [m for m in sys.modules if m == 'torch' or m.startswith('wallpaint.segment')]"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_surface_that_the_network_divides_is_uncertain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A grey and a white wall of equal size; the network takes a third of the white one for wall, without an edge."""
    photo = np.full((480, 720, 3), 120, np.uint8)
    photo[:, 360:] = 205
    probability = np.full((120, 180), 0.02, np.float32)
    probability[80:, 90:] = 0.98
    probability = cv2.GaussianBlur(probability, (0, 0), 10)
    probability[:, :90] = 0.98
    segmenter = network.WallSegmenter(None, 0, (0.0,) * 3, (1.0,) * 3, network.Calibration(), "fixed")  # type: ignore[arg-type]
    monkeypatch.setattr(network.WallSegmenter, "probability", lambda self, rgb: probability)
    monkeypatch.setattr(network, "load", lambda source=None: segmenter)
    walls = wallpaint.detect_walls(photo)
    assert walls.share == pytest.approx(0.5, abs=0.01)
    assert walls.boundary_without_edge < 0.02
    assert walls.uncertain_share == pytest.approx(0.5, abs=0.03)
    assert walls.level == "low"
    assert "low confidence" in walls.summary()
    assert "uncertain at the right (50 % of the photo)" in walls.summary().replace("49 %", "50 %")

    Image.fromarray(photo).save(tmp_path / "room.png")
    report = repaint(RepaintJob(photo=tmp_path / "room.png", output=tmp_path / "out.png", colors=("navy",)))
    assert report["detected_walls"]["overlay"] == str(tmp_path / "out_walls.jpg")
    assert report["detected_walls"]["level"] == "low"
    with Image.open(tmp_path / "out_walls.jpg") as marked:
        pixels = np.asarray(marked.convert("RGB")).astype(int)
    is_striped = (pixels[..., 0] - pixels[..., 2] > 60) & (pixels[..., 1] - pixels[..., 2] > 60)
    assert is_striped[:, 400:].mean() > 0.2
    assert is_striped[:, :320].mean() == 0

    not_clicked = wallpaint.detect_walls(photo, not_clicks=[(600, 400)])
    clicked = wallpaint.detect_walls(photo, clicks=[(600, 100)])
    assert clicked.share > 0.9
    assert clicked.level == "high"
    assert not_clicked.share == pytest.approx(0.5, abs=0.01)
