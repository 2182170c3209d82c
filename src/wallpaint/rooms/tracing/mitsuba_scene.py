"""The room as an ordinary Mitsuba scene: the renderer without LLVM, and the reference for checks of the kernel.

Without LLVM the kernel is not available. Mitsuba's built-in plugins then render the room with several wall albedos and
the same random numbers. Each pixel is a polynomial in the albedo, so the buckets are the coefficients of the polynomial
that interpolates these images.

Import after `backend.activate`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mitsuba as mi
import numpy as np

from wallpaint.rooms import wall_planes
from wallpaint.rooms.materials import TEXTURE_PX, Color, Material
from wallpaint.rooms.room import Camera, Room
from wallpaint.rooms.tracing.buckets import Rendering, majority
from wallpaint.typing import Array

Plugin = dict[str, Any]

MAX_WALL_BOUNCES = 5  # index of the last bucket
NODE_COUNT = 10  # rendered albedos; even, as an albedo of 0 would end paths and shift the random numbers
MAX_NODE_ALBEDO = 0.6  # larger ones let the terms beyond the last bucket leak into the buckets
MAX_DEPTH = 11
MIN_ROUGHNESS = 0.1  # smoother surfaces cause fireflies by reflected lamps
SKY_STEPS = 16  # per 180 degrees, for the average of the sky behind a pane
STATISTICS_SIZE = (32, 32)
RAYS_PER_SIDE = 4  # of a pixel, for AOVs


def render(room: Room, size: tuple[int, int], samples: int) -> Rendering:
    """Render the room for every wall paint at once; the interface is that of `tracer.render`.

    The image is simplified compared with the kernel: specular reflectance does not depend on the angle (Schlick's
    Fresnel averaged over the hemisphere), a window pane emits the mean sky radiance in all directions, and walls have
    neither bump map nor relief. Pixels are square, so the vertical field of view follows from the horizontal one.
    """
    buckets = np.zeros((MAX_WALL_BOUNCES + 1, *size, 3), np.float32)
    scene = mi.load_dict(scene_dict(room, (0.5, 0.5, 0.5), size))
    if any(material.emits for material in room.mesh.materials):
        buckets += _render_buckets(scene, room, samples)
    if room.sun is not None:
        plugins = scene_dict(room, (0.5, 0.5, 0.5), size, emitter=None)
        plugins["sun"] = {
            "type": "directional",
            "direction": [-float(v) for v in room.sun.direction],
            "irradiance": {"type": "rgb", "value": list(room.sun.irradiance)},
        }
        buckets += _render_buckets(mi.load_dict(plugins), room, samples)
    return Rendering(buckets=buckets, **_render_aovs(scene, room, room.camera, size))


def render_wall_numbers(room: Room, size: tuple[int, int]) -> Array:
    """Return the wall number that one ray per pixel hits: (h, w) int16, -1 for no wall."""
    wall_number: Array = _render_aovs(
        mi.load_dict(scene_dict(room, (0.5, 0.5, 0.5), size)), room, room.camera, size, rays_per_side=1
    )["wall_number"]
    return wall_number


def view_statistics(room: Room, cameras: list[Camera], near_distance: float) -> list[tuple[float, float]]:
    """Return for each camera the share of paintable wall, and the share of pixels nearer than near_distance metres."""
    scene = mi.load_dict(scene_dict(room, (0.5, 0.5, 0.5), STATISTICS_SIZE))
    statistics = []
    for camera in cameras:
        aovs = _render_aovs(scene, room, camera, STATISTICS_SIZE, rays_per_side=1)
        statistics.append((float(aovs["wall"].mean()), float((aovs["depth"] < near_distance).mean())))
    return statistics


def builtin_bsdf(material: Material, color: Color) -> Plugin:
    """Return a BSDF of built-in plugins: Lambert, rough metal, or a blend of both with a fixed weight."""
    alpha = max(material.roughness, MIN_ROUGHNESS) ** 2
    metal = {"type": "roughconductor", "material": "none", "distribution": "ggx", "alpha": alpha}
    if material.metal:
        return _two_sided({**metal, "specular_reflectance": _reflectance(material, color, 1.0)})
    diffuse = {"type": "diffuse", "reflectance": _reflectance(material, color, 1 - _specular_share(material))}
    if material.f0 <= 0:
        return _two_sided(diffuse)
    white = {"type": "rgb", "value": 1.0}
    return _two_sided(
        {
            "type": "blendbsdf",
            "weight": _specular_share(material),
            "matt": diffuse,
            "metal": {**metal, "specular_reflectance": white},
        }
    )


def builtin_emitter(room: Room, material: Material) -> Plugin:
    """Return an area light; for a pane its radiance is the mean sky radiance behind it."""
    radiance = np.asarray(material.emission, float)
    if material.sky and room.sky is not None:
        radiance = radiance * _mean_sky(room, material)
    return {
        "type": "area",
        "radiance": {"type": "rgb", "value": radiance.tolist()},
        "sampling_weight": emitter_sampling_weight(room, material),
    }


def scene_dict(
    room: Room,
    paint: Color,
    size: tuple[int, int],
    bsdf: Callable[[Material, Color], Plugin] = builtin_bsdf,
    emitter: Callable[[Room, Material], Plugin] | None = builtin_emitter,
) -> Plugin:
    """Return the room with its walls in one paint as a dict for `mi.load_dict`: one shape per material, no sun.

    paint: linear sRGB albedo. bsdf, emitter: return the plugin of a material. With emitter=None there are no area
    lights, and panes (materials with `sky`) are left out.
    """
    plugins: Plugin = {"type": "scene", "sensor": sensor_dict(room.camera, size)}
    for number in _used_materials(room, with_panes=emitter is not None):
        material = room.mesh.materials[number]
        properties = mi.Properties()
        properties["surface"] = mi.load_dict(bsdf(material, paint if material.wall is not None else material.albedo))
        if material.emits and emitter is not None:
            properties["lamp"] = mi.load_dict(emitter(room, material))
        # No smooth normals on emitters: Mitsuba evaluates their cosine with the interpolated normal.
        plugins[_shape_id(number)] = _shape(room, room.mesh.material == number, properties, smooth=not material.emits)
    return plugins


def sensor_dict(camera: Camera, size: tuple[int, int]) -> Plugin:
    """Return the camera as a perspective sensor with square pixels. size: (height, width)."""
    position, forward = np.asarray(camera.position, float), np.asarray(camera.forward, float)
    up = np.asarray(camera.up, float).tolist()
    return {
        "type": "perspective",
        "fov": 2 * float(np.degrees(np.arctan(camera.half_width))),
        "fov_axis": "x",
        "principal_point_offset_y": -camera.shift / 2,
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


def emitter_sampling_weight(room: Room, material: Material) -> float:
    """Return the square root of the power of an emitter, which samples weak emitters more often than by power."""
    return float(
        np.sqrt(np.mean(material.emission) * np.linalg.norm(_face_cross_products(room, material), axis=1).sum() / 2)
    )


def fit_buckets(images: Array, albedos: Array) -> Array:
    """Return the coefficients 0..MAX_WALL_BOUNCES of the polynomials through images of several albedos.

    images: (N, h, w, 3), one per albedo. albedos: (N,), distinct, N > MAX_WALL_BOUNCES. Returns
    (MAX_WALL_BOUNCES + 1, h, w, 3) float32, >= 0.
    """
    inverse = np.linalg.inv(np.vander(albedos, increasing=True))[: MAX_WALL_BOUNCES + 1]
    return np.maximum(np.tensordot(inverse, images.astype(np.float64), 1), 0).astype(np.float32)


def _render_buckets(mi_scene: Any, room: Room, samples: int) -> Array:
    """Render the buckets of a scene by interpolation at Chebyshev nodes, which include negative albedos."""
    albedos = MAX_NODE_ALBEDO * np.cos(np.pi * (2 * np.arange(NODE_COUNT) + 1) / (2 * NODE_COUNT))
    walls = {n: m for n, m in enumerate(room.mesh.materials) if m.wall is not None and n in _used_materials(room)}
    parameters = mi.traverse(mi_scene)
    # No Russian roulette: its probability would depend on the albedo, so the images would not follow one polynomial.
    integrator = mi.load_dict({"type": "path", "max_depth": MAX_DEPTH, "rr_depth": MAX_DEPTH + 1})
    images = []
    log_level = mi.log_level()
    mi.set_log_level(mi.LogLevel.Error)  # negative radiance causes a warning per sample
    try:
        for albedo in albedos:
            for number, material in walls.items():
                parameters[_reflectance_key(parameters, number)] = mi.Color3f(
                    float(albedo) / (1 - _specular_share(material))
                )
            parameters.update()
            images.append(np.array(mi.render(mi_scene, integrator=integrator, spp=samples, seed=room.seed)))
    finally:
        mi.set_log_level(log_level)
    return fit_buckets(np.stack(images), albedos)


def _reflectance_key(parameters: Any, number: int) -> str:
    """Return the parameter name of the diffuse reflectance of a shape; `builtin_bsdf` may have nested it."""
    names = [str(name) for name, _ in parameters]
    (key,) = (n for n in names if n.startswith(f"{_shape_id(number)}.") and n.endswith(".reflectance.value"))
    return key


def _render_aovs(
    mi_scene: Any, room: Room, camera: Camera, size: tuple[int, int], rays_per_side: int = RAYS_PER_SIDE
) -> dict[str, Array]:
    """Render the fields of a Rendering other than its buckets, from rays_per_side^2 rays per pixel."""
    height, width = size
    film = mi.load_dict(sensor_dict(camera, (height * rays_per_side, width * rays_per_side)))
    integrator = mi.load_dict({"type": "aov", "aovs": "shape:shape_index,at:position,normal:sh_normal,uv:uv"})
    aovs = np.array(mi.render(mi_scene, sensor=film, integrator=integrator, spp=1, seed=room.seed), np.float64)
    # Shape indices start at 1; the number of channels before the AOVs depends on the film.
    shape, at, normal, uv = np.split(aovs[..., -9:], [1, 4, 7], axis=-1)
    names = [s.id() for s in mi_scene.shapes()]
    material_index = np.array([-1] + [int(name.rsplit("-", 1)[1]) for name in names])[
        np.rint(shape[..., 0]).astype(int)
    ]
    direction = at - np.asarray(camera.position)
    normal = np.where((normal * direction).sum(-1, keepdims=True) > 0, -normal, normal)
    hit = material_index >= 0
    albedo, number = np.zeros_like(at), np.full(material_index.shape, -1)
    for n, material in enumerate(room.mesh.materials):
        mask = material_index == n
        if material.wall is not None:
            albedo[mask], number[mask] = 1.0, material.wall
        elif mask.any():
            albedo[mask] = np.asarray(material.albedo) * _texels(material, uv[mask])

    planes = np.full(material_index.shape, -1)
    is_wall = np.isin(material_index, np.unique(room.mesh.material[wall_planes.face_planes(room.mesh)[1] >= 0]))
    for n, plane in enumerate(wall_planes.face_planes(room.mesh)[0]):
        is_on_plane = np.abs(at @ np.asarray(plane.normal) - plane.offset) < wall_planes.TOLERANCE_M
        planes[hit & is_wall & is_on_plane & (np.abs(normal @ np.asarray(plane.normal)) > wall_planes.MIN_COSINE)] = n

    def to_pixels(values: Array) -> Array:
        split = values.reshape(height, rays_per_side, width, rays_per_side, -1)
        return np.moveaxis(split, 2, 1).reshape(height, width, rays_per_side * rays_per_side, -1)

    return {
        "wall": to_pixels(number >= 0).mean((2, 3)).astype(np.float32),
        "depth": np.median(to_pixels(np.where(hit, direction @ np.asarray(camera.forward), 0)), axis=2)[..., 0].astype(
            np.float32
        ),
        "albedo": to_pixels(albedo).mean(2).astype(np.float32),
        "normal": to_pixels(np.where(hit[..., None], normal, 0)).mean(2).astype(np.float32),
        "wall_number": np.sort(to_pixels(number), axis=2)[:, :, rays_per_side * rays_per_side // 2, 0].astype(np.int16),
        "wall_plane": majority(to_pixels(planes)[..., 0]),
        "occlusion": np.ones(size, np.float32),
    }


def _texels(material: Material, uv: Array) -> Array:
    if material.texture is None:
        return np.ones(3)
    texel = np.floor(uv * np.asarray(material.texture_scale) * TEXTURE_PX).astype(int) % TEXTURE_PX
    return material.texture.texels[texel[:, 1], texel[:, 0]]


def _reflectance(material: Material, color: Color, share: float) -> Plugin:
    """Return a colour or texture divided by the share of the light that reaches the diffuse layer."""
    if material.texture is None or material.wall is not None:
        return {"type": "rgb", "value": np.clip(np.asarray(color) / share, 0, 1).tolist()}
    texels = np.clip(material.texture.texels * np.asarray(color, np.float32) / share, 0, 1)
    return {
        "type": "bitmap",
        "bitmap": mi.Bitmap(np.ascontiguousarray(texels, np.float32)),
        "raw": True,
        "to_uv": mi.ScalarTransform3f().scale(list(material.texture_scale)),
    }


def _specular_share(material: Material) -> float:
    """Return the specular reflectance of a dielectric: Schlick's Fresnel averaged over the hemisphere."""
    return material.f0 + (1 - material.f0) / 21 if material.f0 > 0 and not material.metal else 0.0


def _two_sided(bsdf: Plugin) -> Plugin:
    return {"type": "twosided", "surface": bsdf}


def _mean_sky(room: Room, material: Material) -> Array:
    """Return the mean sky radiance behind a pane, weighted by the cosine to its mean normal: (3,)."""
    assert room.sky is not None
    inward = _face_cross_products(room, material).sum(0)
    v, u = np.meshgrid(
        (np.arange(SKY_STEPS) + 0.5) / SKY_STEPS, (np.arange(2 * SKY_STEPS) + 0.5) / SKY_STEPS - 1, indexing="ij"
    )
    elevation, azimuth = np.pi * (v - 0.5), np.pi * u
    direction = np.stack(
        [np.cos(elevation) * np.sin(azimuth), np.cos(elevation) * np.cos(azimuth), np.sin(elevation)], -1
    )
    weight = np.maximum(-direction @ (inward / max(float(np.linalg.norm(inward)), 1e-12)), 0) * np.cos(elevation)
    row, column = (v * TEXTURE_PX).astype(int) % TEXTURE_PX, np.floor(u * TEXTURE_PX).astype(int) % TEXTURE_PX
    return (room.sky.texels[row, column] * weight[..., None]).sum((0, 1)) / max(float(weight.sum()), 1e-12)


def _face_cross_products(room: Room, material: Material) -> Array:
    """Return edge cross products of the triangles of a material: (n, 3), twice the area long."""
    mesh = room.mesh
    corner = mesh.vertices[mesh.faces[mesh.material == mesh.materials.index(material)]].astype(np.float64)
    return np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])


def _used_materials(room: Room, with_panes: bool = True) -> list[int]:
    used = set(np.unique(room.mesh.material).tolist())
    return [n for n, m in enumerate(room.mesh.materials) if n in used and (with_panes or not m.sky)]


def _shape_id(number: int) -> str:
    return f"part-{number}"


def _shape(room: Room, face_mask: Array, properties: Any, smooth: bool) -> Any:
    mesh = room.mesh
    used, faces = np.unique(mesh.faces[face_mask].ravel(), return_inverse=True)
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
