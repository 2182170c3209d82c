"""A reference evaluation of the preview payload in NumPy, written from docs/preview.md: what the page computes."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np

from wallpaint.imaging import color
from wallpaint.imaging.masked_filters import box_mean, fill, weighted_quantile

Array = np.ndarray
LUMINANCE = color.LUMINANCE.astype(np.float32)


@dataclass(frozen=True)
class Payload:
    """header: the JSON. planes: arrays by name. c: the constants."""

    header: dict[str, Any]
    planes: dict[str, Array]

    @property
    def c(self) -> SimpleNamespace:
        return SimpleNamespace(**self.header["constants"])


def parse(data: bytes) -> Payload:
    assert data[:8] == b"WPVIEW1\n"
    length = int.from_bytes(data[8:12], "little")
    header = json.loads(data[12 : 12 + length])
    planes = {}
    for entry in header["planes"]:
        start = 12 + length + entry["offset"]
        raw = zlib.decompress(data[start : start + entry["length"]])
        values = np.frombuffer(raw, entry["dtype"]).reshape(entry["shape"])
        if entry["filtered"]:
            values = np.cumsum(values, axis=1, dtype=np.uint8)
        planes[entry["name"]] = values
    return Payload(header, planes)


# -- the coefficients for one paint


def log_change_planes(p: Payload, albedo: Array) -> Array:
    """(h, w, 4): natural log of the change of light at the wall's median brightness, and its slope."""
    c, q = p.c, p.planes
    rho = np.maximum(albedo, 1e-4).astype(np.float32)
    brightening = np.log(max(luma(albedo), 1e-3) / max(p.header["existing_luma"], 1e-3))
    existing = q["wall_albedo"]
    strength = np.clip(1 - brightening / c.LAMP_LOG_BRIGHTENING, 0, 1) * (1 - c.LAMP_ALBEDO_SHARE)
    if strength > 0:
        median = np.array(p.header["lamp_median"], np.float32)
        local = np.log(np.maximum(existing, 1e-4)) - median
        existing = np.minimum(np.exp(median + (1 - strength * q["lamp"]) * local), c.MAX_WALL_ALBEDO)
    new, old = (np.log(a / (1 - q["interreflection"] * a) + q["gloss"]) for a in (rho, existing))
    e = q["contrast"] * (new - old)
    slope = q["shading_gain"] * luma(e)[..., None]
    planes = np.concatenate([e + q["correction"], slope], -1).astype(np.float32)
    trust = q["trust"][..., 0]
    if p.header["pattern_removed"]:
        planes = box_mean(planes, trust + np.float32(1e-6), max(trust.shape) // c.PATTERN_RADIUS_SHARE)
    median = np.array([weighted_quantile(planes[..., i], trust, 0.5) for i in range(4)], np.float32)
    local = planes - median
    share = several_paints_share(p, local, brightening) if p.header["has_several_paints"] else c.LOCAL_SHARE
    change = luma(local[..., :3])[..., None]
    local[..., :3] -= q["doubt"] * (local[..., :3] - change)
    return fill(median + np.float32(share) * local, trust)


def several_paints_share(p: Payload, local: Array, brightening: float) -> float:
    c, correction, trust = p.c, p.planes["correction"], p.planes["trust"]
    median = np.array([weighted_quantile(correction[..., i], trust[..., 0], 0.5) for i in range(3)], np.float32)
    removed = correction - median
    restored = float((trust * removed * local[..., :3]).sum()) / max(float((trust * removed**2).sum()), 1e-6)
    paints, light = c.SEVERAL_PAINTS_SHARE
    dark_from, dark_to = c.DARK_LOG_BRIGHTENING
    paints += (c.DARK_SEVERAL_PAINTS_SHARE - paints) * np.clip((brightening - dark_from) / (dark_to - dark_from), 0, 1)
    low, high = c.DISAGREEMENT
    return paints + (light - paints) * np.clip((restored - low) / (high - low), 0, 1)


# -- one wall's pixels


def luma(rgb: Array) -> Any:
    return rgb @ (LUMINANCE if rgb.dtype == np.float32 else color.LUMINANCE)


def existing_wall(p: Payload, log_shading: Array, tint: Array, specular: Array) -> Array:
    wall = np.array(p.header["median"], np.float32) * np.exp(tint)
    wall = wall * (p.header["median_luma"] * np.exp(log_shading) / np.maximum(luma(wall), 1e-6))[..., None]
    return wall + specular[..., None] * np.array(p.header["illuminant_color"], np.float32)


def changed_light(p: Payload, base: Array, planes: Array) -> Array:
    """The base (..., 3) in the new paint; planes (..., 4) at the same pixels."""
    c = p.c
    log_luma = np.log(np.maximum(luma(base), c.MIN_LINEAR))
    change = planes[..., :3] + planes[..., 3:] * (log_luma - p.header["base_log_luma"])[..., None]
    clipped = np.clip(base, 1e-5, c.CLIP_LINEAR)
    scene = np.log(clipped) - np.log1p(-(clipped**c.ROLL_OFF_POWER)) / c.ROLL_OFF_POWER
    scene = np.exp(np.minimum(scene + change, 8))
    rolled = scene / (1 + scene**c.ROLL_OFF_POWER) ** (1 / c.ROLL_OFF_POWER)
    return rolled * np.maximum(base / c.CLIP_LINEAR, 1)


def exposed_planes(p: Payload, albedo: Array, match: str) -> Array:
    """`log_change_planes`, with the exposure of a wall with relief."""
    planes = log_change_planes(p, albedo)
    shading_luma = luma(appearance(p, albedo)) if match == "room" else luma(albedo)
    planes[..., :3] += relief_exposure(p, planes, shading_luma)
    return planes


def relief_exposure(p: Payload, planes: Array, shading_luma: float) -> float:
    """Natural log, 0 or less, of the exposure in which a bright wall keeps its relief."""
    if not p.header["has_relief"]:
        return 0.0
    s = sample_of(p, planes, shading_luma)
    base, at = existing_wall(p, s.shading, s.tint, s.specular), s.planes[:, 0]
    change = at[:, :3] + at[:, 3:] * (log_luma(base, p.c.MIN_LINEAR) - p.header["base_log_luma"])[:, None]
    clipped = np.clip(base, 1e-5, p.c.CLIP_LINEAR)
    scene = np.log(clipped) - np.log1p(-(clipped**p.c.ROLL_OFF_POWER)) / p.c.ROLL_OFF_POWER
    median = float(np.median(luma(np.exp(np.minimum(scene + change, 8)))))
    knee, top = p.c.RELIEF_EXPOSURE
    if median <= knee:
        return 0.0
    return float(np.log((knee + (top - knee) * (1 - np.exp(-(median - knee) / (top - knee)))) / median))


def channel_error(p: Payload, rgb: Array) -> Array:
    encoded = np.clip(color.linear_to_srgb(np.clip(rgb, 0, 1)), 0.25 / 255, 1)
    return p.c.CODE_ERROR * np.maximum(2.4 / (encoded + 0.055), 1 / encoded)


def luminance_error(p: Payload, rgb: Array) -> Array:
    light = np.maximum(rgb, 1e-6)
    return luma(light * channel_error(p, light)) / luma(light)


def color_trust(p: Payload, rgb: Array) -> Array:
    return 1 / (1 + (channel_error(p, rgb).max(-1) / p.c.HALF_TRUST_ERROR) ** 2)


def color_doubt(p: Payload, rgb: Array) -> Array:
    none, full = p.c.COLOR_DOUBT_TRUST
    low, high = p.c.DARK_ERROR
    dark = np.clip((luminance_error(p, rgb) - low) / (high - low), 0, 1)
    return dark * np.clip((none - color_trust(p, rgb)) / (none - full), 0, 1)


def tint_trust(p: Payload, rgb: Array) -> Array:
    median = np.array(p.header["median"])
    return color_trust(p, median) * (1 - color_doubt(p, median)) * (1 - color_doubt(p, rgb))


def level_weights(p: Payload, new_luma: float) -> tuple[int, int, float]:
    """Indices of two levels and the weight of the second, linear in log luminance."""
    levels = p.header["levels"]
    if len(levels) == 1 or new_luma <= levels[0]:
        return 0, 0, 0.0
    upper = next((i for i, level in enumerate(levels) if level >= new_luma), len(levels) - 1)
    span = np.log(levels[upper] / levels[upper - 1])
    return upper - 1, upper, float(min(1, np.log(new_luma / levels[upper - 1]) / span))


def headroom(rgb: Array, max_lightness: float) -> float:
    lightness = float(color.linear_to_oklab(np.maximum(rgb, 0))[0])
    return 3 * float(np.log(max_lightness / np.clip(lightness, 1e-3, max_lightness)))


# -- what one paint needs, measured on the sample


@dataclass
class Sample:
    """The sample's pixels, with planes of the coefficients at each pixel, its right and its lower neighbour."""

    shading: Array
    blurred: Array
    tint: Array
    specular: Array
    planes: Array


def sample_of(p: Payload, planes: Array, shading_luma: float) -> Sample:
    position, every = p.planes["sample_position"], p.planes["sample_shading"]
    first, second, weight = level_weights(p, shading_luma)
    values = every.reshape(len(every), -1, 4)
    values = (1 - weight) * values[:, first] + weight * values[:, second]
    tint = p.planes["sample_tint"]
    y, x, below, right = position.T
    at = [upsample(planes, *pair) for pair in ((y, x), (y, right), (below, x))]
    return Sample(values[:, 0], values[:, 1:], tint[:, :3], tint[:, 3], np.stack(at, 1))


def upsample(planes: Array, y: Array, x: Array) -> Array:
    """Sample (h, w, C) at its own coordinates, bicubically; pixel centres at integers, the border is replicated."""
    return remap(planes, y, x, cv2.INTER_CUBIC)


def remap(planes: Array, y: Array, x: Array, filter_code: int, longest: int = 30_000) -> Array:
    """longest: at once; the length of an OpenCV map must fit 16 bits."""
    y, x = y.astype(np.float32), x.astype(np.float32)
    sampled = [
        cv2.remap(planes, x[i : i + longest], y[i : i + longest], filter_code, borderMode=cv2.BORDER_REPLICATE)
        for i in range(0, len(y), longest)
    ]
    return np.concatenate([s.reshape(-1, planes.shape[2]) for s in sampled])


@dataclass
class RoomEdit:
    """cast: (3,) factor of the chromaticity, natural log, times the doubt of each pixel. target: the wall's median."""

    cast: Array
    doubt: float
    target: Array
    shading_luma: float


def room_edit(p: Payload, planes: Array, albedo: Array) -> RoomEdit:
    median, white = np.array(p.header["median"]), np.array(p.header["white"])
    likely = luma(appearance(p, albedo))
    s = sample_of(p, planes, likely)
    base = existing_wall(p, s.shading, s.tint, s.specular)
    painted = changed_light(p, base, s.planes[:, 0])
    doubt = float(color_doubt(p, median))
    cast = np.zeros(3)
    if doubt > 0:
        middle = np.maximum(np.median(painted, axis=0), 1e-5)
        lit = np.maximum(albedo, 1e-4) * white
        factor = (lit / luma(lit) * luma(middle) / middle) ** doubt
        factor *= luma(middle) / luma(middle * factor)
        cast = np.log(factor)
        painted = painted * np.exp(local_doubt(p, s.shading, doubt)[..., None] * cast)
    gamut = np.array(p.header["gamut"]).reshape(3, 3)
    painted = color.compress_gamut(painted, gamut)
    return RoomEdit(cast, doubt, np.median(painted, axis=0), likely)


def local_doubt(p: Payload, log_shading: Array, doubt: float) -> Array:
    level = np.exp(log_shading)[..., None]
    return np.minimum(color_doubt(p, np.array(p.header["median"]) * level) / doubt, 1)


def appearance(p: Payload, albedo: Array) -> Array:
    """The paint's likely colour by the illuminant alone; only its luminance is used."""
    light = p.header["illuminant"]
    existing, white = np.array(light["wall_albedo"]), np.array(p.header["white"])
    after, before = (a / (1 - light["bounce"] * a) + light["gloss"] for a in (np.maximum(albedo, 1e-4), existing))
    return white * existing * (after / before) ** light["contrast"]


@dataclass
class SwatchEdit:
    share: float
    shift: float
    tint_shift: Array
    gain: float
    target: Array
    curve: tuple[Array, Array]
    knee: float
    lock: Array


def swatch_edit(p: Payload, planes: Array, albedo: Array) -> SwatchEdit:
    c = p.c
    gamut = np.array(p.header["gamut"]).reshape(3, 3)
    s = sample_of(p, planes, luma(albedo))
    quantiles = np.array(p.header["log_shading_quantiles"])
    before = existing_wall(p, s.shading, s.tint, s.specular)
    after = changed_light(p, before, s.planes[:, 0])
    change = log_luma(after) - log_luma(before)
    tint_change = log(after) - log(before) - change[:, None]
    shift = float(np.median(change + s.shading) - np.median(s.shading))
    tint_shift = np.median(tint_change, axis=0)
    lacks = lacks_headroom(p, albedo)
    share = shading_share(p, s, planes, albedo, lacks)
    shading = s.shading + share * (change - shift)
    if share > 0:
        quantiles = quantiles + np.quantile(shading, c.LOG_SHADING_QUANTILES)
        quantiles -= np.quantile(s.shading, c.LOG_SHADING_QUANTILES)
    trust = tint_trust(p, before)[:, None]
    tint_change = np.clip(tint_change - tint_shift, -c.MAX_LOG_TINT, c.MAX_LOG_TINT) * trust
    tint = s.tint + share * c.TINT_SHARE * tint_change
    gain = 1.0
    if lacks:
        gain = min(1.0, shading_gain(p, luma(albedo)))
        shading, quantiles = shading * gain, quantiles * gain
    knee = c.WHITE_KNEE if lacks else 0.0
    goal_lab = color.linear_to_lab(albedo)
    target, best, best_error = albedo.copy(), albedo, np.inf
    for step in range(c.LOCK_STEPS + len(c.LOCK_RESTARTS)):
        if step >= c.LOCK_STEPS:
            if best_error < c.LOCK_TOLERANCE_DELTA_E:
                break
            target = albedo * c.LOCK_RESTARTS[step - c.LOCK_STEPS]
        curve = paint_curve(p, quantiles, target, lacks)
        rendered = render(p, shading, tint, s.specular, target, curve, knee, gamut)
        median = np.median(rendered, axis=0)
        error = float(color.delta_e_76(color.linear_to_lab(median), goal_lab))
        if error < best_error:
            best, best_error = target, error
        target = np.clip(target * (albedo + 1e-4) / (median + 1e-4), 0.25 * albedo, 4 * albedo + 0.01)
    curve = paint_curve(p, quantiles, best, lacks)
    rendered = render(p, shading, tint, s.specular, best, curve, knee, gamut)
    lock = lock_gain(rendered, albedo, gamut)
    return SwatchEdit(share, shift, tint_shift, gain, best, curve, knee, lock)


def lock_gain(rendered: Array, goal: Array, gamut: Array, steps: int = 3) -> Array:
    """The factor on each channel of the file's linear RGB with which the median of the sample is nearest to goal."""
    device, to_srgb = rendered @ gamut.T, np.linalg.inv(gamut)
    goal_device, goal_lab = gamut @ goal, color.linear_to_lab(goal)
    best, best_error, gain = np.ones(3), np.inf, np.ones(3)
    for _ in range(steps):
        limited = color.compress_gamut((device * gain) @ to_srgb.T, gamut) @ gamut.T
        median = np.median(limited, axis=0)
        error = float(color.delta_e_76(color.linear_to_lab(to_srgb @ median), goal_lab))
        if error < best_error:
            best, best_error = gain, error
        gain = gain * np.clip((goal_device + 1e-4) / (median + 1e-4), 0.5, 2)
    return best


def lacks_headroom(p: Payload, albedo: Array) -> bool:
    c = p.c
    white = c.WHITE_ALBEDO * luma(np.array(p.header["white"]))
    brighter = p.header["white_is_known"] and luma(albedo) > c.BRIGHTER_THAN_WHITE_RATIO * white
    needed = p.header["log_shading_quantiles"][-1]
    return bool(brighter and needed > c.EXCEEDED_HEADROOM * headroom(albedo, c.MAX_LIGHTNESS))


def shading_gain(p: Payload, new_luma: float) -> float:
    c = p.c
    gain = c.SHADING_GAIN - c.SHADING_GAIN_SLOPE * np.log(max(new_luma, 1e-3) / max(p.header["median_luma"], 1e-3))
    return float(np.clip(gain, *c.SHADING_GAIN_LIMITS))


def shading_share(p: Payload, s: Sample, planes: Array, albedo: Array, lacks: bool) -> float:
    c = p.c
    median = np.array(p.header["median"])
    distance = float(color.delta_e_76(color.linear_to_lab(albedo), color.linear_to_lab(median)))
    span = c.TRUST_NONE_DELTA_E - c.TRUST_FULL_DELTA_E
    trust = np.clip((c.TRUST_NONE_DELTA_E - p.header["expected_error"]) / span, 0, 1)
    limit = c.MAX_SHARE * float(trust * np.clip(distance / c.FULL_SHARE_DELTA_E, 0, 1))
    if limit == 0 or p.header["pattern_removed"]:
        return limit
    gamut = np.array(p.header["gamut"]).reshape(3, 3)
    tint, specular = s.tint[:, None].repeat(3, 1), s.specular[:, None].repeat(3, 1)
    before = existing_wall(p, s.blurred, tint, specular)
    change = log_luma(changed_light(p, before, s.planes)) - log_luma(before)
    # the effect of gamut mapping
    curve = paint_curve(p, np.array(p.header["log_shading_quantiles"]), albedo, False)
    rendered = log_luma(render(p, s.blurred, tint, specular, albedo, curve, 0.0, gamut), c.MIN_LINEAR)
    contrast_gain = contrast(p, rendered[:, 0]) / max(contrast(p, s.blurred[:, 0]), 1e-3)
    contrast_gain = float(np.clip(contrast_gain, 1, c.MAX_CONTRAST_GAIN))
    old, mapped = gradients(s.blurred), gradients(rendered)
    norm = float(np.sqrt((old @ old) * (mapped @ mapped)))
    correlation = max(0.0, float(old @ mapped) / norm) if norm > 0 else 1.0
    min_correlation = max(c.MIN_GRADIENT_CORRELATION, c.MIN_FINAL_GRADIENT_CORRELATION / max(correlation, 1e-3))
    if lacks:
        min_correlation = c.WHITE_MIN_CORRELATION
    difference = gradients(s.blurred + change) - old
    old_old, diff_diff, old_diff = float(old @ old), float(difference @ difference), float(old @ difference)
    own = log_luma(changed_light(p, existing_wall(p, s.shading, s.tint, s.specular), s.planes[:, 0]))
    own = own - log_luma(existing_wall(p, s.shading, s.tint, s.specular))
    low, high = c.CONTRAST_LIMITS[0], c.CONTRAST_LIMITS[1] / contrast_gain
    least, most = (factor * contrast(p, s.shading) for factor in (low, high))
    for share in np.linspace(limit, 0, c.SHARE_STEPS, endpoint=False):
        norm = np.sqrt(old_old * max(old_old + 2 * share * old_diff + share**2 * diff_diff, 0.0))
        if old_old + share * old_diff < min_correlation * norm:
            continue
        if least <= contrast(p, s.shading + share * own) <= most:
            return float(share)
    return 0.0


def gradients(values: Array) -> Array:
    """Differences to the right and the lower neighbour, (2 N,), mean 0. values: (N, 3)."""
    difference = np.concatenate([values[:, 1] - values[:, 0], values[:, 2] - values[:, 0]])
    return difference - difference.mean()


def contrast(p: Payload, values: Array) -> float:
    low, high = np.quantile(values, p.c.CONTRAST_QUANTILES)
    return float(high - low)


def log(rgb: Array, lowest: float = 1e-5) -> Array:
    return np.log(np.maximum(rgb, lowest))


def log_luma(rgb: Array, lowest: float = 1e-5) -> Array:
    return log(luma(rgb), lowest)


def paint_curve(p: Payload, quantiles: Array, target: Array, lacks: bool) -> tuple[Array, Array]:
    """Knots of the tone curve of a paint: log shading in and out, (n,) each."""
    from wallpaint.scene.intrinsics import tone_curve

    c, top = p.c, p.c.MAX_LIGHTNESS
    if lacks:
        lightness = float(color.linear_to_oklab(np.maximum(target, 0))[0])
        top -= (1 - c.WHITE_HEADROOM_SHARE) * max(0.0, top - lightness)
    options = {"min_contrast": 0.0, "bend": c.WHITE_SHOULDER} if lacks else {}
    return tone_curve(quantiles, headroom(target, top), **options)


def render(
    p: Payload,
    shading: Array,
    tint: Array,
    specular: Array,
    target: Array,
    curve: tuple[Array, Array],
    knee: float,
    gamut: Array,
) -> Array:
    new_luma = luma(target) * np.exp(np.interp(shading, *curve))
    painted = target * np.exp(tint)
    painted = painted * (new_luma / np.maximum(luma(painted), 1e-6))[..., None]
    painted = painted + specular[..., None] * np.array(p.header["illuminant_color"])
    return color.compress_gamut(painted, gamut, knee)


# -- the picture


def render_preview(p: Payload, photo: Array, paint: Array, match: str = "room") -> Array:
    """The repainted preview.

    photo: (H, W, 3) linear sRGB at the preview's size. paint: (3,) linear sRGB. Returns (H, W, 3), linear sRGB, 0..1.
    """
    height, width = photo.shape[:2]
    alpha = p.planes["edges"][..., 0].astype(np.float32) / 255
    planes = exposed_planes(p, paint, match)
    rows, cols = np.nonzero(alpha > 0)
    y, x = (rows + 0.5) / height, (cols + 0.5) / width
    left, top, wide, high = p.header["window"]
    window = ((y - top) / high, (x - left) / wide)
    codes = bilinear(p.planes["shading"], *window)
    shades = np.log(np.maximum((codes / 255) ** p.c.SHADING_GAMMA * p.header["shading_top"], p.c.MIN_SHADING))
    shades -= np.log(p.header["median_luma"])
    tint_codes = bilinear(p.planes["tint"], *window)
    tint = (tint_codes[:, :3] - 127) / 127 * p.c.MAX_LOG_TINT
    specular = (tint_codes[:, 3] / 255) ** 2 * p.header["specular_top"]
    edit = room_edit(p, planes, paint) if match == "room" else swatch_edit(p, planes, paint)
    shading_luma = edit.shading_luma if match == "room" else luma(paint)
    pixels, wall_alpha = photo[rows, cols], alpha[rows, cols]
    core = (wall_alpha > 0.998)[:, None]
    edge_color = color.srgb_to_linear(p.planes["edges"][rows, cols, 1:].astype(np.float32) / 255)
    wall_color = np.where(core, pixels, edge_color)  # without what lies behind the wall's edge
    base_plane = shades.shape[1] - len(p.header["levels"])  # 0: the first level is the photo itself
    first, second, weight = level_weights(p, shading_luma)
    denoised = (1 - weight) * shades[:, base_plane + first] + weight * shades[:, base_plane + second]
    log_shading = denoised.copy()
    if not p.header["pattern_removed"]:
        photo_luma = luma(wall_color)
        diffuse = np.maximum(photo_luma - specular, 0.02 * photo_luma)
        own = np.log(np.maximum(diffuse, p.c.MIN_SHADING) / p.header["median_luma"])
        target_luma = luma(edit.target) if match == "room" else luma(paint)
        detail = detail_share(p, shades[:, base_plane], target_luma)
        log_shading += detail * (own - shades[:, 0])
    base = existing_wall(p, log_shading, tint, specular)
    size = p.header["coefficient_size"]
    at = upsample(planes, y * size[0] - 0.5, x * size[1] - 0.5)
    gamut = np.array(p.header["gamut"]).reshape(3, 3)
    if isinstance(edit, RoomEdit):
        painted = changed_light(p, base, at)
        if edit.doubt > 0:
            painted = painted * np.exp(local_doubt(p, denoised, edit.doubt)[..., None] * edit.cast)
        painted = color.compress_gamut(painted, gamut)
    else:
        after = changed_light(p, base, at)
        change = log_luma(after) - log_luma(base)
        tint_change = log(after) - log(base) - change[:, None] - edit.tint_shift
        tint_change = np.clip(tint_change, -p.c.MAX_LOG_TINT, p.c.MAX_LOG_TINT) * tint_trust(p, base)[:, None]
        shading = (log_shading + edit.share * (change - edit.shift)) * edit.gain
        new_tint = tint + edit.share * p.c.TINT_SHARE * tint_change
        painted = render(p, shading, new_tint, specular, edit.target, edit.curve, edit.knee, gamut)
        painted = color.compress_gamut((painted @ gamut.T * edit.lock) @ np.linalg.inv(gamut).T, gamut)
    mixed = pixels + wall_alpha[:, None] * (painted - wall_color)
    out = photo.copy()
    out[rows, cols] = np.clip(mixed, 0, 1)
    return out


def detail_share(p: Payload, shading: Array, new_luma: float) -> Array:
    """How much of the detail finer than the shading planes is kept, 0..1, at pixels of this log shading."""
    c, h = p.c, p.header
    old = h["median_luma"]
    before = 116 / 3 * h["noise"] * max(old, 0.009) ** (1 / 3) if old >= 0.009 else 903.3 * h["noise"] * old
    after = 116 / 3 * h["noise"] * max(new_luma, 0.009) ** (1 / 3)
    gain = min(1.0, max(before, c.GRAIN_LIGHTNESS) / max(after, 1e-9))
    if len(h["levels"]) == 1:
        return np.full(shading.shape, gain)
    level = old * np.exp(shading)
    error = luminance_error(p, np.array(h["median"]) * np.exp(shading)[..., None])
    before, after = (116 / 3 * error * np.maximum(value, 0.009) ** (1 / 3) for value in (level, new_luma))
    visibility = after / np.maximum(before, c.VISIBLE_LIGHTNESS)
    return gain * np.minimum(1, 1 / np.maximum(visibility, 1e-3)) ** c.DETAIL_POWER


def bilinear(plane: Array, y: Array, x: Array) -> Array:
    """Sample (h, w, C) at fractions of its height and width, bilinearly; the border is replicated."""
    height, width = plane.shape[:2]
    return remap(plane.astype(np.float32), y * height - 0.5, x * width - 0.5, cv2.INTER_LINEAR)
