"""The renderer's surfaces, panes and sun as Mitsuba plugins, written anew from their formulas.

They let Mitsuba's own `path` integrator render a room, so that nothing of the kernel's light transport is shared.
Import only after `backend.activate` chose the vectorised variant.
"""

from __future__ import annotations

from typing import Any

import drjit as dr
import mitsuba as mi
import numpy as np

from wallpaint.rooms.materials import TILE, Color, Material
from wallpaint.rooms.room import Room
from wallpaint.rooms.surfaces.textures import PLASTER_METRES
from wallpaint.rooms.tracing import mitsuba_scene as plain
from wallpaint.typing import Array

Jit = Any
SMOOTHEST = 0.03
SUN = 9.0  # how often the sun is tried, against all lamps together; its patches are where the noise comes from


class LambertGgx(mi.BSDF):
    """albedo / pi + F D G / (4 cos cos), both sides alike: Lambert and GGX with Schlick's Fresnel, simply added.

    Sources: Walter et al. 2007 (D, separable Smith G), Schlick 1994 (F). The work is done in world space, because the
    normal is bent and turned towards the viewer first.
    """

    def __init__(self, properties: Any) -> None:
        mi.BSDF.__init__(self, properties)
        self.color, self.slopes = properties["color"], properties["slopes"]
        self.alpha = mi.Float(max(float(properties["roughness"]), SMOOTHEST) ** 2)
        self.f0, self.bump = mi.Float(float(properties["f0"])), mi.Float(float(properties["bump"]))
        self.metal = mi.Float(float(properties["metal"]))
        self.shiny = mi.Float(float(properties["shiny"]))
        dr.make_opaque(self.alpha, self.f0, self.bump, self.metal, self.shiny)
        self.m_components = [mi.BSDFFlags.GlossyReflection | mi.BSDFFlags.FrontSide | mi.BSDFFlags.BackSide]
        self.m_flags = self.m_components[0]

    def sample(self, context: Any, si: Any, sample1: Jit, sample2: Jit, active: Any = True) -> tuple[Any, Any]:
        normal, _, viewer = self._orientation(si)
        frame = mi.Frame3f(normal)
        square, turn = dr.square(self.alpha), 2 * dr.pi * sample2.y
        cos2 = (1 - sample2.x) / (1 + (square - 1) * sample2.x)  # inverse of the cumulative D cos
        sin, cos = dr.safe_sqrt(1 - cos2), dr.safe_sqrt(cos2)
        half = frame.to_world(mi.Vector3f(sin * dr.cos(turn), sin * dr.sin(turn), cos))
        matt = frame.to_world(mi.warp.square_to_cosine_hemisphere(sample2))
        way = dr.select(sample1 < self._chance(), 2 * dr.dot(viewer, half) * half - viewer, matt)
        picked = dr.zeros(mi.BSDFSample3f)
        picked.wo = si.to_local(dr.normalize(way))
        picked.eta, picked.sampled_component = 1.0, mi.UInt32(0)
        picked.sampled_type = mi.UInt32(+mi.BSDFFlags.GlossyReflection)
        value, picked.pdf = self.eval_pdf(context, si, picked.wo, active)
        return picked, dr.select(picked.pdf > 0, value / picked.pdf, 0)

    def eval(self, context: Any, si: Any, wo: Jit, active: Any = True) -> Any:
        return self.eval_pdf(context, si, wo, active)[0]

    def pdf(self, context: Any, si: Any, wo: Jit, active: Any = True) -> Any:
        return self.eval_pdf(context, si, wo, active)[1]

    def eval_pdf(self, context: Any, si: Any, wo: Jit, active: Any = True) -> tuple[Any, Any]:
        normal, side, viewer = self._orientation(si)
        way = si.to_world(wo)
        half = dr.normalize(viewer + way)
        cos_out, cos_half, cos_diff = dr.dot(normal, way), dr.dot(normal, half), dr.dot(viewer, half)
        cos_in = dr.maximum(dr.dot(normal, viewer), 1e-4)  # a normal that looks away counts as seen edge-on
        active = mi.Bool(active) & (cos_out > 0) & (dr.dot(side, way) > 0) & (cos_half > 0) & (cos_diff > 0)
        square = dr.square(self.alpha)
        d = square / (dr.pi * dr.square(dr.square(cos_half) * (square - 1) + 1))
        g = _smith(cos_in, square) * _smith(cos_out, square)
        color = self.color.eval(si, active)
        head_on = dr.lerp(mi.Color3f(self.f0), color, self.metal)
        f = head_on + (1 - head_on) * (1 - cos_diff) ** 5
        gloss = f * (self.shiny * d * g / (4 * cos_in))
        matt = color * ((1 - self.metal) * cos_out / dr.pi)
        share = self._chance()
        density = share * d * cos_half / (4 * cos_diff) + (1 - share) * cos_out / dr.pi
        return dr.select(active, gloss + matt, 0), dr.select(active, density, 0)

    def _chance(self) -> Any:
        """Share of the samples that go to the gloss."""
        return dr.select(self.metal > 0, 0.9, 0.4 * self.shiny)

    def _orientation(self, si: Any) -> tuple[Any, Any, Any]:
        """The normal to shade with, the mesh's own normal, both towards the viewer, and the way to the viewer."""
        viewer = si.to_world(si.wi)
        side = dr.select(dr.dot(si.n, viewer) < 0, -si.n, si.n)
        smooth = dr.select(dr.dot(si.sh_frame.n, side) < 0, -si.sh_frame.n, si.sh_frame.n)
        moved = dr.zeros(mi.SurfaceInteraction3f)
        # The nearest texel of a dithered place is bilinear on average; the first one lies at 0, not at half a texel.
        moved.uv = si.uv / PLASTER_METRES + _dither(si.p) / TILE
        slope = self.slopes.eval(moved)
        frame = mi.Frame3f(smooth)
        bent = dr.normalize(smooth - self.bump * (frame.s * slope.x + frame.t * slope.y))
        return dr.select((self.bump > 0) & (dr.dot(bent, viewer) > 0.02), bent, smooth), side, viewer


class Pane(mi.Emitter):
    """A surface that emits from its front: the radiance of the sky in the direction that one looks in."""

    def __init__(self, properties: Any) -> None:
        mi.Emitter.__init__(self, properties)
        self.radiance, self.sky = mi.Color3f(properties["radiance"]), properties["sky"]
        dr.make_opaque(self.radiance)
        self.m_flags = +mi.EmitterFlags.Surface

    def eval(self, si: Any, active: Any = True) -> Any:
        front = mi.Bool(active) & (mi.Frame3f.cos_theta(si.wi) > 0)
        return dr.select(front, self._seen(-si.to_world(si.wi)), 0)

    def sample_direction(self, it: Any, sample: Any, active: Any = True) -> tuple[Any, Any]:
        ds = self.get_shape().sample_direction(it, sample, active)
        lit = mi.Bool(active) & (dr.dot(ds.d, ds.n) < 0) & (ds.pdf > 0)
        ds.emitter = mi.EmitterPtr(self)
        return ds, dr.select(lit, self._seen(ds.d) / ds.pdf, 0)

    def pdf_direction(self, it: Any, ds: Any, active: Any = True) -> Any:
        density = self.get_shape().pdf_direction(it, ds, active)
        return dr.select(dr.dot(ds.d, ds.n) < 0, density, 0)

    def eval_direction(self, it: Any, ds: Any, active: Any = True) -> Any:
        return dr.select(dr.dot(ds.d, ds.n) < 0, self._seen(ds.d), 0)

    def _seen(self, way: Any) -> Any:
        at = dr.zeros(mi.SurfaceInteraction3f)
        at.uv = mi.Point2f(dr.atan2(way.x, way.y) / dr.pi, 0.5 + dr.safe_asin(way.z) / dr.pi)
        return self.radiance * self.sky.eval(at)


class Disc(mi.Emitter):
    """The sun: a disc far away, hidden only by what lies inside a box."""

    def __init__(self, properties: Any) -> None:
        mi.Emitter.__init__(self, properties)
        self.direction = mi.Vector3f(properties["direction"])
        self.irradiance = mi.Color3f(properties["irradiance"])
        self.low, self.high = mi.Vector3f(properties["low"]), mi.Vector3f(properties["high"])
        self.angle = mi.Float(properties["angle"])
        dr.make_opaque(self.direction, self.irradiance, self.low, self.high, self.angle)
        self.m_flags = mi.EmitterFlags.Infinite | mi.EmitterFlags.DeltaDirection

    def sample_direction(self, it: Any, sample: Any, active: Any = True) -> tuple[Any, Any]:
        aside = mi.warp.square_to_uniform_disk_concentric(sample) * self.angle
        way = dr.normalize(mi.Frame3f(self.direction).to_world(mi.Vector3f(aside.x, aside.y, 1)))
        leaving = dr.select(way > 0, self.high - it.p, self.low - it.p) / way
        distance = dr.min(dr.select(dr.isfinite(leaving), leaving, 1e6))
        lit = mi.Bool(active) & (distance > 0)
        ds = dr.zeros(mi.DirectionSample3f)
        ds.d, ds.n, ds.dist = way, -way, dr.maximum(distance, 1e-3)
        ds.p = it.p + way * ds.dist
        ds.time, ds.pdf, ds.delta = it.time, dr.select(lit, mi.Float(1), 0), mi.Bool(True)
        ds.emitter = mi.EmitterPtr(self)
        return ds, dr.select(lit, self.irradiance, 0)

    def pdf_direction(self, it: Any, ds: Any, active: Any = True) -> Any:
        return mi.Float(0)

    def eval(self, si: Any, active: Any = True) -> Any:
        return mi.Color3f(0)

    def set_scene(self, scene: Any) -> None:
        """Its size does not depend on the scene's."""

    def bbox(self) -> Any:
        return mi.ScalarBoundingBox3f()


mi.register_bsdf("lambert-ggx", LambertGgx)
mi.register_emitter("pane", Pane)
mi.register_emitter("disc", Disc)


def scene(room: Room, paint: Color, size: tuple[int, int], plaster: Array) -> dict[str, Any]:
    """The room with its walls in one paint, for Mitsuba's `path` integrator. plaster: slopes, (TILE, TILE, 2)."""
    slopes = mi.load_dict(_bitmap(np.concatenate([plaster, plaster[..., :1] * 0], -1), (1.0, 1.0), "nearest"))
    flat = mi.load_dict(_bitmap(np.zeros((1, 1, 3), np.float32), (1.0, 1.0), "nearest"))
    sky = None if room.sky is None else mi.load_dict(_bitmap(room.sky.texels, (1.0, 1.0), "bilinear"))

    def surface(material: Material, color: Color) -> dict[str, Any]:
        if material.texture is not None and material.wall is None:
            texels = material.texture.texels * np.float32(color)
            skin = _bitmap(texels, material.texture_scale, "bilinear")
        else:
            skin = _bitmap(np.full((1, 1, 3), color, np.float32), (1.0, 1.0), "nearest")
        head_on = max(color) if material.metal else material.f0
        return {
            "type": "lambert-ggx",
            "color": skin,
            "slopes": slopes if material.bump > 0 else flat,
            "roughness": material.roughness,
            "f0": material.f0,
            "metal": float(material.metal),
            "bump": material.bump,
            "shiny": float(head_on > 0),
        }

    def lamp(_: Room, material: Material) -> dict[str, Any]:
        # Not a bitmap: Mitsuba would choose points on a textured lamp by their (u, v), which do not cover it once.
        shine = {"radiance": {"type": "rgb", "value": list(material.emission)}}
        shine["sampling_weight"] = plain.lamp_share(room, material)
        return {"type": "pane", "sky": sky, **shine} if material.sky and sky is not None else {"type": "area", **shine}

    parts = plain.scene(room, paint, size, surface, lamp)
    lamps = sum(plain.lamp_share(room, material) for material in room.mesh.materials if material.emits)
    if room.sun is not None:
        sun = room.sun
        parts["sun"] = {
            "type": "disc",
            "direction": mi.ScalarVector3f([float(v) for v in sun.direction]),
            "irradiance": mi.ScalarVector3f([float(v) for v in sun.irradiance]),
            "angle": sun.angle,
            "low": mi.ScalarVector3f(list(room.low)),
            "high": mi.ScalarVector3f(list(room.high)),
            "sampling_weight": max(SUN * lamps, 1e-3),
        }
    return parts


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
    """Two numbers in 0..1 that depend on every bit of a point. Source: Wellons 2018 (lowbias32)."""
    bits = dr.reinterpret_array(mi.UInt32, point.x) ^ (dr.reinterpret_array(mi.UInt32, point.y) * mi.UInt32(0x9E3779B1))
    bits ^= dr.reinterpret_array(mi.UInt32, point.z) * mi.UInt32(0x85EBCA6B)
    numbers = []
    for _ in range(2):
        bits = (bits ^ (bits >> 16)) * mi.UInt32(0x21F0AAAD)
        bits = (bits ^ (bits >> 15)) * mi.UInt32(0xD35A2D97)
        bits = bits ^ (bits >> 15)
        numbers.append(mi.Float(bits >> 8) / 16777216)
    return mi.Point2f(*numbers)
