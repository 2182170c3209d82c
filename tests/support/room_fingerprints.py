"""Fingerprints of the scene description of rooms: numbers that hardly depend on the machine.

`python -m support.room_fingerprints` (with tests/ on the path) writes those of the present generator. Run it only if a
change of the pictures of these rooms is intended, and raise `room.GENERATOR_VERSION` and `room.UNCHANGED_SINCE` with
it.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from wallpaint.rooms.materials import Material
from wallpaint.rooms.room import Room

SEEDS = (*range(950_000, 950_064), *range(900_000, 900_048))  # of the benchmark and of the validation
FILE = Path(__file__).parent.parent / "rooms" / "room_fingerprints.json"
DECIMALS = 5


def fingerprint(room: Room) -> dict[str, Any]:
    """Return the fingerprint of a room as JSON types.

    exact: integers and text, equal on every machine. values: means, which differ by rounding between machines.
    """
    mesh, camera = room.mesh, room.camera
    names = [material.name for material in mesh.materials]
    variants = [
        [variant.kind, variant.track, sorted(variant.surfaces), _material_sums(list(variant.surfaces.values()))]
        for variant in room.wall_variants
    ]
    sun = [0.0] * 7 if room.sun is None else [*room.sun.direction, *room.sun.irradiance, room.sun.angle]
    weight = np.linspace(1, 2, len(mesh.vertices))[:, None]
    values = {
        "vertices": (mesh.vertices.astype(np.float64) * weight).mean(0),
        "extent": np.abs(mesh.vertices.astype(np.float64)).mean(0),
        "normals": (mesh.normals.astype(np.float64) * weight).mean(0),
        "uv": (mesh.uv.astype(np.float64) * weight[:, :1]).mean(0),
        "materials": _material_sums(list(mesh.materials)),
        "camera": [*camera.position, *camera.forward, camera.half_width, camera.half_height, camera.shift],
        "light": [*sun, 0.0 if room.sky is None else float(room.sky.texels.mean(dtype=np.float64))],
        "old_paint": room.old_paint,
        "variants": [value for *_, sums in variants for value in sums],
    }
    return {
        "exact": {
            "vertices": len(mesh.vertices),
            "faces": _checksum(np.ascontiguousarray(mesh.faces, "<i4")),
            "face_materials": _checksum(np.ascontiguousarray(mesh.material, "<i4")),
            "names": zlib.crc32("|".join(names).encode()),
            "walls": [material.wall for material in mesh.materials if material.wall is not None],
            "variants": [variant[:3] for variant in variants],
            "type": room.room_type,
        },
        "values": {name: [round(float(v), DECIMALS) for v in numbers] for name, numbers in values.items()},
    }


def _material_sums(materials: list[Material]) -> list[float]:
    """Return the sums of all properties over materials, and of the means of their textures."""
    columns = np.array([_numbers_of(material) for material in materials])
    return [float(v) for v in (columns * np.linspace(1, 2, len(columns))[:, None]).sum(0)]


def _numbers_of(material: Material) -> list[float]:
    texels = None if material.texture is None else material.texture.texels
    texture = (
        [0.0, 0.0] if texels is None else [float(texels.mean(dtype=np.float64)), float(texels.std(dtype=np.float64))]
    )
    flags = [float(material.metal), float(material.sky), float(material.relief is not None)]
    scale = list(material.texture_scale)
    return [
        *material.albedo,
        *material.emission,
        material.roughness,
        material.f0,
        material.bump,
        *scale,
        *texture,
        *flags,
    ]


def _checksum(values: np.ndarray) -> int:
    return zlib.crc32(values.tobytes())


def write(path: Path = FILE) -> None:
    """Write the fingerprints of SEEDS, one line each."""
    from wallpaint.rooms.design import design

    lines = [f'"{seed}": {json.dumps(fingerprint(design(seed)), separators=(",", ":"))}' for seed in SEEDS]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    write()
