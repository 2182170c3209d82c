"""Repaint jobs from file to file, without the command line."""

from __future__ import annotations

import io
from contextlib import redirect_stderr
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from support.drawn_rooms import Room
from support.measures import Array, delta_e, median
from wallpaint.errors import InputError
from wallpaint.imaging.photo import Limits
from wallpaint.painters.analytic import AnalyticPainter
from wallpaint.paints.palette import read_palette
from wallpaint.pipeline import job as jobs
from wallpaint.pipeline.job import RepaintJob, run
from wallpaint.pipeline.options import RepaintOptions
from wallpaint.scene.options import SceneOptions

PALETTE = "code,name,hex\nB1,Harbour navy,#2b3a5c\nG1,Garden sage,#7d9b84\nK1,Soot,#1c1c1e\n"


@pytest.fixture
def job(files: Path) -> RepaintJob:
    return RepaintJob(photo=files / "photo.png", output=files / "out.png", mask=files / "mask.png", colors=("#7d9b84",))


@pytest.fixture
def swatch_job(job: RepaintJob) -> RepaintJob:
    return replace(job, repaint_options=RepaintOptions(match="swatch"))


@pytest.fixture
def palette(files: Path) -> Path:
    (files / "paints.csv").write_text(PALETTE, encoding="utf-8")
    return files / "paints.csv"


def pixels(path: Path) -> Array:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_one_colour_writes_one_file(swatch_job: RepaintJob, room: Room) -> None:
    report = run(swatch_job)
    assert report["output"] == str(swatch_job.output)
    assert report["photo"] == str(swatch_job.photo)
    assert report["file"] == {"format": "PNG", "lossy": False, "bit_depth": 8}
    assert report["seconds"]["write"] >= 0
    assert delta_e(median(pixels(swatch_job.output), room.wall), (125, 155, 132)) <= 0.5


def test_running_again_gives_the_same_image(job: RepaintJob) -> None:
    run(job)
    first = pixels(job.output)
    run(job)
    assert np.array_equal(pixels(job.output), first)


def test_several_colours_are_written_to_a_folder(swatch_job: RepaintJob, room: Room) -> None:
    folder = swatch_job.output.parent / "results"
    report = run(replace(swatch_job, output=folder, colors=("#7d9b84", "navy", "#2b3a5c")))
    assert names(folder) == {"photo_7d9b84.png", "photo_navy.png", "photo_2b3a5c.png", "photo_sheet.jpg"}
    assert report["contact_sheet"] == str(folder / "photo_sheet.jpg")
    assert report["output"] == str(folder)
    for entry in report["results"]:
        wall = entry["walls"][0]
        assert wall["delta_e_2000"] <= 0.5
        assert delta_e(median(pixels(Path(entry["output"])), room.wall), wall["paint"]["rgb"]) <= 0.5
    assert [entry["walls"][0]["paint"]["label"] for entry in report["results"]] == ["#7d9b84", "navy", "#2b3a5c"]
    sheet = pixels(folder / "photo_sheet.jpg")
    assert sheet.shape[0] * sheet.shape[1] > 4 * room.alpha.size, "fewer than four images"


def test_each_of_several_colours_equals_a_single_run(job: RepaintJob) -> None:
    run(job)
    single = pixels(job.output)
    run(replace(job, output=job.output.parent / "results", colors=("#2b3a5c", "#7d9b84")))
    assert np.array_equal(pixels(job.output.parent / "results" / "photo_7d9b84.png"), single)


def test_equal_colours_get_distinct_file_names(job: RepaintJob) -> None:
    folder = job.output.parent / "results"
    run(replace(job, output=folder, colors=("#7d9b84", "#7D9B84", "7d9b84")))
    assert names(folder) == {"photo_7d9b84.png", "photo_7d9b84-2.png", "photo_7d9b84-3.png", "photo_sheet.jpg"}


def test_palette_without_colours_writes_all_its_paints(job: RepaintJob, palette: Path) -> None:
    folder = job.output.parent / "results"
    report = run(replace(job, output=folder, colors=(), palette=palette))
    assert len(report["results"]) == len(read_palette(palette).paints) == 3
    assert {p for p in names(folder) if "sheet" not in p} == {"photo_b1.png", "photo_g1.png", "photo_k1.png"}


def test_palette_of_one_paint_is_written_to_a_folder(job: RepaintJob, palette: Path) -> None:
    palette.write_text("\n".join(PALETTE.splitlines()[:2]) + "\n", encoding="utf-8")
    report = run(replace(job, output=job.output.parent / "results", colors=(), palette=palette))
    assert len(report["results"]) == 1


@pytest.mark.parametrize("color", ["B1", "Harbour navy", "b1"])
def test_colour_by_palette_code_or_name(job: RepaintJob, palette: Path, color: str) -> None:
    report = run(replace(job, colors=(color,), palette=palette))
    paint = report["walls"][0]["paint"]
    assert (paint["code"], paint["hex"]) == ("B1", "#2b3a5c")


def two_masks(files: Path, room: Room) -> tuple[Path, Path]:
    left, right = files / "left.png", files / "right.png"
    half = np.arange(room.alpha.shape[1]) < 160
    Image.fromarray(room.soft_mask * half).save(left)
    Image.fromarray(room.soft_mask * ~half).save(right)
    return left, right


def test_several_walls_get_their_own_colours(swatch_job: RepaintJob, files: Path, room: Room) -> None:
    left, right = two_masks(files, room)
    report = run(replace(swatch_job, mask=None, colors=(), walls=(f"{left}=#7d9b84", f"{right}=navy")))
    assert [wall["wall"] for wall in report["walls"]] == ["left", "right"]
    assert [wall["delta_e_2000"] <= 0.5 for wall in report["walls"]] == [True, True]
    painted = pixels(swatch_job.output)
    assert delta_e(np.median(painted[10:60, 20:140], axis=(0, 1)), (125, 155, 132)) < 8
    assert painted[10:60, 180:300].reshape(-1, 3)[:, 0].max() < 30, "navy has no red"


def test_masks_of_equal_name_get_distinct_wall_names(job: RepaintJob, files: Path, room: Room) -> None:
    left, right = two_masks(files, room)
    walls = []
    for mask, folder in ((left, files / "a"), (right, files / "b")):
        folder.mkdir()
        walls.append(f"{mask.rename(folder / 'wall.png')}=#7d9b84")
    report = run(replace(job, mask=None, colors=(), walls=tuple(walls)))
    assert [wall["wall"] for wall in report["walls"]] == ["wall", "wall-2"]


def test_several_walls_in_palette_paints_give_one_image(
    job: RepaintJob, files: Path, room: Room, palette: Path
) -> None:
    left, right = two_masks(files, room)
    walls = (f"{left}=B1", f"{right}=Garden sage")
    report = run(replace(job, mask=None, colors=(), walls=walls, palette=palette))
    assert report["output"] == str(job.output)
    assert [wall["paint"]["code"] for wall in report["walls"]] == ["B1", "G1"]


def test_reference_image_sets_the_colour(job: RepaintJob, files: Path) -> None:
    swatch = files / "swatch.png"
    Image.new("RGB", (40, 40), (125, 155, 132)).save(swatch)
    report = run(replace(job, colors=(), reference=swatch))
    entry = report["walls"][0]
    assert entry["paint"]["hex"] == "#7d9b84"
    assert entry["paint"]["reference"] == str(swatch)
    assert any("texture" in line for line in entry["warnings"])


def test_before_after_image(job: RepaintJob, files: Path, room: Room) -> None:
    run(replace(job, before_after=files / "both.png"))
    both = pixels(files / "both.png")
    assert np.abs(both[:, :320].astype(int) - room.photo).max() <= 1
    assert np.abs(both[:, -320:].astype(int) - pixels(job.output)).max() <= 1


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "heic", "avif", "bmp"])
def test_every_output_format(swatch_job: RepaintJob, suffix: str, room: Room) -> None:
    report = run(replace(swatch_job, output=swatch_job.output.with_suffix(f".{suffix}")))
    from wallpaint.imaging.photo import read_photo

    saved = read_photo(report["output"])
    assert saved.size == room.alpha.shape
    assert delta_e(median(saved.codes, room.wall), (125, 155, 132)) < 2.5
    assert report["file"]["lossy"] == (suffix in ("jpg", "heic", "avif", "webp")) or suffix == "webp"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mask": None, "scene_options": SceneOptions(invert_mask=True)}, "`invert_mask` needs a mask"),
        ({"colors": ()}, "no colour"),
        ({"walls": ("mask.png=navy",)}, "`walls` already has masks"),
        ({"mask": None, "colors": (), "walls": ("mask.png",)}, "MASK=COLOR"),
        ({"mask": None, "colors": (), "walls": ("=navy",)}, "MASK=COLOR"),
        ({"mask": None, "colors": (), "walls": ("mask.png=",)}, "MASK=COLOR"),
    ],
    ids=str,
)
def test_invalid_options_are_rejected(job: RepaintJob, change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(replace(job, **change))
    assert not job.output.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"white": (9999, 2)}, "outside the photo"),
        ({"old_color": "blurple"}, "not a colour"),
        ({"limits": Limits(max_pixels=100)}, "over the limit of 100: make it smaller or raise `max_pixels`"),
        ({"limits": Limits(max_bytes=100)}, "over the limit of 100: make it smaller or raise `max_bytes`"),
    ],
    ids=str,
)
def test_invalid_scene_options_are_rejected(job: RepaintJob, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(replace(job, scene_options=SceneOptions(**options)))
    assert not job.output.exists()


def test_options_reach_scene_and_painter(job: RepaintJob, palette: Path) -> None:
    """The old colour may be a code of the palette."""
    scene_options = SceneOptions(old_color="B1", edges="keep")
    options = RepaintOptions(match="swatch", painter="analytic", seed=4)
    report = run(replace(job, palette=palette, scene_options=scene_options, repaint_options=options))
    assert report["light"]["wall"]["anchors"] == ["the wall's old colour, as given"]
    assert (report["match"], report["seed"]) == ("swatch", 4)
    assert run(job)["match"] == "room"


def test_painter_object_is_used_as_it_is(job: RepaintJob) -> None:
    painter = AnalyticPainter(use_model=False)
    report = run(replace(job, repaint_options=RepaintOptions(painter=painter)))
    assert "estimate" not in report["walls"][0]


def test_reference_with_colour_or_palette_is_rejected(job: RepaintJob, files: Path, palette: Path) -> None:
    for change in ({}, {"colors": (), "palette": palette}):
        with pytest.raises(InputError, match="`reference` replaces"):
            run(replace(job, reference=files / "photo.png", **change))


def invalid_outputs(files: Path) -> dict[str, dict[str, object]]:
    (files / "exists.txt").write_text("a text", encoding="utf-8")
    (files / "link.png").symlink_to(files / "photo.png")
    return {
        "the photo itself": {"output": files / "photo.png"},
        "the photo by another way": {"output": files / "." / ".." / files.name / "photo.png"},
        "a link to the photo": {"output": files / "link.png"},
        "the mask": {"output": files / "mask.png"},
        "before and after on the photo": {"before_after": files / "photo.png"},
        "both on one file": {"before_after": files / "out.png"},
        "no suffix": {"output": files / "out"},
        "another suffix": {"output": files / "out.txt"},
        "no folder": {"output": files / "nowhere" / "out.png"},
        "a folder": {"output": files},
        "many onto a file name": {"colors": ("red", "navy")},
        "many onto a file": {"colors": ("red", "navy"), "output": files / "exists.txt"},
        "many without parent": {"colors": ("red", "navy"), "output": files / "no" / "results"},
        "many and before-after": {
            "colors": ("red", "navy"),
            "output": files / "results",
            "before_after": files / "both.png",
        },
    }


def test_invalid_outputs_are_rejected_before_any_work(
    job: RepaintJob, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "prepare_with", lambda *_, **__: pytest.fail("work was done"))
    for name, change in invalid_outputs(files).items():
        before = {path: path.read_bytes() for path in files.iterdir() if path.is_file()}
        with pytest.raises(InputError):
            run(replace(job, **change))
        assert {path: path.read_bytes() for path in files.iterdir() if path.is_file()} == before, name


def test_reference_is_not_overwritten(job: RepaintJob, files: Path) -> None:
    swatch = files / "swatch.png"
    Image.new("RGB", (40, 40), (125, 155, 132)).save(swatch)
    before = swatch.read_bytes()
    with pytest.raises(InputError):
        run(replace(job, colors=(), reference=swatch, output=swatch))
    assert swatch.read_bytes() == before


def test_failed_write_leaves_no_file(job: RepaintJob, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = names(files)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("wallpaint.imaging.write.os.replace", full)
    with pytest.raises((InputError, OSError)):
        run(job)
    assert names(files) == before


def test_progress_bar_is_hidden_for_fast_jobs(job: RepaintJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "PROGRESS_DELAY_S", 3600.0)  # on a busy machine no job is fast
    stderr = io.StringIO()
    with redirect_stderr(stderr):
        report = run(job, progress=True)
    assert report["output"] == str(job.output)
    assert "repainting" not in stderr.getvalue()


def test_progress_bar_is_shown_for_slow_jobs(job: RepaintJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "PROGRESS_DELAY_S", -1.0)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    stderr = io.StringIO()
    with redirect_stderr(stderr):
        run(job, progress=True)
    assert "repainting" in stderr.getvalue()
