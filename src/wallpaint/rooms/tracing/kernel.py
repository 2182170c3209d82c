"""The path tracer: one compiled kernel for every room, radiance split by the number of bounces on the walls' paint.

Import only after `backend.activate` chose a vectorised variant. The room is one mesh with a material a face; light
is sampled at emitting triangles and the sun, and weighed against sampling by reflection (Veach and Guibas 1995).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import drjit as dr
import mitsuba as mi
import numpy as np
from mitsuba import Bool, Color3f, Float, Int32, Point2f, Point3f, Ray3f, UInt32, Vector3f

from wallpaint.rooms.materials import TILE, Texture
from wallpaint.rooms.mesh import Mesh
from wallpaint.rooms.room import Eye, Room
from wallpaint.rooms.surfaces.textures import PLASTER_METRES
from wallpaint.rooms.tracing.sampling import Jit, ggx, ggx_half, hash32, schlick, sobol2, uniform
from wallpaint.typing import Array

LAST = 5  # the highest number of wall bounces that is kept apart; what comes after is estimated from the last two
LONGEST_PATH = 24
SURE_STEPS = 3  # bounces before a path may be ended at random
WALL_SURVIVAL = 0.75  # a path's chance of going on after a wall, whose albedo counts as 1 in the buckets
LIGHT_CHOICE = 0.6  # lights are chosen by their power to this exponent, so that weak ones are not forgotten
SMOOTHEST = 0.03  # roughness of a mirror; smoother ones cannot be sampled in single precision
LIFT = 1e-4  # metres by which rays start off their surface
SHARPEST_SUN = 50.0  # cap on the sun's mirror image, which would otherwise be all fireflies


class Stage:
    """A room on the device. Not a dataclass: Dr.Jit would carry the fields of one through its loops as state."""

    def __init__(self, room: Room, plaster: Array) -> None:
        """plaster: (TILE, TILE, 2) float32 slopes of uneven walls, repeating every PLASTER_METRES."""
        mesh, sun, eye = room.mesh, room.sun, room.eye
        self.scene = _scene(mesh)
        self.vertices, self.normals, self.uv = (
            Float(mesh.vertices.ravel()),
            Float(mesh.normals.ravel()),
            Float(mesh.uv.ravel()),
        )
        self.faces, self.face_material = UInt32(mesh.faces.ravel()), UInt32(mesh.material)
        textures = list({id(m.texture): m.texture for m in mesh.materials if m.texture is not None}.values())
        self.table = _table(room, textures)
        self.sky = Int32(len(textures))
        if room.sky is not None or not textures:
            textures.append(room.sky or Texture(np.zeros((TILE, TILE, 3), np.float32)))
        self.tiles = Float(np.stack([t.texels for t in textures]).ravel())
        self.plaster = Float(plaster.astype(np.float32).ravel())
        density, lamps = _lamps(room)
        self.table["light_density"] = Float(density)
        self.light_face, self.light_keep, self.light_other = UInt32(lamps[0]), Float(lamps[1]), UInt32(lamps[2])
        self.light_count = UInt32(len(lamps[0]))
        self.has_sun = Bool(sun is not None)
        self.sun_direction = _vector(sun.direction if sun else (0, 0, 1))
        self.sun_irradiance = Color3f(_vector(sun.irradiance if sun else (0, 0, 0)))
        self.sun_angle = Float(sun.angle if sun else 0.005)
        self.low, self.high = _vector(room.low), _vector(room.high)
        self.aim(eye)
        # Literals would be compiled into the kernel, and every room would need one of its own.
        sun_parts = (self.has_sun, self.sun_direction, self.sun_irradiance, self.sun_angle)
        dr.make_opaque(self.sky, self.light_count, *sun_parts, self.low, self.high)

    def aim(self, eye: Eye) -> None:
        """Take the picture from another place."""
        self.eye = {
            "position": _vector(eye.position),
            "right": _vector(eye.right * eye.half_width),
            "up": _vector(eye.up * eye.half_height),
            "forward": _vector(eye.forward + eye.up * eye.half_height * eye.shift),
            "axis": _vector(eye.forward),
        }
        dr.make_opaque(*self.eye.values())


def _scene(mesh: Mesh) -> Any:
    shape = mi.Mesh("room", len(mesh.vertices), len(mesh.faces))
    parameters = mi.traverse(shape)
    parameters["vertex_positions"] = mesh.vertices.ravel()
    parameters["faces"] = mesh.faces.astype(np.uint32).ravel()
    parameters.update()
    return mi.load_dict({"type": "scene", "room": shape})


def _table(room: Room, textures: list[Texture]) -> dict[str, Jit]:
    materials = room.mesh.materials
    place = {id(texture): i for i, texture in enumerate(textures)}
    columns = {
        "albedo": [(1.0, 1.0, 1.0) if m.wall is not None else m.albedo for m in materials],
        "emission": [m.emission for m in materials],
        "texture_scale": [m.texture_scale for m in materials],
        "roughness": [max(m.roughness, SMOOTHEST) for m in materials],
        "f0": [m.f0 for m in materials],
        "metal": [float(m.metal) for m in materials],
        "bump": [m.bump for m in materials],
        "paint": [float(m.wall is not None) for m in materials],
        "sky": [float(m.sky and room.sky is not None) for m in materials],
    }
    table = {name: Float(np.asarray(column, np.float32).ravel()) for name, column in columns.items()}
    table["texture"] = Int32(
        [place[id(m.texture)] if m.texture is not None and m.wall is None else -1 for m in materials]
    )
    table["number"] = Int32([-1 if m.wall is None else m.wall for m in materials])
    return table


def _vector(values: Any) -> Jit:
    x, y, z = (float(v) for v in values)
    return Vector3f(x, y, z)


def _lamps(room: Room) -> tuple[Array, tuple[Array, Array, Array]]:
    """The density, per square metre, of choosing a point on each material; and Walker's alias table over its faces."""
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
    share = np.where(total > 0, (total * power) ** LIGHT_CHOICE, 0)
    share /= share.sum()
    density = np.where(total > 0, share / np.maximum(total, 1e-12), 0)
    weight = area * density[mesh.material[faces]]
    count = len(faces)
    scaled = weight / weight.sum() * count
    keep, other = np.ones(count), np.arange(count)
    small, large = [i for i in range(count) if scaled[i] < 1], [i for i in range(count) if scaled[i] >= 1]
    while small and large:
        low, high = small.pop(), large[-1]
        keep[low], other[low] = scaled[low], high
        scaled[high] -= 1 - scaled[low]
        if scaled[high] < 1:
            small.append(large.pop())
    return density.astype(np.float32), (faces.astype(np.uint32), keep.astype(np.float32), other.astype(np.uint32))


@dr.syntax  # type: ignore[untyped-decorator]
def trace(
    stage: Stage, index: Jit, size: tuple[int, int], per_pixel: int, first: Jit, seed: Jit, clamp: Jit
) -> list[Jit]:
    """Follow one path a lane. index: pixel * per_pixel + sample. Returns radiance by wall bounces, 0..LAST."""
    pixel, sample = index // per_pixel, index % per_pixel + first
    own = hash32(pixel * UInt32(0x9E3779B1) ^ hash32(seed))
    origin, direction = _eye_ray(stage, pixel, size, sobol2(sample, own))
    throughput, bounces, depth = Color3f(1), UInt32(0), UInt32(0)
    active, density = Bool(True), Float(-1)  # density of the last reflection; negative at the eye
    buckets = [Color3f(0) for _ in range(LAST + 1)]
    while active:
        chance = hash32(own + (depth + 1) * UInt32(0x7F4A7C15))
        jitter = sobol2(sample, chance ^ UInt32(0x11111111))
        found = stage.scene.ray_intersect_preliminary(Ray3f(origin, direction), coherent=False, active=active)
        active &= found.is_valid()
        hit = _hit(stage, direction, found, active)
        emitted = throughput * _emitted(stage, hit, direction, found.t, density, jitter, active)
        skin = _skin(stage, hit, direction, jitter, active)
        pick, lobe = sobol2(sample, chance ^ UInt32(0x22222222))
        corner = sobol2(sample, chance ^ UInt32(0x33333333))
        matt, gloss = _lamplight(stage, hit, skin, pick, corner, jitter, active)
        sun_matt, sun_gloss = _sunlight(stage, hit, skin, (corner[1], corner[0]), active)
        matt, gloss = throughput * (matt + sun_matt), throughput * (gloss + sun_gloss) + emitted
        # One factor for all buckets keeps them the coefficients of a polynomial.
        brightest = dr.maximum(dr.max(matt + gloss), 1e-6)
        kept = dr.select(depth > 0, dr.minimum(1, clamp / brightest), 1)
        painted = dr.select(skin.painted, UInt32(1), UInt32(0))
        buckets = _deposit(buckets, bounces, gloss * kept)
        buckets = _deposit(buckets, bounces + painted, matt * kept)
        way, weight, density, through_paint = _reflect(skin, lobe, sobol2(sample, chance ^ UInt32(0x44444444)))
        active &= (dr.dot(skin.normal, way) > 1e-4) & (dr.dot(hit.side, way) > 0)
        throughput = Color3f(dr.select(active, throughput * weight, 0))
        bounces += dr.select(through_paint, painted, UInt32(0))
        origin, direction = Point3f(skin.start), Vector3f(way)
        depth += 1
        survival = dr.clip(dr.max(throughput) * dr.power(WALL_SURVIVAL, Float(bounces)), 0.08, 0.95)
        luck = uniform(hash32(chance ^ hash32(sample + 77)))
        active &= (depth < LONGEST_PATH) & (dr.max(throughput) > 0) & (bounces <= LAST)
        active &= (depth < SURE_STEPS) | (luck < survival)
        throughput *= dr.select(depth >= SURE_STEPS, dr.rcp(survival), 1.0)
    return buckets


def look(stage: Stage, index: Jit, size: tuple[int, int], per_pixel: int, seed: Jit) -> tuple[Jit, ...]:
    """What each eye ray meets first: albedo, normal, depth along the axis (m), painted (0 or 1), wall number."""
    pixel, sample = index // per_pixel, index % per_pixel
    own = hash32(pixel * UInt32(0x9E3779B1) ^ hash32(seed))
    origin, direction = _eye_ray(stage, pixel, size, sobol2(sample, own))
    found = stage.scene.ray_intersect_preliminary(Ray3f(origin, direction), coherent=True)
    active = found.is_valid()
    hit = _hit(stage, direction, found, active)
    skin = _skin(stage, hit, direction, sobol2(sample, own ^ UInt32(0x11111111)), active)
    seen = dr.gather(Float, stage.table["paint"], hit.material, active)
    number = dr.gather(Int32, stage.table["number"], hit.material, active)
    depth = dr.select(active, found.t * dr.dot(direction, stage.eye["axis"]), 0)
    return skin.albedo, skin.normal, depth, seen, dr.select(active, number, -1)


@dataclass
class Hit:
    """Where a ray met a surface. raw: the mesh's own normal; side: the same, towards the ray; smooth: interpolated."""

    point: Jit
    raw: Jit
    side: Jit
    smooth: Jit
    u: Jit
    v: Jit
    material: Jit


@dataclass
class Skin:
    """What the surface does with light there. start: a point just off it. p_gloss: chance of sampling the gloss."""

    wi: Jit
    normal: Jit
    start: Jit
    albedo: Jit
    diffuse: Jit
    f0: Jit
    alpha: Jit
    shiny: Jit
    painted: Jit
    p_gloss: Jit


def _eye_ray(stage: Stage, pixel: Jit, size: tuple[int, int], jitter: tuple[Jit, Jit]) -> tuple[Jit, Jit]:
    height, width = size
    across = (Float(pixel % width) + jitter[0]) / width * 2 - 1
    up = 1 - (Float(pixel // width) + jitter[1]) / height * 2
    eye = stage.eye
    return Point3f(eye["position"]), Vector3f(dr.normalize(eye["forward"] + eye["right"] * across + eye["up"] * up))


def _hit(stage: Stage, direction: Jit, found: Jit, active: Jit) -> Hit:
    face = found.prim_index
    corners = [dr.gather(UInt32, stage.faces, face * 3 + i, active) for i in range(3)]
    p = [_triple(stage.vertices, c, active) for c in corners]
    b = [1 - found.prim_uv.x - found.prim_uv.y, found.prim_uv.x, found.prim_uv.y]
    raw = dr.normalize(dr.cross(p[1] - p[0], p[2] - p[0]))
    side = dr.select(dr.dot(raw, direction) > 0, -raw, raw)
    n = [_triple(stage.normals, c, active) for c in corners]
    smooth = dr.normalize(n[0] * b[0] + n[1] * b[1] + n[2] * b[2])
    smooth = dr.select(dr.dot(smooth, side) < 0, -smooth, smooth)
    material = dr.gather(UInt32, stage.face_material, face, active)
    # A folded lampshade with smoothed normals would swallow light that its folds pass to each other.
    smooth = dr.select(dr.gather(Float, stage.table["light_density"], material, active) > 0, side, smooth)
    uv = [[dr.gather(Float, stage.uv, c * 2 + i, active) for i in range(2)] for c in corners]
    u, v = (sum(b[j] * uv[j][i] for j in range(3)) for i in range(2))
    point = Point3f(p[0] * b[0] + p[1] * b[1] + p[2] * b[2])
    return Hit(point, raw, side, smooth, u, v, material)


def _skin(stage: Stage, hit: Hit, direction: Jit, jitter: tuple[Jit, Jit], active: Jit) -> Skin:
    table, m = stage.table, hit.material
    tile = dr.gather(Int32, table["texture"], m, active)
    scale = [dr.gather(Float, table["texture_scale"], m * 2 + i, active) for i in range(2)]
    textured = active & (tile >= 0)
    texel = _texel(stage, tile, hit.u * scale[0], hit.v * scale[1], jitter, textured)
    albedo = Color3f(_triple(table["albedo"], m, active)) * dr.select(textured, texel, Color3f(1))
    painted = dr.gather(Float, table["paint"], m, active) > 0
    metal = dr.gather(Float, table["metal"], m, active) > 0
    f0 = dr.select(metal, albedo, Color3f(dr.gather(Float, table["f0"], m, active)))
    diffuse = dr.select(metal, Color3f(0), albedo)
    normal = _uneven(stage, hit, direction, jitter, active)
    shiny = dr.max(f0) > 0
    mirror = dr.max(schlick(f0, dr.maximum(dr.dot(normal, -direction), 0)))
    matt = dr.select(painted, 0.6, dr.max(diffuse) + 0.05)
    p_gloss = dr.select(metal, 1.0, dr.select(shiny, dr.clip(mirror / (mirror + matt), 0.1, 0.9), 0.0))
    alpha = dr.square(dr.gather(Float, table["roughness"], m, active))
    start = Point3f(hit.point + hit.side * LIFT)
    return Skin(-direction, normal, start, albedo, diffuse, f0, alpha, shiny, painted, p_gloss)


def _uneven(stage: Stage, hit: Hit, direction: Jit, jitter: tuple[Jit, Jit], active: Jit) -> Jit:
    """The normal, bent by the plaster's slopes where the material has them."""
    bump = dr.gather(Float, stage.table["bump"], hit.material, active)
    uneven = active & (bump > 0)
    column = Int32(dr.floor(hit.u * (TILE / PLASTER_METRES) + jitter[0])) & (TILE - 1)
    row = Int32(dr.floor(hit.v * (TILE / PLASTER_METRES) + jitter[1])) & (TILE - 1)
    slope = [dr.gather(Float, stage.plaster, UInt32(row * TILE + column) * 2 + i, uneven) for i in range(2)]
    frame = mi.Frame3f(hit.smooth)
    bent = dr.normalize(hit.smooth - bump * (frame.s * slope[0] + frame.t * slope[1]))
    return dr.select(uneven & (dr.dot(bent, direction) < -0.02), bent, hit.smooth)


def _radiance(stage: Stage, material: Jit, direction: Jit, jitter: tuple[Jit, Jit], active: Jit) -> Jit:
    """What an emitting material sends along -direction."""
    from_sky = active & (dr.gather(Float, stage.table["sky"], material, active) > 0)
    u = dr.atan2(direction.x, direction.y) * dr.inv_pi
    v = 0.5 + dr.safe_asin(direction.z) * dr.inv_pi
    view = dr.select(from_sky, _texel(stage, stage.sky, u, v, jitter, from_sky), Color3f(1))
    return Color3f(_triple(stage.table["emission"], material, active)) * view


def _emitted(
    stage: Stage, hit: Hit, direction: Jit, distance: Jit, density: Jit, jitter: tuple[Jit, Jit], active: Jit
) -> Jit:
    """Light that the surface itself gives, weighed against the chance of having picked it as a lamp."""
    chosen = dr.gather(Float, stage.table["light_density"], hit.material, active)
    shines = active & (chosen > 0) & (dr.dot(hit.raw, direction) < 0)
    rival = chosen * distance * distance / dr.maximum(dr.abs(dr.dot(hit.raw, direction)), 1e-4)
    weight = dr.select(density < 0, 1, density / (density + rival))
    return dr.select(shines, _radiance(stage, hit.material, direction, jitter, shines) * weight, 0)


def _lamplight(
    stage: Stage, hit: Hit, skin: Skin, pick: Jit, corner: tuple[Jit, Jit], jitter: tuple[Jit, Jit], active: Jit
) -> tuple[Jit, Jit]:
    """Light from one point on one lamp, by the matt and the glossy part of the surface."""
    place = pick * Float(stage.light_count)
    entry = dr.minimum(UInt32(place), stage.light_count - 1)
    stay = place - Float(entry) < dr.gather(Float, stage.light_keep, entry, active)
    entry = dr.select(stay, entry, dr.gather(UInt32, stage.light_other, entry, active))
    face = dr.gather(UInt32, stage.light_face, entry, active)
    p = [_triple(stage.vertices, dr.gather(UInt32, stage.faces, face * 3 + i, active), active) for i in range(3)]
    root = dr.sqrt(corner[0])
    point = p[0] * (1 - corner[1] * root - (1 - root)) + p[1] * (1 - root) + p[2] * (corner[1] * root)
    lamp_normal = dr.normalize(dr.cross(p[1] - p[0], p[2] - p[0]))
    material = dr.gather(UInt32, stage.face_material, face, active)
    way = point - Vector3f(skin.start)
    distance = dr.norm(way)
    way = way / dr.maximum(distance, 1e-6)
    cos_lamp, cos = -dr.dot(lamp_normal, way), dr.dot(skin.normal, way)
    chosen = dr.gather(Float, stage.table["light_density"], material, active)
    lit = active & (chosen > 0) & (cos_lamp > 1e-4) & (cos > 0) & (dr.dot(hit.side, way) > 0)
    shadow = Ray3f(skin.start, way, distance * (1 - 1e-4), 0.0, [])
    lit &= ~stage.scene.ray_test(shadow, coherent=False, active=lit)
    density = dr.maximum(chosen * distance * distance / dr.maximum(cos_lamp, 1e-4), 1e-8)
    light = dr.select(lit, _radiance(stage, material, way, jitter, lit) / density, 0)
    value, gloss_density, cos_half = ggx(skin.normal, skin.wi, way, skin.alpha)
    spread = dr.maximum(cos, 0) * dr.inv_pi
    # The balance heuristic, for each part against its own way of being sampled.
    for_matt = density / (density + (1 - skin.p_gloss) * spread)
    for_gloss = density / (density + skin.p_gloss * gloss_density)
    gloss = schlick(skin.f0, cos_half) * light * (value * for_gloss)
    return skin.diffuse * light * (spread * for_matt), dr.select(skin.shiny, gloss, 0)


def _sunlight(stage: Stage, hit: Hit, skin: Skin, disc: tuple[Jit, Jit], active: Jit) -> tuple[Jit, Jit]:
    """Light from one point of the sun's disc, if nothing stands between here and the outside of the room."""
    frame = mi.Frame3f(stage.sun_direction)
    turn = 2 * dr.pi * disc[1]
    aside = stage.sun_angle * dr.sqrt(disc[0]) * (frame.s * dr.cos(turn) + frame.t * dr.sin(turn))
    way = dr.normalize(stage.sun_direction + aside)
    cos = dr.dot(skin.normal, way)
    lit = active & stage.has_sun & (cos > 0) & (dr.dot(hit.side, way) > 0)
    wall = dr.select(way > 0, stage.high, stage.low)
    exit_at = dr.min((wall - Vector3f(skin.start)) / dr.select(dr.abs(way) < 1e-6, 1e-6, way))
    lit &= exit_at > 0
    shadow = Ray3f(skin.start, way, dr.maximum(exit_at, 1e-3), 0.0, [])
    lit &= ~stage.scene.ray_test(shadow, coherent=False, active=lit)
    light = dr.select(lit, stage.sun_irradiance, 0)
    value, _, cos_half = ggx(skin.normal, skin.wi, way, skin.alpha)
    gloss = dr.select(skin.shiny, schlick(skin.f0, cos_half) * light * dr.minimum(value, SHARPEST_SUN), 0)
    return skin.diffuse * light * (cos * dr.inv_pi), gloss


def _reflect(skin: Skin, lobe: Jit, chance: tuple[Jit, Jit]) -> tuple[Jit, Jit, Jit, Jit]:
    """The next direction by one of the two parts, its weight, its density, and whether it was the matt part."""
    glossy = lobe < skin.p_gloss
    frame = mi.Frame3f(skin.normal)
    half = ggx_half(frame, skin.alpha, *chance)
    matt_way = frame.to_world(mi.warp.square_to_cosine_hemisphere(Point2f(*chance)))
    way = dr.normalize(dr.select(glossy, 2 * dr.dot(skin.wi, half) * half - skin.wi, matt_way))
    value, gloss_density, cos_half = ggx(skin.normal, skin.wi, way, skin.alpha)
    spread = dr.maximum(dr.dot(skin.normal, way), 0) * dr.inv_pi
    by_gloss = schlick(skin.f0, cos_half) * (value / dr.maximum(gloss_density * skin.p_gloss, 1e-8))
    by_matt = skin.diffuse / dr.maximum(1 - skin.p_gloss, 1e-4)
    density = dr.select(glossy, skin.p_gloss * gloss_density, (1 - skin.p_gloss) * spread)
    return way, dr.select(glossy, by_gloss, by_matt), density, ~glossy


def _deposit(buckets: list[Jit], count: Jit, light: Jit) -> list[Jit]:
    return [bucket + dr.select(count == i, light, 0) for i, bucket in enumerate(buckets)]


def _triple(buffer: Jit, index: Jit, active: Any = True) -> Jit:
    return Vector3f(*(dr.gather(Float, buffer, index * 3 + i, active) for i in range(3)))


def _texel(stage: Stage, tile: Jit, u: Jit, v: Jit, jitter: tuple[Jit, Jit], active: Jit) -> Jit:
    """One texel, chosen so that the average over samples is the bilinear value."""
    column = Int32(dr.floor(u * TILE + jitter[0] - 0.5)) & (TILE - 1)
    row = Int32(dr.floor(v * TILE + jitter[1] - 0.5)) & (TILE - 1)
    return Color3f(_triple(stage.tiles, UInt32((tile * TILE + row) * TILE + column), active))
