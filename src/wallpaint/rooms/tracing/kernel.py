"""The path tracer: one compiled kernel for all rooms, with radiance split by the number of bounces on the wall paint.

Import after `backend.activate` chose a vectorised variant. The room is one mesh with a material per face. Next-event
estimation samples emissive triangles and the sun; it is combined with BSDF sampling by multiple importance sampling
(Veach and Guibas 1995).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import drjit as dr
import mitsuba as mi
import numpy as np
from mitsuba import Bool, Color3f, Float, Int32, Point2f, Point3f, Ray3f, UInt32, Vector3f

from wallpaint.rooms import wall_planes
from wallpaint.rooms.materials import TEXTURE_PX, Texture
from wallpaint.rooms.mesh import Mesh
from wallpaint.rooms.room import Camera, Room
from wallpaint.rooms.surfaces.textures import PLASTER_METRES
from wallpaint.rooms.tracing.sampling import Jit, ggx, hash32, sample_ggx_half, schlick, sobol2, uniform
from wallpaint.rooms.tracing.scene_tables import emitter_table, material_table, relief_columns
from wallpaint.typing import Array

MAX_WALL_BOUNCES = 5  # index of the last bucket; `buckets.radiance` extrapolates beyond it
MAX_DEPTH = 24
RR_DEPTH = 3  # bounces before Russian roulette starts
WALL_SURVIVAL = 0.75  # roulette factor per wall bounce, as paint has an albedo of 1 in the buckets
RAY_EPSILON = 1e-4  # metres between a surface and the origin of rays that leave it
MAX_SUN_SPECULAR = 50.0  # clamp of specular reflections of the sun, to avoid fireflies


class TraceScene:
    """A room as Dr.Jit arrays. Not a dataclass: Dr.Jit would treat its fields as loop state variables."""

    def __init__(self, room: Room, plaster: Array) -> None:
        """plaster: (TEXTURE_PX, TEXTURE_PX, 2) float32, slopes of the wall bump map, tiled every PLASTER_METRES."""
        mesh, sun, camera = room.mesh, room.sun, room.camera
        self.mi_scene = _mitsuba_scene(mesh)
        self.vertices, self.normals, self.uv = (
            Float(mesh.vertices.ravel()),
            Float(mesh.normals.ravel()),
            Float(mesh.uv.ravel()),
        )
        self.faces, self.face_material = UInt32(mesh.faces.ravel()), UInt32(mesh.material)
        textures = list({id(m.texture): m.texture for m in mesh.materials if m.texture is not None}.values())
        self.materials = material_table(room, textures)
        self.sky = Int32(len(textures))
        if room.sky is not None or not textures:
            textures.append(room.sky or Texture(np.zeros((TEXTURE_PX, TEXTURE_PX, 3), np.float32)))
        self.texels = Float(np.stack([t.texels for t in textures]).ravel())
        self.plaster = Float(plaster.astype(np.float32).ravel())
        # Rooms with and without reliefs have a kernel each, so that reliefs cost nothing where there are none.
        reliefs = list({id(m.relief): m.relief for m in mesh.materials if m.relief is not None}.values())
        self.has_relief = bool(reliefs)
        if reliefs:
            relief_texels = [np.concatenate([r.slopes, r.occlusion[..., None]], -1) for r in reliefs]
            self.relief_texels = Float(np.stack(relief_texels).astype(np.float32).ravel())
            self.materials |= relief_columns(mesh, reliefs)
        self.face_plane = Int32(wall_planes.face_planes(mesh)[1])
        pdf, alias_table = emitter_table(room)
        self.materials["emitter_pdf"] = Float(pdf)
        self.emitter_faces, self.alias_probability, self.alias_index = (
            UInt32(alias_table[0]),
            Float(alias_table[1]),
            UInt32(alias_table[2]),
        )
        self.emitter_count = UInt32(len(alias_table[0]))
        self.has_sun = Bool(sun is not None)
        self.sun_direction = _vector(sun.direction if sun else (0, 0, 1))
        self.sun_irradiance = Color3f(_vector(sun.irradiance if sun else (0, 0, 0)))
        self.sun_angle = Float(sun.angle if sun else 0.005)
        self.sun_bounds_min, self.sun_bounds_max = _vector(room.sun_bounds_min), _vector(room.sun_bounds_max)
        self.set_camera(camera)
        # Literals would be compiled into the kernel, and each room would need its own kernel.
        sun_fields = (self.has_sun, self.sun_direction, self.sun_irradiance, self.sun_angle)
        dr.make_opaque(self.sky, self.emitter_count, *sun_fields, self.sun_bounds_min, self.sun_bounds_max)

    def set_camera(self, camera: Camera) -> None:
        """Set the camera of the following renderings."""
        self.camera = {
            "position": _vector(camera.position),
            "right": _vector(camera.right * camera.half_width),
            "up": _vector(camera.up * camera.half_height),
            "forward": _vector(camera.forward + camera.up * camera.half_height * camera.shift),
            "axis": _vector(camera.forward),
        }
        dr.make_opaque(*self.camera.values())


def _mitsuba_scene(mesh: Mesh) -> Any:
    shape = mi.Mesh("room", len(mesh.vertices), len(mesh.faces))
    parameters = mi.traverse(shape)
    parameters["vertex_positions"] = mesh.vertices.ravel()
    parameters["faces"] = mesh.faces.astype(np.uint32).ravel()
    parameters.update()
    return mi.load_dict({"type": "scene", "room": shape})


def _vector(values: Any) -> Jit:
    x, y, z = (float(v) for v in values)
    return Vector3f(x, y, z)


@dr.syntax  # type: ignore[untyped-decorator]
def trace(
    scene: TraceScene, index: Jit, size: tuple[int, int], per_pixel: int, first: Jit, seed: Jit, clamp: Jit
) -> list[Jit]:
    """Trace one path per lane. index: pixel * per_pixel + sample. Returns radiance by number of wall bounces."""
    pixel, sample = index // per_pixel, index % per_pixel + first
    pixel_seed = hash32(pixel * UInt32(0x9E3779B1) ^ hash32(seed))
    origin, direction = _camera_ray(scene, pixel, size, sobol2(sample, pixel_seed))
    throughput, bounces, depth = Color3f(1), UInt32(0), UInt32(0)
    active, pdf = Bool(True), Float(-1)  # pdf of the last BSDF sample; negative for camera rays
    buckets = [Color3f(0) for _ in range(MAX_WALL_BOUNCES + 1)]
    while active:
        depth_seed = hash32(pixel_seed + (depth + 1) * UInt32(0x7F4A7C15))
        jitter = sobol2(sample, depth_seed ^ UInt32(0x11111111))
        preliminary = scene.mi_scene.ray_intersect_preliminary(Ray3f(origin, direction), coherent=False, active=active)
        active &= preliminary.is_valid()
        hit = _ray_hit(scene, direction, preliminary, active)
        emitted = throughput * _emitted_radiance(scene, hit, direction, preliminary.t, pdf, jitter, active)
        si = _surface_interaction(scene, hit, direction, jitter, active)
        pick, lobe = sobol2(sample, depth_seed ^ UInt32(0x22222222))
        corner = sobol2(sample, depth_seed ^ UInt32(0x33333333))
        diffuse, glossy = _sample_emitters(scene, hit, si, pick, corner, jitter, active)
        sun_diffuse, sun_glossy = _sample_sun(scene, hit, si, (corner[1], corner[0]), active)
        diffuse, glossy = throughput * (diffuse + sun_diffuse), throughput * (glossy + sun_glossy) + emitted
        # Clamp all buckets by one factor, so they remain the coefficients of a polynomial.
        brightest = dr.maximum(dr.max(diffuse + glossy), 1e-6)
        clamp_scale = dr.select(depth > 0, dr.minimum(1, clamp / brightest), 1)
        painted = dr.select(si.painted, UInt32(1), UInt32(0))
        buckets = _accumulate(buckets, bounces, glossy * clamp_scale)
        buckets = _accumulate(buckets, bounces + painted, diffuse * clamp_scale)
        wo, weight, pdf, is_diffuse = _sample_bsdf(si, lobe, sobol2(sample, depth_seed ^ UInt32(0x44444444)))
        active &= (dr.dot(si.normal, wo) > 1e-4) & (dr.dot(hit.side, wo) > 0)
        throughput = Color3f(dr.select(active, throughput * weight, 0))
        bounces += dr.select(is_diffuse, painted, UInt32(0))
        origin, direction = Point3f(si.start), Vector3f(wo)
        depth += 1
        survival = dr.clip(dr.max(throughput) * dr.power(WALL_SURVIVAL, Float(bounces)), 0.08, 0.95)
        rr_sample = uniform(hash32(depth_seed ^ hash32(sample + 77)))
        active &= (depth < MAX_DEPTH) & (dr.max(throughput) > 0) & (bounces <= MAX_WALL_BOUNCES)
        active &= (depth < RR_DEPTH) | (rr_sample < survival)
        throughput *= dr.select(depth >= RR_DEPTH, dr.rcp(survival), 1.0)
    return buckets


def render_aovs(scene: TraceScene, index: Jit, size: tuple[int, int], per_pixel: int, seed: Jit) -> tuple[Jit, ...]:
    """Return the AOVs of the first hit.

    Albedo, normal, depth on the optical axis (m), paint (0 or 1), wall number, wall plane, occlusion.
    """
    pixel, sample = index // per_pixel, index % per_pixel
    pixel_seed = hash32(pixel * UInt32(0x9E3779B1) ^ hash32(seed))
    origin, direction = _camera_ray(scene, pixel, size, sobol2(sample, pixel_seed))
    preliminary = scene.mi_scene.ray_intersect_preliminary(Ray3f(origin, direction), coherent=True)
    active = preliminary.is_valid()
    hit = _ray_hit(scene, direction, preliminary, active)
    si = _surface_interaction(scene, hit, direction, sobol2(sample, pixel_seed ^ UInt32(0x11111111)), active)
    paint = dr.gather(Float, scene.materials["paint"], hit.material, active)
    number = dr.gather(Int32, scene.materials["number"], hit.material, active)
    depth = dr.select(active, preliminary.t * dr.dot(direction, scene.camera["axis"]), 0)
    plane = dr.gather(Int32, scene.face_plane, preliminary.prim_index, active)
    return (
        si.albedo,
        si.normal,
        depth,
        paint,
        dr.select(active, number, -1),
        dr.select(active, plane, -1),
        si.occlusion,
    )


@dataclass
class RayHit:
    """Geometry of a ray hit. raw: face normal; side: face normal towards the ray; smooth: interpolated normal."""

    point: Jit
    raw: Jit
    side: Jit
    smooth: Jit
    u: Jit
    v: Jit
    material: Jit


@dataclass
class SurfaceInteraction:
    """BSDF parameters at a hit.

    start: origin of rays that leave the surface. p_specular: probability of sampling the specular lobe. occlusion: of
    the relief, by which diffuse is already multiplied; 1 without.
    """

    wi: Jit
    normal: Jit
    start: Jit
    albedo: Jit
    diffuse: Jit
    f0: Jit
    alpha: Jit
    is_specular: Jit
    painted: Jit
    p_specular: Jit
    occlusion: Jit


def _camera_ray(scene: TraceScene, pixel: Jit, size: tuple[int, int], jitter: tuple[Jit, Jit]) -> tuple[Jit, Jit]:
    height, width = size
    across = (Float(pixel % width) + jitter[0]) / width * 2 - 1
    up = 1 - (Float(pixel // width) + jitter[1]) / height * 2
    camera = scene.camera
    return Point3f(camera["position"]), Vector3f(
        dr.normalize(camera["forward"] + camera["right"] * across + camera["up"] * up)
    )


def _ray_hit(scene: TraceScene, direction: Jit, preliminary: Jit, active: Jit) -> RayHit:
    face = preliminary.prim_index
    corners = [dr.gather(UInt32, scene.faces, face * 3 + i, active) for i in range(3)]
    p = [_gather3(scene.vertices, c, active) for c in corners]
    b = [1 - preliminary.prim_uv.x - preliminary.prim_uv.y, preliminary.prim_uv.x, preliminary.prim_uv.y]
    raw = dr.normalize(dr.cross(p[1] - p[0], p[2] - p[0]))
    side = dr.select(dr.dot(raw, direction) > 0, -raw, raw)
    n = [_gather3(scene.normals, c, active) for c in corners]
    smooth = dr.normalize(n[0] * b[0] + n[1] * b[1] + n[2] * b[2])
    smooth = dr.select(dr.dot(smooth, side) < 0, -smooth, smooth)
    material = dr.gather(UInt32, scene.face_material, face, active)
    # Emitters are shaded with face normals: smooth normals lose light between the folds of a lampshade.
    smooth = dr.select(dr.gather(Float, scene.materials["emitter_pdf"], material, active) > 0, side, smooth)
    uv = [[dr.gather(Float, scene.uv, c * 2 + i, active) for i in range(2)] for c in corners]
    u, v = (sum(b[j] * uv[j][i] for j in range(3)) for i in range(2))
    point = Point3f(p[0] * b[0] + p[1] * b[1] + p[2] * b[2])
    return RayHit(point, raw, side, smooth, u, v, material)


def _surface_interaction(
    scene: TraceScene, hit: RayHit, direction: Jit, jitter: tuple[Jit, Jit], active: Jit
) -> SurfaceInteraction:
    materials, m = scene.materials, hit.material
    tile = dr.gather(Int32, materials["texture"], m, active)
    scale = [dr.gather(Float, materials["texture_scale"], m * 2 + i, active) for i in range(2)]
    textured = active & (tile >= 0)
    texel = _texture_lookup(scene, tile, hit.u * scale[0], hit.v * scale[1], jitter, textured)
    albedo = Color3f(_gather3(materials["albedo"], m, active)) * dr.select(textured, texel, Color3f(1))
    painted = dr.gather(Float, materials["paint"], m, active) > 0
    metal = dr.gather(Float, materials["metal"], m, active) > 0
    f0 = dr.select(metal, albedo, Color3f(dr.gather(Float, materials["f0"], m, active)))
    diffuse = dr.select(metal, Color3f(0), albedo)
    normal, occlusion = _bumped_normal(scene, hit, direction, jitter, active), Float(1)
    if scene.has_relief:
        normal, occlusion = _relief_normal(scene, hit, normal, direction, jitter, active)
        diffuse *= occlusion
    is_specular = dr.max(f0) > 0
    fresnel = dr.max(schlick(f0, dr.maximum(dr.dot(normal, -direction), 0)))
    diffuse_weight = dr.select(painted, 0.6, dr.max(diffuse) + 0.05)
    p_specular = dr.select(
        metal, 1.0, dr.select(is_specular, dr.clip(fresnel / (fresnel + diffuse_weight), 0.1, 0.9), 0.0)
    )
    alpha = dr.square(dr.gather(Float, materials["roughness"], m, active))
    start = Point3f(hit.point + hit.side * RAY_EPSILON)
    return SurfaceInteraction(
        -direction, normal, start, albedo, diffuse, f0, alpha, is_specular, painted, p_specular, occlusion
    )


def _bumped_normal(scene: TraceScene, hit: RayHit, direction: Jit, jitter: tuple[Jit, Jit], active: Jit) -> Jit:
    """Return the shading normal, perturbed by the plaster bump map if the material has bump."""
    bump = dr.gather(Float, scene.materials["bump"], hit.material, active)
    is_bumped = active & (bump > 0)
    column = Int32(dr.floor(hit.u * (TEXTURE_PX / PLASTER_METRES) + jitter[0])) & (TEXTURE_PX - 1)
    row = Int32(dr.floor(hit.v * (TEXTURE_PX / PLASTER_METRES) + jitter[1])) & (TEXTURE_PX - 1)
    slope = [dr.gather(Float, scene.plaster, UInt32(row * TEXTURE_PX + column) * 2 + i, is_bumped) for i in range(2)]
    frame = mi.Frame3f(hit.smooth)
    bent = dr.normalize(hit.smooth - bump * (frame.s * slope[0] + frame.t * slope[1]))
    return dr.select(is_bumped & (dr.dot(bent, direction) < -0.02), bent, hit.smooth)


def _relief_normal(
    scene: TraceScene, hit: RayHit, normal: Jit, direction: Jit, jitter: tuple[Jit, Jit], active: Jit
) -> tuple[Jit, Jit]:
    """Return the shading normal of a relief, and its occlusion; u is horizontal and v up, as on walls."""
    index = dr.gather(Int32, scene.materials["relief"], hit.material, active)
    has_relief = active & (index >= 0)
    scale = dr.gather(Float, scene.materials["relief_scale"], hit.material, active) * TEXTURE_PX
    column = Int32(dr.floor(hit.u * scale + jitter[0] - 0.5)) & (TEXTURE_PX - 1)
    row = Int32(dr.floor(hit.v * scale + jitter[1] - 0.5)) & (TEXTURE_PX - 1)
    texel = _gather3(scene.relief_texels, UInt32((index * TEXTURE_PX + row) * TEXTURE_PX + column), has_relief)
    is_upright = has_relief & (dr.abs(hit.smooth.z) < 0.9)
    right = dr.normalize(Vector3f(-hit.smooth.y, hit.smooth.x, Float(0)) + dr.select(is_upright, 0.0, 1.0))
    bent = dr.normalize(normal - texel.x * right - texel.y * dr.cross(hit.smooth, right))
    visible = is_upright & (dr.dot(bent, direction) < -0.02)
    return dr.select(visible, bent, normal), dr.select(has_relief, texel.z, 1)


def _emitter_radiance(scene: TraceScene, material: Jit, direction: Jit, jitter: tuple[Jit, Jit], active: Jit) -> Jit:
    """Return the radiance that an emissive material emits along -direction."""
    from_sky = active & (dr.gather(Float, scene.materials["sky"], material, active) > 0)
    u = dr.atan2(direction.x, direction.y) * dr.inv_pi
    v = 0.5 + dr.safe_asin(direction.z) * dr.inv_pi
    sky_radiance = dr.select(from_sky, _texture_lookup(scene, scene.sky, u, v, jitter, from_sky), Color3f(1))
    return Color3f(_gather3(scene.materials["emission"], material, active)) * sky_radiance


def _emitted_radiance(
    scene: TraceScene, hit: RayHit, direction: Jit, distance: Jit, pdf: Jit, jitter: tuple[Jit, Jit], active: Jit
) -> Jit:
    """Return the radiance emitted at the hit, with its multiple importance sampling weight."""
    emitter_pdf = dr.gather(Float, scene.materials["emitter_pdf"], hit.material, active)
    is_emitting = active & (emitter_pdf > 0) & (dr.dot(hit.raw, direction) < 0)
    emitter_solid_angle_pdf = emitter_pdf * distance * distance / dr.maximum(dr.abs(dr.dot(hit.raw, direction)), 1e-4)
    weight = dr.select(pdf < 0, 1, pdf / (pdf + emitter_solid_angle_pdf))
    return dr.select(is_emitting, _emitter_radiance(scene, hit.material, direction, jitter, is_emitting) * weight, 0)


def _sample_emitters(
    scene: TraceScene,
    hit: RayHit,
    si: SurfaceInteraction,
    pick: Jit,
    corner: tuple[Jit, Jit],
    jitter: tuple[Jit, Jit],
    active: Jit,
) -> tuple[Jit, Jit]:
    """Sample a point on an emitter (next-event estimation); returns diffuse and specular reflected radiance."""
    position = pick * Float(scene.emitter_count)
    slot = dr.minimum(UInt32(position), scene.emitter_count - 1)
    keep_slot = position - Float(slot) < dr.gather(Float, scene.alias_probability, slot, active)
    slot = dr.select(keep_slot, slot, dr.gather(UInt32, scene.alias_index, slot, active))
    face = dr.gather(UInt32, scene.emitter_faces, slot, active)
    p = [_gather3(scene.vertices, dr.gather(UInt32, scene.faces, face * 3 + i, active), active) for i in range(3)]
    root = dr.sqrt(corner[0])
    point = p[0] * (1 - corner[1] * root - (1 - root)) + p[1] * (1 - root) + p[2] * (corner[1] * root)
    emitter_normal = dr.normalize(dr.cross(p[1] - p[0], p[2] - p[0]))
    material = dr.gather(UInt32, scene.face_material, face, active)
    wo = point - Vector3f(si.start)
    distance = dr.norm(wo)
    wo = wo / dr.maximum(distance, 1e-6)
    cos_emitter, cos = -dr.dot(emitter_normal, wo), dr.dot(si.normal, wo)
    emitter_pdf = dr.gather(Float, scene.materials["emitter_pdf"], material, active)
    lit = active & (emitter_pdf > 0) & (cos_emitter > 1e-4) & (cos > 0) & (dr.dot(hit.side, wo) > 0)
    shadow = Ray3f(si.start, wo, distance * (1 - 1e-4), 0.0, [])
    lit &= ~scene.mi_scene.ray_test(shadow, coherent=False, active=lit)
    pdf = dr.maximum(emitter_pdf * distance * distance / dr.maximum(cos_emitter, 1e-4), 1e-8)
    light = dr.select(lit, _emitter_radiance(scene, material, wo, jitter, lit) / pdf, 0)
    value, specular_pdf, cos_half = ggx(si.normal, si.wi, wo, si.alpha)
    diffuse_pdf = dr.maximum(cos, 0) * dr.inv_pi
    # Balance heuristic, separately for the diffuse and the specular lobe.
    diffuse_weight = pdf / (pdf + (1 - si.p_specular) * diffuse_pdf)
    specular_weight = pdf / (pdf + si.p_specular * specular_pdf)
    glossy = schlick(si.f0, cos_half) * light * (value * specular_weight)
    return si.diffuse * light * (diffuse_pdf * diffuse_weight), dr.select(si.is_specular, glossy, 0)


def _sample_sun(
    scene: TraceScene, hit: RayHit, si: SurfaceInteraction, disc: tuple[Jit, Jit], active: Jit
) -> tuple[Jit, Jit]:
    """Sample a point of the sun's disc; shadow rays end at the sun bounds. Returns diffuse and specular radiance."""
    frame = mi.Frame3f(scene.sun_direction)
    phi = 2 * dr.pi * disc[1]
    offset = scene.sun_angle * dr.sqrt(disc[0]) * (frame.s * dr.cos(phi) + frame.t * dr.sin(phi))
    wo = dr.normalize(scene.sun_direction + offset)
    cos = dr.dot(si.normal, wo)
    lit = active & scene.has_sun & (cos > 0) & (dr.dot(hit.side, wo) > 0)
    wall = dr.select(wo > 0, scene.sun_bounds_max, scene.sun_bounds_min)
    exit_at = dr.min((wall - Vector3f(si.start)) / dr.select(dr.abs(wo) < 1e-6, 1e-6, wo))
    lit &= exit_at > 0
    shadow = Ray3f(si.start, wo, dr.maximum(exit_at, 1e-3), 0.0, [])
    lit &= ~scene.mi_scene.ray_test(shadow, coherent=False, active=lit)
    light = dr.select(lit, scene.sun_irradiance, 0)
    value, _, cos_half = ggx(si.normal, si.wi, wo, si.alpha)
    glossy = dr.select(si.is_specular, schlick(si.f0, cos_half) * light * dr.minimum(value, MAX_SUN_SPECULAR), 0)
    return si.diffuse * light * (cos * dr.inv_pi), glossy


def _sample_bsdf(si: SurfaceInteraction, lobe: Jit, sample2: tuple[Jit, Jit]) -> tuple[Jit, Jit, Jit, Jit]:
    """Sample the BSDF; returns direction, weight, pdf, and whether the diffuse lobe was sampled."""
    use_specular = lobe < si.p_specular
    frame = mi.Frame3f(si.normal)
    half = sample_ggx_half(frame, si.alpha, *sample2)
    diffuse_wo = frame.to_world(mi.warp.square_to_cosine_hemisphere(Point2f(*sample2)))
    wo = dr.normalize(dr.select(use_specular, 2 * dr.dot(si.wi, half) * half - si.wi, diffuse_wo))
    value, specular_pdf, cos_half = ggx(si.normal, si.wi, wo, si.alpha)
    diffuse_pdf = dr.maximum(dr.dot(si.normal, wo), 0) * dr.inv_pi
    specular_weight = schlick(si.f0, cos_half) * (value / dr.maximum(specular_pdf * si.p_specular, 1e-8))
    diffuse_weight = si.diffuse / dr.maximum(1 - si.p_specular, 1e-4)
    pdf = dr.select(use_specular, si.p_specular * specular_pdf, (1 - si.p_specular) * diffuse_pdf)
    return wo, dr.select(use_specular, specular_weight, diffuse_weight), pdf, ~use_specular


def _accumulate(buckets: list[Jit], count: Jit, light: Jit) -> list[Jit]:
    """Add light to the bucket with index `count`; a count beyond the last bucket adds nothing."""
    return [bucket + dr.select(count == i, light, 0) for i, bucket in enumerate(buckets)]


def _gather3(buffer: Jit, index: Jit, active: Any = True) -> Jit:
    return Vector3f(*(dr.gather(Float, buffer, index * 3 + i, active) for i in range(3)))


def _texture_lookup(scene: TraceScene, tile: Jit, u: Jit, v: Jit, jitter: tuple[Jit, Jit], active: Jit) -> Jit:
    """Look up one texel by stochastic filtering, whose expected value is the bilinear one."""
    column = Int32(dr.floor(u * TEXTURE_PX + jitter[0] - 0.5)) & (TEXTURE_PX - 1)
    row = Int32(dr.floor(v * TEXTURE_PX + jitter[1] - 0.5)) & (TEXTURE_PX - 1)
    return Color3f(_gather3(scene.texels, UInt32((tile * TEXTURE_PX + row) * TEXTURE_PX + column), active))
