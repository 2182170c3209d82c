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

from support.annotation_files import coco, coco_counts, labelme
from support.data_sets import into_shard, make_set, save, small_room, still, write_lines
from wallpaint import InputError
from wallpaint.cli.app import main
from wallpaint.data import listing, loading, unread
from wallpaint.data.check import check, write_quality
from wallpaint.data.dataset import WallInpaintingDataset
from wallpaint.data.listing import PhotoItem
from wallpaint.data.metadata import SampleMetadata, parse_metadata


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


def test_masks_are_read_by_the_keys_of_their_line(tmp_path: Path) -> None:
    """Classes, black walls, annotations, and masks drawn on stored pixels give the alpha of a plain mask."""
    room = small_room(0)
    wall = room.soft_mask >= 128
    size = (wall.shape[0], wall.shape[1])
    tag = Image.Exif()
    tag[274] = 3
    save(tmp_path / "train/images/a.png", room.photo)
    save(tmp_path / "train/images/turned.png", room.photo[::-1, ::-1], exif=tag)
    masks = tmp_path / "train/masks"
    save(masks / "ids.png", wall.astype(np.uint8) + 4)
    save(masks / "black.png", np.where(wall, 0, 255).astype(np.uint8))
    save(masks / "stored.png", (wall[::-1, ::-1] * 255).astype(np.uint8))
    code = {"size": list(size), "counts": coco_counts(wall)}
    (masks / "coco.json").write_text(json.dumps(coco({"a.png": [("Wall 1", code)]}, size)), encoding="utf-8")
    lines = [
        {"image_path": "images/a.png", "mask_path": "masks/ids.png", "mask_class": 5},
        {"image_path": "images/a.png", "mask_path": "masks/black.png", "invert_mask": True},
        {"image_path": "images/turned.png", "mask_path": "masks/stored.png", "mask_orientation": "stored"},
        {"image_path": "images/a.png", "mask_path": "masks/coco.json", "mask_class": "wall 1"},
    ]
    write_lines(tmp_path / "train", lines)
    items = photos(tmp_path)
    for item in items:
        np.testing.assert_array_equal(loading.load(item, with_target=False).alpha, wall)
    assert {issue.type for issue in check(tmp_path, 0.0).issues} == {"duplicate"}
    assert check(tmp_path, 0.0).notes == []
    assert len({item.metadata.hash_text() for item in items}) == 4
    header = "file_name;mask_path;invert_mask\r\n"
    (tmp_path / "train/metadata.jsonl").unlink()
    text = f"sep=;\r\n{header}images/a.png;masks/black.png;TRUE\r\n"
    (tmp_path / "train/metadata.csv").write_bytes(text.encode("utf-8-sig"))
    assert [item.metadata.invert_mask for item in photos(tmp_path)] == [True]


def test_plain_metadata_has_the_digest_that_it_had(tmp_path: Path) -> None:
    assert SampleMetadata(caption="a room").hash_text() == (
        "Entry(color_rgb=None, color_name=None, old_color_rgb=None, quality=1.0, caption='a room', room=None)"
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"invert_mask": "yes"}, "invert_mask is true or false, not 'yes'"),
        ({"mask_orientation": 6}, "mask_orientation is upright or stored, not 6"),
        ({"mask_class": [1]}, "mask_class is a text, not [1]"),
    ],
)
def test_keys_of_a_mask_are_checked(line: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_metadata(line, "x, line 1")
    assert str(caught.value) == f"x, line 1: {message}"


def test_messages_on_masks_name_keys_of_the_metadata(tmp_path: Path) -> None:
    folder = paired_set(tmp_path, "a", "b", "c", "d")
    wall = small_room(0).soft_mask >= 128
    save(folder / "masks/a.png", wall.astype(np.uint8))
    ids = Image.fromarray(wall.astype(np.uint8) * 2 + 1, "P")
    ids.putpalette([0, 0, 0, 0, 128, 0, 0, 0, 0, 128, 0, 0])
    ids.save(folder / "masks/b.png")
    tag = Image.Exif()
    tag[274] = 6
    save(folder / "images/c.png", np.rot90(small_room(2).photo), exif=tag)
    save(folder / "masks/c.png", np.rot90(small_room(2).soft_mask))
    codes = np.random.default_rng(0).integers(0, 256, (*wall.shape, 4), dtype=np.uint8)
    codes[..., 3] = np.where(wall, 255, 0)
    save(folder / "masks/d.png", codes)
    report = check(tmp_path, 0.0)
    messages = [(issue.key, issue.type, issue.message.partition(".png: ")[2]) for issue in report.issues]
    assert messages[0] == (
        "a",
        "empty",
        'mask a.png is nowhere brighter than 1 of 255: multiply it by 255, or set "mask_class": "1" '
        "(keys of metadata.jsonl)",
    )
    key, kind, message = messages[1]
    assert (key, kind) == ("b", "unreadable")
    assert message.startswith("mask b.png is a coloured picture: it holds 3 #800000 ")
    assert message.endswith(': name the wall\'s class, such as "mask_class": "3" (keys of metadata.jsonl)')
    key, kind, message = messages[2]
    assert (key, kind) == ("c", "orientation")
    assert message.startswith("the photo has EXIF orientation 6, mask c.png has none and is 128x96, as the photo is ")
    assert 'set "mask_orientation": "stored" if' in message
    (note,) = report.notes
    assert note.endswith('set "invert_mask": true if the wall was erased (keys of metadata.jsonl)')


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("masks/a.png", "masks/a_mask.png", ": rename a_mask.png to a.png"),
        ("masks/a.png", "masks/a.jpg.png", ": rename a.jpg.png to a.png"),
        ("masks/a.png", "masks/a.psd", ": a.psd has a format that is not read, save it as PNG or JPEG"),
        ("masks/a.png", "masks/ab.png", ""),
    ],
)
def test_missing_masks_name_a_similar_file(tmp_path: Path, old: str, new: str, hint: str) -> None:
    folder = paired_set(tmp_path, "a", "b")
    (folder / old).rename(folder / new)
    issue = check(tmp_path, 0.0).issues[0]
    assert issue.message == f"{folder / 'images/a.png'}: {folder / 'masks'} has no image named a{hint}"


def test_paths_relative_to_images_name_the_right_path(tmp_path: Path) -> None:
    folder = paired_set(tmp_path, "a", "b")
    (folder / "metadata.csv").write_text("file_name,text\na.png,a room\nz.png,\n", encoding="utf-8")
    assert [issue.message.partition(", line ")[2] for issue in check(tmp_path, 0.0).issues] == [
        "2: file_name names a.png, and there is no such file: write images/a.png",
        f"3: file_name names z.png, and there is no such file in {folder}",
    ]


@pytest.mark.parametrize("names", [("Images", "Masks"), ("10_walls",)])
def test_a_folder_without_samples_names_what_it_has(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        save(tmp_path / "train" / name / "a.png", small_room(0).photo)
    with pytest.raises(InputError) as caught:
        check(tmp_path, 0.0)
    assert str(caught.value) == (
        f"{tmp_path / 'train'}: no samples: expected metadata.jsonl, or images/ and masks/, or *.tar, or room_*.npz; "
        f"it has {', '.join(f'{name}/' for name in names)}"
    )


@pytest.mark.parametrize("suffix", ["jfif", "jpe", "gif"])
def test_rarer_suffixes_are_read(tmp_path: Path, suffix: str) -> None:
    folder = paired_set(tmp_path, "a")
    (folder / "images/a.png").unlink()
    save(folder / f"images/a.{suffix}", small_room(0).photo, format="GIF" if suffix == "gif" else "JPEG")
    assert [(item.image.name, item.mask.name) for item in photos(tmp_path)] == [(f"a.{suffix}", "a.png")]
    assert check(tmp_path, 0.0).issues == []


def test_a_labelme_file_in_masks_is_a_mask(tmp_path: Path) -> None:
    folder = paired_set(tmp_path, "a", "b")
    (folder / "masks/a.png").unlink()
    document = labelme("a.png", (96, 128), [("wall", "polygon", [[10, 10], [90, 10], [90, 60], [10, 60]])])
    (folder / "masks/a.json").write_text(json.dumps(document), encoding="utf-8")
    alpha = loading.load(photos(tmp_path)[0], with_target=False).alpha
    expected = np.zeros((96, 128))
    expected[10:60, 10:90] = 1
    np.testing.assert_array_equal(alpha, expected)
    assert check(tmp_path, 0.0).issues == []
    assert check(tmp_path, 0.0).notes == []


def test_an_inverted_mask_has_a_hint_on_its_key(tmp_path: Path) -> None:
    make_set(tmp_path, count=1)
    folder = tmp_path / "train"
    mask = np.asarray(Image.open(folder / "masks/room_0.png"))
    save(folder / "masks/room_0.png", 255 - mask)
    (issue,) = check(tmp_path, 0.6).issues
    assert issue.type == "poor"
    assert issue.message.endswith('inverted mask: set "invert_mask": true if black is wall (keys of metadata.jsonl)')
    line = json.loads((folder / "metadata.jsonl").read_text(encoding="utf-8")) | {"invert_mask": True}
    write_lines(folder, [line])
    assert check(tmp_path, 0.6).issues == []
