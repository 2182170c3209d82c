"""What is wrong with a data set, sample by sample: nothing here stops at the first fault.

read      unreadable pictures, missing files, wrong metadata
compare   sizes, orientation, empty and full masks, targets that are the photo itself
judge     mask quality, see `quality`
relate    duplicates within a part, and leaks from one part into another, see `fingerprints`
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
from wallpaint.data import fingerprints, listing, loading
from wallpaint.data import mask_quality as quality
from wallpaint.data.fingerprints import Fingerprint
from wallpaint.data.listing import Broken, Item, Listed, RoomItem
from wallpaint.data.mask_quality import Quality
from wallpaint.data.metadata import METADATA, read_lines
from wallpaint.errors import InputError
from wallpaint.files import atomic
from wallpaint.imaging import icc as colorspace
from wallpaint.imaging.photo import Photo
from wallpaint.typing import Array

FORMAT = "wallpaint.data-check/1"
KINDS = {
    "metadata": "a line that cannot be used",
    "missing": "a file that is not there",
    "unreadable": "a picture that cannot be read",
    "size": "pictures of different sizes",
    "orientation": "a mask on its side",
    "empty": "a mask without wall",
    "full": "a mask that is wall all over",
    "target": "a target that is the photo itself",
    "poor": "a mask that does not fit its photo",
    "duplicate": "a sample that is there twice",
    "leak": "a picture in more than one part",
}
FULL = 0.995  # share of the picture
SAME_TARGET = 0.5  # mean difference on the wall, in codes


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong. kind: of `KINDS`. message: one line, with file and line. other: the sample that it is
    wrong beside, as `Examined.name`."""

    split: str
    key: str
    kind: str
    message: str
    other: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {name: getattr(self, name) for name in ("split", "key", "kind", "message", "other")}


@dataclass(frozen=True, eq=False)
class Examined:
    """A sample after a look at its pictures. quality: None for rooms, which need no mask drawn, and where it cannot be
    measured. photo, target: their fingerprints."""

    split: str
    listed: Listed
    faults: tuple[Fault, ...] = ()
    quality: Quality | None = None
    photo: Fingerprint | None = None
    target: Fingerprint | None = None

    @property
    def name(self) -> str:
        """What a sample is called in the whole set: train/room_7."""
        return f"{self.split}/{self.listed.key}" if self.split else self.listed.key


@dataclass(frozen=True)
class Findings:
    """All of a data set. samples, by part and in order; faults of all of them, related ones too."""

    root: Path
    threshold: float
    samples: list[Examined] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The report in JSON."""
        kinds = Counter(fault.kind for fault in self.faults)
        measured = {sample.name: sample.quality.to_dict() for sample in self.samples if sample.quality}
        return {
            "format": FORMAT,
            "root": str(self.root),
            "samples": dict(Counter(sample.split or "." for sample in self.samples)),
            "quality_threshold": self.threshold,
            "counts": {kind: kinds[kind] for kind in KINDS if kinds[kind]},
            "faults": [fault.to_dict() for fault in self.faults],
            "quality": measured,
        }


def check(root: Path, threshold: float, step: Callable[[int, int], None] | None = None) -> Findings:
    """Look at every sample of a data set.

    threshold: quality_score below which a mask is a fault. step: told how many of how many are done. Raises InputError
    where there is no data set.
    """
    found = Findings(root, threshold)
    everything = [(split, item) for split, folder in listing.parts_of(root).items() for item in _listed(folder, split)]
    if not everything:
        raise InputError(f"{root}: no samples: expected {METADATA}, images/ and masks/, *.tar or room_*.npz")
    with threads.single():
        for done, (split, item) in enumerate(everything, 1):
            found.samples.append(examine(split, item, threshold))
            if step is not None:
                step(done, len(everything))
    found.faults.extend(fault for sample in found.samples for fault in sample.faults)
    found.faults.extend(_related(found.samples))
    return found


def _listed(folder: Path, split: str) -> list[Listed]:
    try:
        return list(listing.list_part(folder, split))
    except InputError as error:  # metadata that is no text
        return [Broken(METADATA, str(folder / METADATA), "unreadable", str(error))]


# -- one sample ------------------------------------------------------------------------------------------


def examine(split: str, listed: Listed, threshold: float) -> Examined:
    """Look at one sample; what cannot be looked at any further ends with its fault."""

    def fault(kind: str, message: str) -> Fault:
        return Fault(split, listed.key, kind, message)

    if isinstance(listed, Broken):
        return Examined(split, listed, (fault(listed.kind, listed.message),))
    if isinstance(listed, RoomItem):
        from wallpaint.rooms.sets import room_file

        try:
            room_file.read_meta(listed.path)
        except InputError as error:
            return Examined(split, listed, (fault("unreadable", str(error)),))
        return Examined(split, listed)
    return _examine_pictures(split, listed, threshold, fault)


def _examine_pictures(split: str, item: Item, threshold: float, fault: Callable[[str, str], Fault]) -> Examined:
    faults: list[Fault] = []
    photo = alpha = target = None
    try:
        photo = srgb(loading.picture(item.image, item.where))
    except InputError as error:
        faults.append(fault("unreadable", str(error)))
    try:
        alpha = loading.wall(item.mask, item.where)
    except InputError as error:
        faults.append(fault("unreadable", str(error)))
    if item.target is not None:
        try:
            target = srgb(loading.picture(item.target, item.where))
        except InputError as error:
            faults.append(fault("unreadable", str(error)))
    measured = None
    if photo is not None and alpha is not None:
        wrong = list(_compared(item, photo, alpha, target))
        faults += [fault(kind, message) for kind, message in wrong]
        if not {"size", "orientation", "empty", "full"} & {kind for kind, _ in wrong}:
            measured = quality.mask_quality(photo, alpha)
            if measured.score < threshold:
                score = f"{measured.score:.2f}, less than {threshold:g}: {quality.in_words(measured)}"
                name = loading.name_of(item.mask)
                faults.append(fault("poor", f"{item.where}: mask {name} has a quality of {score}"))
    prints = [None if picture is None else fingerprints.fingerprint(picture) for picture in (photo, target)]
    return Examined(split, item, tuple(faults), measured, prints[0], prints[1])


def srgb(photo: Photo) -> Array:
    """A photo as (H, W, 3) uint8 sRGB."""
    if photo.codes.dtype == np.uint8 and photo.space.is_srgb:
        return photo.codes
    return colorspace.srgb().from_linear(photo.space.to_linear(photo.codes), np.uint8)


def _compared(item: Item, photo: Array, alpha: Array, target: Array | None) -> Iterator[tuple[str, str]]:
    """(kind, message) of what mask and target have wrong against the photo."""
    name = loading.name_of(item.mask)
    if alpha.shape != photo.shape[:2]:
        is_turned = alpha.shape == photo.shape[1::-1]
        sizes = "mask {} is {}x{}, photo is {}x{}".format(name, *alpha.shape, *photo.shape[:2])
        advice = "it lies on its side, turn it upright" if is_turned else "make them alike"
        yield "orientation" if is_turned else "size", f"{item.where}: {sizes}: {advice}"
    else:
        yield from _wall_or_not(f"{item.where}: mask {name}", alpha)
    if target is None or item.target is None:
        return
    if target.shape != photo.shape:
        named = loading.name_of(item.target)
        sizes = "target {} is {}x{}, photo is {}x{}".format(named, *target.shape[:2], *photo.shape[:2])
        yield "size", f"{item.where}: {sizes}: make them alike"
    elif alpha.shape == photo.shape[:2] and (alpha >= 0.5).any():
        wall = alpha >= 0.5
        if np.abs(target[wall].astype(np.float32) - photo[wall]).mean() < SAME_TARGET:
            yield "target", f"{item.where}: target {loading.name_of(item.target)} shows the wall as the photo does"


def _wall_or_not(what: str, alpha: Array) -> Iterator[tuple[str, str]]:
    peak, share = float(alpha.max()), float((alpha >= 0.5).mean())
    if share == 0:
        told = "has no white pixel" if peak == 0 else f"is nowhere brighter than {255 * peak:.0f} of 255"
        yield "empty", f"{what} {told}: white is wall"
    elif share >= FULL:
        yield "full", f"{what} is white on {100 * share:.1f} % of the picture: only the wall is white"


# -- samples beside each other ---------------------------------------------------------------------------


def _related(samples: Sequence[Examined]) -> Iterator[Fault]:
    seen = [sample for sample in samples if sample.photo is not None]
    told: set[tuple[int, str]] = set()
    for later, earlier in fingerprints.same_pairs([sample.photo for sample in seen if sample.photo is not None]):
        mine, other = seen[later], seen[earlier]
        kind = "duplicate" if mine.split == other.split else "leak"
        if (later, kind) in told or (kind == "duplicate" and not _same_target(mine, other)):
            continue
        told.add((later, kind))
        yield _relation(mine, other, kind)
    yield from _rooms_in_two_parts(samples, {id(seen[index]) for index, kind in told if kind == "leak"})


def _same_target(first: Examined, second: Examined) -> bool:
    """One photo may be there in several paints; with one and the same it is there twice."""
    if first.target is None or second.target is None:
        return first.target is second.target
    return first.target.looks_like(second.target)


def _relation(mine: Examined, other: Examined, kind: str) -> Fault:
    assert mine.photo is not None
    assert other.photo is not None
    exact = mine.photo.content == other.photo.content
    how = "is" if exact else "looks like (scaled, encoded anew or mirrored)"
    advice = "keep one" if kind == "duplicate" else "a picture belongs to one part"
    message = f"{mine.listed.where}: its photo {how} that of {other.name}: {advice}"
    return Fault(mine.split, mine.listed.key, kind, message, other.name)


def _rooms_in_two_parts(samples: Sequence[Examined], told: set[int]) -> Iterator[Fault]:
    """Rendered rooms whose number is in more than one part, in whatever paints."""
    first: dict[Any, Examined] = {}
    for sample in samples:
        listed = sample.listed
        room = listed.entry.room if isinstance(listed, Item) else listed.key if isinstance(listed, RoomItem) else None
        if room is None:
            continue
        other = first.setdefault(room, sample)
        if other.split != sample.split and id(sample) not in told:
            message = f"{listed.where}: its room {room} is that of {other.name}: a room belongs to one part"
            yield Fault(sample.split, listed.key, "leak", message, other.name)


# -- what is written back --------------------------------------------------------------------------------


def write_quality(findings: Findings) -> list[tuple[Path, int]]:
    """Put `quality_score` into the metadata of every part: the measured score, 0 where a fault left nothing to measure.

    Other keys, and lines that are no objects, stay as they are; a part that goes by names gets a metadata file. Files
    appear whole or not at all. Returns each file with the number of its scores. Raises InputError.
    """
    written = []
    for split, folder in listing.parts_of(findings.root).items():
        mine = [sample for sample in findings.samples if sample.split == split]
        scores = {
            sample.listed.where: round(sample.quality.score, 3) if sample.quality else 0.0
            for sample in mine
            if isinstance(sample.listed, Item | Broken)
        }
        file = folder / METADATA
        if file.is_file():
            lines = _scored(file, scores)
        else:
            lines = [_new_line(sample.listed, scores, folder) for sample in mine if _is_loose(sample.listed)]
        if lines:
            atomic.put(file, ("\n".join(lines) + "\n").encode())
            written.append((file, len(lines)))
    return written


def _scored(file: Path, scores: Mapping[str, float]) -> list[str]:
    lines = []
    for where, text in read_lines(file):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict) and where in scores:
            text = json.dumps(found | {"quality_score": scores[where]}, ensure_ascii=False)
        lines.append(text)
    return lines


def _is_loose(listed: Listed) -> bool:
    return isinstance(listed, Item) and isinstance(listed.image, Path)


def _new_line(listed: Listed, scores: Mapping[str, float], folder: Path) -> str:
    assert isinstance(listed, Item)
    files = {"image_path": listed.image, "mask_path": listed.mask, "target_path": listed.target}
    found = {name: file.relative_to(folder).as_posix() for name, file in files.items() if isinstance(file, Path)}
    return json.dumps(found | {"quality_score": scores[listed.where]}, ensure_ascii=False)
