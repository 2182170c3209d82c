"""WebDataset shards: plain tar files, read with the standard library, one image at a time and in any order.

    kitchen_017.image.jpg   kitchen_017.mask.png   kitchen_017.target.png   kitchen_017.json   kitchen_017.txt

The photo may be kitchen_017.jpg, as other programs write it. The .txt file is the caption.

The part of a member's name before the first dot is the sample's key, the rest its role. A shard is indexed once from
its tar headers, so samples can be shuffled and shared between workers and machines like loose files.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wallpaint.errors import InputError
from wallpaint.files import names

ROLES = ("image", "mask", "target", "reference")
METADATA_ROLE, CAPTION_ROLE = "json", "txt"
_ROLE_OF_SUFFIX = {**dict.fromkeys(("jpg", "jpeg", "png", "webp"), "image"), "caption": CAPTION_ROLE}


@dataclass(frozen=True)
class ShardMember:
    """A file within a shard, as a byte range of the tar file."""

    shard: Path
    name: str
    offset: int
    size: int

    def __str__(self) -> str:
        return f"{self.shard}, {self.name}"

    def read(self) -> bytes:
        """Return the file's bytes. Raises InputError if the shard is missing or truncated."""
        try:
            with self.shard.open("rb") as file:
                file.seek(self.offset)
                data = file.read(self.size)
        except OSError as error:
            raise InputError(f"{self}: cannot be read ({error.strerror}): check the shard") from error
        if len(data) != self.size:
            raise InputError(f"{self}: the shard is cut short: copy it again")
        return data


def index_shard(shard: Path) -> Iterator[tuple[str, Mapping[str, ShardMember]]]:
    """Yield (key, members by role) of a shard, in its order. Raises InputError for a file that is no tar or truncated.

    Roles are `ROLES`, "json" and "txt"; other members are ignored.
    """
    samples: dict[str, dict[str, ShardMember]] = {}
    try:
        length = shard.stat().st_size
        with tarfile.open(shard, "r:") as archive:
            for info in archive:
                if not info.isfile():
                    continue
                if info.offset_data + info.size > length:
                    raise InputError(f"{shard}: the shard is cut short in {info.name}: copy it again")
                folder, _, name = info.name.rpartition("/")
                stem, _, rest = name.partition(".")
                role = rest.partition(".")[0].lower()
                role = _ROLE_OF_SUFFIX.get(role, role)
                if not stem or role not in (*ROLES, METADATA_ROLE, CAPTION_ROLE):  # no stem: a hidden file
                    continue
                key = names.composed(f"{folder}/{stem}" if folder else stem)
                members = samples.setdefault(key, {})
                if role in members:
                    raise InputError(f"{shard}: {key} has more than one {role}: keep one")
                members[role] = ShardMember(shard, info.name, info.offset_data, info.size)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(f"{shard}: cannot be read as a tar file: shards are plain, uncompressed tar") from error
    yield from samples.items()
