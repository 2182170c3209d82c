"""WebDataset shards: plain tar files, read with the standard library, a picture at a time and in any order.

    kitchen_017.image.jpg   kitchen_017.mask.png   kitchen_017.target.png   kitchen_017.json

What stands before the first dot of a member's name is its sample's key, the rest is its role. A shard is indexed once,
by its headers alone, so that samples can be shuffled, and shared out between workers and machines, as loose files can.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wallpaint.errors import InputError

ROLES = ("image", "mask", "target", "reference")
ENTRY = "json"


@dataclass(frozen=True)
class Member:
    """A file within a shard: its bytes are at an offset of the tar file."""

    shard: Path
    name: str
    offset: int
    size: int

    def __str__(self) -> str:
        return f"{self.shard}, {self.name}"

    def read(self) -> bytes:
        """The file's bytes. Raises InputError where the shard is gone or has become shorter."""
        try:
            with self.shard.open("rb") as file:
                file.seek(self.offset)
                data = file.read(self.size)
        except OSError as error:
            raise InputError(f"{self}: cannot be read ({error.strerror}): check the shard") from error
        if len(data) != self.size:
            raise InputError(f"{self}: the shard is cut short: copy it again")
        return data


def samples_of(shard: Path) -> Iterator[tuple[str, Mapping[str, Member]]]:
    """(key, members by role) of a shard, in its order. Raises InputError for a file that is no tar, or is cut short.

    Roles are those of `ROLES`, and "json"; members with others are left out.
    """
    found: dict[str, dict[str, Member]] = {}
    try:
        length = shard.stat().st_size
        with tarfile.open(shard, "r:") as archive:
            for info in archive:
                if not info.isfile():
                    continue
                if info.offset_data + info.size > length:
                    raise InputError(f"{shard}: the shard is cut short in {info.name}: copy it again")
                place, _, name = info.name.rpartition("/")
                stem, _, rest = name.partition(".")
                role = rest.partition(".")[0].lower()
                if not stem or role not in (*ROLES, ENTRY):
                    continue
                key = f"{place}/{stem}" if place else stem
                members = found.setdefault(key, {})
                if role in members:
                    raise InputError(f"{shard}: {key} has more than one {role}: keep one")
                members[role] = Member(shard, info.name, info.offset_data, info.size)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(f"{shard}: cannot be read as a tar file: shards are plain, uncompressed tar") from error
    yield from found.items()
