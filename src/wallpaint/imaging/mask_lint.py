"""The usual mistakes in masks, found in their values and shapes."""

from __future__ import annotations

import math

import cv2
import numpy as np

from wallpaint.imaging.mask_file import Codes, MaskFile

MIN_SPECKS = 50  # from which `lint` reports them


def lint(file: MaskFile, photo_size: tuple[int, int] | None = None) -> tuple[str, ...]:
    """The usual mistakes in a mask, a sentence each that says what to do; beside the file's own warnings.

    photo_size: (height, width) of the photo that it belongs to.
    """
    name, size = file.source, file.alpha.shape
    if file.peak <= 2 / 255:
        return (f"{name} holds at most {round(255 * file.peak)} of 255: white must be 255, so multiply it",)
    notes = _lint_values(file)
    notes += [*_lint_inverted(file), *_lint_specks(file)]
    if photo_size is not None and size != photo_size and size == photo_size[::-1]:
        notes.append(f"{name} lies on its side against the photo: turn it upright")
    return tuple(notes)


def _lint_values(file: MaskFile) -> list[str]:
    name = file.source
    percent = 100.0 * file.histogram / file.histogram.sum()
    faint, strong, grey = (float(percent[a:b].sum()) for a, b in ((1, 11), (245, 255), (11, 245)))
    notes = []
    if file.peak < 0.9:
        notes.append(f"{name} is nowhere white, at most {100 * file.peak:.0f} %: raise its walls to full white")
    if not file.was_jpeg and faint > 1:
        notes.append(f"{name} is nearly black (1 to 10 of 255) on {faint:.0f} % of it: make that 0, or it is painted")
    if not file.was_jpeg and strong > 1:
        notes.append(f"{name} is nearly white (245 to 254 of 255) on {strong:.0f} % of it: make that 255")
    if grey > 20:
        notes.append(f"{name} is grey on {grey:.0f} % of it, and grey is painted in part: make it black or white")
    return notes


def _lint_inverted(file: MaskFile) -> list[str]:
    mask = file.alpha >= 0.5
    share = np.count_nonzero(mask) / mask.size
    half, tenth = max(1, mask.shape[0] // 2), max(1, mask.shape[0] // 10)
    switch = "leave out" if file.inverted else "set"
    hint = f"{switch} `invert_mask` if white is not wall"
    if 0.85 < share < 1.0:
        return [f"{file.source} covers {100 * share:.0f} % of the picture: {hint}"]
    if mask[-tenth:].mean() > 0.95 and mask[half:].mean() > 0.8 and mask[:half].mean() < 0.5:
        return [f"{file.source} covers the floor rather than the upper half: {hint}"]
    return []


def _lint_specks(file: MaskFile) -> list[str]:
    mask = (file.alpha >= 0.5).astype(np.uint8)
    limit = max(4, mask.size // 50_000)
    sides = (mask, 1 - mask)
    if _outline_count(sides) < MIN_SPECKS:
        return []
    small = 0
    for side in sides:
        _, _, stats, _ = cv2.connectedComponentsWithStats(side, connectivity=8)
        small += int(np.count_nonzero(stats[1:, cv2.CC_STAT_AREA] < limit))
    if small < MIN_SPECKS:
        return []
    return [f"{file.source} has {small} specks under {limit} pixels: clean it, for example with remove_specks"]


def _outline_count(sides: tuple[Codes, Codes]) -> float:
    """Return an upper bound of the components of both sides, (H, W) uint8: tracing outlines is faster than labelling.

    Infinite for noise, whose outlines would fill the memory.
    """
    mask = sides[0]
    if np.count_nonzero(mask[:, 1:] != mask[:, :-1]) > mask.size // 50:
        return math.inf
    return sum(len(cv2.findContours(side, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)[0]) for side in sides)
