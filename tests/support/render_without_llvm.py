"""Render a room of `rendered_rooms` with the scalar variant and save the result.

A separate script, as a process can use only one Mitsuba variant.
"""

from __future__ import annotations

import sys

import numpy as np

from support import rendered_rooms
from wallpaint.rooms.tracing import backend, tracer

SIZE, SAMPLES = (16, 16), 48


def main(out: str, name: str = "diffuse_room") -> None:
    room = getattr(rendered_rooms, name)()
    assert backend.activate() == backend.SCALAR_VARIANT
    import mitsuba as mi

    from wallpaint.rooms.tracing import mitsuba_scene

    fields = vars(tracer.render(room, SIZE, SAMPLES, denoised=False))
    integrator = mi.load_dict(
        {"type": "path", "max_depth": mitsuba_scene.MAX_DEPTH, "rr_depth": mitsuba_scene.MAX_DEPTH + 1}
    )
    if room.sun is None:
        for rho in (0.1, 0.45, 0.7):
            scene = mi.load_dict(mitsuba_scene.scene_dict(room, (rho, rho, rho), SIZE))
            image = np.array(mi.render(scene, integrator=integrator, spp=SAMPLES, seed=room.seed))
            fields[f"image {rho}"] = image
    np.savez(out, view_statistics=tracer.view_statistics(room, [room.camera], 0.5), **fields)


if __name__ == "__main__":
    main(*sys.argv[1:])
