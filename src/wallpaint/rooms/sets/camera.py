"""A phone's camera: how a room's light becomes a picture.

    radiance -> lens (vignetting, glare) -> exposure -> noise -> white balance -> tone curve -> sharpening -> JPEG

Every step but the noise is a fixed function of `Camera` and `Exposure`, so two pictures of one room go through the
identical camera. Exposure and white balance are measured once (`meter`) and locked for both.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from wallpaint.errors import ShapeError
from wallpaint.imaging.color import LUMINANCE, linear_to_srgb, luminance
from wallpaint.rooms.materials import Color
from wallpaint.typing import Array

GREY_POWER = 6.0  # Minkowski norm of the illuminant estimate
GREEN_TRUST = 0.35  # real illuminants lie along the daylight curve and differ little from green to magenta
WIDEST_TINT = 1.2  # natural log of red over blue that a camera will believe of an illuminant
HIGHLIGHTS = 0.94  # share of the picture whose highlights are protected
CENTRE = 0.35  # deviation of the metering's centre, as a share of the half diagonal
WIDE_GLARE = 0.12  # deviation of the veiling glare, as a share of the longer side
GLARE_GRID = 96  # pixels on the longer side that the glare is computed with
DARK = 1e-9


@dataclass(frozen=True)
class Camera:
    """key: level that the scene's average is exposed to, linear, 1 is white. exposure_error: stops. centre: 0..1, how
    much the metering favours the middle. protection: 0..1, how far highlights lower the exposure.
    white_patch: 0..1, weight of the brightest colours against the average in the illuminant estimate. correction: 0..1,
    share of the estimated tint that is taken out. tint_error: natural log of the remaining error of red, green, blue.
    contrast: 0..1, strength of the S-curve. shoulder: 0..1, how early highlights are rolled off.
    vignetting: share of the light that the corners lose. bloom, glare: shares of light that are scattered near and far.
    bloom_px: deviation of the near part, at 256 pixels on the longer side.
    electrons: at linear 1; few are a high ISO. read_noise: electrons. grain_px: deviation that demosaicing and noise
    reduction smear the noise with. sharpening: amount of the unsharp mask. quality: of the JPEG, 1..100. subsampled:
    whether its colours have half the resolution.
    """

    key: float = 0.2
    exposure_error: float = 0.0
    centre: float = 0.5
    protection: float = 0.6
    white_patch: float = 0.5
    correction: float = 0.8
    tint_error: Color = (0.0, 0.0, 0.0)
    contrast: float = 0.15
    shoulder: float = 0.5
    vignetting: float = 0.15
    bloom: float = 0.01
    bloom_px: float = 2.0
    glare: float = 0.01
    electrons: float = 8000.0
    read_noise: float = 3.0
    grain_px: float = 0.5
    sharpening: float = 0.3
    quality: int = 92
    subsampled: bool = True


@dataclass(frozen=True)
class Exposure:
    """What the camera settled on. gain: linear light a unit of radiance. white: (3,) gains of the white balance, which
    leave the luminance of grey as it is."""

    gain: float
    white: Color


def sample(rng: np.random.Generator) -> Camera:
    """A camera and its mood: from a careful one in good light to a cheap one in the dark."""
    tint = rng.normal(0, [0.03, 0.012, 0.045])
    electrons = float(np.exp(rng.uniform(np.log(1500), np.log(40000))))
    return Camera(
        key=float(rng.uniform(0.26, 0.4)),
        exposure_error=float(np.clip(rng.normal(0, 0.35), -1, 1)),
        centre=float(rng.uniform(0.2, 0.8)),
        protection=float(rng.uniform(0.1, 0.6)),
        white_patch=float(rng.uniform(0.3, 0.8)),
        correction=float(rng.uniform(0.6, 1.0)),
        tint_error=(float(tint[0]), float(tint[1]), float(tint[2])),
        contrast=float(rng.uniform(0.0, 0.3)),
        shoulder=float(rng.uniform(0.25, 0.7)),
        vignetting=float(rng.uniform(0.0, 0.3)),
        bloom=float(rng.uniform(0.002, 0.02)),
        bloom_px=float(rng.uniform(1.0, 4.0)),
        glare=float(rng.uniform(0.002, 0.02)),
        electrons=electrons,
        read_noise=float(rng.uniform(1.5, 6.0)),
        grain_px=float(rng.uniform(0.0, 0.7)),
        sharpening=float(rng.uniform(0.0, 0.6)),
        quality=int(rng.integers(82, 97)),
        subsampled=bool(rng.random() < 0.7),
    )


def half_way(first: Array, second: Array) -> Array:
    """The light to meter a pair on, (h, w, 3): the geometric mean of both, about what a paint between them would show.

    Metering a dark room alone would blow out its repaint in white.
    """
    return np.sqrt(np.maximum(first, 0) * np.maximum(second, 0))


def meter(radiance: Array, camera: Camera) -> Exposure:
    """Exposure and white balance for a scene, (h, w, 3) linear light.

    Exposure: the log-average, weighted towards the centre, goes to the camera's key (Reinhard et al. 2002; ISO 2720
    meters for 18 % grey); highlights lower it. White balance: see `_white`.
    """
    light = luminance(np.maximum(radiance, 0).astype(np.float64))
    height, width = light.shape
    weight = 1 - camera.centre + camera.centre * np.exp(-_radius_squared(height, width) / (2 * CENTRE**2))
    floor = 1e-3 * float(light.mean()) + DARK
    gain = camera.key / float(np.exp((weight * np.log(light + floor)).sum() / weight.sum()))
    ceiling = 1 / max(float(np.quantile(light, HIGHLIGHTS)), DARK)
    if gain > ceiling:
        gain = ceiling**camera.protection * gain ** (1 - camera.protection)
    return Exposure(gain * 2.0**camera.exposure_error, _white(radiance * gain, camera))


def _white(exposed: Array, camera: Camera) -> Color:
    """Gains that take out a part of the illuminant's tint.

    The estimate is a mixture of shades of grey (Finlayson & Trezzi 2004) and the brightest colours (white patch,
    Land & McCann 1971), from pixels that are not blown out, believed along blue to amber and little along green to
    magenta.
    """
    flat = np.maximum(exposed.reshape(-1, 3).astype(np.float64), DARK)
    usable = flat[flat.max(1) < 1.0]
    if len(usable) < 0.1 * len(flat):
        usable = flat / np.maximum(flat.max(1, keepdims=True), 1.0)
    grey = np.mean(usable**GREY_POWER, axis=0) ** (1 / GREY_POWER)
    bright = usable[luminance(usable) >= np.quantile(luminance(usable), 0.95)].mean(0)
    log_light = (1 - camera.white_patch) * np.log(grey) + camera.white_patch * np.log(bright)
    amber = np.clip(log_light[0] - log_light[2], -WIDEST_TINT, WIDEST_TINT)
    green = GREEN_TRUST * np.clip(log_light[1] - (log_light[0] + log_light[2]) / 2, -WIDEST_TINT, WIDEST_TINT)
    tint = np.array([amber / 2, green, -amber / 2])
    gains = np.exp(np.asarray(camera.tint_error) - camera.correction * tint)
    gains /= gains @ LUMINANCE
    return float(gains[0]), float(gains[1]), float(gains[2])


def expose(radiance: Array, camera: Camera, exposure: Exposure) -> Array:
    """The light on the sensor, (h, w, 3) float32, 1 is white: vignetting, glare and exposure, no white balance yet."""
    if radiance.ndim != 3 or radiance.shape[-1] != 3:
        raise ShapeError(f"radiance is {radiance.shape}, expected (h, w, 3)")
    light = np.maximum(radiance, 0).astype(np.float32) * np.float32(exposure.gain)
    return _scattered(light, camera) * _vignetting(light.shape[0], light.shape[1], camera.vignetting)[..., None]


def develop(radiance: Array, camera: Camera, exposure: Exposure, rng: np.random.Generator | None = None) -> Array:
    """The picture, (h, w, 3) float32, sRGB-encoded, 0..1. rng: draws the sensor's noise; None is a clean picture."""
    light = expose(radiance, camera, exposure)
    if rng is not None:
        light = light + _noise(light, camera, rng)
    encoded = tone(light * np.asarray(exposure.white, np.float32), camera)
    if camera.sharpening > 0:
        soft = cv2.GaussianBlur(encoded, (0, 0), 1.0, borderType=cv2.BORDER_REFLECT)
        encoded = encoded + np.float32(camera.sharpening) * (encoded - soft)
    return np.clip(encoded, 0, 1)


def shoot(radiance: Array, camera: Camera, exposure: Exposure, rng: np.random.Generator) -> Array:
    """The photo, (h, w, 3) uint8 sRGB, with noise and the traces of JPEG."""
    return decode(jpeg(codes(develop(radiance, camera, exposure, rng)), camera))


def tone(light: Array, camera: Camera) -> Array:
    """The camera's tone curve: white-balanced linear light to sRGB-encoded 0..1, each channel by itself.

    Highlights are rolled off from a knee on (an exponential shoulder), then a smoothstep S-curve is mixed in.
    Cameras' curves are of this kind: Grossberg & Nayar 2004.
    """
    width = np.float32(max(0.6 * camera.shoulder, DARK))
    knee = 1 - width
    linear = np.where(light > knee, knee - width * np.expm1(-np.maximum(light - knee, 0) / width), np.maximum(light, 0))
    encoded = np.minimum(linear_to_srgb(linear.astype(np.float32)), 1)
    curve = encoded * encoded * (3 - 2 * encoded)
    return np.asarray(encoded + np.float32(camera.contrast) * (curve - encoded), np.float32)


def codes(picture: Array) -> Array:
    """uint8 codes of an encoded picture, 0..1."""
    return np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def jpeg(picture: Array, camera: Camera) -> bytes:
    """(h, w, 3) uint8 as this camera's JPEG file."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=camera.quality, subsampling=2 if camera.subsampled else 0)
    return out.getvalue()


def decode(data: bytes) -> Array:
    """(h, w, 3) uint8 of a picture file."""
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB"))


def controlnet_depth(depth_m: Array) -> Array:
    """Depth as depth ControlNets take it: (h, w) uint8, inverse depth from its 2nd to its 98th percentile, near white.

    depth_m: (h, w) metres; 0 or not finite where there is nothing, which counts as far.
    Source: the normalisation of MiDaS (Ranftl et al. 2020), with percentiles in place of extremes.
    """
    there = np.isfinite(depth_m) & (depth_m > 0)
    inverse = np.where(there, 1 / np.where(there, depth_m, 1).astype(np.float64), 0)
    if not there.any():
        return np.zeros(depth_m.shape, np.uint8)
    low, high = np.quantile(inverse[there], [0.02, 0.98])
    if high - low < 1e-6 * high:
        return np.where(there, 128, 0).astype(np.uint8)
    return np.round(255 * np.clip((inverse - low) / (high - low), 0, 1)).astype(np.uint8)


def _radius_squared(height: int, width: int) -> Array:
    """Squared distance from the picture's middle, 1 in its corners."""
    y, x = np.mgrid[0:height, 0:width]
    down, along = y + 0.5 - height / 2, x + 0.5 - width / 2
    return (down**2 + along**2) / (height**2 + width**2) * 4


def _vignetting(height: int, width: int, loss: float) -> Array:
    """The cosine-fourth law of natural vignetting with a given loss in the corners."""
    steepness = (1 - loss) ** -0.5 - 1
    return ((1 + steepness * _radius_squared(height, width)) ** -2).astype(np.float32)


def _scattered(light: Array, camera: Camera) -> Array:
    """A halo round bright things, and a veil over the whole picture (McCann & Rizzi 2007, "Camera and visual veiling
    glare"); no light is lost but over the picture's border, where its mirror image comes in."""
    height, width = light.shape[:2]
    longest = max(height, width)
    near = cv2.GaussianBlur(light, (0, 0), camera.bloom_px * longest / 256, borderType=cv2.BORDER_REFLECT)
    grid = min(1.0, GLARE_GRID / longest)
    size = (max(1, round(width * grid)), max(1, round(height * grid)))
    small = cv2.resize(light, size, interpolation=cv2.INTER_AREA)
    veil = cv2.GaussianBlur(small, (0, 0), WIDE_GLARE * max(size), borderType=cv2.BORDER_REFLECT)
    far = cv2.resize(veil, (width, height), interpolation=cv2.INTER_LINEAR)
    kept = 1 - camera.bloom - camera.glare
    return np.asarray(kept * light + camera.bloom * near + camera.glare * far, np.float32)


def _noise(light: Array, camera: Camera, rng: np.random.Generator) -> Array:
    """Photon noise and read noise in linear light (Foi et al. 2008), smeared as demosaicing smears it."""
    variance = np.minimum(light, 1) / camera.electrons + (camera.read_noise / camera.electrons) ** 2
    drawn = rng.standard_normal(light.shape, np.float32)
    if camera.grain_px > 0:
        drawn = cv2.GaussianBlur(drawn, (0, 0), camera.grain_px, borderType=cv2.BORDER_REFLECT)
    return np.asarray(np.sqrt(variance) * drawn, np.float32)
