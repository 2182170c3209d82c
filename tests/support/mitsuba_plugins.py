"""The BSDF, panes and sun of the renderer as Mitsuba plugins, implemented independently of the kernel.

With them Mitsuba's own `path` integrator renders a room without any code of the kernel. Import after `backend.activate`
chose the vectorised variant.
"""

from __future__ import annotations

from typing import Any

import drjit as dr
import mitsuba as mi
import numpy as np

from wallpaint.rooms.materials import TEXTURE_PX, Color, Material
from wallpaint.rooms.room import Room
from wallpaint.rooms.surfaces.textures import PLASTER_METRES
from wallpaint.rooms.tracing import mitsuba_scene
from wallpaint.typing import Array

Jit = Any
MIN_ROUGHNESS = 0.03
SUN_WEIGHT = 9.0  # sampling weight of the sun relative to all lamps; sunlit patches cause most of the noise


class LambertGgx(mi.BSDF):
    """Two-sided sum of Lambert and GGX with Schlick's Fresnel: albedo / pi + F D G / (4 cos cos).

    Sources: Walter et al. 2007 (D, separable Smith G), Schlick 1994 (F). It is evaluated in world space, as the normal
    is perturbed and oriented towards the viewer first.
    """

    def __init__(self, properties: Any) -> None:
        mi.BSDF.__init__(self, properties)
        self.color, self.slopes = properties["color"], properties["slopes"]
        self.alpha = mi.Float(max(float(properties["roughness"]), MIN_ROUGHNESS) ** 2)
        self.f0, self.bump = mi.Float(float(properties["f0"])), mi.Float(float(properties["bump"]))
        self.metal = mi.Float(float(properties["metal"]))
        self.shiny = mi.Float(float(properties["shiny"]))
        dr.make_opaque(self.alpha, self.f0, self.bump, self.metal, self.shiny)
        self.m_components = [mi.BSDFFlags.GlossyReflection | mi.BSDFFlags.FrontSide | mi.BSDFFlags.BackSide]
        self.m_flags = self.m_components[0]

    def sample(self, context: Any, si: Any, sample1: Jit, sample2: Jit, active: Any = True) -> tuple[Any, Any]:
        normal, _, viewer = self._orientation(si)
        frame = mi.Frame3f(normal)
        square, phi = dr.square(self.alpha), 2 * dr.pi * sample2.y
        cos2 = (1 - sample2.x) / (1 + (square - 1) * sample2.x)  # inverse of the cumulative D cos
        sin, cos = dr.safe_sqrt(1 - cos2), dr.safe_sqrt(cos2)
        half = frame.to_world(mi.Vector3f(sin * dr.cos(phi), sin * dr.sin(phi), cos))
        diffuse = frame.to_world(mi.warp.square_to_cosine_hemisphere(sample2))
        direction = dr.select(sample1 < self._p_specular(), 2 * dr.dot(viewer, half) * half - viewer, diffuse)
        sample = dr.zeros(mi.BSDFSample3f)
        sample.wo = si.to_local(dr.normalize(direction))
        sample.eta, sample.sampled_component = 1.0, mi.UInt32(0)
        sample.sampled_type = mi.UInt32(+mi.BSDFFlags.GlossyReflection)
        value, sample.pdf = self.eval_pdf(context, si, sample.wo, active)
        return sample, dr.select(sample.pdf > 0, value / sample.pdf, 0)

    def eval(self, context: Any, si: Any, wo: Jit, active: Any = True) -> Any:
        return self.eval_pdf(context, si, wo, active)[0]

    def pdf(self, context: Any, si: Any, wo: Jit, active: Any = True) -> Any:
        return self.eval_pdf(context, si, wo, active)[1]

    def eval_pdf(self, context: Any, si: Any, wo: Jit, active: Any = True) -> tuple[Any, Any]:
        normal, side, viewer = self._orientation(si)
        direction = si.to_world(wo)
        half = dr.normalize(viewer + direction)
        cos_out, cos_half, cos_diff = dr.dot(normal, direction), dr.dot(normal, half), dr.dot(viewer, half)
        cos_in = dr.maximum(dr.dot(normal, viewer), 1e-4)  # clamped for normals that face away
        active = mi.Bool(active) & (cos_out > 0) & (dr.dot(side, direction) > 0) & (cos_half > 0) & (cos_diff > 0)
        square = dr.square(self.alpha)
        d = square / (dr.pi * dr.square(dr.square(cos_half) * (square - 1) + 1))
        g = _smith(cos_in, square) * _smith(cos_out, square)
        color = self.color.eval(si, active)
        head_on = dr.lerp(mi.Color3f(self.f0), color, self.metal)
        f = head_on + (1 - head_on) * (1 - cos_diff) ** 5
        specular = f * (self.shiny * d * g / (4 * cos_in))
        diffuse = color * ((1 - self.metal) * cos_out / dr.pi)
        p_specular = self._p_specular()
        density = p_specular * d * cos_half / (4 * cos_diff) + (1 - p_specular) * cos_out / dr.pi
        return dr.select(active, specular + diffuse, 0), dr.select(active, density, 0)

    def _p_specular(self) -> Any:
        """Return the probability of sampling the specular lobe."""
        return dr.select(self.metal > 0, 0.9, 0.4 * self.shiny)

    def _orientation(self, si: Any) -> tuple[Any, Any, Any]:
        """Return the shading normal and the face normal, both towards the viewer, and the direction to the viewer."""
        viewer = si.to_world(si.wi)
        side = dr.select(dr.dot(si.n, viewer) < 0, -si.n, si.n)
        smooth = dr.select(dr.dot(si.sh_frame.n, side) < 0, -si.sh_frame.n, si.sh_frame.n)
        lookup = dr.zeros(mi.SurfaceInteraction3f)
        # Nearest lookup at a dithered position equals bilinear filtering on average; texel 0 is centred at 0.
        lookup.uv = si.uv / PLASTER_METRES + _dither(si.p) / TEXTURE_PX
        slope = self.slopes.eval(lookup)
        frame = mi.Frame3f(smooth)
        bent = dr.normalize(smooth - self.bump * (frame.s * slope.x + frame.t * slope.y))
        return dr.select((self.bump > 0) & (dr.dot(bent, viewer) > 0.02), bent, smooth), side, viewer


class Pane(mi.Emitter):
    """An area emitter on the front side, with the sky radiance in the viewing direction."""

    def __init__(self, properties: Any) -> None:
        mi.Emitter.__init__(self, properties)
        self.radiance, self.sky = mi.Color3f(properties["radiance"]), properties["sky"]
        dr.make_opaque(self.radiance)
        self.m_flags = +mi.EmitterFlags.Surface

    def eval(self, si: Any, active: Any = True) -> Any:
        front = mi.Bool(active) & (mi.Frame3f.cos_theta(si.wi) > 0)
        return dr.select(front, self._sky_radiance(-si.to_world(si.wi)), 0)

    def sample_direction(self, it: Any, sample: Any, active: Any = True) -> tuple[Any, Any]:
        ds = self.get_shape().sample_direction(it, sample, active)
        lit = mi.Bool(active) & (dr.dot(ds.d, ds.n) < 0) & (ds.pdf > 0)
        ds.emitter = mi.EmitterPtr(self)
        return ds, dr.select(lit, self._sky_radiance(ds.d) / ds.pdf, 0)

    def pdf_direction(self, it: Any, ds: Any, active: Any = True) -> Any:
        density = self.get_shape().pdf_direction(it, ds, active)
        return dr.select(dr.dot(ds.d, ds.n) < 0, density, 0)

    def eval_direction(self, it: Any, ds: Any, active: Any = True) -> Any:
        return dr.select(dr.dot(ds.d, ds.n) < 0, self._sky_radiance(ds.d), 0)

    def _sky_radiance(self, direction: Any) -> Any:
        lookup = dr.zeros(mi.SurfaceInteraction3f)
        lookup.uv = mi.Point2f(dr.atan2(direction.x, direction.y) / dr.pi, 0.5 + dr.safe_asin(direction.z) / dr.pi)
        return self.radiance * self.sky.eval(lookup)


class Disc(mi.Emitter):
    """The sun: a distant disc that only surfaces inside a box can occlude."""

    def __init__(self, properties: Any) -> None:
        mi.Emitter.__init__(self, properties)
        self.direction = mi.Vector3f(properties["direction"])
        self.irradiance = mi.Color3f(properties["irradiance"])
        self.low, self.high = mi.Vector3f(properties["low"]), mi.Vector3f(properties["high"])
        self.angle = mi.Float(properties["angle"])
        dr.make_opaque(self.direction, self.irradiance, self.low, self.high, self.angle)
        self.m_flags = mi.EmitterFlags.Infinite | mi.EmitterFlags.DeltaDirection

    def sample_direction(self, it: Any, sample: Any, active: Any = True) -> tuple[Any, Any]:
        offset = mi.warp.square_to_uniform_disk_concentric(sample) * self.angle
        direction = dr.normalize(mi.Frame3f(self.direction).to_world(mi.Vector3f(offset.x, offset.y, 1)))
        exit_distance = dr.select(direction > 0, self.high - it.p, self.low - it.p) / direction
        distance = dr.min(dr.select(dr.isfinite(exit_distance), exit_distance, 1e6))
        lit = mi.Bool(active) & (distance > 0)
        ds = dr.zeros(mi.DirectionSample3f)
        ds.d, ds.n, ds.dist = direction, -direction, dr.maximum(distance, 1e-3)
        ds.p = it.p + direction * ds.dist
        ds.time, ds.pdf, ds.delta = it.time, dr.select(lit, mi.Float(1), 0), mi.Bool(True)
        ds.emitter = mi.EmitterPtr(self)
        return ds, dr.select(lit, self.irradiance, 0)

    def pdf_direction(self, it: Any, ds: Any, active: Any = True) -> Any:
        return mi.Float(0)

    def eval(self, si: Any, active: Any = True) -> Any:
        return mi.Color3f(0)

    def set_scene(self, scene: Any) -> None:
        """Do nothing: the emitter does not depend on the size of the scene."""

    def bbox(self) -> Any:
        return mi.ScalarBoundingBox3f()


mi.register_bsdf("lambert-ggx", LambertGgx)
mi.register_emitter("pane", Pane)
mi.register_emitter("disc", Disc)


def scene(room: Room, paint: Color, size: tuple[int, int], plaster: Array) -> dict[str, Any]:
    """Return the room with its walls in one paint, for the `path` integrator. plaster: slopes of the bump map."""
    slopes = mi.load_dict(_bitmap(np.concatenate([plaster, plaster[..., :1] * 0], -1), (1.0, 1.0), "nearest"))
    flat = mi.load_dict(_bitmap(np.zeros((1, 1, 3), np.float32), (1.0, 1.0), "nearest"))
    sky = None if room.sky is None else mi.load_dict(_bitmap(room.sky.texels, (1.0, 1.0), "bilinear"))

    def bsdf(material: Material, color: Color) -> dict[str, Any]:
        if material.texture is not None and material.wall is None:
            texels = material.texture.texels * np.float32(color)
            color_texture = _bitmap(texels, material.texture_scale, "bilinear")
        else:
            color_texture = _bitmap(np.full((1, 1, 3), color, np.float32), (1.0, 1.0), "nearest")
        head_on = max(color) if material.metal else material.f0
        return {
            "type": "lambert-ggx",
            "color": color_texture,
            "slopes": slopes if material.bump > 0 else flat,
            "roughness": material.roughness,
            "f0": material.f0,
            "metal": float(material.metal),
            "bump": material.bump,
            "shiny": float(head_on > 0),
        }

    def emitter(_: Room, material: Material) -> dict[str, Any]:
        # No bitmap: Mitsuba samples textured emitters by (u, v), which is not a one-to-one map here.
        emission = {"radiance": {"type": "rgb", "value": list(material.emission)}}
        emission["sampling_weight"] = mitsuba_scene.emitter_sampling_weight(room, material)
        return (
            {"type": "pane", "sky": sky, **emission}
            if material.sky and sky is not None
            else {"type": "area", **emission}
        )

    plugins = mitsuba_scene.scene_dict(room, paint, size, bsdf, emitter)
    total_weight = sum(
        mitsuba_scene.emitter_sampling_weight(room, material) for material in room.mesh.materials if material.emits
    )
    if room.sun is not None:
        sun = room.sun
        plugins["sun"] = {
            "type": "disc",
            "direction": mi.ScalarVector3f([float(v) for v in sun.direction]),
            "irradiance": mi.ScalarVector3f([float(v) for v in sun.irradiance]),
            "angle": sun.angle,
            "low": mi.ScalarVector3f(list(room.sun_bounds_min)),
            "high": mi.ScalarVector3f(list(room.sun_bounds_max)),
            "sampling_weight": max(SUN_WEIGHT * total_weight, 1e-3),
        }
    return plugins


def _bitmap(texels: Array, scale: tuple[float, float], sampling: str) -> dict[str, Any]:
    return {
        "type": "bitmap",
        "bitmap": mi.Bitmap(np.ascontiguousarray(texels, np.float32)),
        "raw": True,
        "filter_type": sampling,
        "wrap_mode": "repeat",
        "to_uv": mi.ScalarTransform3f().scale(list(scale)),
    }


def _smith(cos: Jit, square: Jit) -> Jit:
    tan2 = (1 - cos * cos) / (cos * cos)
    return 2 / (1 + dr.sqrt(1 + square * tan2))


def _dither(point: Any) -> Any:
    """Hash a point to two numbers in 0..1. Source: Wellons 2018 (lowbias32)."""
    bits = dr.reinterpret_array(mi.UInt32, point.x) ^ (dr.reinterpret_array(mi.UInt32, point.y) * mi.UInt32(0x9E3779B1))
    bits ^= dr.reinterpret_array(mi.UInt32, point.z) * mi.UInt32(0x85EBCA6B)
    numbers = []
    for _ in range(2):
        bits = (bits ^ (bits >> 16)) * mi.UInt32(0x21F0AAAD)
        bits = (bits ^ (bits >> 15)) * mi.UInt32(0xD35A2D97)
        bits = bits ^ (bits >> 15)
        numbers.append(mi.Float(bits >> 8) / 16777216)
    return mi.Point2f(*numbers)
