"""Telling pictures that are the same: by their bytes, and by how they look after another encoding or another size.

A perceptual hash (64 signs of the lowest frequencies; Zauner 2010) finds who might be the same, a thumbnail decides:
the hash alone would call one room in two paints the same; the thumbnail sees colours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from wallpaint.typing import Array

HASH_SIDE, HASH_PX = 8, 32
THUMB_PX = 16
MOST_BITS = 12  # of 64 that may differ
MOST_MEAN, MOST_ANYWHERE = 2.5, 28.0  # code values between thumbnails


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """content: a sum over a picture's pixels. hash, mirrored: 64 bits each. thumb: (16, 16, 3) float32 codes."""

    content: str
    hash: int
    mirrored: int
    thumb: Array

    def looks_like(self, other: Fingerprint) -> bool:
        """Whether this is the other picture, perhaps scaled, encoded anew or mirrored."""
        return self.content == other.content or any(
            (one ^ other.hash).bit_count() <= MOST_BITS and _alike(thumb, other.thumb)
            for one, thumb in ((self.hash, self.thumb), (self.mirrored, self.thumb[:, ::-1]))
        )


def fingerprint(rgb: Array) -> Fingerprint:
    """Of a picture, (H, W, 3) uint8."""
    import hashlib

    grey = cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (HASH_PX, HASH_PX), interpolation=cv2.INTER_AREA)
    thumb = cv2.resize(rgb, (THUMB_PX, THUMB_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    content = hashlib.sha256(repr(rgb.shape).encode() + np.ascontiguousarray(rgb).tobytes()).hexdigest()
    return Fingerprint(content, _hash(grey), _hash(np.ascontiguousarray(grey[:, ::-1])), thumb)


def _hash(grey: Array) -> int:
    low = cv2.dct(grey.astype(np.float32))[:HASH_SIDE, :HASH_SIDE].ravel()
    bits = low > np.median(low[1:])  # without the first, which is the mean
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _alike(first: Array, second: Array) -> bool:
    difference = np.abs(first - second)
    return bool(difference.mean() <= MOST_MEAN and difference.max() <= MOST_ANYWHERE)


def same_pairs(prints: Sequence[Fingerprint]) -> Iterator[tuple[int, int]]:
    """(later, earlier) for every pair of pictures that look alike, by index."""
    hashes = np.array([found.hash for found in prints], np.uint64)
    for later in range(1, len(prints)):
        mine = prints[later]
        near = np.zeros(later, bool)
        for one in (mine.hash, mine.mirrored):
            near |= np.bitwise_count(hashes[:later] ^ np.uint64(one)) <= MOST_BITS
        for earlier in np.flatnonzero(near).tolist():
            if mine.looks_like(prints[earlier]):
                yield later, earlier
