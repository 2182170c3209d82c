"""The room as an ordinary Mitsuba scene: for machines without LLVM, and for checks against Mitsuba's own integrator.

Without LLVM there is no kernel of ours. The room is then rendered by Mitsuba's built-in plugins, once for each of
several paints with the same random numbers, and the buckets are what these pictures have in common: each pixel is a
polynomial in the paint's albedo, known at as many points as it has coefficients that matter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mitsuba as mi
import numpy as np

from wallpaint.rooms.materials import TILE, Color, Material
from wallpaint.rooms.room import Eye, Room
from wallpaint.rooms.tracing.buckets import Rendering
from wallpaint.typing import Array

Plugin = dict[str, Any]

LAST = 5  # wall bounces that are kept apart
NODES = 10  # paints that are rendered: an even number, as a black one would end paths and shift the random numbers
WIDEST = 0.6  # largest albedo among them: a larger one lets what is beyond the polynomial leak into its buckets
LONGEST_PATH = 11
SMOOTHEST = 0.1  # roughness of a mirror: sharper reflections of lamps would be fireflies
BLIND = 16  # steps per half turn when the sky behind a pane is averaged
SURVEY = (32, 32)
GRID = 4  # looks a pixel, along each side


def render(room: Room, size: tuple[int, int], samples: int) -> Rendering:
    """The room in every paint at once; the meaning is that of `tracer.render`, some of the looks are not.

    Three things are simpler than in the kernel. Gloss does not depend on the angle (Schlick's Fresnel averaged over
    the hemisphere). A window pane shines alike in all directions, with the mean of the sky behind it. Walls are even:
    there is no plaster relief. The vertical field of view follows from the horizontal one, as pixels are square.
    """
    buckets = np.zeros((LAST + 1, *size, 3), np.float32)
    whole = mi.load_dict(scene(room, (0.5, 0.5, 0.5), size))
    if any(material.emits for material in room.mesh.materials):
        buckets += _split(whole, room, samples)
    if room.sun is not None:
        parts = scene(room, (0.5, 0.5, 0.5), size, lamp=None)
        parts["sun"] = {
            "type": "directional",
            "direction": [-float(v) for v in room.sun.direction],
            "irradiance": {"type": "rgb", "value": list(room.sun.irradiance)},
        }
        buckets += _split(mi.load_dict(parts), room, samples)
    return Rendering(buckets=buckets, **_look(whole, room, room.eye, size))


def look(room: Room, size: tuple[int, int]) -> Array:
    """Which wall each pixel's one ray meets: (h, w) int16, -1 where there is none."""
    found: Array = _look(mi.load_dict(scene(room, (0.5, 0.5, 0.5), size)), room, room.eye, size, grid=1)["wall_number"]
    return found


def survey(room: Room, eyes: list[Eye], near: float) -> list[tuple[float, float]]:
    """What each eye would see: the share of wall to be repainted, and the share of things nearer than `near` metres."""
    whole = mi.load_dict(scene(room, (0.5, 0.5, 0.5), SURVEY))
    views = []
    for eye in eyes:
        seen = _look(whole, room, eye, SURVEY, grid=1)
        views.append((float(seen["wall"].mean()), float((seen["depth"] < near).mean())))
    return views


def matt_or_glossy(material: Material, color: Color) -> Plugin:
    """A surface from built-in plugins: Lambert, rough metal, or a fixed share of rough metal over Lambert."""
    alpha = max(material.roughness, SMOOTHEST) ** 2
    metal = {"type": "roughconductor", "material": "none", "distribution": "ggx", "alpha": alpha}
    if material.metal:
        return _both_sides({**metal, "specular_reflectance": _pattern(material, color, 1.0)})
    matt = {"type": "diffuse", "reflectance": _pattern(material, color, 1 - _gloss(material))}
    if material.f0 <= 0:
        return _both_sides(matt)
    white = {"type": "rgb", "value": 1.0}
    return _both_sides(
        {
            "type": "blendbsdf",
            "weight": _gloss(material),
            "matt": matt,
            "metal": {**metal, "specular_reflectance": white},
        }
    )


def even_glow(room: Room, material: Material) -> Plugin:
    """A lamp, or a pane with the mean of the sky that is seen through it."""
    radiance = np.asarray(material.emission, float)
    if material.sky and room.sky is not None:
        radiance = radiance * _sky_behind(room, material)
    return {
        "type": "area",
        "radiance": {"type": "rgb", "value": radiance.tolist()},
        "sampling_weight": lamp_share(room, material),
    }


def scene(
    room: Room,
    paint: Color,
    size: tuple[int, int],
    surface: Callable[[Material, Color], Plugin] = matt_or_glossy,
    lamp: Callable[[Room, Material], Plugin] | None = even_glow,
) -> Plugin:
    """The room with its walls in one paint, as `mi.load_dict` takes it: one shape a material, and no sun.

    paint: linear sRGB albedo. surface, lamp: make the plugins of a material. Without `lamp` nothing shines and the
    panes, materials with `sky`, are left open.
    """
    parts: Plugin = {"type": "scene", "sensor": sensor(room.eye, size)}
    for number in _numbers(room, panes=lamp is not None):
        material = room.mesh.materials[number]
        properties = mi.Properties()
        properties["surface"] = mi.load_dict(surface(material, paint if material.wall is not None else material.albedo))
        if material.emits and lamp is not None:
            properties["lamp"] = mi.load_dict(lamp(room, material))
        # Lamps are faceted: Mitsuba measures the angle of their light against the smooth normal, which is not there.
        parts[_name(number)] = _shape(room, room.mesh.material == number, properties, smooth=not material.emits)
    return parts


def sensor(eye: Eye, size: tuple[int, int]) -> Plugin:
    """The eye as a pinhole camera with square pixels; size: (height, width)."""
    position, forward = np.asarray(eye.position, float), np.asarray(eye.forward, float)
    up = np.asarray(eye.up, float).tolist()
    return {
        "type": "perspective",
        "fov": 2 * float(np.degrees(np.arctan(eye.half_width))),
        "fov_axis": "x",
        "principal_point_offset_y": -eye.shift / 2,
        "near_clip": 1e-3,
        "to_world": mi.ScalarTransform4f().look_at(position.tolist(), (position + forward).tolist(), up),
        "sampler": {"type": "independent"},
        "film": {
            "type": "hdrfilm",
            "width": size[1],
            "height": size[0],
            "pixel_format": "rgb",
            "component_format": "float32",
            "rfilter": {"type": "box"},
        },
    }


def lamp_share(room: Room, material: Material) -> float:
    """How often a lamp is to be sampled: the square root of its power, so that weak ones are not forgotten."""
    return float(np.sqrt(np.mean(material.emission) * np.linalg.norm(_crossed(room, material), axis=1).sum() / 2))


def to_buckets(pictures: Array, albedos: Array) -> Array:
    """Coefficients 0..LAST of the polynomials through pictures of several paints.

    pictures: (N, h, w, 3), one an albedo. albedos: (N,), distinct, N > LAST. Returns (LAST + 1, h, w, 3) float32, >= 0.
    """
    inverse = np.linalg.inv(np.vander(albedos, increasing=True))[: LAST + 1]
    return np.maximum(np.tensordot(inverse, pictures.astype(np.float64), 1), 0).astype(np.float32)


def _split(loaded: Any, room: Room, samples: int) -> Array:
    """The buckets of a scene. Negative albedos are no paint, but well-spread points to know a polynomial at."""
    albedos = WIDEST * np.cos(np.pi * (2 * np.arange(NODES) + 1) / (2 * NODES))
    walls = {n: m for n, m in enumerate(room.mesh.materials) if m.wall is not None and n in _numbers(room)}
    parameters = mi.traverse(loaded)
    # No random end of paths: its chance would depend on the paint, and the pictures would not be of one polynomial.
    integrator = mi.load_dict({"type": "path", "max_depth": LONGEST_PATH, "rr_depth": LONGEST_PATH + 1})
    pictures = []
    usual = mi.log_level()
    mi.set_log_level(mi.LogLevel.Error)  # negative light is a warning a sample
    try:
        for albedo in albedos:
            for number, material in walls.items():
                parameters[_paint_key(parameters, number)] = mi.Color3f(float(albedo) / (1 - _gloss(material)))
            parameters.update()
            pictures.append(np.array(mi.render(loaded, integrator=integrator, spp=samples, seed=room.seed)))
    finally:
        mi.set_log_level(usual)
    return to_buckets(np.stack(pictures), albedos)


def _paint_key(parameters: Any, number: int) -> str:
    """Where Mitsuba keeps the diffuse colour of a part; `matt_or_glossy` may have nested it."""
    names = [str(name) for name, _ in parameters]
    (key,) = (n for n in names if n.startswith(f"{_name(number)}.") and n.endswith(".reflectance.value"))
    return key


def _look(loaded: Any, room: Room, eye: Eye, size: tuple[int, int], grid: int = GRID) -> dict[str, Array]:
    """What is seen at grid x grid places a pixel: the fields of a Rendering other than its buckets."""
    height, width = size
    film = mi.load_dict(sensor(eye, (height * grid, width * grid)))
    integrator = mi.load_dict({"type": "aov", "aovs": "shape:shape_index,at:position,normal:sh_normal,uv:uv"})
    seen = np.array(mi.render(loaded, sensor=film, integrator=integrator, spp=1, seed=room.seed), np.float64)
    # Shapes count from 1; the number of channels before them differs between kinds of film.
    shape, at, normal, uv = np.split(seen[..., -9:], [1, 4, 7], axis=-1)
    names = [s.id() for s in loaded.shapes()]
    part = np.array([-1] + [int(name.rsplit("-", 1)[1]) for name in names])[np.rint(shape[..., 0]).astype(int)]
    way = at - np.asarray(eye.position)
    normal = np.where((normal * way).sum(-1, keepdims=True) > 0, -normal, normal)
    there = part >= 0
    albedo, number = np.zeros_like(at), np.full(part.shape, -1)
    for n, material in enumerate(room.mesh.materials):
        here = part == n
        if material.wall is not None:
            albedo[here], number[here] = 1.0, material.wall
        elif here.any():
            albedo[here] = np.asarray(material.albedo) * _texels(material, uv[here])

    def cells(values: Array) -> Array:
        split = values.reshape(height, grid, width, grid, -1)
        return np.moveaxis(split, 2, 1).reshape(height, width, grid * grid, -1)

    return {
        "wall": cells(number >= 0).mean((2, 3)).astype(np.float32),
        "depth": np.median(cells(np.where(there, way @ np.asarray(eye.forward), 0)), axis=2)[..., 0].astype(np.float32),
        "albedo": cells(albedo).mean(2).astype(np.float32),
        "normal": cells(np.where(there[..., None], normal, 0)).mean(2).astype(np.float32),
        "wall_number": np.sort(cells(number), axis=2)[:, :, grid * grid // 2, 0].astype(np.int16),
    }


def _texels(material: Material, uv: Array) -> Array:
    if material.texture is None:
        return np.ones(3)
    place = np.floor(uv * np.asarray(material.texture_scale) * TILE).astype(int) % TILE
    return material.texture.texels[place[:, 1], place[:, 0]]


def _pattern(material: Material, color: Color, share: float) -> Plugin:
    """A colour or texture that comes out right when only `share` of the light meets it."""
    if material.texture is None or material.wall is not None:
        return {"type": "rgb", "value": np.clip(np.asarray(color) / share, 0, 1).tolist()}
    texels = np.clip(material.texture.texels * np.asarray(color, np.float32) / share, 0, 1)
    return {
        "type": "bitmap",
        "bitmap": mi.Bitmap(np.ascontiguousarray(texels, np.float32)),
        "raw": True,
        "to_uv": mi.ScalarTransform3f().scale(list(material.texture_scale)),
    }


def _gloss(material: Material) -> float:
    """Share of the light that a surface's gloss takes: Schlick's Fresnel averaged over the hemisphere."""
    return material.f0 + (1 - material.f0) / 21 if material.f0 > 0 and not material.metal else 0.0


def _both_sides(surface: Plugin) -> Plugin:
    return {"type": "twosided", "surface": surface}


def _sky_behind(room: Room, material: Material) -> Array:
    """The mean sky through a pane, weighed by the cosine to its mean normal: (3,)."""
    assert room.sky is not None
    inwards = _crossed(room, material).sum(0)
    v, u = np.meshgrid((np.arange(BLIND) + 0.5) / BLIND, (np.arange(2 * BLIND) + 0.5) / BLIND - 1, indexing="ij")
    lift, turn = np.pi * (v - 0.5), np.pi * u
    way = np.stack([np.cos(lift) * np.sin(turn), np.cos(lift) * np.cos(turn), np.sin(lift)], -1)
    weight = np.maximum(-way @ (inwards / max(float(np.linalg.norm(inwards)), 1e-12)), 0) * np.cos(lift)
    row, column = (v * TILE).astype(int) % TILE, np.floor(u * TILE).astype(int) % TILE
    return (room.sky.texels[row, column] * weight[..., None]).sum((0, 1)) / max(float(weight.sum()), 1e-12)


def _crossed(room: Room, material: Material) -> Array:
    """Normals of a material's triangles, twice as long as their areas: (n, 3)."""
    mesh = room.mesh
    corner = mesh.vertices[mesh.faces[mesh.material == mesh.materials.index(material)]].astype(np.float64)
    return np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])


def _numbers(room: Room, panes: bool = True) -> list[int]:
    used = set(np.unique(room.mesh.material).tolist())
    return [n for n, m in enumerate(room.mesh.materials) if n in used and (panes or not m.sky)]


def _name(number: int) -> str:
    return f"part-{number}"


def _shape(room: Room, mine: Array, properties: Any, smooth: bool) -> Any:
    mesh = room.mesh
    used, faces = np.unique(mesh.faces[mine].ravel(), return_inverse=True)
    shape = mi.Mesh(
        "part", len(used), len(faces) // 3, properties, has_vertex_normals=smooth, has_vertex_texcoords=True
    )
    parameters = mi.traverse(shape)
    parameters["vertex_positions"] = np.ascontiguousarray(mesh.vertices[used].ravel())
    parameters["vertex_texcoords"] = np.ascontiguousarray(mesh.uv[used].ravel())
    if smooth:
        parameters["vertex_normals"] = np.ascontiguousarray(mesh.normals[used].ravel())
    parameters["faces"] = faces.astype(np.uint32).ravel()
    parameters.update()
    return shape
