"""Everything that stands, lies and hangs in a room.

A maker is a function (rng, finishes) -> Mesh. A piece stands on z = 0, is centred on x = y = 0 and faces -y (its back
is towards +y); things that hang on a wall have their back in the plane y = 0, come out towards -y and are centred
on z = 0. `MAKERS` of each module lists its makers by kind; of each kind the makers under `held_out` appear in test
rooms only, and there instead of the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wallpaint.rooms.mesh import Mesh
from wallpaint.rooms.surfaces.finishes import Finishes

Maker = Callable[[np.random.Generator, Finishes], Mesh]


@dataclass(frozen=True)
class Kind:
    """The makers of one kind of thing. everyday: used in training and validation rooms. held_out: in test rooms."""

    everyday: tuple[Maker, ...]
    held_out: tuple[Maker, ...]

    def make(self, rng: np.random.Generator, finishes: Finishes, split: str) -> Mesh:
        makers = self.held_out if split == "test" else self.everyday
        return makers[int(rng.integers(len(makers)))](rng, finishes)
