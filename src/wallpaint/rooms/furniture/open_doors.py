"""Open doors: a leaf on its hinges and the architrave of its opening."""

from __future__ import annotations

import numpy as np

from wallpaint.rooms.furniture import doors
from wallpaint.rooms.furniture.joinery import mirrored
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, merge
from wallpaint.rooms.surfaces.finishes import Finishes


def open_door(
    rng: np.random.Generator, finishes: Finishes, finish: Material, width: float, height: float, split: str = "train"
) -> Mesh:
    """A door that stands open by 50 to 100 degrees, into the room (-y) or away from it; the wall is the plane y = 0.

    finish: of the leaf. width, height: of the opening, metres, whose middle is x = 0. The leaf is 4 cm thick, with a
    handle on each side.
    """
    gap = 0.006
    leaf_width = width - 2 * gap
    face = doors.leaf(rng, finishes, finish, leaf_width, height - 0.012, split)
    hinge = float(rng.choice([-1, 1]))
    handle = doors.handle(rng, finishes, -hinge, leaf_width)
    both = merge([face, handle, merge([face, mirrored(handle)]).moved(yaw=np.pi)])
    inwards = rng.random() < 0.6
    angle = float(np.radians(rng.uniform(50, 100 if inwards else 88)))
    at_hinge = both.moved((-hinge * leaf_width / 2, 0.0, 0.006))
    turned = at_hinge.moved(yaw=hinge * angle if inwards else -hinge * angle)
    # the leaf turns clear of the frame: into the room it hangs in front of the wall, away from it behind the reveal
    placed = turned.moved((hinge * (width / 2 - gap), -0.025 if inwards else 0.16, 0.0))
    return merge([placed, doors.architrave(rng, finishes.trim, width, height)])
