"""Data sets as other programs write them: text encodings, hidden files, names, captions, splits, transparency."""

from __future__ import annotations

import json
import tarfile
import unicodedata
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support.data_sets import into_shard, make_set, save, small_room, still
from wallpaint import InputError
from wallpaint.cli.app import main
from wallpaint.data import listing, unread
from wallpaint.data.check import check, write_quality
from wallpaint.data.dataset import WallInpaintingDataset
from wallpaint.data.listing import PhotoItem


def paired_set(root: Path, *stems: str, split: str = "train") -> Path:
    """A split without metadata. Returns its folder."""
    for number, stem in enumerate(stems):
        room = small_room(number)
        save(root / split / "images" / f"{stem}.png", room.photo)
        save(root / split / "masks" / f"{stem.rpartition('/')[2]}.png", room.soft_mask)
    return root / split


def photos(root: Path, split: str = "train") -> list[PhotoItem]:
    items = listing.list_samples(root, split)
    return [item for item in items if isinstance(item, PhotoItem)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_metadata_in_any_encoding_and_with_any_line_ends_is_the_same(
    tmp_path: Path, encoding: str, newline: str
) -> None:
    folder = make_set(tmp_path, count=2)
    expected = photos(tmp_path)
    text = (folder / "metadata.jsonl").read_text(encoding="utf-8")
    (folder / "metadata.jsonl").write_bytes(text.replace("\n", newline).encode(encoding))
    assert photos(tmp_path) == expected
    assert check(tmp_path, 0.0).issues == []


def test_written_quality_keeps_captions_of_a_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    folder = make_set(tmp_path, count=2)
    text = (folder / "metadata.jsonl").read_text(encoding="utf-8")
    (folder / "metadata.jsonl").write_bytes(text.replace("\n", "\r\n").encode("utf-8-sig"))
    assert write_quality(check(tmp_path, 0.0)) == [(folder / "metadata.jsonl", 2)]
    lines = [json.loads(line) for line in (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["caption"] for line in lines] == ["a room with pale walls"] * 2


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_metadata_csv_gives_the_samples_of_metadata_jsonl(tmp_path: Path, delimiter: str) -> None:
    folder = make_set(tmp_path, count=2, targets=True)
    expected = [(item.metadata, item.image, item.mask, item.target) for item in photos(tmp_path)]
    lines = [json.loads(line) for line in (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()]
    cells = [[f'"{value}"' for value in line.values()] for line in lines]
    rows = [list(lines[0]), *cells]
    (folder / "metadata.jsonl").unlink()
    text = "\r\n".join(delimiter.join(row) for row in rows)
    (folder / "metadata.csv").write_bytes(text.encode("utf-8-sig"))
    assert [(item.metadata, item.image, item.mask, item.target) for item in photos(tmp_path)] == expected
    assert photos(tmp_path)[1].location.endswith("metadata.csv, line 3")
    write_quality(check(tmp_path, 0.0))
    assert [item.metadata.caption for item in photos(tmp_path)] == ["a room with green walls"] * 2


def test_metadata_csv_without_a_path_column_is_refused(tmp_path: Path) -> None:
    folder = paired_set(tmp_path, "a")
    (folder / "metadata.csv").write_text("name,caption\na,b\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"line 1: no column image_path or file_name"):
        listing.list_samples(tmp_path, "train")


def test_hidden_files_are_left_out(tmp_path: Path) -> None:
    folder = paired_set(tmp_path, "a", "b")
    into_shard(make_set(tmp_path.with_name("other"), count=1, first=5), folder / "train.tar")
    for name in ("images/._a.png", "masks/._a.png", "images/.DS_Store", "._train.tar", "._room_000001.npz"):
        (folder / name).write_bytes(b"\0\5\26\7")
    (folder / "images" / "__MACOSX").mkdir()
    report = check(tmp_path, 0.0)
    assert [sample.item.key for sample in report.samples] == ["a", "b", "room_5"]
    assert {issue.type for issue in report.issues} <= {"duplicate"}  # the drawn rooms are alike
    assert report.notes == []


def test_names_in_composed_and_decomposed_form_are_one(tmp_path: Path) -> None:
    name = "phòng khách"
    folder = paired_set(tmp_path, unicodedata.normalize("NFC", name))
    (folder / "masks" / f"{unicodedata.normalize('NFC', name)}.png").rename(
        folder / "masks" / f"{unicodedata.normalize('NFD', name)}.png"
    )
    (folder / "images" / f"{unicodedata.normalize('NFD', name)}.txt").write_text("a room", encoding="utf-8")
    assert [(item.key, item.metadata.caption) for item in photos(tmp_path)] == [(name, "a room")]
    line = {"image_path": f"images/{unicodedata.normalize('NFD', name)}.png"}
    (folder / "metadata.jsonl").write_text(json.dumps(line), encoding="utf-8")
    assert photos(tmp_path)[0].mask.name == f"{unicodedata.normalize('NFD', name)}.png"
    assert check(tmp_path, 0.0).notes == []


def test_captions_beside_photos_are_read_and_lines_come_first(tmp_path: Path) -> None:
    folder = paired_set(tmp_path, "a", "b", "c")
    (folder / "images/a.txt").write_bytes(b"\xef\xbb\xbfa room\r\nwith pale walls\r\n")
    (folder / "images/b.caption").write_text("another room", encoding="utf-8")
    (folder / "images/z.txt").write_text("of no photo", encoding="utf-8")
    assert [item.metadata.caption for item in photos(tmp_path)] == ["a room with pale walls", "another room", ""]
    dataset = WallInpaintingDataset(tmp_path, "train", still())
    assert dataset[0]["caption"] == "a room with pale walls"
    assert dataset.notes(captions=True) == [
        f"{folder / 'images'}: z.txt is not read: samples are photos in images/ with a mask in masks/",
        "1 of 3 samples have no caption (c): key caption of metadata.jsonl, or a text file beside the photo",
    ]
    lines = [{"image_path": "images/a.png", "caption": "of the line"}, {"image_path": "images/b.png"}]
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    assert [item.metadata.caption for item in photos(tmp_path)] == ["of the line", "another room"]
    assert unread.notes_of_folder(folder, photos(tmp_path)) == [
        f"{folder / 'images'}: a.txt, c.png and z.txt are not read: no line of metadata.jsonl uses them",
        f"{folder / 'masks'}: c.png is not read: no line of metadata.jsonl uses them",
    ]


def test_caption_that_is_no_text_is_an_issue(tmp_path: Path) -> None:
    folder = paired_set(tmp_path, "a", "b")
    (folder / "images/a.txt").write_bytes(b"\xff\xd8\xff")
    assert [(issue.key, issue.type) for issue in check(tmp_path, 0.0).issues] == [("a", "metadata")]


@pytest.mark.parametrize("name", ["val", "valid", "dev", "Validation"])
def test_other_names_of_validation_are_read(tmp_path: Path, name: str) -> None:
    paired_set(tmp_path, "a", "b")
    paired_set(tmp_path, "a", split=name)
    assert [item.key for item in photos(tmp_path, "validation")] == ["a"]
    assert [(issue.split, issue.type, issue.other) for issue in check(tmp_path, 0.0).issues] == [
        ("validation", "leak", "train/a")
    ]


def test_two_folders_for_one_split_are_refused_and_others_reported(tmp_path: Path) -> None:
    paired_set(tmp_path, "a")
    paired_set(tmp_path, "a", split="holdout")
    splits = "splits are train, validation/val/valid/dev, test"
    assert check(tmp_path, 0.0).notes == [f"{tmp_path / 'holdout'}: is not read: {splits}"]
    (tmp_path / "val").mkdir()
    (tmp_path / "valid").mkdir()
    with pytest.raises(InputError, match="has val and valid, one split: keep one of them"):
        listing.split_folders(tmp_path)


def test_shards_of_val_are_validation(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "other", count=2)
    into_shard(folder, tmp_path / "val-0000.tar")
    into_shard(make_set(tmp_path / "third", count=1, first=7), tmp_path / "train-0000.tar")
    assert [item.key for item in listing.list_samples(tmp_path, "validation")] == ["room_0", "room_1"]
    assert [item.key for item in listing.list_samples(tmp_path, "train")] == ["room_7"]


def test_shard_of_other_programs_has_its_photo_and_caption(tmp_path: Path) -> None:
    room = small_room(0)
    (tmp_path / "train").mkdir()
    with tarfile.open(tmp_path / "train/0.tar", "w") as archive:
        for name, codes in (("a.png", room.photo), ("a.mask.png", room.soft_mask)):
            buffer = BytesIO()
            Image.fromarray(codes).save(buffer, "PNG")
            add(archive, name, buffer.getvalue())
        add(archive, "a.txt", b"\xef\xbb\xbfa room\r\n")
        add(archive, "._a.png", b"\0\5\26\7")
    (item,) = photos(tmp_path)
    assert (item.key, item.metadata.caption) == ("a", "a room")


def add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, BytesIO(data))


def test_folders_of_kohyas_naming_are_repeated_in_training_only(tmp_path: Path) -> None:
    paired_set(tmp_path, "3_pale/a", "plain/b", "c")
    paired_set(tmp_path, "3_pale/d", split="validation")
    assert [(item.key, item.repeats) for item in photos(tmp_path)] == [("c", 1), ("3_pale/a", 3), ("plain/b", 1)]
    train, validation = (WallInpaintingDataset(tmp_path, split, still()) for split in ("train", "validation"))
    assert train.keys == ["c", "3_pale/a", "3_pale/a", "3_pale/a", "plain/b"]
    assert validation.keys == ["3_pale/d"]
    assert len({train.content(index) for index in range(len(train))}) == 5
    assert check(tmp_path, 0.0).notes == []
    line = {"image_path": "images/3_pale/a.png"}
    (tmp_path / "train/metadata.jsonl").write_text(json.dumps(line), encoding="utf-8")
    assert [(item.key, item.repeats, item.mask.name) for item in photos(tmp_path)] == [("3_pale/a", 3, "a.png")]


def test_photos_that_no_sample_uses_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_set(tmp_path, count=1)
    for number in range(7):
        save(folder / f"images/extra_{number}.png", small_room(number).photo)
    (folder / "images/scan.gif").write_bytes(b"GIF89a")
    assert main(["data", "check", str(tmp_path), "--threshold", "0"]) == 0
    names = "extra_0.png, extra_1.png, extra_2.png, extra_3.png, extra_4.png and 3 more"
    expected = f"note: {folder / 'images'}: {names} are not read: no line of metadata.jsonl uses them"
    assert capsys.readouterr().out.splitlines()[0] == expected


def test_transparent_pixels_are_white_in_samples_and_no_wall(tmp_path: Path) -> None:
    """Whatever lies under them; a quarter of the photo, of the wall's top left corner, is cut away."""
    room = small_room(0)
    height, width = room.photo.shape[:2]
    alpha = np.full((height, width, 1), 255, np.uint8)
    alpha[: height // 2, : width // 2] = 0
    for name, color in (("black", (0, 0, 0)), ("green", (0, 255, 0))):
        codes = np.where(alpha > 0, room.photo, np.array(color, np.uint8))
        save(tmp_path / f"train/images/{name}.png", np.concatenate([codes, alpha], 2))
        save(tmp_path / f"train/masks/{name}.png", room.soft_mask)
    dataset = WallInpaintingDataset(tmp_path, "train", still(random_color_prob=0.0, dilation_px=0.0))
    first, second = dataset[0], dataset[1]
    assert (first["pixel_values"][:, 2, 10] == 1).all()
    assert bool((first["pixel_values"] == second["pixel_values"]).all())
    assert float(first["color_mask"][0, :31, :24].max()) == 0 < float(first["color_mask"].max())
    assert dataset.notes() == [
        "black.png and green.png have an alpha channel: transparent pixels are white in the samples, and no wall"
    ]
    notes = check(tmp_path, 0.0).notes
    assert [note.partition(": ")[2] for note in notes] == [
        f"photo {name}.png is 25 % transparent: that is white in the samples, and no wall"
        for name in ("black", "green")
    ]


def test_ambiguous_masks_are_reported_as_in_a_repaint(tmp_path: Path) -> None:
    folder = paired_set(tmp_path, "a")
    mask = Image.fromarray((small_room(0).soft_mask >= 128).astype(np.uint8), "P")
    mask.putpalette([0, 0, 0, 128, 0, 0])
    mask.save(folder / "masks/a.png")
    reason = "is painted in one colour on black: that colour was taken as wall; use white to be sure"
    assert check(tmp_path, 0.0).notes == [f"{folder / 'images/a.png'}: mask a.png {reason}"]


def test_negative_dilation_erodes_the_models_mask(tmp_path: Path) -> None:
    """By the radius of color_mask, both are the same."""
    make_set(tmp_path, count=1)
    sample = WallInpaintingDataset(tmp_path, "train", still(dilation_px=-2.0, erosion_px=2.0))[0]
    plain = WallInpaintingDataset(tmp_path, "train", still(dilation_px=0.0))[0]
    assert bool((sample["mask"] == sample["color_mask"]).all())
    assert 0 < float(sample["mask"].sum()) < float(plain["mask"].sum())
