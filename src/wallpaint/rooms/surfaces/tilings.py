"""Periodic block layouts for planks, tiles and bricks: block index and position within the block per texel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wallpaint.rooms.materials import TEXTURE_PX
from wallpaint.rooms.surfaces.noise import uv_grid
from wallpaint.typing import Array


@dataclass(frozen=True, eq=False)
class BlockLayout:
    """A block layout; arrays are (TEXTURE_PX, TEXTURE_PX).

    block_index: int, 0..count-1. along, across: position from the block's corner. edge_distance: distance to the
    nearest edge of the block. Lengths are in tiles (1 is the width of the texture).
    """

    block_index: Array
    along: Array
    across: Array
    edge_distance: Array
    count: int

    def per_block(self, values: Array) -> Array:
        """Broadcast per-block values, (count,) or (count, k), to texels."""
        return np.take(values, self.block_index, axis=0)

    def joint_mask(self, width: float) -> Array:
        """Coverage of each texel by joints, 0..1. width: full width of a joint, in tiles."""
        return np.clip(0.5 + (width / 2 - self.edge_distance) * TEXTURE_PX, 0, 1).astype(np.float32)


def courses(rows: int, columns: int, shifts: Array) -> BlockLayout:
    """Rows of equal blocks along u. shifts: (rows,) start of each row's first block, in blocks."""
    u, v = uv_grid()
    row = np.minimum((v * rows).astype(np.int32), rows - 1)
    column_position = np.mod(u * columns - np.asarray(shifts, np.float32)[row], columns)
    column = np.minimum(column_position.astype(np.int32), columns - 1)
    along, across = (column_position - column) / columns, v - row / rows
    edge_distance = np.minimum(np.minimum(along, 1 / columns - along), np.minimum(across, 1 / rows - across))
    return BlockLayout(row * columns + column, along, across, edge_distance, rows * columns)


def herringbone(length: int, repeats: int) -> BlockLayout:
    """Herringbone at 45 degrees. length: block length over width; a block is 1/(sqrt(2) length repeats) tiles wide."""
    u, v = uv_grid()
    n, span = length, length * repeats
    i, j = span * (u + v), span * (u - v) + 4 * span
    ci, cj = np.floor(i).astype(np.int32), np.floor(j).astype(np.int32)
    turn = np.mod(ci - cj, 2 * n)
    horizontal = turn < n
    block_offset = np.where(horizontal, turn, 2 * n - 1 - turn)
    along = np.where(horizontal, i - ci, j - cj) + block_offset
    across = np.where(horizontal, j - cj, i - ci)
    start_i, start_j = np.where(horizontal, ci - block_offset, ci), np.where(horizontal, cj, cj - block_offset)
    key_u, key_v = np.mod(start_i + start_j, 2 * span), np.mod(start_i - start_j, 2 * span)
    block_index = (key_u * 2 * span + key_v) * 2 + horizontal
    width = 1 / (np.sqrt(2) * span)
    edge_distance = np.minimum(np.minimum(along, n - along), np.minimum(across, 1 - across)) * width
    return BlockLayout(block_index, along * width, across * width, edge_distance, 8 * span * span)


def chevron(pairs: int, rows: int, slope: float = 1.0) -> BlockLayout:
    """Chevron: slanted blocks in 2 * pairs columns. rows: blocks per column. slope: rise over run."""
    u, v = uv_grid()
    columns = 2 * pairs
    column_position = u * columns
    column = np.minimum(column_position.astype(np.int32), columns - 1)
    within = column_position - column
    rising = column % 2 == 0
    height = np.mod((v + slope / columns * np.where(rising, within, 1 - within)) * rows, rows)
    row = np.minimum(height.astype(np.int32), rows - 1)
    cos_slope = 1 / np.sqrt(1 + slope**2)
    across = (height - row) / rows * cos_slope
    along = within / columns / cos_slope
    edge_distance = np.minimum(np.minimum(across, cos_slope / rows - across), np.minimum(within, 1 - within) / columns)
    return BlockLayout(row * columns + column, along, across, edge_distance, rows * columns)


def hexagons(columns: int) -> BlockLayout:
    """Pointy-top hexagons; the number of rows is the even number nearest to regular hexagons."""
    rows = 2 * round(columns / np.sqrt(3))
    u, v = uv_grid()
    row_scale = np.float32(rows * np.sqrt(3) / 2 / columns)
    nearest, second = np.full(u.shape, 9, np.float32), np.full(u.shape, 9, np.float32)
    block_index, along, across = (np.zeros(u.shape, t) for t in (np.int32, np.float32, np.float32))
    base = np.floor(v * rows).astype(np.int32)
    for step in (0, 1):
        row = base + step
        shift = 0.5 * (row % 2)
        for side in (0, 1):
            column = np.floor(u * columns - shift).astype(np.int32) + side
            x, y = u * columns - shift - column, (v * rows - row) * np.float32(np.sqrt(3) / 2)
            distance = np.hypot(x, y)
            nearer = distance < nearest
            second = np.where(nearer, nearest, np.minimum(second, distance))
            block_index = np.where(nearer, np.mod(row, rows) * columns + np.mod(column, columns), block_index)
            along, across = np.where(nearer, x, along), np.where(nearer, y, across)
            nearest = np.where(nearer, distance, nearest)
    edge_distance = (second - nearest) / 2 / columns / max(1.0, float(row_scale))
    return BlockLayout(
        block_index, along / columns + 0.5 / columns, across / columns + 0.5 / columns, edge_distance, rows * columns
    )
