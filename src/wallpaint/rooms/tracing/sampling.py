"""Quasi-random sampling and microfacet reflection for the path tracer, in Dr.Jit. Import after `backend.activate`."""

from __future__ import annotations

from typing import Any

import drjit as dr
from mitsuba import Float, UInt32, Vector3f

Jit = Any  # a Dr.Jit array, one lane per path
SEQUENCE_LENGTH = 1024  # points per scramble; later samples use another scramble
ONE_MINUS_EPSILON = 0.99999994


def hash32(x: Jit) -> Jit:
    """Hash 32 bits. Source: Wellons 2018, "Prospecting for hash functions" (lowbias32)."""
    x = x ^ (x >> 16)
    x = x * UInt32(0x21F0AAAD)
    x = x ^ (x >> 15)
    x = x * UInt32(0xD35A2D97)
    return x ^ (x >> 15)


def uniform(x: Jit) -> Jit:
    """Convert 32 random bits to a float in [0, 1)."""
    return dr.minimum(Float(x >> 8) * (1 / 16777216), ONE_MINUS_EPSILON)


def owen_scramble(x: Jit, seed: Jit) -> Jit:
    """Hash-based Owen scrambling. Source: Laine and Karras 2011; Burley 2020, JCGT 9(4)."""
    x = dr.brev(x)
    x = x ^ (x * UInt32(0x3D20ADEA))
    x = x + seed
    x = x * ((seed >> 16) | 1)
    x = x ^ (x * UInt32(0x05526C56))
    x = x ^ (x * UInt32(0x53A22864))
    return dr.brev(x)


def sobol2(index: Jit, seed: Jit) -> tuple[Jit, Jit]:
    """Return a point of the shuffled, Owen-scrambled (0, 2) sequence of this seed. Source: Burley 2020."""
    seed = hash32(seed ^ (index // SEQUENCE_LENGTH) * UInt32(0x9E3779B1))
    shuffled = owen_scramble(index % SEQUENCE_LENGTH, seed) & (SEQUENCE_LENGTH - 1)
    second, direction = UInt32(0), 1 << 31
    for bit in range(SEQUENCE_LENGTH.bit_length() - 1):
        second = second ^ dr.select(((shuffled >> bit) & 1) != 0, UInt32(direction), UInt32(0))
        direction ^= direction >> 1
    first_seed, second_seed = hash32(seed ^ UInt32(0x9E3779B9)), hash32(seed ^ UInt32(0x85EBCA6B))
    return uniform(owen_scramble(dr.brev(shuffled), first_seed)), uniform(owen_scramble(second, second_seed))


def ggx(normal: Jit, wi: Jit, wo: Jit, alpha: Jit) -> tuple[Jit, Jit, Jit]:
    """Evaluate GGX reflection without Fresnel.

    Returns the value times the cosine of wo, the pdf of wo in solid angle, and the cosine of wi to the half vector.

    Source: Walter et al. 2007 (distribution, Smith shadowing).
    """
    half = dr.normalize(wi + wo)
    cos_half = dr.maximum(dr.dot(normal, half), 0)
    cos_in = dr.maximum(dr.dot(normal, wi), 1e-4)
    cos_out = dr.maximum(dr.dot(normal, wo), 1e-4)
    cos_wi = dr.maximum(dr.dot(wi, half), 1e-4)
    alpha2 = alpha * alpha
    distribution = alpha2 / (dr.pi * dr.square(dr.square(cos_half) * (alpha2 - 1) + 1))

    def smith(cos: Jit) -> Jit:
        return 2 * cos / (cos + dr.sqrt(alpha2 + (1 - alpha2) * cos * cos))

    value = distribution * smith(cos_in) * smith(cos_out) / (4 * cos_in)
    return value, distribution * cos_half / (4 * cos_wi), cos_wi


def sample_ggx_half(frame: Jit, alpha: Jit, u: Jit, v: Jit) -> Jit:
    """Sample a half vector from the GGX distribution around the normal of a frame."""
    cos2 = (1 - u) / (1 + (alpha * alpha - 1) * u)
    cos, sin = dr.sqrt(cos2), dr.sqrt(dr.maximum(1 - cos2, 0))
    phi = 2 * dr.pi * v
    return frame.to_world(Vector3f(sin * dr.cos(phi), sin * dr.sin(phi), cos))


def schlick(f0: Jit, cos: Jit) -> Jit:
    """Evaluate the Fresnel reflectance by Schlick's approximation. Source: Schlick 1994."""
    return f0 + (1 - f0) * dr.power(dr.maximum(1 - cos, 0), 5)
