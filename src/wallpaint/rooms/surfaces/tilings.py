"""How planks, tiles and bricks are laid: which block a texel lies in, and where in it. All repeat over one tile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wallpaint.rooms.materials import TILE
from wallpaint.rooms.surfaces.noise import coordinates
from wallpaint.typing import Array


@dataclass(frozen=True, eq=False)
class Blocks:
    """One layout, each (TILE, TILE). number: int, which block, 0..count-1. along, across: place within the block,
    from its corner, and edge: distance to its nearest edge; all three in tiles (1 is the whole texture)."""

    number: Array
    along: Array
    across: Array
    edge: Array
    count: int

    def each(self, values: Array) -> Array:
        """One value a block, (count,) or (count, k), spread over the blocks' texels."""
        return np.take(values, self.number, axis=0)

    def joint(self, width: float) -> Array:
        """How much of each texel is joint, 0..1; width: of a whole joint, in tiles."""
        return np.clip(0.5 + (width / 2 - self.edge) * TILE, 0, 1).astype(np.float32)


def courses(rows: int, columns: int, shifts: Array) -> Blocks:
    """Rows of equal blocks that run along u. shifts: (rows,) where each row's first block starts, in blocks."""
    u, v = coordinates()
    row = np.minimum((v * rows).astype(np.int32), rows - 1)
    place = np.mod(u * columns - np.asarray(shifts, np.float32)[row], columns)
    column = np.minimum(place.astype(np.int32), columns - 1)
    along, across = (place - column) / columns, v - row / rows
    edge = np.minimum(np.minimum(along, 1 / columns - along), np.minimum(across, 1 / rows - across))
    return Blocks(row * columns + column, along, across, edge, rows * columns)


def herringbone(length: int, repeats: int) -> Blocks:
    """Blocks at 45 degrees, `length` times as long as wide; a block is 1 / (sqrt(2) * length * repeats) tiles wide."""
    u, v = coordinates()
    n, span = length, length * repeats
    i, j = span * (u + v), span * (u - v) + 4 * span
    ci, cj = np.floor(i).astype(np.int32), np.floor(j).astype(np.int32)
    turn = np.mod(ci - cj, 2 * n)
    lying = turn < n
    place = np.where(lying, turn, 2 * n - 1 - turn)
    along = np.where(lying, i - ci, j - cj) + place
    across = np.where(lying, j - cj, i - ci)
    start_i, start_j = np.where(lying, ci - place, ci), np.where(lying, cj, cj - place)
    key_u, key_v = np.mod(start_i + start_j, 2 * span), np.mod(start_i - start_j, 2 * span)
    number = (key_u * 2 * span + key_v) * 2 + lying
    width = 1 / (np.sqrt(2) * span)
    edge = np.minimum(np.minimum(along, n - along), np.minimum(across, 1 - across)) * width
    return Blocks(number, along * width, across * width, edge, 8 * span * span)


def chevron(pairs: int, rows: int, slope: float = 1.0) -> Blocks:
    """Slanting blocks in 2 * pairs columns that meet in points; rows: blocks a column."""
    u, v = coordinates()
    columns = 2 * pairs
    place = u * columns
    column = np.minimum(place.astype(np.int32), columns - 1)
    inside = place - column
    rising = column % 2 == 0
    height = np.mod((v + slope / columns * np.where(rising, inside, 1 - inside)) * rows, rows)
    row = np.minimum(height.astype(np.int32), rows - 1)
    lean = 1 / np.sqrt(1 + slope**2)
    across = (height - row) / rows * lean
    along = inside / columns / lean
    edge = np.minimum(np.minimum(across, lean / rows - across), np.minimum(inside, 1 - inside) / columns)
    return Blocks(row * columns + column, along, across, edge, rows * columns)


def hexagons(columns: int) -> Blocks:
    """Six-sided blocks with points up and down; the nearest even number of rows to regular ones."""
    rows = 2 * round(columns / np.sqrt(3))
    u, v = coordinates()
    squash = np.float32(rows * np.sqrt(3) / 2 / columns)
    best, second = np.full(u.shape, 9, np.float32), np.full(u.shape, 9, np.float32)
    number, along, across = (np.zeros(u.shape, t) for t in (np.int32, np.float32, np.float32))
    base = np.floor(v * rows).astype(np.int32)
    for step in (0, 1):
        row = base + step
        shift = 0.5 * (row % 2)
        for side in (0, 1):
            column = np.floor(u * columns - shift).astype(np.int32) + side
            x, y = u * columns - shift - column, (v * rows - row) * np.float32(np.sqrt(3) / 2)
            far = np.hypot(x, y)
            nearer = far < best
            second = np.where(nearer, best, np.minimum(second, far))
            number = np.where(nearer, np.mod(row, rows) * columns + np.mod(column, columns), number)
            along, across = np.where(nearer, x, along), np.where(nearer, y, across)
            best = np.where(nearer, far, best)
    edge = (second - best) / 2 / columns / max(1.0, float(squash))
    return Blocks(number, along / columns + 0.5 / columns, across / columns + 0.5 / columns, edge, rows * columns)
