"""Fingerprints that identify equal images, also after re-encoding, resizing or mirroring.

A perceptual hash (signs of the 64 lowest frequencies; Zauner 2010) proposes candidates, a thumbnail confirms them. The
hash alone ignores colour, and would match one room in two paints.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from wallpaint.typing import Array

HASH_SIDE, HASH_PX = 8, 32
THUMBNAIL_PX = 16
MAX_HASH_DISTANCE_BITS = 12  # of 64
MAX_MEAN_DIFFERENCE, MAX_DIFFERENCE = 2.5, 28.0  # between thumbnails, sRGB values 0..255


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """Fingerprint of an image. content: sha256 of its pixels. hash, mirrored_hash: 64 bits each. thumbnail: (16, 16, 3)
    float32, sRGB 0..255."""

    content: str
    hash: int
    mirrored_hash: int
    thumbnail: Array

    def matches(self, other: Fingerprint) -> bool:
        """Return whether both are of the same image, possibly resized, re-encoded or mirrored."""
        return self.content == other.content or any(
            (one ^ other.hash).bit_count() <= MAX_HASH_DISTANCE_BITS and _are_similar(thumbnail, other.thumbnail)
            for one, thumbnail in ((self.hash, self.thumbnail), (self.mirrored_hash, self.thumbnail[:, ::-1]))
        )


def fingerprint(rgb: Array) -> Fingerprint:
    """Return the fingerprint of an image, (H, W, 3) uint8."""
    import hashlib

    grey = cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (HASH_PX, HASH_PX), interpolation=cv2.INTER_AREA)
    thumbnail = cv2.resize(rgb, (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    content = hashlib.sha256(repr(rgb.shape).encode() + np.ascontiguousarray(rgb).tobytes()).hexdigest()
    return Fingerprint(content, _hash(grey), _hash(np.ascontiguousarray(grey[:, ::-1])), thumbnail)


def _hash(grey: Array) -> int:
    low_frequencies = cv2.dct(grey.astype(np.float32))[:HASH_SIDE, :HASH_SIDE].ravel()
    bits = low_frequencies > np.median(low_frequencies[1:])  # the first is the mean
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _are_similar(first: Array, second: Array) -> bool:
    difference = np.abs(first - second)
    return bool(difference.mean() <= MAX_MEAN_DIFFERENCE and difference.max() <= MAX_DIFFERENCE)


def matching_pairs(fingerprints: Sequence[Fingerprint]) -> Iterator[tuple[int, int]]:
    """Yield (later, earlier), by index, for every pair of matching images."""
    hashes = np.array([one.hash for one in fingerprints], np.uint64)
    for later in range(1, len(fingerprints)):
        current = fingerprints[later]
        is_candidate = np.zeros(later, bool)
        for one in (current.hash, current.mirrored_hash):
            is_candidate |= np.bitwise_count(hashes[:later] ^ np.uint64(one)) <= MAX_HASH_DISTANCE_BITS
        for earlier in np.flatnonzero(is_candidate).tolist():
            if current.matches(fingerprints[earlier]):
                yield later, earlier
