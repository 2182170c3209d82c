"""Export of data sets: files, metadata entries, splits, and resuming."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from support import synthetic_rooms
from wallpaint.errors import ConfigError, InputError
from wallpaint.evaluation.benchmark.dataset import load_cases, read_set
from wallpaint.imaging.color import srgb_to_linear
from wallpaint.rooms.sets import export, pairs, room_file
from wallpaint.rooms.sets.room_file import RoomRecord

SIZE = (32, 48)
SEEDS = (1, 2, 900_001, 950_002)


def write_rooms(folder: Path, seeds: tuple[int, ...] = SEEDS) -> Path:
    folder.mkdir()
    for seed in seeds:
        record = synthetic_rooms.render(seed, SIZE, 64)
        assert isinstance(record, RoomRecord)
        room_file.write(folder / room_file.name_of(seed), record)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def entries(folder: Path, split: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / split / "metadata.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rooms(tmp_path_factory.mktemp("exported") / "rooms")


@pytest.fixture(scope="module")
def exported(rooms: Path) -> Path:
    out = rooms.parent / "out"
    summary = export.export(rooms, out, 2, num_workers=1)
    assert summary == export.ExportSummary(4, {"train": 6, "validation": 2, "test": 4})
    return out


def test_every_entry_names_existing_images(exported: Path) -> None:
    for split in ("train", "validation", "test"):
        for line in entries(exported, split):
            assert line["file_name"] == line["image_path"]
            assert line["quality_score"] == 1.0
            paths = {key: exported / split / value for key, value in line.items() if key.endswith("_path")}
            modes, sizes = {}, set()
            for key, path in paths.items():
                with Image.open(path) as image:
                    modes[key] = image.mode
                    sizes |= {image.size} if key != "reference_path" else set()
            assert modes["image_path"] == modes["target_path"] == "RGB"
            assert modes["mask_path"] == modes["depth_path"] == "L"
            assert sizes == {SIZE[::-1]}
            assert ("clean_path" in paths) == (split != "train")
            assert ("reference_path" in paths) == ("texture" in line["tracks"])
            assert (line["color_rgb"] is None) == ("texture" in line["tracks"])


def test_entries_match_the_pairs(exported: Path, rooms: Path) -> None:
    line = entries(exported, "train")[0]
    record = room_file.read(rooms / room_file.name_of(1))
    pair = pairs.sample_pairs(record, 2)[0]
    np.testing.assert_allclose(srgb_to_linear(np.array(line["color_rgb"]) / 255), pair.new_albedo, atol=1e-5)
    np.testing.assert_allclose(srgb_to_linear(np.array(line["old_color_rgb"]) / 255), pair.old_albedo, atol=1e-5)
    assert line["caption"] == f"an office with {line['color_name']} walls"
    assert (exported / "train" / line["image_path"]).read_bytes() == pair.jpeg
    with Image.open(exported / "train" / line["target_path"]) as target:
        np.testing.assert_allclose(np.asarray(target) / 255, pair.target, atol=0.5 / 255 + 1e-6)


def test_color_name_is_the_nearest_css_colour() -> None:
    assert export.color_name(srgb_to_linear(np.array([25, 25, 112]) / 255)) == "midnightblue"
    assert export.color_name(np.array([0.9, 0.9, 0.9])) in {"whitesmoke", "snow", "ghostwhite", "white"}


def test_benchmark_reads_the_export(exported: Path) -> None:
    loaded = read_set(exported)
    assert [pair.tracks[0] for pair in loaded] == ["plain", "plain", "patterned", "texture"]
    for pair in loaded:
        case = load_cases([pair])[0]
        assert case.truth is not None
        assert case.truth.clean_linear is not None
        assert (case.texture is not None) == ("texture" in pair.tracks)


def test_resumed_export_gives_the_same_bytes(exported: Path, rooms: Path, tmp_path: Path) -> None:
    complete = files_of(exported)
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        export.export(rooms, out, 2, num_workers=1, on_progress=interrupt_after(2))
    assert not (out / "test" / "metadata.jsonl").exists()
    victim = next((out / "train" / "targets").iterdir())
    victim.unlink()
    (out / "train" / "images" / ".0123.part").write_bytes(b"half")
    export.export(rooms, out, 2, num_workers=1)
    assert files_of(out) == complete


def test_later_rooms_are_added(exported: Path, rooms: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = write_rooms(tmp_path / "rooms", SEEDS[:2])
    export.export(first, out, 2, num_workers=1)
    for seed in SEEDS[2:]:
        (first / room_file.name_of(seed)).write_bytes((rooms / room_file.name_of(seed)).read_bytes())
    export.export(first, out, 2, num_workers=1)
    assert files_of(out) == files_of(exported)


def interrupt_after(count: int):
    names: list[str] = []

    def on_progress(name: str) -> None:
        names.append(name)
        if len(names) == count:
            raise KeyboardInterrupt

    return on_progress


def test_other_settings_missing_folders_and_damaged_rooms_are_rejected(
    exported: Path, rooms: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="pairs 2, not 3"):
        export.export(rooms, exported, 3, num_workers=1)
    with pytest.raises(InputError, match="no such folder"):
        export.export(tmp_path / "nothing", tmp_path / "out", 2)
    with pytest.raises(InputError, match="contains no rooms"):
        export.export(tmp_path, tmp_path / "out", 2)
    bad = write_rooms(tmp_path / "bad", (1,))
    (bad / room_file.name_of(2)).write_bytes(b"no room")
    with pytest.raises(InputError, match="room_000002"):
        export.export(bad, tmp_path / "out", 1, num_workers=1)


def test_home_paints_change_the_existing_paints_and_are_a_setting_of_the_export(
    exported: Path, rooms: Path, tmp_path: Path
) -> None:
    out = tmp_path / "home"
    export.export(rooms, out, 2, num_workers=1, home_paints=True)
    plain = [entry["old_color_rgb"] for entry in entries(exported, "train") if entry["old_color_rgb"]]
    home = [entry["old_color_rgb"] for entry in entries(out, "train") if entry["old_color_rgb"]]
    assert len(home) == len(plain)
    assert home != plain
    with pytest.raises(ConfigError, match="home_paints"):
        export.export(rooms, out, 2, num_workers=1)
    with pytest.raises(ConfigError, match="home_paints"):
        export.export(rooms, exported, 2, num_workers=1, home_paints=True)


def test_entries_mark_hdr_photos_and_the_benchmark_reads_relief_pairs(tmp_path: Path) -> None:
    hdr = next(seed for seed in range(980_000, 980_100) if pairs.is_hdr(seed) and seed % 2 == 0)
    folder = tmp_path / "rooms"
    folder.mkdir()
    for seed in (hdr, 950_000):
        record = synthetic_rooms.render(seed, SIZE, 16)
        assert isinstance(record, RoomRecord)
        variants = tuple(replace(view, kind="brick", track="relief") for view in record.wall_variants)
        room_file.write(folder / room_file.name_of(seed), replace(record, wall_variants=variants))
    export.export(folder, tmp_path / "set", 1, num_workers=1)
    lines = entries(tmp_path / "set", "test")
    assert {(line["room"], line["hdr"]) for line in lines} == {(hdr, True), (950_000, False)}
    assert [pair.tracks[0] for pair in read_set(tmp_path / "set")] == 2 * ["plain", "relief", "texture"]
