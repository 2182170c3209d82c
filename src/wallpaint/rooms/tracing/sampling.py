"""Numbers and reflections for the path tracer, in Dr.Jit. Import only after `backend.activate`."""

from __future__ import annotations

from typing import Any

import drjit as dr
from mitsuba import Float, UInt32, Vector3f

Jit = Any  # a Dr.Jit array, one lane a path
LONGEST = 1024  # samples after which the sequence repeats with another scramble
ONE_MINUS = 0.99999994


def hash32(x: Jit) -> Jit:
    """Mix 32 bits. Source: Wellons 2018, "Prospecting for hash functions" (lowbias32)."""
    x = x ^ (x >> 16)
    x = x * UInt32(0x21F0AAAD)
    x = x ^ (x >> 15)
    x = x * UInt32(0xD35A2D97)
    return x ^ (x >> 15)


def uniform(x: Jit) -> Jit:
    """A number in [0, 1) from 32 bits."""
    return dr.minimum(Float(x >> 8) * (1 / 16777216), ONE_MINUS)


def owen(x: Jit, seed: Jit) -> Jit:
    """Owen scrambling by hashing. Source: Laine and Karras 2011; Burley 2020, JCGT 9(4)."""
    x = dr.brev(x)
    x = x ^ (x * UInt32(0x3D20ADEA))
    x = x + seed
    x = x * ((seed >> 16) | 1)
    x = x ^ (x * UInt32(0x05526C56))
    x = x ^ (x * UInt32(0x53A22864))
    return dr.brev(x)


def sobol2(index: Jit, seed: Jit) -> tuple[Jit, Jit]:
    """The index-th point of a scrambled, shuffled (0, 2) sequence, of `LONGEST` points a seed. Source: Burley 2020."""
    seed = hash32(seed ^ (index // LONGEST) * UInt32(0x9E3779B1))
    shuffled = owen(index % LONGEST, seed) & (LONGEST - 1)
    second, direction = UInt32(0), 1 << 31
    for bit in range(LONGEST.bit_length() - 1):
        second = second ^ dr.select(((shuffled >> bit) & 1) != 0, UInt32(direction), UInt32(0))
        direction ^= direction >> 1
    first_seed, second_seed = hash32(seed ^ UInt32(0x9E3779B9)), hash32(seed ^ UInt32(0x85EBCA6B))
    return uniform(owen(dr.brev(shuffled), first_seed)), uniform(owen(second, second_seed))


def ggx(normal: Jit, wi: Jit, wo: Jit, alpha: Jit) -> tuple[Jit, Jit, Jit]:
    """Microfacet reflection without Fresnel: value times the cosine of wo, density of sampling it, wi . half-vector.

    Source: Walter et al. 2007 (distribution, Smith's shadowing).
    """
    half = dr.normalize(wi + wo)
    cos_half = dr.maximum(dr.dot(normal, half), 0)
    cos_in = dr.maximum(dr.dot(normal, wi), 1e-4)
    cos_out = dr.maximum(dr.dot(normal, wo), 1e-4)
    cos_wi = dr.maximum(dr.dot(wi, half), 1e-4)
    square = alpha * alpha
    spread = square / (dr.pi * dr.square(dr.square(cos_half) * (square - 1) + 1))

    def smith(cos: Jit) -> Jit:
        return 2 * cos / (cos + dr.sqrt(square + (1 - square) * cos * cos))

    value = spread * smith(cos_in) * smith(cos_out) / (4 * cos_in)
    return value, spread * cos_half / (4 * cos_wi), cos_wi


def ggx_half(frame: Jit, alpha: Jit, u: Jit, v: Jit) -> Jit:
    """A half-vector drawn from the GGX distribution about a frame's normal."""
    cos2 = (1 - u) / (1 + (alpha * alpha - 1) * u)
    cos, sin = dr.sqrt(cos2), dr.sqrt(dr.maximum(1 - cos2, 0))
    turn = 2 * dr.pi * v
    return frame.to_world(Vector3f(sin * dr.cos(turn), sin * dr.sin(turn), cos))


def schlick(f0: Jit, cos: Jit) -> Jit:
    """Fresnel reflectance. Source: Schlick 1994."""
    return f0 + (1 - f0) * dr.power(dr.maximum(1 - cos, 0), 5)
