"""Tables of materials, reliefs and emitters for the kernel. Import after `backend.activate`."""

from __future__ import annotations

import numpy as np
from mitsuba import Float, Int32

from wallpaint.rooms.materials import Relief, Texture
from wallpaint.rooms.mesh import Mesh
from wallpaint.rooms.room import Room
from wallpaint.rooms.tracing.sampling import Jit
from wallpaint.typing import Array

LIGHT_POWER_EXPONENT = 0.6  # emitters are sampled by power to this exponent, for lower variance of weak ones
MIN_ROUGHNESS = 0.03  # smoother surfaces cannot be sampled in single precision


def material_table(room: Room, textures: list[Texture]) -> dict[str, Jit]:
    """Return the columns of the material table: one value or colour per material; textures are indices."""
    materials = room.mesh.materials
    texture_index = {id(texture): i for i, texture in enumerate(textures)}
    columns = {
        "albedo": [(1.0, 1.0, 1.0) if m.wall is not None else m.albedo for m in materials],
        "emission": [m.emission for m in materials],
        "texture_scale": [m.texture_scale for m in materials],
        "roughness": [max(m.roughness, MIN_ROUGHNESS) for m in materials],
        "f0": [m.f0 for m in materials],
        "metal": [float(m.metal) for m in materials],
        "bump": [m.bump for m in materials],
        "paint": [float(m.wall is not None) for m in materials],
        "sky": [float(m.sky and room.sky is not None) for m in materials],
    }
    table = {name: Float(np.asarray(column, np.float32).ravel()) for name, column in columns.items()}
    table["texture"] = Int32(
        [texture_index[id(m.texture)] if m.texture is not None and m.wall is None else -1 for m in materials]
    )
    table["number"] = Int32([-1 if m.wall is None else m.wall for m in materials])
    return table


def relief_columns(mesh: Mesh, reliefs: list[Relief]) -> dict[str, Jit]:
    """Return the relief of each material, -1 for none, and its repeats per metre."""
    index = {id(relief): i for i, relief in enumerate(reliefs)}
    return {
        "relief": Int32([-1 if m.relief is None else index[id(m.relief)] for m in mesh.materials]),
        "relief_scale": Float([1.0 if m.relief is None else 1 / m.relief.metres for m in mesh.materials]),
    }


def emitter_table(room: Room) -> tuple[Array, tuple[Array, Array, Array]]:
    """Return the area pdf of emitter sampling for each material, and Walker's alias table over the emissive faces."""
    mesh = room.mesh
    power = np.array([np.mean(m.emission) for m in mesh.materials])
    if room.sky is not None:
        brightness = float(room.sky.texels.mean())
        power = power * np.where([m.sky for m in mesh.materials], brightness, 1.0)
    faces = np.flatnonzero(power[mesh.material] > 0)
    if len(faces) == 0:
        return np.zeros(len(power), np.float32), (
            np.zeros(1, np.uint32),
            np.ones(1, np.float32),
            np.zeros(1, np.uint32),
        )
    corner = mesh.vertices[mesh.faces[faces]].astype(np.float64)
    area = 0.5 * np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1)
    total = np.bincount(mesh.material[faces], area, len(power))
    share = np.where(total > 0, (total * power) ** LIGHT_POWER_EXPONENT, 0)
    share /= share.sum()
    pdf = np.where(total > 0, share / np.maximum(total, 1e-12), 0)
    weight = area * pdf[mesh.material[faces]]
    count = len(faces)
    scaled = weight / weight.sum() * count
    probability, alias = np.ones(count), np.arange(count)
    small, large = [i for i in range(count) if scaled[i] < 1], [i for i in range(count) if scaled[i] >= 1]
    while small and large:
        low, high = small.pop(), large[-1]
        probability[low], alias[low] = scaled[low], high
        scaled[high] -= 1 - scaled[low]
        if scaled[high] < 1:
            small.append(large.pop())
    return pdf.astype(np.float32), (faces.astype(np.uint32), probability.astype(np.float32), alias.astype(np.uint32))
