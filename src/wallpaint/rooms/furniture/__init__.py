"""Procedural furniture, lamps, plants, decoration and fixtures.

A builder is a function (rng, finishes) -> Mesh. A floor-standing piece has its base on z = 0, is centred on x = y = 0
and faces -y. A wall-mounted piece has its back in the plane y = 0, extends towards -y and is centred on z = 0. In the
builders, `f` is short for the room's finishes. `CATEGORIES` of each module maps a category name to its builders; the
held-out builders of a category replace the others in test rooms and appear nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wallpaint.rooms.mesh import Mesh
from wallpaint.rooms.surfaces.finishes import Finishes

MeshBuilder = Callable[[np.random.Generator, Finishes], Mesh]


@dataclass(frozen=True)
class FurnitureCategory:
    """The builders of one category of object.

    train_builders: used in training and validation rooms. held_out_builders: used in test rooms only.
    """

    train_builders: tuple[MeshBuilder, ...]
    held_out_builders: tuple[MeshBuilder, ...]

    def build(self, rng: np.random.Generator, finishes: Finishes, split: str) -> Mesh:
        builders = self.held_out_builders if split == "test" else self.train_builders
        return builders[int(rng.integers(len(builders)))](rng, finishes)
