"""Manifests: every option by its column, all mistakes at once, encodings and separators of spreadsheets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from support.paths import ROOT
from wallpaint.bulk.columns import COLUMNS
from wallpaint.bulk.manifest import ManifestError, Row, read_folder, read_manifest
from wallpaint.bulk.names import output_names
from wallpaint.cli.app import app
from wallpaint.errors import InputError

PALETTE = ROOT / "examples" / "paints.csv"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two photos and a mask; reading a manifest does not decode them."""
    for name in ("kitchen.jpg", "hall.png", "mask.png"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def rows_of(folder: Path, data: str | bytes) -> tuple[Row, ...]:
    path = folder / "manifest.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8"))
    return read_manifest(path, folder / "out")


def test_row_holds_the_options_of_its_columns(folder: Path) -> None:
    (row,) = rows_of(
        folder,
        "photo,mask,--color,Fit mask,match,white,seed,steps,max_pixels,quality\n"
        'kitchen.jpg,mask.png,"rgb(1, 2, 3)|navy",yes,swatch,"12,8",7,30,1000,80\n',
    )
    job = row.job
    assert (row.line, job.photo, row.masks) == (2, folder / "kitchen.jpg", {"wall": folder / "mask.png"})
    assert [paints["wall"].hex for paints in row.assignments] == ["#010203", "#000080"]
    assert job.scene_options.fit_mask
    assert job.scene_options.white == (12, 8)
    assert job.scene_options.limits is not None
    assert job.scene_options.limits.max_pixels == 1000
    assert (job.repaint_options.match, job.repaint_options.seed) == ("swatch", 7)
    assert (job.settings.steps, job.quality) == (30, 80)


def test_walls_palettes_and_automatic_walls(folder: Path) -> None:
    walls, palette = rows_of(
        folder,
        f"photo,wall,palette\nkitchen.jpg,mask.png=#7d9b84|mask.png=navy,\nhall.png,,{PALETTE}\n",
    )
    assert [sorted(paints) for paints in walls.assignments] == [["mask", "mask-2"]]
    assert palette.masks == {}
    assert len(palette.assignments) == len(PALETTE.read_text(encoding="utf-8").strip().split("\n")) - 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("first", ["", "sep={}\r\n"])
def test_files_of_spreadsheets(folder: Path, encoding: str, separator: str, first: str) -> None:
    text = first.format(separator) + separator.join(["photo", "color"]) + "\r\n" + f"hall.png{separator}navy\r\n\r\n"
    (row,) = rows_of(folder, text.encode(encoding))
    assert row.job.photo == folder / "hall.png"
    assert row.job.colors == ("navy",)


def test_all_mistakes_are_listed_at_once(folder: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        rows_of(
            folder,
            "photo,mask,color,wall,palette,reference,match,fit_mask,seed,guidance,white,quality,max_bytes,painter,lora,"
            "old_color,sheeen,seed\n"
            "absent.jpg,gone.png,navy\n"
            ",,notacolour\n"
            "hall.png\n"
            "hall.png,,notacolour\n"
            "hall.png,,,mask.png\n"
            "hall.png,,,lost.png=navy\n"
            "hall.png,,,,none.csv,none.jpg\n"
            "hall.png,,navy,,,,bright,maybe,1.5,much,here,0,0,oils,,\n"
            "hall.png,mask.png,navy,mask.png=navy\n"
            "hall.png,,navy,,,,,yes\n"
            "hall.png,,navy,,,,,,,,,,,,,notacolour\n"
            "hall.png,,red\n"
            "hall.png,,red\n"
            "hall.png,,navy,,,,,,,,,,,,,,,,surplus\n"
            'hall.png,,"navy\n',
        )
    lines = caught.value.mistakes
    expected = {
        1: ["'sheeen' is unknown", "seed is given 2 times"],
        2: ["`photo` absent.jpg: there is no such file", "`mask` gone.png: there is no such file"],
        3: ["`photo` is missing", "notacolour"],
        4: ["no colour"],
        5: ["notacolour"],
        6: ["takes MASK=COLOR"],
        7: ["`wall` lost.png: there is no such file"],
        8: ["`palette` none.csv", "`reference` none.jpg"],
        9: ["`fit_mask`", "`guidance`", "`white`", "`quality`", "`max_bytes`", "'bright'|\"bright\"|bright", "oils"],
        10: ["leave out `mask`"],
        11: ["`fit_mask` needs a mask"],
        12: ["notacolour"],
        14: ["repeats line 13"],
        15: ["has 19 cells, the header 18"],
        16: ["not CSV"],
    }
    for number, texts in expected.items():
        of_line = " ".join(line for line in lines if line.startswith(f"line {number}:"))
        missing = [text for text in texts if not any(one in of_line for one in text.split("|"))]
        assert not missing, (number, of_line)
    assert not [line for line in lines if line.startswith("line 13:")], "the first of two equal rows is no mistake"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"photo,color\n", "has no rows"),
        (b"\xff\x00\xd8", "not UTF-8"),
        (b"color\nnavy\n", "no column photo"),
    ],
)
def test_files_that_are_no_manifest(folder: Path, data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        rows_of(folder, data)


def test_folder_takes_its_photos_in_order(folder: Path) -> None:
    (folder / "notes.txt").write_text("no photo", encoding="utf-8")
    (folder / "._hall.png").write_bytes(b"")
    rows = read_folder(folder, folder / "out", {"color": "navy"})
    assert [row.job.photo.name for row in rows] == ["hall.png", "kitchen.jpg", "mask.png"]
    with pytest.raises(InputError, match="notacolour"):
        read_folder(folder, folder / "out", {"color": "notacolour"})
    with pytest.raises(ManifestError, match=r"3 mistakes.*hall.png: .*kitchen.jpg: "):
        read_folder(folder, folder / "out", {})
    with pytest.raises(InputError, match="no photo"):
        read_folder(folder / "none", folder / "out", {"color": "navy"})


def test_defaults_fill_empty_cells(folder: Path) -> None:
    path = folder / "manifest.csv"
    path.write_text("photo,color,match\nhall.png,,swatch\nkitchen.jpg,navy,\n", encoding="utf-8")
    rows = read_manifest(path, folder / "out", {"color": "#7d9b84"})
    assert [row.job.colors for row in rows] == [("#7d9b84",), ("navy",)]
    assert [row.job.repaint_options.match for row in rows] == ["swatch", "room"]


def test_every_option_of_repaint_has_a_column() -> None:
    (command,) = [
        one.callback for one in app.registered_commands if one.callback and one.callback.__name__ == "repaint"
    ]
    names = {"compile_networks": "compile"}
    options = {names.get(name, name) for name in command.__annotations__} - {"return"}
    assert options - set(COLUMNS) == {"output", "before_after", "profile", "as_json"}
    assert set(COLUMNS) <= options


def test_names_depend_on_photo_mask_paint_and_options(folder: Path) -> None:
    (row,) = rows_of(folder, "photo,mask,color\nkitchen.jpg,mask.png,#7d9b84|navy\n")
    names = output_names(row)
    assert names == output_names(row)
    assert len(set(names)) == 2
    assert [name.rsplit("_", 1)[0] for name in names] == ["kitchen_7d9b84", "kitchen_navy"]
    assert all(name.endswith(".jpg") for name in names)
    changed = {output_names(replace(row, job=replace(row.job, quality=50)))}
    (other,) = rows_of(folder, "photo,mask,color,match\nkitchen.jpg,mask.png,#7d9b84|navy,swatch\n")
    changed.add(output_names(other))
    (folder / "mask.png").write_bytes(b"another mask")
    changed.add(output_names(row))
    (folder / "kitchen.jpg").write_bytes(b"another photo")
    changed.add(output_names(row))
    assert len({name for names_of_one in (names, *changed) for name in names_of_one}) == 10
