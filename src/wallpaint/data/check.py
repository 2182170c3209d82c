"""Checks of a data set, sample by sample. An issue never stops the check. A note is no issue: files that no sample
uses, transparent photos, and how a mask was read where it is ambiguous.

files      unreadable images, missing files, invalid metadata
content    sizes, orientation, empty and full masks, targets equal to the photo
masks      mask quality, see `mask_quality`
relations  duplicates within a split, and leaks between splits, see `fingerprints`
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wallpaint import threads
from wallpaint.data import fingerprints, listing, loading, unread
from wallpaint.data.fingerprints import Fingerprint
from wallpaint.data.listing import InvalidItem, ListedItem, PhotoItem, RoomItem
from wallpaint.data.mask_quality import MaskQuality, describe_worst, mask_quality
from wallpaint.data.metadata import METADATA_FILE, read_lines, with_keys
from wallpaint.errors import InputError, ShapeError
from wallpaint.files import atomic
from wallpaint.imaging import icc as colorspace
from wallpaint.imaging.mask_file import MaskFile
from wallpaint.imaging.mask_lint import lint
from wallpaint.imaging.photo import Photo
from wallpaint.typing import Array

FORMAT = "wallpaint.data-check/2"
ISSUE_TYPES = {
    "metadata": "invalid metadata",
    "missing": "missing file",
    "unreadable": "unreadable image, shard or room",
    "size": "images of different sizes",
    "orientation": "mask rotated by 90 degrees",
    "empty": "mask without wall",
    "full": "mask that covers the whole image",
    "target": "target equal to the photo",
    "poor": "mask that does not fit its photo",
    "duplicate": "duplicate sample",
    "leak": "image in more than one split",
}
FULL_MASK_SHARE = 0.995  # of the image
MIN_TARGET_DIFFERENCE = 0.5  # mean on the wall, sRGB values 0..255


@dataclass(frozen=True)
class DataIssue:
    """A problem with a sample. type: of `ISSUE_TYPES`. message: one line, with file and line. other: name of the other
    sample of a duplicate or leak, as `CheckedSample.name`."""

    split: str
    key: str
    type: str
    message: str
    other: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {name: getattr(self, name) for name in ("split", "key", "type", "message", "other")}


@dataclass(frozen=True, eq=False)
class CheckedSample:
    """A sample after its own checks. quality: None for rooms, whose masks are exact, and if it cannot be measured.
    photo, target: their fingerprints. notes: lines with the file's name."""

    split: str
    item: ListedItem
    issues: tuple[DataIssue, ...] = ()
    quality: MaskQuality | None = None
    photo: Fingerprint | None = None
    target: Fingerprint | None = None
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the sample in the data set: train/room_7."""
        return f"{self.split}/{self.item.key}" if self.split else self.item.key


@dataclass(frozen=True)
class CheckReport:
    """Result of checking a data set. samples: by split, in order. issues: of single samples, and between samples.
    notes: lines that are no issues."""

    root: Path
    threshold: float
    samples: list[CheckedSample] = field(default_factory=list)
    issues: list[DataIssue] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON data."""
        counts = Counter(issue.type for issue in self.issues)
        measured = {sample.name: sample.quality.to_dict() for sample in self.samples if sample.quality}
        return {
            "format": FORMAT,
            "root": str(self.root),
            "samples": dict(Counter(sample.split or "." for sample in self.samples)),
            "quality_threshold": self.threshold,
            "counts": {name: counts[name] for name in ISSUE_TYPES if counts[name]},
            "issues": [issue.to_dict() for issue in self.issues],
            "notes": list(self.notes),
            "quality": measured,
        }


def check(root: Path, threshold: float, on_progress: Callable[[int, int], None] | None = None) -> CheckReport:
    """Check every sample of a data set.

    threshold: a mask with a lower quality score is an issue. on_progress: called with the number of samples done and
    the total. Raises InputError if there is no data set.
    """
    report = CheckReport(root, threshold)
    folders = listing.split_folders(root)
    by_split = {split: _list_folder(folder, split) for split, folder in folders.items()}
    items = [(split, item) for split in folders for item in by_split[split]]
    if not items:
        raise InputError(listing.no_samples(next(iter(folders.values()))))
    with threads.single_threaded():
        for done, (split, item) in enumerate(items, 1):
            report.samples.append(check_sample(split, item, threshold))
            if on_progress is not None:
                on_progress(done, len(items))
    report.issues.extend(issue for sample in report.samples for issue in sample.issues)
    report.issues.extend(_relation_issues(report.samples))
    report.notes.extend(note for sample in report.samples for note in sample.notes)
    report.notes.extend(unread.notes_of_root(root))
    for split, folder in folders.items():
        report.notes.extend(unread.notes_of_folder(folder, by_split[split]))
    return report


def _list_folder(folder: Path, split: str) -> list[ListedItem]:
    try:
        return list(listing.list_folder(folder, split))
    except InputError as error:  # metadata that is not text
        file = listing.metadata_file(folder) or folder / METADATA_FILE
        return [InvalidItem(file.name, str(file), "unreadable", str(error))]


# -- one sample ------------------------------------------------------------------------------------------


def check_sample(split: str, item: ListedItem, threshold: float) -> CheckedSample:
    """Check one sample, as far as its files can be read."""

    def issue(issue_type: str, message: str) -> DataIssue:
        return DataIssue(split, item.key, issue_type, message)

    if isinstance(item, InvalidItem):
        return CheckedSample(split, item, (issue(item.issue_type, item.message),))
    if isinstance(item, RoomItem):
        from wallpaint.rooms.sets import room_file

        try:
            room_file.read_meta(item.path)
        except InputError as error:
            return CheckedSample(split, item, (issue("unreadable", str(error)),))
        return CheckedSample(split, item)
    return _check_images(split, item, threshold, issue)


def _check_images(
    split: str, item: PhotoItem, threshold: float, issue: Callable[[str, str], DataIssue]
) -> CheckedSample:
    issues: list[DataIssue] = []
    notes: list[str] = []
    photo = alpha = target = mask = decoded = None
    try:
        decoded = loading.decode_image(item.image, item.location)
        photo = to_srgb(loading.on_white(decoded))
        if share := loading.transparent_share(decoded):
            name = loading.name_of(item.image)
            notes.append(
                f"{item.location}: photo {name} is {100 * share:.2g} % transparent: that is white in the samples, and "
                "no wall"
            )
    except InputError as error:
        issues.append(issue("unreadable", str(error)))
    try:
        mask = loading.read_mask_file(item, decoded)
        alpha = mask.alpha
    except InputError as error:
        issues.append(issue("orientation" if isinstance(error, ShapeError) else "unreadable", str(error)))
    if item.target is not None:
        try:
            target = to_srgb(loading.read_image(item.target, item.location))
        except InputError as error:
            issues.append(issue("unreadable", str(error)))
    quality = None
    if photo is not None and alpha is not None:
        content_issues = list(_content_issues(item, photo, alpha, target))
        issues += [issue(issue_type, message) for issue_type, message in content_issues]
        has_issue = bool({"size", "orientation", "empty", "full"} & {issue_type for issue_type, _ in content_issues})
        if mask is not None:
            notes += _mask_notes(item, mask, warnings_only=has_issue)
        if not has_issue:
            quality = mask_quality(photo, alpha)
            if quality.score < threshold:
                score = f"{quality.score:.2f}, less than {threshold:g}: {describe_worst(quality)}"
                name = loading.name_of(item.mask)
                issues.append(issue("poor", f"{item.location}: mask {name} has a quality of {with_keys(score)}"))
    prints = [None if image is None else fingerprints.fingerprint(image) for image in (photo, target)]
    return CheckedSample(split, item, tuple(issues), quality, prints[0], prints[1], tuple(notes))


def _mask_notes(item: PhotoItem, mask: MaskFile, *, warnings_only: bool) -> Iterator[str]:
    """The notes of a repaint on its mask file. warnings_only: the mask has an issue, which its lint would repeat."""
    for line in (*mask.warnings, *(() if warnings_only else lint(mask))):
        yield f"{item.location}: {with_keys(line)}"


def to_srgb(photo: Photo) -> Array:
    """Convert a photo to (H, W, 3) uint8 sRGB."""
    if photo.codes.dtype == np.uint8 and photo.space.is_srgb:
        return photo.codes
    return colorspace.srgb().from_linear(photo.space.to_linear(photo.codes), np.uint8)


def _content_issues(item: PhotoItem, photo: Array, alpha: Array, target: Array | None) -> Iterator[tuple[str, str]]:
    """(issue type, message) for mask and target compared with the photo."""
    name = loading.name_of(item.mask)
    if alpha.shape != photo.shape[:2]:
        is_rotated = alpha.shape == photo.shape[1::-1]
        sizes = "mask {} is {}x{}, photo is {}x{}".format(name, *alpha.shape, *photo.shape[:2])
        advice = "rotate the mask by 90 degrees" if is_rotated else "resize one of them"
        yield "orientation" if is_rotated else "size", f"{item.location}: {sizes}: {advice}"
    else:
        yield from _coverage_issues(f"{item.location}: mask {name}", alpha)
    if target is None or item.target is None:
        return
    if target.shape != photo.shape:
        target_name = loading.name_of(item.target)
        sizes = "target {} is {}x{}, photo is {}x{}".format(target_name, *target.shape[:2], *photo.shape[:2])
        yield "size", f"{item.location}: {sizes}: resize one of them"
    elif alpha.shape == photo.shape[:2] and (alpha >= 0.5).any():
        wall = alpha >= 0.5
        if np.abs(target[wall].astype(np.float32) - photo[wall]).mean() < MIN_TARGET_DIFFERENCE:
            target_name = loading.name_of(item.target)
            yield "target", f"{item.location}: target {target_name} has the same wall as the photo"


def _coverage_issues(mask_name: str, alpha: Array) -> Iterator[tuple[str, str]]:
    peak, share = float(alpha.max()), float((alpha >= 0.5).mean())
    if share == 0:
        reason = "has no white pixel" if peak == 0 else f"is nowhere brighter than {255 * peak:.0f} of 255"
        advice = with_keys("multiply it by 255, or set `mask_class=1`") if 0 < peak <= 2 / 255 else "white is wall"
        yield "empty", f"{mask_name} {reason}: {advice}"
    elif share >= FULL_MASK_SHARE:
        yield "full", f"{mask_name} is white on {100 * share:.1f} % of the image: only the wall is white"


# -- relations between samples ---------------------------------------------------------------------------


def _relation_issues(samples: Sequence[CheckedSample]) -> Iterator[DataIssue]:
    """Duplicates within a split, and leaks between splits: one issue of each type per later sample."""
    readable = [sample for sample in samples if sample.photo is not None]
    reported: set[tuple[int, str]] = set()
    prints = [sample.photo for sample in readable if sample.photo is not None]
    for later, earlier in fingerprints.matching_pairs(prints):
        sample, other = readable[later], readable[earlier]
        issue_type = "duplicate" if sample.split == other.split else "leak"
        if (later, issue_type) in reported or (issue_type == "duplicate" and not _have_same_target(sample, other)):
            continue
        reported.add((later, issue_type))
        yield _relation_issue(sample, other, issue_type)
    leaked = {id(readable[index]) for index, issue_type in reported if issue_type == "leak"}
    yield from _room_leaks(samples, leaked)


def _have_same_target(first: CheckedSample, second: CheckedSample) -> bool:
    """A photo may appear with several targets; with the same target it is a duplicate."""
    if first.target is None or second.target is None:
        return first.target is second.target
    return first.target.matches(second.target)


def _relation_issue(sample: CheckedSample, other: CheckedSample, issue_type: str) -> DataIssue:
    assert sample.photo is not None
    assert other.photo is not None
    is_identical = sample.photo.content == other.photo.content
    relation = "is" if is_identical else "matches (resized, re-encoded or mirrored)"
    advice = "keep one" if issue_type == "duplicate" else "keep it in one split only"
    message = f"{sample.item.location}: its photo {relation} that of {other.name}: {advice}"
    return DataIssue(sample.split, sample.item.key, issue_type, message, other.name)


def _room_leaks(samples: Sequence[CheckedSample], already_reported: set[int]) -> Iterator[DataIssue]:
    """Rendered rooms whose number is in more than one split, in any paint. already_reported: ids of samples."""
    first_of_room: dict[Any, CheckedSample] = {}
    for sample in samples:
        item = sample.item
        room = item.metadata.room if isinstance(item, PhotoItem) else item.key if isinstance(item, RoomItem) else None
        if room is None:
            continue
        other = first_of_room.setdefault(room, sample)
        if other.split != sample.split and id(sample) not in already_reported:
            message = f"{item.location}: its room {room} is that of {other.name}: keep a room in one split only"
            yield DataIssue(sample.split, item.key, "leak", message, other.name)


# -- writing quality scores ------------------------------------------------------------------------------


def write_quality(report: CheckReport) -> list[tuple[Path, int]]:
    """Write `quality_score` into the metadata of every split: the measured score, or 0 if it could not be measured.

    Other keys, and lines that are not JSON objects, are unchanged; a split paired by names, or with a metadata.csv,
    gets a metadata.jsonl, which is then the one that is read. Files are written atomically. Returns each file with its
    number of lines. Raises InputError.
    """
    written = []
    for split, folder in listing.split_folders(report.root).items():
        samples = [sample for sample in report.samples if sample.split == split]
        scores = {
            sample.item.location: round(sample.quality.score, 3) if sample.quality else 0.0
            for sample in samples
            if isinstance(sample.item, PhotoItem | InvalidItem)
        }
        file, source = folder / METADATA_FILE, listing.metadata_file(folder)
        if source is not None:
            lines = _updated_lines(source, scores)
        else:
            lines = [_new_line(sample.item, scores, folder) for sample in samples if _has_loose_files(sample.item)]
        if lines:
            atomic.put(file, ("\n".join(lines) + "\n").encode())
            written.append((file, len(lines)))
    return written


def _updated_lines(file: Path, scores: Mapping[str, float]) -> list[str]:
    lines = []
    for location, text in read_lines(file):
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            line = None
        if isinstance(line, dict) and location in scores:
            text = json.dumps(line | {"quality_score": scores[location]}, ensure_ascii=False)
        lines.append(text)
    return lines


def _has_loose_files(item: ListedItem) -> bool:
    return isinstance(item, PhotoItem) and isinstance(item.image, Path)


def _new_line(item: ListedItem, scores: Mapping[str, float], folder: Path) -> str:
    assert isinstance(item, PhotoItem)
    files = {"image_path": item.image, "mask_path": item.mask, "target_path": item.target}
    line = {name: file.relative_to(folder).as_posix() for name, file in files.items() if isinstance(file, Path)}
    caption = {"caption": item.metadata.caption} if item.metadata.caption else {}
    return json.dumps(line | caption | {"quality_score": scores[item.location]}, ensure_ascii=False)
