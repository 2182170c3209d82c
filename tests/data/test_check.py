"""`wallpaint data check`: every planted fault is found and nothing else, and what is written keeps the rest."""

from __future__ import annotations

import json
import re
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image

from support.data_sets import add, into_shard, make_set, save, small_room, write_lines
from support.drawn_rooms import make_room
from support.paths import ROOT
from wallpaint.cli.app import app, main
from wallpaint.data.check import KINDS, check, write_quality
from wallpaint.data.dataset import WallInpaintingDataset
from wallpaint.data.fingerprints import fingerprint
from wallpaint.data.mask_quality import mask_quality
from wallpaint.data.settings import DataSettings

TRAIN, VALIDATION = 150, 50
LEVELS = (60, 90, 120, 150, 180, 210)


def found_in(root: Path) -> dict[tuple[str, str], set[str]]:
    """Kinds of fault by part and key."""
    faults: dict[tuple[str, str], set[str]] = {}
    for fault in check(root, 0.6).faults:
        faults.setdefault((fault.split, fault.key), set()).add(fault.kind)
    return faults


# -- two hundred samples


def large_set(root: Path) -> None:
    """200 rooms in 200 paints, one line of metadata each: clean."""
    rng = np.random.default_rng(4)
    paints = rng.permutation([(r, g, b) for r in LEVELS for g in LEVELS for b in LEVELS])[: TRAIN + VALIDATION]
    lines: dict[str, list[dict[str, Any]]] = {"train": [], "validation": []}
    for number, paint in enumerate(paints.tolist()):
        split = "train" if number < TRAIN else "validation"
        room = make_room(
            *((90, 120), (120, 96), (100, 100))[number % 3],
            old="#" + bytes(paint).hex(),
            furniture="#" + bytes(rng.integers(10, 60, 3).tolist()).hex(),
            shadow=0.5 * rng.random(),
            sun=0.3 * rng.random(),
            noise=0.01,
            seed=number,
        )
        name = f"{number:03d}"
        save(root / split / f"images/{name}.jpg", room.photo, quality=92)
        save(root / split / f"masks/{name}.png", room.soft_mask)
        lines[split].append({"image_path": f"images/{name}.jpg", "mask_path": f"masks/{name}.png", "color_rgb": paint})
    for split, told in lines.items():
        write_lines(root / split, told)


def planted(root: Path) -> dict[tuple[str, str], set[str]]:
    """Spoil 40 samples of a large set, every kind of fault among them; returns what is to be found."""
    lines = {split: (root / split / "metadata.jsonl").read_text().splitlines() for split in ("train", "validation")}
    expected: dict[tuple[str, str], set[str]] = {}
    for number, (kind, spoil) in enumerate(_ways()):
        key = f"{3 * number:03d}"
        folder, entry = root / "train", json.loads(lines["train"][3 * number])
        split, spoilt = "train", spoil(folder, key, entry)
        if isinstance(spoilt, str):
            lines["train"][3 * number] = spoilt
        elif spoilt is not None:
            lines["train"][3 * number] = json.dumps(spoilt)
        if kind == "leak":  # is told of the part that comes later
            split, key = "validation", f"{TRAIN + number:03d}"
        expected[split, key if spoilt != "{" else f"line {3 * number + 1}"] = {kind}
    for split, told in lines.items():
        (root / split / "metadata.jsonl").write_text("\n".join(told) + "\n")
    return expected


def _ways() -> Iterator[tuple[str, Any]]:
    def at(name: str, data: Any) -> Any:
        def spoil(folder: Path, key: str, entry: dict[str, Any]) -> None:
            path = next(folder.glob(f"{name}/{key}.*"))
            whole = path.read_bytes()
            path.write_bytes(data(whole) if callable(data) else data)

        return spoil

    def mask(change: Any) -> Any:
        def spoil(folder: Path, key: str, entry: dict[str, Any]) -> None:
            path = folder / f"masks/{key}.png"
            save(path, np.ascontiguousarray(change(np.asarray(Image.open(path)))))

        return spoil

    def line(**keys: Any) -> Any:
        return lambda folder, key, entry: entry | keys

    for data in (b"", b"no picture", lambda whole: whole[: len(whole) // 2]):
        yield "unreadable", at("images", data)
        yield "unreadable", at("masks", data)
    coloured = np.random.default_rng(0).integers(0, 256, (20, 20, 3)).astype(np.uint8)
    yield "unreadable", lambda folder, key, entry: save(folder / f"masks/{key}.png", coloured)
    for name in ("images", "masks"):
        yield "missing", lambda folder, key, entry, name=name: next(folder.glob(f"{name}/{key}.*")).unlink()
    yield "missing", line(target_path="targets/none.png")
    for keys in (
        {"color_rgb": [300, 0, 0]},
        {"color_rgb": "red"},
        {"quality_score": -1},
        {"mask_path": "../../secret.png"},
        {"caption": 7},
    ):
        yield "metadata", line(**keys)
    yield "metadata", lambda folder, key, entry: "{"
    for size in ((45, 60), (300, 400), (90, 121)):
        yield "size", mask(lambda codes, size=size: np.asarray(Image.fromarray(codes).resize(size[::-1])))
    for turns in (1, 3):
        yield "orientation", mask(lambda codes, turns=turns: _turned(codes, turns))
    yield "empty", mask(np.zeros_like)
    yield "empty", mask(lambda codes: codes // 4)
    yield "empty", mask(lambda codes: (codes > 0).astype(np.uint8))
    for level in (255, 230):
        yield "full", mask(lambda codes, level=level: np.full_like(codes, level))
    yield "poor", mask(lambda codes: np.roll(codes, (-12, 14), (0, 1)))
    yield "poor", mask(lambda codes: 255 - codes)
    yield "poor", mask(lambda codes: codes[::-1])
    yield "poor", mask(lambda codes: np.where(np.indices(codes.shape).sum(0) < 12, 255, 0).astype(np.uint8))
    yield "target", _same_target
    yield "size", _small_target
    for scale, quality, mirror in ((1, 0, False), (1, 60, False), (0.6, 80, False), (1.4, 70, True)):
        yield "duplicate", lambda *a, way=(scale, quality, mirror): _duplicate(*a, way)
    for scale, quality, mirror in ((1, 0, False), (0.7, 85, False), (1, 75, True), (1.3, 50, False)):
        yield "leak", lambda *a, way=(scale, quality, mirror): _leak(*a, way)


def _turned(codes: np.ndarray, turns: int) -> np.ndarray:
    assert codes.shape[0] != codes.shape[1]
    return np.rot90(codes, turns)


def _same_target(folder: Path, key: str, entry: dict[str, Any]) -> dict[str, Any]:
    with Image.open(folder / f"images/{key}.jpg") as photo:
        save(folder / f"targets/{key}.png", np.asarray(photo))
    return entry | {"target_path": f"targets/{key}.png"}


def _small_target(folder: Path, key: str, entry: dict[str, Any]) -> dict[str, Any]:
    save(folder / f"targets/{key}.png", np.zeros((40, 40, 3), np.uint8))
    return entry | {"target_path": f"targets/{key}.png"}


def _duplicate(folder: Path, key: str, entry: dict[str, Any], way: tuple[float, int, bool]) -> None:
    """The sample becomes a copy of the one before it."""
    before = f"{int(key) - 1:03d}"
    _copy_sample(folder, before, folder, key, way)


def _leak(folder: Path, key: str, entry: dict[str, Any], way: tuple[float, int, bool]) -> None:
    """A sample of validation becomes a copy of this one."""
    _copy_sample(folder, key, folder.parent / "validation", f"{TRAIN + int(key) // 3:03d}", way)


def _copy_sample(source: Path, key: str, place: Path, name: str, way: tuple[float, int, bool]) -> None:
    scale, quality, mirror = way
    for kind, end in (("images", "jpg"), ("masks", "png")):
        with Image.open(source / f"{kind}/{key}.{end}") as picture:
            size = round(picture.width * scale), round(picture.height * scale)
            changed = np.asarray(picture if scale == 1 else picture.resize(size))
        changed = np.ascontiguousarray(changed[:, ::-1]) if mirror else changed
        if quality == 0:
            shutil.copy(source / f"{kind}/{key}.{end}", place / f"{kind}/{name}.{end}")
        else:
            save(place / f"{kind}/{name}.{end}", changed, **({"quality": quality} if end == "jpg" else {}))


def test_every_planted_fault_is_found_and_nothing_else(tmp_path: Path) -> None:
    large_set(tmp_path)
    assert found_in(tmp_path) == {}
    expected = planted(tmp_path)
    assert len(expected) == 40
    assert {kind for kinds in expected.values() for kind in kinds} == set(KINDS)
    assert found_in(tmp_path) == expected


# -- its parts


def test_the_shipped_set_is_clean(examples: Path) -> None:
    """Rooms in several paints, papered rooms, one room from one place in two paints: none of it is a fault."""
    findings = check(examples / "benchmark", 0.6)
    assert len(findings.samples) == 73
    assert findings.faults == []
    assert all(sample.quality and sample.quality.score >= 0.6 for sample in findings.samples)


def test_quality_of_masks_that_fit_and_do_not() -> None:
    room = small_room(1)
    alpha = room.alpha.astype(np.float32)
    good = mask_quality(room.photo, alpha)
    assert good.score > 0.9
    assert good.share == pytest.approx((alpha >= 0.5).mean())
    for wrong in (1 - alpha, alpha[::-1], np.roll(alpha, 15, 1), np.roll(alpha, -14, 0)):
        assert mask_quality(room.photo, wrong).score < 0.6 * good.score
    speck = np.zeros_like(alpha)
    speck[5, 5] = 1
    assert mask_quality(room.photo, speck).score == 0


def test_quality_does_not_depend_on_the_photos_size() -> None:
    scores = []
    for height in (240, 480, 960):
        room = make_room(height, height * 4 // 3, noise=0.01)
        scores.append(mask_quality(room.photo, room.alpha.astype(np.float32)).score)
    assert max(scores) - min(scores) < 0.05


def test_the_same_picture_is_known_again_and_another_paint_is_not() -> None:
    room, other = small_room(0), small_room(0, old="#b8c9d0")
    one = fingerprint(room.photo)
    large = np.asarray(Image.fromarray(room.photo).resize((300, 225)))
    assert fingerprint(large).looks_like(one)
    assert fingerprint(np.ascontiguousarray(large[:, ::-1])).looks_like(one)
    assert not fingerprint(other.photo).looks_like(one)
    assert (fingerprint(other.photo).hash ^ one.hash).bit_count() <= 12  # what the hash alone would call the same


def test_one_photo_in_several_paints_is_no_duplicate(tmp_path: Path) -> None:
    folder = make_set(tmp_path, count=1, targets=True)
    first = json.loads((folder / "metadata.jsonl").read_text())
    save(folder / "targets/blue.png", small_room(0).lit(np.array([0.1, 0.2, 0.5])))
    write_lines(folder, [first, first | {"target_path": "targets/blue.png"}])
    assert found_in(tmp_path) == {}
    write_lines(folder, [first, first])
    assert found_in(tmp_path) == {("train", "room_0#2"): {"duplicate"}}


def test_a_room_belongs_to_one_part_in_whatever_paint(tmp_path: Path) -> None:
    for split, old in (("train", "#d9cfc0"), ("validation", "#405a80")):
        folder = make_set(tmp_path, split, 1)
        save(folder / "images/room_0.png", small_room(0, old).photo)
        line = json.loads((folder / "metadata.jsonl").read_text())
        write_lines(folder, [line | {"room": 17}])
    assert found_in(tmp_path) == {("validation", "room_0"): {"leak"}}


def test_shards_are_checked_too(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "loose")
    (tmp_path / "tarred").mkdir()
    into_shard(folder, tmp_path / "tarred/train-0.tar")
    assert found_in(tmp_path / "tarred") == {}
    with tarfile.open(tmp_path / "tarred/train-1.tar", "w") as archive:
        add(archive, "a.image.png", (folder / "images/room_0.png").read_bytes())
        add(archive, "b.image.png", b"broken")
        add(archive, "b.mask.png", (folder / "masks/room_1.png").read_bytes())
    (tmp_path / "tarred/train-2.tar").write_bytes(b"no tar")
    assert found_in(tmp_path / "tarred") == {
        ("", "a"): {"missing"},
        ("", "b"): {"unreadable"},
        ("", "train-2.tar"): {"unreadable"},
    }


# -- quality written back


def test_quality_is_written_and_all_else_kept(tmp_path: Path) -> None:
    folder = make_set(tmp_path, count=3)
    lines = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
    lines[0] |= {"depth_path": "depth/é.png", "own": {"nested": [1, 2.5]}}
    shifted = np.roll(np.asarray(Image.open(folder / "masks/room_1.png")), 14, 1)
    save(folder / "masks/room_1.png", np.ascontiguousarray(shifted))
    write_lines(folder, lines)
    with (folder / "metadata.jsonl").open("a") as file:
        file.write("{ not json\n")
    findings = check(tmp_path, 0.6)
    assert write_quality(findings) == [(folder / "metadata.jsonl", 4)]
    after = (folder / "metadata.jsonl").read_text().splitlines()
    assert after[3] == "{ not json"
    for before, text in zip(lines, after[:3], strict=True):
        now = json.loads(text)
        score = now.pop("quality_score")
        assert now == {key: value for key, value in before.items() if key != "quality_score"}
        assert list(now) == [key for key in before if key != "quality_score"]
        assert (score < 0.6) == (before["image_path"] == "images/room_1.png")
    (folder / "metadata.jsonl").write_text("\n".join(after[:3]) + "\n")
    assert WallInpaintingDataset(tmp_path, "train", DataSettings(size=64)).keys == ["room_0", "room_2"]
    assert sorted(path.name for path in folder.iterdir()) == ["images", "masks", "metadata.jsonl"]


def test_a_set_that_goes_by_names_gets_metadata(tmp_path: Path) -> None:
    folder = make_set(tmp_path, count=2)
    (folder / "metadata.jsonl").unlink()
    save(folder / "masks/room_1.png", np.zeros((96, 128), np.uint8))
    write_quality(check(tmp_path, 0.6))
    lines = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
    assert [(line["image_path"], line["quality_score"] > 0.6) for line in lines] == [
        ("images/room_0.png", True),
        ("images/room_1.png", False),
    ]


# -- the command


def test_exit_status_and_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_set(tmp_path / "set")
    assert main(["data", "check", str(tmp_path / "set")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'set'}: 3 samples, no faults\n"
    save(folder / "masks/room_1.png", np.zeros((96, 128), np.uint8))
    assert main(["data", "check", str(tmp_path / "set")]) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith(f"empty: {folder / 'metadata.jsonl'}, line 2: mask room_1.png has no white pixel")
    assert told[1].endswith("3 samples, 1 fault")
    assert main(["data", "check", str(tmp_path / "none")]) == 2
    assert main(["data", "check", str(tmp_path / "set"), "-o", str(tmp_path / "page.pdf")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2
    (tmp_path / "bare").mkdir()
    assert main(["data", "check", str(tmp_path / "bare")]) == 2


def test_the_report_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_set(tmp_path)
    save(folder / "masks/room_1.png", np.full((96, 128), 255, np.uint8))
    assert main(["data", "check", str(tmp_path), "--json", "--write-quality"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["samples"] == {"train": 3}
    assert report["counts"] == {"full": 1}
    assert report["faults"][0]["key"] == "room_1"
    assert set(report["quality"]) == {"train/room_0", "train/room_2"}
    scores = [json.loads(line)["quality_score"] for line in (folder / "metadata.jsonl").read_text().splitlines()]
    assert scores == [report["quality"]["train/room_0"]["score"], 0.0, report["quality"]["train/room_2"]["score"]]


def test_the_page_stands_alone_and_shows_the_worst_first(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "<b>set")
    save(folder / "masks/room_2.png", np.zeros((128, 96), np.uint8))
    (folder / "images/room_1.png").write_bytes(b"")
    page = tmp_path / "page.html"
    assert main(["data", "check", str(tmp_path / "<b>set"), "-o", str(page)]) == 1
    text = page.read_text()
    assert [name.split()[0] for name in re.findall(r"<h3>(.*?)<", text)] == [
        "train/room_1",
        "train/room_2",
        "train/room_0",
    ]
    assert "it lies on its side" in text
    assert "<b>set" not in text
    assert all(source.startswith("data:image/jpeg;base64,") for source in re.findall(r'src="(.*?)"', text))
    assert "href" not in text
    assert "http" not in text.replace("http-equiv", "")
    assert text.count("<img") == 5  # a photo that cannot be read is not shown


def test_the_document_names_every_setting_and_every_fault() -> None:
    text = (ROOT / "docs/data.md").read_text()
    for setting in fields(DataSettings):
        value = setting.default
        shown = ", ".join(f"{v:g}" for v in value) if isinstance(value, tuple) else str(value)
        assert f"| `{setting.name}` | {shown} | {setting.metadata['help']} |" in text
    faults = text.partition("| fault | what |")[2].partition("\n\n")[0]
    assert all(re.search(rf"\b{kind}\b", faults) for kind in KINDS)
    group = typer.main.get_command(app).commands["data"].commands["check"]
    options = {option for p in group.params for option in p.opts}
    assert set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text.partition("## Checking a set")[2])) <= options
