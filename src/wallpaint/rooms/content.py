"""Content of extended rooms: what each of them has to show, sampled from its seed alone.

The kinds are scenes in which a wall is easily confused with something else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wallpaint.rooms.materials import Material

ROOM_TYPE_SHARES = {
    "living room": 0.15,
    "bedroom": 0.17,
    "office": 0.07,
    "dining room": 0.08,
    "kitchen": 0.2,
    "hall": 0.05,
    "empty room": 0.03,
    "bathroom": 0.14,
    "classroom": 0.11,
}
KINDS = {
    "full_height_curtains": ("full-height curtain",),
    "full_height_blinds": ("full-height blind",),
    "tall_kitchen": ("kitchen unit",),
    "bathroom": ("bathroom tiles", "sanitary ware"),
    "dark_passage": ("dark room",),
    "open_door": ("open door",),
    "contrast_door": ("contrast door", "open door, contrast"),
    "slatted_furniture": ("slats",),
    "wall_coloured_furniture": ("wall-coloured",),
    "painted_slopes": tuple(f"{side} wall, upper slope" for side in ("left", "right")),
    "unpainted_slopes": ("sloped ceiling",),
    "rooflight": ("rooflight",),
    "two_tone": tuple(f"{side} wall, lower" for side in ("back", "right", "front", "left")),
    "classroom": ("school desk",),
    "glass_and_boards": ("glass front", "screen", "lit screen", "white board", "chalk board", "large mirror"),
    "wide_angle": (),
    "camera_in_corner": (),
}
"""Kinds of content, with the beginnings of the names of the materials that show each of them."""
MIN_VISIBLE_SHARE = 0.004  # of the image, for a kind to be recorded
_STREAM = 7301  # separates the random numbers of the content from those of the room


@dataclass(frozen=True)
class Content:
    """What an extended room has to show.

    kinds: keys of KINDS. both_sides: slopes on both sides. whole_wall: curtains or blinds across a whole wall.
    pale_walls: the paint of the walls is pale.
    """

    room_type: str
    kinds: frozenset[str]
    both_sides: bool
    whole_wall: bool
    pale_walls: bool

    def has(self, *kinds: str) -> bool:
        """Whether at least one of the kinds belongs to the room."""
        return not self.kinds.isdisjoint(kinds)


def sample_content(seed: int) -> Content:
    """Sample the content of the extended room of a seed; the same for each attempt to generate the room."""
    rng = np.random.default_rng([seed, _STREAM])
    room_type = str(rng.choice(list(ROOM_TYPE_SHARES), p=np.array(list(ROOM_TYPE_SHARES.values()))))
    is_fitted = room_type in ("bathroom", "kitchen", "classroom")
    share = {
        "full_height_curtains": 0.08 if is_fitted else 0.33,
        "full_height_blinds": 0.22 if room_type != "classroom" else 0.3,
        "dark_passage": 0.18,
        "open_door": 0.17,
        "contrast_door": 0.8 if room_type == "classroom" else 0.17,
        "slatted_furniture": {"bathroom": 0.0, "classroom": 0.0, "bedroom": 0.55}.get(room_type, 0.3),
        "wall_coloured_furniture": 0.32 if room_type not in ("bathroom", "classroom") else 0.0,
        "two_tone": 0.0 if room_type == "bathroom" else 0.17,
        "glass_and_boards": 0.3 if room_type != "bathroom" else 0.0,
        "wide_angle": 0.24,
        "camera_in_corner": 0.17,
        "tall_kitchen": 0.85 if room_type == "kitchen" else 0.0,
    }
    kinds = {kind for kind, probability in share.items() if rng.random() < probability}
    if room_type in ("bathroom", "classroom"):
        kinds.add(room_type)
    if room_type not in ("kitchen", "classroom") and rng.random() < 0.42:
        kinds.add("painted_slopes" if rng.random() < 0.5 else "unpainted_slopes")
        kinds -= {"full_height_curtains", "full_height_blinds"} if rng.random() < 0.6 else set()
        if rng.random() < 0.6:
            kinds.add("rooflight")
    pale_share = {"classroom": 0.85, "kitchen": 0.65, "bathroom": 0.6}.get(room_type, 0.45)
    return Content(
        room_type=room_type,
        kinds=frozenset(kinds),
        both_sides=bool(rng.random() < 0.55),
        whole_wall=bool(rng.random() < 0.6),
        pale_walls=bool(rng.random() < pale_share),
    )


def visible_kinds(materials: tuple[Material, ...], shares: np.ndarray) -> set[str]:
    """Return the kinds that an image shows, without those that are a property of the camera.

    shares: (materials,) share of the image that each material covers, 0..1.
    """
    return {
        kind
        for kind, names in KINDS.items()
        if names
        and sum(s for m, s in zip(materials, shares, strict=True) if m.name.startswith(names)) >= MIN_VISIBLE_SHARE
    }
