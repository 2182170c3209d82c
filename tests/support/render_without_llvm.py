"""Render a made room by Mitsuba's built-in plugins and store all that comes of it; a process has but one variant."""

from __future__ import annotations

import sys

import numpy as np

from support import rendered_rooms as made_rooms
from wallpaint.rooms.tracing import backend, tracer

SIZE, SAMPLES = (16, 16), 48


def main(out: str, name: str = "matt") -> None:
    room = getattr(made_rooms, name)()
    assert backend.activate() == backend.PLAIN
    import mitsuba as mi

    from wallpaint.rooms.tracing import mitsuba_scene as plain

    fields = vars(tracer.render(room, SIZE, SAMPLES, clean=False))
    integrator = mi.load_dict({"type": "path", "max_depth": plain.LONGEST_PATH, "rr_depth": plain.LONGEST_PATH + 1})
    if room.sun is None:
        for rho in (0.1, 0.45, 0.7):
            scene = mi.load_dict(plain.scene(room, (rho, rho, rho), SIZE))
            picture = np.array(mi.render(scene, integrator=integrator, spp=SAMPLES, seed=room.seed))
            fields[f"picture {rho}"] = picture
    np.savez(out, survey=tracer.survey(room, [room.eye], 0.5), **fields)


if __name__ == "__main__":
    main(*sys.argv[1:])
