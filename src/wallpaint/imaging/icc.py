"""ICC profiles and colour spaces: the codes of a file <-> linear sRGB.

Profiles are evaluated by lcms2 (through imagecodecs). A matrix/TRC profile (cameras, phones, displays) is sampled
once and then evaluated from lookup tables (kind "matrix": fast); any other profile, such as CMYK tables, goes through
lcms2 at each call (kind "cms"). All conversions are relative colorimetric, without black point compensation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final, Literal

import cv2
import imagecodecs
import numpy as np
from numpy.typing import DTypeLike

from wallpaint.errors import InputError
from wallpaint.imaging.color import LUMINANCE, linear_to_srgb, srgb_to_linear
from wallpaint.typing import Array

Kind = Literal["matrix", "cms"]
Chromaticities = tuple[tuple[float, float], ...]

D65_XY: Final = (0.3127, 0.3290)
SRGB_PRIMARIES_XY: Final = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
DISPLAY_P3_PRIMARIES_XY: Final = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE_RGB_PRIMARIES_XY: Final = ((0.640, 0.330), (0.210, 0.710), (0.150, 0.060))
PROPHOTO_PRIMARIES_XY: Final = ((0.734699, 0.265301), (0.159597, 0.840403), (0.036598, 0.000105))
REC2020_PRIMARIES_XY: Final = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))

_D50_XY: Final = (0.3457, 0.3585)
_NAMED_PRIMARIES: Final[dict[str, tuple[Chromaticities, tuple[float, float]]]] = {
    "sRGB": (SRGB_PRIMARIES_XY, D65_XY),
    "Display P3": (DISPLAY_P3_PRIMARIES_XY, D65_XY),
    "Adobe RGB": (ADOBE_RGB_PRIMARIES_XY, D65_XY),
    "ProPhoto RGB": (PROPHOTO_PRIMARIES_XY, _D50_XY),
    "Rec. 2020": (REC2020_PRIMARIES_XY, D65_XY),
}
_CODES: Final = 65536  # entries of a decoding curve: one for each 16-bit code
_BLOCK_PX: Final = 1 << 17  # pixels handled at a time, so that temporaries stay in the cache
_D50_XYZ: Final = (0.9642, 1.0, 0.8249)  # the white of the profile connection space, ICC.1:2022
_BRADFORD: Final = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


@dataclass(frozen=True, eq=False)
class ColorSpace:
    """The colour space of a file's codes.

    name: that of the primaries, for people. kind: see the module. channels: 3 (RGB) or 4 (CMYK). icc: the
    profile to embed when codes of this space are stored, None for plain sRGB. gamut: (3, 3) float64, linear
    sRGB -> the file's own linear RGB, in which the file's gamut is the cube 0..1; the identity for kind "cms".
    """

    name: str
    kind: Kind
    channels: int
    icc: bytes | None
    gamut: Array
    _curves: Array | None = None  # (3, 65536) float64, 16-bit code -> own linear RGB; None for kind "cms"

    @property
    def is_srgb(self) -> bool:
        """Whether codes mean the same as in a file without a profile."""
        return self._is_srgb_gamut and self._curves is _SRGB_CURVES

    def to_linear(self, codes: Array) -> Array:
        """Codes -> linear sRGB, unbounded: a wide gamut gives values under 0 and over 1.

        codes: (..., channels) uint8 or uint16. Returns (..., 3) float32.
        """
        linear = np.empty((*codes.shape[:-1], 3), np.float32)
        for block, out in self._blocks(codes, linear):
            if self.kind == "cms":
                out[:] = self._cms_to_linear(block)
            elif self._is_srgb_gamut:
                out[:] = self._decode(block)
            else:
                out[:] = _transform(self._matrix, self._decode(block))
        return linear

    def luminance(self, codes: Array) -> Array:
        """Relative luminance Y of codes, white = 1. Returns (...) float32."""
        luminance = np.empty((*codes.shape[:-1], 1), np.float32)
        weights = LUMINANCE[None]
        if self.kind == "matrix":
            weights = weights @ self._matrix
        for block, out in self._blocks(codes, luminance):
            out[:] = _transform(weights, self._cms_to_linear(block) if self.kind == "cms" else self._decode(block))
        return luminance[..., 0]

    def from_linear(self, rgb_linear: Array, dtype: DTypeLike) -> Array:
        """Linear sRGB -> codes, clipped to the file's gamut and rounded to the nearest code.

        rgb_linear: (..., 3) float. dtype: uint8 or uint16. Returns (..., channels) of that type.
        """
        codes = np.empty((*rgb_linear.shape[:-1], self.channels), dtype)
        for block, out in self._blocks(rgb_linear, codes):
            if self.kind == "cms":
                out[:] = self._cms_from_linear(block, out.dtype)
            else:
                device = block if self._is_srgb_gamut else _transform(self.gamut, block)
                out[:] = self._encode(np.asarray(device, np.float32), out.dtype)
        return codes

    def encode_device(self, device_linear: Array, dtype: DTypeLike) -> Array:
        """The file's own linear RGB (linear sRGB times `gamut`) -> codes, clipped to 0..1 and rounded.

        device_linear: (..., 3) float. dtype: uint8 or uint16. Returns (..., channels) of that type.
        """
        if self.kind == "cms":
            return self.from_linear(device_linear, dtype)
        codes = np.empty(device_linear.shape, dtype)
        for block, out in self._blocks(device_linear, codes):
            out[:] = self._encode(np.asarray(block, np.float32), out.dtype)
        return codes

    def _blocks(self, pixels: Array, result: Array) -> Iterator[tuple[Array, Array]]:
        """Pairs of small (1, N, C) views of both arrays, in the same order."""
        flat_pixels = np.ascontiguousarray(pixels).reshape(1, -1, pixels.shape[-1])
        flat_result = result.reshape(1, -1, result.shape[-1])
        for start in range(0, flat_pixels.shape[1], _BLOCK_PX):
            yield flat_pixels[:, start : start + _BLOCK_PX], flat_result[:, start : start + _BLOCK_PX]

    @cached_property
    def _matrix(self) -> Array:
        return np.linalg.inv(self.gamut)  # the file's own linear RGB -> linear sRGB

    @cached_property
    def _is_srgb_gamut(self) -> bool:
        return bool(np.array_equal(self.gamut, np.eye(3)))

    @cached_property
    def _decoding_16_bit(self) -> Array:
        assert self._curves is not None
        return self._curves.astype(np.float32)  # (3, 65536)

    @cached_property
    def _decoding_8_bit(self) -> Array:
        return np.ascontiguousarray(self._decoding_16_bit[:, ::257].T[:, None, :])  # (256, 1, 3), 255 * 257 = 65535

    @cached_property
    def _encodings(self) -> dict[str, list[_Encoding]]:
        assert self._curves is not None
        return {
            "uint8": [_encoding(curve[::257].tobytes()) for curve in self._curves],
            "uint16": [_encoding(curve.tobytes()) for curve in self._curves],
        }

    def _decode(self, codes: Array) -> Array:
        if codes.dtype == np.uint8:
            return np.asarray(cv2.LUT(codes, self._decoding_8_bit))
        return np.stack([table[codes[..., c]] for c, table in enumerate(self._decoding_16_bit)], axis=-1)

    def _encode(self, device_linear: Array, dtype: np.dtype[Any]) -> Array:
        clipped = np.clip(device_linear, 0.0, 1.0)
        roots = cv2.sqrt(clipped)
        roots *= np.float32(_CODES - 1)
        roots += np.float32(0.5)
        buckets = roots.astype(np.uint16)
        encodings = self._encodings[dtype.name]
        if dtype == np.uint8:
            tables = [encoding.nearest for encoding in encodings]
            if np.array_equal(tables[0], tables[1]) and np.array_equal(tables[0], tables[2]):
                return np.asarray(cv2.LUT(buckets, tables[0]))
            return np.stack([table[buckets[..., c]] for c, table in enumerate(tables)], axis=-1)
        planes = [encoding.exact(clipped[..., c], buckets[..., c]) for c, encoding in enumerate(encodings)]
        return np.stack(planes, axis=-1)

    def _cms_to_linear(self, codes: Array) -> Array:
        if self.icc is None:
            return _plain_cmyk_to_linear(codes)
        space = "cmyk" if self.channels == 4 else "rgb"
        return _transform(_XYZ_TO_LINEAR, _cms(codes, self.icc, _XYZ_PROFILE, space, "xyz", "float32"))

    def _cms_from_linear(self, rgb_linear: Array, dtype: np.dtype[Any]) -> Array:
        if self.icc is None:
            return _plain_cmyk_from_linear(rgb_linear, dtype)
        space = "cmyk" if self.channels == 4 else "rgb"
        xyz = _transform(np.linalg.inv(_XYZ_TO_LINEAR), rgb_linear)
        return _cms(xyz, _XYZ_PROFILE, self.icc, "xyz", space, dtype.name)


@dataclass(frozen=True, eq=False)
class _Encoding:
    """The inverse of one decoding curve, through 65536 buckets of the square root of the linear value.

    The square root spreads the dark end, where a gamma curve packs many codes into little light.
    """

    nearest: Array  # (65536,) bucket -> the code nearest to its centre
    lowest: Array  # (65536,) bucket -> the lowest code that a value in it can have
    steps: int  # the most codes by which a value can exceed `lowest`
    edges: Array  # (codes,) float32: a value at or over edges[k] has a code over k

    @classmethod
    def of(cls, curve: Array) -> _Encoding:
        """curve: (256,) or (65536,) float64, rising: code -> linear value."""
        rising = np.maximum.accumulate(curve)
        middles = (rising[:-1] + rising[1:]) / 2
        edges = np.append(middles, np.inf).astype(np.float32)
        dtype = np.uint8 if len(curve) == 256 else np.uint16

        def codes_at(bucket_offset: float) -> Array:
            roots = np.clip(np.arange(_CODES) + bucket_offset, 0, _CODES - 1) / (_CODES - 1)
            return np.asarray(np.searchsorted(edges[:-1], (roots**2).astype(np.float32), side="right"))

        lowest, highest = codes_at(-0.51), codes_at(+0.51)
        steps = int((highest - lowest).max())
        return cls(codes_at(0.0).astype(dtype), lowest.astype(np.uint16), steps, edges)

    def exact(self, values: Array, buckets: Array) -> Array:
        """The nearest 16-bit codes of float32 values in 0..1. buckets: those that the values fall into."""
        if self.steps > 8:  # a curve steeper than gamma 2.6: searching is then the shorter way
            return np.searchsorted(self.edges[:-1], values, side="right").astype(np.uint16)
        codes = self.lowest[buckets]
        for _ in range(self.steps):
            codes += values >= self.edges[codes]
        return np.asarray(codes)


@lru_cache(maxsize=12)
def _encoding(curve: bytes) -> _Encoding:
    return _Encoding.of(np.frombuffer(curve, np.float64))


def srgb() -> ColorSpace:
    """sRGB (IEC 61966-2-1), the space of files without a profile."""
    return _SRGB


@lru_cache(maxsize=32)
def from_icc(icc: bytes) -> ColorSpace:
    """The colour space of an RGB or CMYK profile. Raises InputError for an unusable one."""
    signature = icc[16:20]
    if signature == b"CMYK":
        _probe(icc, "cmyk", 4)
        return ColorSpace("CMYK", "cms", 4, icc, np.eye(3))
    if signature != b"RGB ":
        raise InputError(f"a colour profile for RGB or CMYK was expected, this one is for {signature!r}")
    _probe(icc, "rgb", 3)
    fitted = _fit_matrix(icc)
    if fitted is None:
        return ColorSpace("RGB tables", "cms", 3, icc, np.eye(3))
    matrix, curves = fitted
    return ColorSpace(_name_of(matrix), "matrix", 3, icc, np.linalg.inv(matrix), curves)


@lru_cache(maxsize=32)
def from_grey_icc(icc: bytes) -> ColorSpace:
    """The RGB space with the tone curve of a grey profile and the primaries of sRGB: r = g = b = grey."""
    ramp = np.linspace(0.0, 1.0, 4096, dtype=np.float32).reshape(1, -1)
    if icc[16:20] != b"GRAY":
        raise InputError(f"a grey colour profile was expected, this one is for {icc[16:20]!r}")
    luminance = _cms(ramp, icc, _XYZ_PROFILE, "gray", "xyz", "float32")[0, :, 1].astype(np.float64)
    if not luminance[-1] - luminance[0] > 0.5:
        raise InputError("the grey colour profile has no usable tone curve")
    curve = luminance / luminance[-1]
    gamma = float(np.log(curve[2048]) / np.log(ramp[0, 2048]))
    is_gamma = np.abs(curve - ramp[0].astype(np.float64) ** gamma).max() < 1e-4
    return from_icc(rgb_profile(SRGB_PRIMARIES_XY, D65_XY, round(gamma, 4) if is_gamma else curve))


@lru_cache(maxsize=1)
def adobe_rgb() -> ColorSpace:
    """Adobe RGB (1998), for files that name it without a profile."""
    return from_icc(rgb_profile(ADOBE_RGB_PRIMARIES_XY, D65_XY, 563 / 256))


def plain_cmyk() -> ColorSpace:
    """The space of CMYK files without a profile: R = (1 - C)(1 - K) and so on, in sRGB codes.

    Back: K is as large as can be (full grey component replacement).
    Source: PostScript Language Reference, 7.2.
    """
    return _PLAIN_CMYK


def rgb_profile(
    primaries_xy: Chromaticities,
    white_xy: tuple[float, float],
    curve: float | Array | None = None,
) -> bytes:
    """An ICC profile of three primaries and one tone curve.

    curve: None for that of sRGB, a number for a plain gamma, or a rising table 0..1 of any length.
    """
    options: dict[str, Any] = {}
    if isinstance(curve, (int, float)):
        options["gamma"] = float(curve)
    else:
        table = srgb_to_linear(np.linspace(0, 1, 4096)) if curve is None else np.asarray(curve)
        options["transferfunction"] = np.round(np.clip(table, 0, 1) * (_CODES - 1)).astype(np.uint16)
    flat_primaries = [value for x, y in primaries_xy for value in (x, y, 1.0)]
    return bytes(imagecodecs.cms_profile("rgb", whitepoint=[*white_xy, 1.0], primaries=flat_primaries, **options))


def _fit_matrix(icc: bytes) -> tuple[Array, Array] | None:
    """(matrix to linear sRGB, curves (3, 65536)) of a profile, or None if it is not a matrix/TRC profile."""
    codes = np.linspace(0.0, 1.0, _CODES, dtype=np.float32)
    ramps = np.zeros((3, _CODES, 3), np.float32)
    for c in range(3):
        ramps[c, :, c] = codes
    responses = _cms(ramps, icc, _XYZ_PROFILE, "rgb", "xyz", "float32").astype(np.float64)
    if not np.isfinite(responses).all():
        return None
    columns = responses[:, -1, :]  # (3, 3): one row for each primary
    energies = (columns**2).sum(1)
    if energies.min() < 1e-8 or abs(np.linalg.det(columns)) < 1e-6:
        return None
    curves = np.einsum("cnx,cx->cn", responses, columns) / energies[:, None]
    if np.diff(curves).min() < -1e-4 or np.abs(curves[:, 0]).max() > 1e-4:
        return None
    probes = np.random.default_rng(0).integers(0, _CODES, (1, 4096, 3))
    linear = np.stack([curves[c][probes[..., c]] for c in range(3)], axis=-1)
    truth = _cms((probes / (_CODES - 1)).astype(np.float32), icc, _XYZ_PROFILE, "rgb", "xyz", "float32")
    if np.abs(linear @ columns - truth).max() > 1e-4:
        return None
    if np.abs(curves - _SRGB_CURVES).max() < 1e-3:
        curves = _SRGB_CURVES
    matrix = _XYZ_TO_LINEAR @ columns.T
    if np.abs(matrix - np.eye(3)).max() < 1e-3:
        return np.eye(3), curves
    white = matrix.sum(1, keepdims=True)
    if np.abs(white - 1).max() < 2e-3:  # the profile's 16-bit fractions: keep grey exactly neutral
        matrix = matrix / white
    return matrix, curves


def _name_of(matrix: Array) -> str:
    """The usual name of a space by its primaries. matrix: (3, 3), own linear RGB -> linear sRGB."""
    for name, (primaries, white) in _NAMED_PRIMARIES.items():
        known = _XYZ_TO_LINEAR @ _primaries_to_xyz_d50(primaries, white)
        if np.abs(matrix - known).max() < 5e-3:
            return name
    return "RGB"


def _probe(icc: bytes, space: str, channels: int) -> None:
    """Raise InputError unless lcms2 can convert with this profile both ways."""
    xyz = _cms(np.zeros((1, 2, channels), np.uint8), icc, _XYZ_PROFILE, space, "xyz", "float32")
    if not np.isfinite(xyz).all():
        raise InputError("the colour profile gives no finite colours")
    _cms(xyz, _XYZ_PROFILE, icc, "xyz", space, "uint8")


def _cms(pixels: Array, icc_in: bytes, icc_out: bytes, space_in: str, space_out: str, dtype: str) -> Array:
    """One call of lcms2. pixels: (1, N, C), integer codes or floats in 0..1 (XYZ: white Y = 1)."""
    try:
        converted = imagecodecs.cms_transform(
            pixels,
            icc_in,
            icc_out,
            colorspace=space_in,
            outcolorspace=space_out,
            outdtype=dtype,
            intent=imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
        )
    except Exception as error:  # the binding raises several unrelated kinds
        raise InputError(f"the colour profile cannot be used: {error}") from error
    return np.asarray(converted)


def _transform(matrix: Array, pixels: Array) -> Array:
    """matrix: (M, 3); pixels: (1, N, 3). Returns (1, N, M) float32."""
    mapped = np.asarray(cv2.transform(np.asarray(pixels, np.float32), matrix.astype(np.float32)))
    return mapped.reshape(1, -1, matrix.shape[0])


def _plain_cmyk_to_linear(codes: Array) -> Array:
    inks = codes.astype(np.float32) / np.iinfo(codes.dtype).max
    return srgb_to_linear(((1 - inks[..., :3]) * (1 - inks[..., 3:])).astype(np.float64)).astype(np.float32)


def _plain_cmyk_from_linear(rgb_linear: Array, dtype: np.dtype[Any]) -> Array:
    rgb = linear_to_srgb(np.clip(rgb_linear, 0, 1).astype(np.float64))
    white = rgb.max(-1, keepdims=True)  # 1 - K
    colors = np.where(white > 0, 1 - rgb / np.maximum(white, 1e-9), 0)  # black is K alone
    inks = np.concatenate([colors, 1 - white], axis=-1)
    return np.round(np.clip(inks, 0, 1) * np.iinfo(dtype).max).astype(dtype)


def _primaries_to_xyz_d50(primaries_xy: Chromaticities, white_xy: tuple[float, float]) -> Array:
    """Linear RGB of given primaries -> XYZ relative to D50, by Bradford adaptation as in ICC profiles."""
    xy = np.array(primaries_xy)
    xyz = np.column_stack([xy / xy[:, 1:], (1 - xy.sum(1)) / xy[:, 1]]).T
    white = np.array([white_xy[0], white_xy[1], 1 - sum(white_xy)]) / white_xy[1]
    bradford = np.array(_BRADFORD)
    gains = (bradford @ np.array(_D50_XYZ)) / (bradford @ white)
    adaptation = np.linalg.inv(bradford) @ np.diag(gains) @ bradford
    return np.asarray(adaptation @ (xyz * np.linalg.solve(xyz, white)))


_XYZ_TO_LINEAR: Final = np.linalg.inv(_primaries_to_xyz_d50(SRGB_PRIMARIES_XY, D65_XY))
_XYZ_PROFILE: Final = bytes(imagecodecs.cms_profile("xyz"))
_SRGB_CURVES: Final = np.tile(srgb_to_linear(np.arange(_CODES) / (_CODES - 1)), (3, 1))
_SRGB: Final = ColorSpace("sRGB", "matrix", 3, None, np.eye(3), _SRGB_CURVES)
_PLAIN_CMYK: Final = ColorSpace("CMYK without profile", "cms", 4, None, np.eye(3))
