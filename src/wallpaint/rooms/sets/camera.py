"""Model of a phone camera: scene radiance to sRGB photo.

    radiance -> lens (vignetting, glare) -> exposure -> noise -> white balance [-> local tone mapping, saturation]
             -> tone curve -> sharpening -> JPEG

All steps except the noise are deterministic functions of `PhoneCamera` and `Exposure`. For a pair of images of one
room, exposure, white balance and the gain map of local tone mapping are metered once (`meter`) and locked for both.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from PIL import Image

from wallpaint.errors import ShapeError
from wallpaint.imaging.color import LUMINANCE, linear_to_srgb, luminance
from wallpaint.rooms.materials import Color
from wallpaint.typing import Array

MINKOWSKI_NORM = 6.0  # of the shades-of-grey illuminant estimate
GREEN_MAGENTA_WEIGHT = 0.35  # real illuminants lie near the daylight locus and vary little from green to magenta
MAX_LOG_TINT = 1.2  # limit of the estimated illuminant, natural log of red over blue
HIGHLIGHT_QUANTILE = 0.94  # luminance above it may be clipped
CENTER_WEIGHT_SIGMA = 0.35  # of the centre-weighted metering, as a share of the half diagonal
GLARE_SIGMA = 0.12  # of the veiling glare, as a share of the longer side
GLARE_GRID_PX = 96  # longer side of the image on which the glare is computed
BASE_GRID_PX = 128  # longer side of the image on which the gain map is computed; its blur causes halos at windows
BASE_EDGE = 1.2  # natural log of luminance; stronger edges keep their contrast in the gain map
MIN_GAIN, MAX_GAIN = 0.08, 6.0  # of local tone mapping
EPSILON = 1e-9


@dataclass(frozen=True)
class PhoneCamera:
    """Parameters of a camera.

    key: linear level (1 is white) to which the average of the scene is exposed. exposure_error: stops. center_weight:
    0..1, weight of the image centre in metering. highlight_protection: 0..1, how far highlights lower the exposure.

    white_patch_weight: 0..1, weight of the white-patch illuminant estimate against shades of grey.
    white_balance_strength: 0..1, share of the estimated tint that is removed. tint_error: natural log of the gain
    errors of red, green, blue.

    contrast: 0..1, strength of the S-curve. shoulder: 0..1, how early highlights are rolled off. vignetting: 0..1,
    light loss in the corners. bloom, glare: shares of the light that are scattered near and far. bloom_px: sigma of the
    bloom at 256 pixels on the longer side.

    electrons: at linear 1; few mean a high ISO. read_noise: electrons. grain_px: sigma of the noise blur by demosaicing
    and noise reduction. sharpening: amount of the unsharp mask. jpeg_quality: 1..100. chroma_subsampling: 4:2:0 if
    True.

    shadow_lift, highlight_compression: 0..1, share of the large-scale contrast, in log luminance, that local tone
    mapping removes below and above the average; as in bracketed exposures merged to one picture. halo: 0..1, weight of
    a base without edges, whose gain map causes halos. halo_width: its sigma as a share of the longer side. saturation:
    factor.
    """

    key: float = 0.2
    exposure_error: float = 0.0
    center_weight: float = 0.5
    highlight_protection: float = 0.6
    white_patch_weight: float = 0.5
    white_balance_strength: float = 0.8
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
    jpeg_quality: int = 92
    chroma_subsampling: bool = True
    shadow_lift: float = 0.0
    highlight_compression: float = 0.0
    halo: float = 0.0
    halo_width: float = 0.05
    saturation: float = 1.0

    @property
    def is_hdr(self) -> bool:
        """Whether photos are tone-mapped locally."""
        return self.shadow_lift > 0 or self.highlight_compression > 0


@dataclass(frozen=True)
class Exposure:
    """Result of metering.

    gain: linear sensor level per unit of radiance. white: (3,) white balance gains, which preserve the luminance of
    grey. gain_map: (h, w) float32, factor of local tone mapping on the luminance of exposed light; None without.
    """

    gain: float
    white: Color
    gain_map: Array | None = field(default=None, compare=False, repr=False)


def sample(rng: np.random.Generator) -> PhoneCamera:
    """Sample a random camera, from low to high noise, compression and metering errors."""
    tint = rng.normal(0, [0.03, 0.012, 0.045])
    electrons = float(np.exp(rng.uniform(np.log(1500), np.log(40000))))
    return PhoneCamera(
        key=float(rng.uniform(0.26, 0.4)),
        exposure_error=float(np.clip(rng.normal(0, 0.35), -1, 1)),
        center_weight=float(rng.uniform(0.2, 0.8)),
        highlight_protection=float(rng.uniform(0.1, 0.6)),
        white_patch_weight=float(rng.uniform(0.3, 0.8)),
        white_balance_strength=float(rng.uniform(0.6, 1.0)),
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
        jpeg_quality=int(rng.integers(82, 97)),
        chroma_subsampling=bool(rng.random() < 0.7),
    )


def sample_hdr(rng: np.random.Generator, camera: PhoneCamera) -> PhoneCamera:
    """Return a camera that merges exposures as an estate agent's does: lifted shadows, kept windows, strong colours."""
    return replace(
        camera,
        key=float(rng.uniform(0.3, 0.45)),
        exposure_error=0.5 * camera.exposure_error,
        highlight_protection=float(rng.uniform(0.0, 0.3)),
        shadow_lift=float(rng.uniform(0.3, 0.6)),
        highlight_compression=float(rng.uniform(0.5, 0.85)),
        halo=float(rng.uniform(0.2, 0.7)),
        halo_width=float(rng.uniform(0.03, 0.09)),
        saturation=float(rng.uniform(1.1, 1.4)),
        sharpening=float(rng.uniform(0.3, 0.8)),
        electrons=max(camera.electrons, 6000.0),
    )


def geometric_mean(first: Array, second: Array) -> Array:
    """Return the radiance on which to meter a pair, (h, w, 3): the geometric mean of both.

    It corresponds to a paint between the two; metering on a dark wall alone would clip its repaint in white.
    """
    return np.sqrt(np.maximum(first, 0) * np.maximum(second, 0))


def meter(radiance: Array, camera: PhoneCamera) -> Exposure:
    """Determine exposure and white balance for a scene, (h, w, 3) linear light.

    Exposure: the centre-weighted log-average is mapped to the camera's key (Reinhard et al. 2002; ISO 2720 meters for
    18 % grey); highlights lower it. White balance: see `_white_balance`. Gain map: see `_gain_map`.
    """
    light = luminance(np.maximum(radiance, 0).astype(np.float64))
    height, width = light.shape
    weight = (
        1
        - camera.center_weight
        + camera.center_weight * np.exp(-_radius_squared(height, width) / (2 * CENTER_WEIGHT_SIGMA**2))
    )
    floor = 1e-3 * float(light.mean()) + EPSILON
    gain = camera.key / float(np.exp((weight * np.log(light + floor)).sum() / weight.sum()))
    ceiling = 1 / max(float(np.quantile(light, HIGHLIGHT_QUANTILE)), EPSILON)
    if gain > ceiling:
        gain = ceiling**camera.highlight_protection * gain ** (1 - camera.highlight_protection)
    exposure = Exposure(gain * 2.0**camera.exposure_error, _white_balance(radiance * gain, camera))
    if not camera.is_hdr:
        return exposure
    return replace(exposure, gain_map=_gain_map(luminance(expose(radiance, camera, exposure)), camera))


def _gain_map(light: Array, camera: PhoneCamera) -> Array:
    """Return the gain of local tone mapping: (h, w) float32. light: (h, w), exposed luminance.

    The large-scale log luminance (base) is moved towards its average, with separate strengths below and above it;
    detail keeps its contrast (Durand & Dorsey 2002, bilateral base layer). A share of the base has no edges: it darkens
    the wall around windows and lifts the frame of the window, as merged exposures do.
    """
    height, width = light.shape
    longest = max(height, width)
    grid = min(1.0, BASE_GRID_PX / longest)
    size = (max(1, round(width * grid)), max(1, round(height * grid)))
    small = cv2.resize(np.asarray(light, np.float32), size, interpolation=cv2.INTER_AREA)
    level = np.log(np.maximum(small, 1e-3 * float(small.mean()) + EPSILON)).astype(np.float32)
    sigma = camera.halo_width * max(size)
    smooth = cv2.GaussianBlur(level, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    base = (1 - camera.halo) * cv2.bilateralFilter(level, 0, BASE_EDGE, sigma / 2) + camera.halo * smooth
    offset = base - float(np.log(camera.key))
    gain = np.exp(-np.where(offset < 0, camera.shadow_lift, camera.highlight_compression) * offset)
    gain = np.clip(gain, MIN_GAIN, MAX_GAIN).astype(np.float32)
    return np.asarray(cv2.resize(gain, (width, height), interpolation=cv2.INTER_LINEAR))


def _white_balance(exposed: Array, camera: PhoneCamera) -> Color:
    """Return white balance gains that remove a part of the estimated illuminant tint.

    The estimate is a mixture of shades of grey (Finlayson & Trezzi 2004) and white patch (Land & McCann 1971) on pixels
    that are not clipped; its green to magenta component is damped.
    """
    pixels = np.maximum(exposed.reshape(-1, 3).astype(np.float64), EPSILON)
    usable = pixels[pixels.max(1) < 1.0]
    if len(usable) < 0.1 * len(pixels):
        usable = pixels / np.maximum(pixels.max(1, keepdims=True), 1.0)
    shades_of_grey = np.mean(usable**MINKOWSKI_NORM, axis=0) ** (1 / MINKOWSKI_NORM)
    bright = usable[luminance(usable) >= np.quantile(luminance(usable), 0.95)].mean(0)
    log_light = (1 - camera.white_patch_weight) * np.log(shades_of_grey) + camera.white_patch_weight * np.log(bright)
    amber = np.clip(log_light[0] - log_light[2], -MAX_LOG_TINT, MAX_LOG_TINT)
    green = GREEN_MAGENTA_WEIGHT * np.clip(
        log_light[1] - (log_light[0] + log_light[2]) / 2, -MAX_LOG_TINT, MAX_LOG_TINT
    )
    tint = np.array([amber / 2, green, -amber / 2])
    gains = np.exp(np.asarray(camera.tint_error) - camera.white_balance_strength * tint)
    gains /= gains @ LUMINANCE
    return float(gains[0]), float(gains[1]), float(gains[2])


def expose(radiance: Array, camera: PhoneCamera, exposure: Exposure) -> Array:
    """Apply vignetting, glare and exposure: (h, w, 3) float32, linear, 1 is white, before white balance."""
    if radiance.ndim != 3 or radiance.shape[-1] != 3:
        raise ShapeError(f"radiance is {radiance.shape}, expected (h, w, 3)")
    light = np.maximum(radiance, 0).astype(np.float32) * np.float32(exposure.gain)
    return _scatter(light, camera) * _vignetting(light.shape[0], light.shape[1], camera.vignetting)[..., None]


def develop(radiance: Array, camera: PhoneCamera, exposure: Exposure, rng: np.random.Generator | None = None) -> Array:
    """Render the photo, (h, w, 3) float32, sRGB-encoded, 0..1. rng: for the sensor noise, None for no noise."""
    light = expose(radiance, camera, exposure)
    if rng is not None:
        light = light + _noise(light, camera, rng)
    light = light * np.asarray(exposure.white, np.float32)
    if exposure.gain_map is not None:
        light = _map_tones(light, exposure.gain_map, camera.saturation)
    encoded = tone_curve(light, camera)
    if camera.sharpening > 0:
        blurred = cv2.GaussianBlur(encoded, (0, 0), 1.0, borderType=cv2.BORDER_REFLECT)
        encoded = encoded + np.float32(camera.sharpening) * (encoded - blurred)
    return np.clip(encoded, 0, 1)


def _map_tones(light: Array, gain_map: Array, saturation: float) -> Array:
    """Apply a gain map and a saturation factor to white-balanced linear light."""
    if gain_map.shape != light.shape[:2]:
        raise ShapeError(f"gain map is {gain_map.shape}, image {light.shape[:2]}: meter an image of the same size")
    mapped = light * gain_map[..., None]
    grey = np.asarray(luminance(mapped), np.float32)[..., None]
    return np.asarray(np.maximum(grey + np.float32(saturation) * (mapped - grey), 0), np.float32)


def capture(radiance: Array, camera: PhoneCamera, exposure: Exposure, rng: np.random.Generator) -> Array:
    """Render the photo with noise and JPEG artifacts, (h, w, 3) uint8 sRGB."""
    return decode_image(encode_jpeg(to_uint8(develop(radiance, camera, exposure, rng)), camera))


def tone_curve(light: Array, camera: PhoneCamera) -> Array:
    """Apply the tone curve per channel: white-balanced linear light to sRGB-encoded, 0..1.

    An exponential shoulder compresses highlights above a knee, then a smoothstep S-curve is blended in. Such curves are
    typical of cameras: Grossberg & Nayar 2004.
    """
    width = np.float32(max(0.6 * camera.shoulder, EPSILON))
    knee = 1 - width
    linear = np.where(light > knee, knee - width * np.expm1(-np.maximum(light - knee, 0) / width), np.maximum(light, 0))
    encoded = np.minimum(linear_to_srgb(linear.astype(np.float32)), 1)
    curve = encoded * encoded * (3 - 2 * encoded)
    return np.asarray(encoded + np.float32(camera.contrast) * (curve - encoded), np.float32)


def to_uint8(image: Array) -> Array:
    """Quantize an encoded image, 0..1, to uint8."""
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)


def encode_jpeg(image: Array, camera: PhoneCamera) -> bytes:
    """Encode (h, w, 3) uint8 as JPEG with the settings of this camera."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(
        buffer, "JPEG", quality=camera.jpeg_quality, subsampling=2 if camera.chroma_subsampling else 0
    )
    return buffer.getvalue()


def decode_image(data: bytes) -> Array:
    """Decode an image file to (h, w, 3) uint8."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def controlnet_depth(depth_m: Array) -> Array:
    """Convert depth to ControlNet input: (h, w) uint8, inverse depth from its 2nd to 98th percentile, near is white.

    depth_m: (h, w) metres; 0 or not finite for no hit, which counts as far.
    Source: the normalisation of MiDaS (Ranftl et al. 2020), with percentiles in place of extremes.
    """
    valid = np.isfinite(depth_m) & (depth_m > 0)
    inverse = np.where(valid, 1 / np.where(valid, depth_m, 1).astype(np.float64), 0)
    if not valid.any():
        return np.zeros(depth_m.shape, np.uint8)
    low, high = np.quantile(inverse[valid], [0.02, 0.98])
    if high - low < 1e-6 * high:
        return np.where(valid, 128, 0).astype(np.uint8)
    return np.round(255 * np.clip((inverse - low) / (high - low), 0, 1)).astype(np.uint8)


def _radius_squared(height: int, width: int) -> Array:
    """Return the squared distance from the image centre, 1 in the corners."""
    y, x = np.mgrid[0:height, 0:width]
    dy, dx = y + 0.5 - height / 2, x + 0.5 - width / 2
    return (dy**2 + dx**2) / (height**2 + width**2) * 4


def _vignetting(height: int, width: int, loss: float) -> Array:
    """Return the cosine-fourth law of natural vignetting for a given loss in the corners."""
    steepness = (1 - loss) ** -0.5 - 1
    return ((1 + steepness * _radius_squared(height, width)) ** -2).astype(np.float32)


def _scatter(light: Array, camera: PhoneCamera) -> Array:
    """Add bloom and veiling glare (McCann & Rizzi 2007, "Camera and visual veiling glare").

    Light is conserved, with reflection at the image border.
    """
    height, width = light.shape[:2]
    longest = max(height, width)
    near = cv2.GaussianBlur(light, (0, 0), camera.bloom_px * longest / 256, borderType=cv2.BORDER_REFLECT)
    grid = min(1.0, GLARE_GRID_PX / longest)
    size = (max(1, round(width * grid)), max(1, round(height * grid)))
    small = cv2.resize(light, size, interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), GLARE_SIGMA * max(size), borderType=cv2.BORDER_REFLECT)
    far = cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR)
    direct = 1 - camera.bloom - camera.glare
    return np.asarray(direct * light + camera.bloom * near + camera.glare * far, np.float32)


def _noise(light: Array, camera: PhoneCamera, rng: np.random.Generator) -> Array:
    """Sample photon and read noise in linear light (Foi et al. 2008), blurred by demosaicing."""
    variance = np.minimum(light, 1) / camera.electrons + (camera.read_noise / camera.electrons) ** 2
    noise = rng.standard_normal(light.shape, np.float32)
    if camera.grain_px > 0:
        noise = cv2.GaussianBlur(noise, (0, 0), camera.grain_px, borderType=cv2.BORDER_REFLECT)
    return np.asarray(np.sqrt(variance) * noise, np.float32)
