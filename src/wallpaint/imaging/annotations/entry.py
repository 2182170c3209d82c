"""What the formats of annotation files have in common: photos with labelled regions."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from wallpaint.errors import InputError
from wallpaint.typing import Array

Size: TypeAlias = tuple[int, int]
Draw: TypeAlias = Callable[[Size], Array]


@dataclass
class LabeledRegions:
    """Regions of one photo by label. regions: functions from (height, width) to a bool mask. unusable: for each label,
    descriptions of annotations without an area, such as "bounding box". aliases: other names of labels, such as ids.
    notes: what was decided about the photo."""

    regions: dict[str, list[Draw]] = field(default_factory=lambda: defaultdict(list))
    unusable: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    aliases: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, label: object, draw: Draw) -> None:
        """Add a region."""
        self.regions[str(label)].append(draw)

    def skip(self, label: object, description: str) -> None:
        """Add an annotation that has no area."""
        self.unusable[str(label)].append(description)


@dataclass(frozen=True)
class AnnotatedPhoto:
    """One photo of an annotation file. names: its file name, as written and without what the tool added. size: (height,
    width) or None if the file does not have it. read: reads its regions."""

    names: tuple[str, ...]
    size: Size | None
    read: Callable[[], LabeledRegions]


def as_mapping(value: Any, what: str) -> Mapping[str, Any]:
    """Return a JSON object, or raise InputError. what: its name in the message."""
    if not isinstance(value, dict):
        raise InputError(f"{what} is not an object")
    return value


def objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the JSON objects of a list; nothing for anything else."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def numbers_of(values: Mapping[str, Any], keys: tuple[str, ...], what: str) -> list[float]:
    """Return the finite numbers of some keys, or raise InputError. what: the shape in the message."""
    try:
        numbers = [float(values[key]) for key in keys]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{what} is not given in numbers") from error
    if not all(map(math.isfinite, numbers)):
        raise InputError(f"{what} is not given in numbers")
    return numbers


def size_of(height: Any, width: Any) -> Size | None:
    """Return (height, width) from numbers or their text, None without."""
    try:
        size = int(height), int(width)
    except (TypeError, ValueError):
        return None
    return size if min(size) > 0 else None
