"""`wallpaint data check`: exactly the planted issues are reported, and writing quality scores keeps everything else."""

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
from wallpaint.data.check import ISSUE_TYPES, check, write_quality
from wallpaint.data.dataset import WallInpaintingDataset
from wallpaint.data.fingerprints import fingerprint
from wallpaint.data.mask_quality import mask_quality
from wallpaint.data.settings import SampleSettings

TRAIN, VALIDATION = 150, 50
LEVELS = (60, 90, 120, 150, 180, 210)


def issues_in(root: Path) -> dict[tuple[str, str], set[str]]:
    """Issue types by split and key."""
    types: dict[tuple[str, str], set[str]] = {}
    for issue in check(root, 0.6).issues:
        types.setdefault((issue.split, issue.key), set()).add(issue.type)
    return types


# -- two hundred samples


def large_set(root: Path) -> None:
    """Write 200 rooms in 200 paints, without issues."""
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
    for split, split_lines in lines.items():
        write_lines(root / split, split_lines)


def plant_issues(root: Path) -> dict[tuple[str, str], set[str]]:
    """Plant 40 issues of all types in a large set; returns the expected result."""
    lines = {
        split: (root / split / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
        for split in ("train", "validation")
    }
    expected: dict[tuple[str, str], set[str]] = {}
    for number, (issue_type, spoil) in enumerate(_defects()):
        key = f"{3 * number:03d}"
        folder, entry = root / "train", json.loads(lines["train"][3 * number])
        split, spoilt = "train", spoil(folder, key, entry)
        if isinstance(spoilt, str):
            lines["train"][3 * number] = spoilt
        elif spoilt is not None:
            lines["train"][3 * number] = json.dumps(spoilt)
        if issue_type == "leak":  # reported for the later split
            split, key = "validation", f"{TRAIN + number:03d}"
        expected[split, key if spoilt != "{" else f"line {3 * number + 1}"] = {issue_type}
    for split, split_lines in lines.items():
        (root / split / "metadata.jsonl").write_text("\n".join(split_lines) + "\n", encoding="utf-8")
    return expected


def _defects() -> Iterator[tuple[str, Any]]:
    def at(name: str, data: Any) -> Any:
        def spoil(folder: Path, key: str, entry: dict[str, Any]) -> None:
            path = next(folder.glob(f"{name}/{key}.*"))
            original = path.read_bytes()
            path.write_bytes(data(original) if callable(data) else data)

        return spoil

    def mask(change: Any) -> Any:
        def spoil(folder: Path, key: str, entry: dict[str, Any]) -> None:
            path = folder / f"masks/{key}.png"
            save(path, np.ascontiguousarray(change(np.asarray(Image.open(path)))))

        return spoil

    def line(**keys: Any) -> Any:
        return lambda folder, key, entry: entry | keys

    for data in (b"", b"no image", lambda original: original[: len(original) // 2]):
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
    for quarter_turns in (1, 3):
        yield "orientation", mask(lambda codes, turns=quarter_turns: _rotated(codes, turns))
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
        yield "duplicate", lambda *a, change=(scale, quality, mirror): _duplicate(*a, change)
    for scale, quality, mirror in ((1, 0, False), (0.7, 85, False), (1, 75, True), (1.3, 50, False)):
        yield "leak", lambda *a, change=(scale, quality, mirror): _leak(*a, change)


def _rotated(codes: np.ndarray, quarter_turns: int) -> np.ndarray:
    assert codes.shape[0] != codes.shape[1]
    return np.rot90(codes, quarter_turns)


def _same_target(folder: Path, key: str, entry: dict[str, Any]) -> dict[str, Any]:
    with Image.open(folder / f"images/{key}.jpg") as photo:
        save(folder / f"targets/{key}.png", np.asarray(photo))
    return entry | {"target_path": f"targets/{key}.png"}


def _small_target(folder: Path, key: str, entry: dict[str, Any]) -> dict[str, Any]:
    save(folder / f"targets/{key}.png", np.zeros((40, 40, 3), np.uint8))
    return entry | {"target_path": f"targets/{key}.png"}


def _duplicate(folder: Path, key: str, entry: dict[str, Any], change: tuple[float, int, bool]) -> None:
    """Replace the sample by a copy of the previous one."""
    before = f"{int(key) - 1:03d}"
    _copy_sample(folder, before, folder, key, change)


def _leak(folder: Path, key: str, entry: dict[str, Any], change: tuple[float, int, bool]) -> None:
    """Replace a sample of the validation split by a copy of this one."""
    _copy_sample(folder, key, folder.parent / "validation", f"{TRAIN + int(key) // 3:03d}", change)


def _copy_sample(source: Path, key: str, target: Path, name: str, change: tuple[float, int, bool]) -> None:
    scale, quality, mirror = change
    for subfolder, end in (("images", "jpg"), ("masks", "png")):
        with Image.open(source / f"{subfolder}/{key}.{end}") as image:
            size = round(image.width * scale), round(image.height * scale)
            changed = np.asarray(image if scale == 1 else image.resize(size))
        changed = np.ascontiguousarray(changed[:, ::-1]) if mirror else changed
        if quality == 0:
            shutil.copy(source / f"{subfolder}/{key}.{end}", target / f"{subfolder}/{name}.{end}")
        else:
            save(target / f"{subfolder}/{name}.{end}", changed, **({"quality": quality} if end == "jpg" else {}))


def test_check_reports_exactly_the_planted_issues(tmp_path: Path) -> None:
    large_set(tmp_path)
    assert issues_in(tmp_path) == {}
    expected = plant_issues(tmp_path)
    assert len(expected) == 40
    assert {issue_type for types in expected.values() for issue_type in types} == set(ISSUE_TYPES)
    assert issues_in(tmp_path) == expected


# -- single checks


def test_shipped_benchmark_set_has_no_issues(examples: Path) -> None:
    """Rooms in several paints, papered rooms, one view of a room in two paints: none of it is an issue."""
    report = check(examples / "benchmark", 0.6)
    assert len(report.samples) == 73
    assert report.issues == []
    assert all(sample.quality and sample.quality.score >= 0.6 for sample in report.samples)


def test_mask_quality_is_high_for_the_true_mask_and_low_for_wrong_ones() -> None:
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


def test_mask_quality_does_not_depend_on_the_photos_size() -> None:
    scores = []
    for height in (240, 480, 960):
        room = make_room(height, height * 4 // 3, noise=0.01)
        scores.append(mask_quality(room.photo, room.alpha.astype(np.float32)).score)
    assert max(scores) - min(scores) < 0.05


def test_fingerprint_matches_resized_and_mirrored_images_but_not_another_paint() -> None:
    room, other = small_room(0), small_room(0, old="#b8c9d0")
    one = fingerprint(room.photo)
    large = np.asarray(Image.fromarray(room.photo).resize((300, 225)))
    assert fingerprint(large).matches(one)
    assert fingerprint(np.ascontiguousarray(large[:, ::-1])).matches(one)
    assert not fingerprint(other.photo).matches(one)
    assert (fingerprint(other.photo).hash ^ one.hash).bit_count() <= 12  # the hash alone would match


def test_one_photo_with_several_targets_is_no_duplicate(tmp_path: Path) -> None:
    folder = make_set(tmp_path, count=1, targets=True)
    first = json.loads((folder / "metadata.jsonl").read_text(encoding="utf-8"))
    save(folder / "targets/blue.png", small_room(0).repainted(np.array([0.1, 0.2, 0.5])))
    write_lines(folder, [first, first | {"target_path": "targets/blue.png"}])
    assert issues_in(tmp_path) == {}
    write_lines(folder, [first, first])
    assert issues_in(tmp_path) == {("train", "room_0#2"): {"duplicate"}}


def test_same_room_in_two_splits_is_a_leak_in_any_paint(tmp_path: Path) -> None:
    for split, old in (("train", "#d9cfc0"), ("validation", "#405a80")):
        folder = make_set(tmp_path, split, 1)
        save(folder / "images/room_0.png", small_room(0, old).photo)
        line = json.loads((folder / "metadata.jsonl").read_text(encoding="utf-8"))
        write_lines(folder, [line | {"room": 17}])
    assert issues_in(tmp_path) == {("validation", "room_0"): {"leak"}}


def test_check_covers_shards(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "loose")
    (tmp_path / "tarred").mkdir()
    into_shard(folder, tmp_path / "tarred/train-0.tar")
    assert issues_in(tmp_path / "tarred") == {}
    with tarfile.open(tmp_path / "tarred/train-1.tar", "w") as archive:
        add(archive, "a.image.png", (folder / "images/room_0.png").read_bytes())
        add(archive, "b.image.png", b"broken")
        add(archive, "b.mask.png", (folder / "masks/room_1.png").read_bytes())
    (tmp_path / "tarred/train-2.tar").write_bytes(b"no tar")
    assert issues_in(tmp_path / "tarred") == {
        ("", "a"): {"missing"},
        ("", "b"): {"unreadable"},
        ("", "train-2.tar"): {"unreadable"},
    }


# -- writing quality scores


def test_write_quality_keeps_other_keys_and_invalid_lines(tmp_path: Path) -> None:
    folder = make_set(tmp_path, count=3)
    lines = [json.loads(line) for line in (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()]
    lines[0] |= {"depth_path": "depth/é.png", "custom": {"nested": [1, 2.5]}}
    shifted = np.roll(np.asarray(Image.open(folder / "masks/room_1.png")), 14, 1)
    save(folder / "masks/room_1.png", np.ascontiguousarray(shifted))
    write_lines(folder, lines)
    with (folder / "metadata.jsonl").open("a", encoding="utf-8") as file:
        file.write("{ not json\n")
    report = check(tmp_path, 0.6)
    assert write_quality(report) == [(folder / "metadata.jsonl", 4)]
    after = (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    assert after[3] == "{ not json"
    for before, text in zip(lines, after[:3], strict=True):
        now = json.loads(text)
        score = now.pop("quality_score")
        assert now == {key: value for key, value in before.items() if key != "quality_score"}
        assert list(now) == [key for key in before if key != "quality_score"]
        assert (score < 0.6) == (before["image_path"] == "images/room_1.png")
    (folder / "metadata.jsonl").write_text("\n".join(after[:3]) + "\n", encoding="utf-8")
    assert WallInpaintingDataset(tmp_path, "train", SampleSettings(size=64)).keys == ["room_0", "room_2"]
    assert sorted(path.name for path in folder.iterdir()) == ["images", "masks", "metadata.jsonl"]


def test_write_quality_creates_metadata_for_a_set_paired_by_names(tmp_path: Path) -> None:
    folder = make_set(tmp_path, count=2)
    (folder / "metadata.jsonl").unlink()
    save(folder / "masks/room_1.png", np.zeros((96, 128), np.uint8))
    write_quality(check(tmp_path, 0.6))
    lines = [json.loads(line) for line in (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(line["image_path"], line["quality_score"] > 0.6) for line in lines] == [
        ("images/room_0.png", True),
        ("images/room_1.png", False),
    ]


# -- the command


def test_exit_status_and_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_set(tmp_path / "set")
    assert main(["data", "check", str(tmp_path / "set")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'set'}: 3 samples, no issues\n"
    save(folder / "masks/room_1.png", np.zeros((96, 128), np.uint8))
    assert main(["data", "check", str(tmp_path / "set")]) == 1
    output = capsys.readouterr().out.splitlines()
    assert output[0].startswith(f"empty: {folder / 'metadata.jsonl'}, line 2: mask room_1.png has no white pixel")
    assert output[1].endswith("3 samples, 1 issue")
    assert main(["data", "check", str(tmp_path / "none")]) == 2
    assert main(["data", "check", str(tmp_path / "set"), "-o", str(tmp_path / "page.pdf")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2
    (tmp_path / "bare").mkdir()
    assert main(["data", "check", str(tmp_path / "bare")]) == 2


def test_json_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_set(tmp_path)
    save(folder / "masks/room_1.png", np.full((96, 128), 255, np.uint8))
    assert main(["data", "check", str(tmp_path), "--json", "--write-quality"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["samples"] == {"train": 3}
    assert report["counts"] == {"full": 1}
    assert report["issues"][0]["key"] == "room_1"
    assert report["issues"][0]["type"] == "full"
    assert set(report["quality"]) == {"train/room_0", "train/room_2"}
    scores = [
        json.loads(line)["quality_score"]
        for line in (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert scores == [report["quality"]["train/room_0"]["score"], 0.0, report["quality"]["train/room_2"]["score"]]


def test_html_page_is_self_contained_and_sorted_worst_first(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "<b>set")
    save(folder / "masks/room_2.png", np.zeros((128, 96), np.uint8))
    (folder / "images/room_1.png").write_bytes(b"")
    page = tmp_path / "page.html"
    assert main(["data", "check", str(tmp_path / "<b>set"), "-o", str(page)]) == 1
    text = page.read_text(encoding="utf-8")
    assert [name.split()[0] for name in re.findall(r"<h3>(.*?)<", text)] == [
        "train/room_1",
        "train/room_2",
        "train/room_0",
    ]
    assert "rotate the mask by 90 degrees" in text
    assert "<b>set" not in text
    assert all(source.startswith("data:image/jpeg;base64,") for source in re.findall(r'src="(.*?)"', text))
    assert "href" not in text
    assert "http" not in text.replace("http-equiv", "")
    assert text.count("<img") == 5  # an unreadable photo is not shown


def test_docs_list_every_setting_and_issue_type() -> None:
    text = (ROOT / "docs/data.md").read_text(encoding="utf-8")
    for setting in fields(SampleSettings):
        value = setting.default
        shown = ", ".join(f"{v:g}" for v in value) if isinstance(value, tuple) else str(value)
        assert f"| `{setting.name}` | {shown} | {setting.metadata['help']} |" in text
    issues = text.partition("| issue | meaning |")[2].partition("\n\n")[0]
    assert all(re.search(rf"\b{issue_type}\b", issues) for issue_type in ISSUE_TYPES)
    group = typer.main.get_command(app).commands["data"].commands["check"]
    options = {option for p in group.params for option in p.opts}
    assert set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text.partition("## Checking a data set")[2])) <= options
