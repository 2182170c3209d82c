"""Identify the existing paint of a wall: colour in the photo, estimated paint, nearest paints of a palette."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from wallpaint.errors import InputError
from wallpaint.imaging import color
from wallpaint.imaging.mask_file import MaskSource
from wallpaint.imaging.masked_filters import weighted_quantile
from wallpaint.imaging.photo import Limits, read_photo
from wallpaint.paints.paint import Paint
from wallpaint.paints.palette import read_palette
from wallpaint.pipeline.repaint import prepare
from wallpaint.scene.scene import PreparedScene, Wall
from wallpaint.segment.detect import detect_walls
from wallpaint.typing import Array

NEAREST = 3
PATCH_SHARE = 0.004  # of the longer side: radius of the patch that is averaged at a point
MIN_ALBEDO, MAX_ALBEDO = 0.005, 0.95


@dataclass(frozen=True, eq=False)
class IdentifiedPaint:
    """The paint of a wall.

    wall: name of the wall, None at a point on no wall. appearance: (3,) linear sRGB, the colour in the photo. paint:
    the estimated paint, whose albedo would appear so in this light. nearest: paints of the palette with their CIEDE2000
    difference from the estimate, the nearest first.
    """

    wall: str | None
    appearance: Array
    paint: Paint
    nearest: tuple[tuple[Paint, float], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, colours as "#rrggbb"."""
        return {
            "wall": self.wall,
            "on_wall": self.wall is not None,
            "appearance": _hex(self.appearance),
            "paint": self.paint.hex,
            "nearest": [
                {"name": paint.name, "code": paint.code, "color": paint.hex, "delta_e": round(difference, 2)}
                for paint, difference in self.nearest
            ],
        }


def identify(
    scene: PreparedScene,
    palette: Iterable[Paint] | None = None,
    at: tuple[int, int] | None = None,
    count: int = NEAREST,
) -> IdentifiedPaint:
    """Identify the paint of a scene's largest wall, or of the surface at a point.

    at: (x, y) in the upright photo. Off the walls the estimate divides the colour by that of white in the light of the
    largest wall. palette: the paints to compare with. count: how many nearest ones to return. Raises InputError for a
    point outside the photo.
    """
    largest = max(scene.walls.values(), key=lambda wall: wall.share)
    if at is None:
        appearance, albedo = _median(largest), _wall_albedo(largest)
        name: str | None = largest.name
    else:
        appearance, name = _patch(scene, at), _wall_at(scene, at)
        if name is None:
            albedo = appearance / np.maximum(largest.illuminant.white, 1e-3)
        else:
            albedo = _wall_albedo(scene.walls[name], at)
    red, green, blue = (float(value) for value in np.clip(albedo, MIN_ALBEDO, MAX_ALBEDO))
    paint = Paint((red, green, blue))
    return IdentifiedPaint(name, appearance, paint, nearest_paints(paint, list(palette or ()), count))


def nearest_paints(paint: Paint, others: Sequence[Paint], count: int = NEAREST) -> tuple[tuple[Paint, float], ...]:
    """Return the paints nearest to one, with their CIEDE2000 differences from it, the nearest first."""
    if not others:
        return ()
    labs = color.linear_to_lab(np.array([other.albedo_linear for other in others]))
    differences = color.delta_e_2000(labs, np.array(paint.lab))
    order = np.argsort(differences, kind="stable")[:count]
    return tuple((others[index], float(differences[index])) for index in order)


def run(
    photo: Path,
    *,
    palette: Path | None = None,
    at: tuple[int, int] | None = None,
    mask: Path | None = None,
    white: tuple[int, int] | None = None,
    limits: Limits | None = None,
) -> dict[str, Any]:
    """Identify the paint of a wall, from files to a report. palette, mask: None for none. Raises InputError."""
    limits = limits or Limits()
    paints = None if palette is None else read_palette(palette)
    image = read_photo(photo, limits)
    notes: tuple[str, ...] = ()
    masks: Mapping[str, MaskSource]
    if mask is None:
        detected = detect_walls(image)
        masks, notes = detected.masks, (f"no mask was given: {detected.summary()}",)
    else:
        masks = {"wall": mask}
    scene = prepare(image, masks, white=white, limits=limits)
    report = identify(scene, paints, at).to_dict()
    return {"photo": str(photo), **report, "warnings": [*notes, *scene.warnings]}


def summary(report: Mapping[str, Any]) -> list[str]:
    """Return the lines that describe a report of `run`."""
    where = "the wall" if report["on_wall"] else "no wall: the estimate assumes the light of the largest one"
    lines = [
        f"colour in the photo: {report['appearance']}",
        f"estimated paint:     {report['paint']} ({where})",
    ]
    for paint in report["nearest"]:
        label = " ".join(filter(None, (paint["code"], paint["name"]))) or paint["color"]
        lines.append(f"  {label} {paint['color']}: CIEDE2000 {paint['delta_e']:.1f}")
    return [*lines, *(f"note: {warning}" for warning in report["warnings"])]


def _median(wall: Wall) -> Array:
    return np.asarray(np.median(wall.canvas.space.to_linear(wall.canvas.codes[wall.sample]), axis=0), np.float64)


def _patch(scene: PreparedScene, at: tuple[int, int]) -> Array:
    """Return the median colour round a point, (3,) linear sRGB."""
    (height, width), (x, y) = scene.photo.size, at
    if not (0 <= x < width and 0 <= y < height):
        raise InputError(f"the point {x},{y} lies outside the photo, which is {width} wide and {height} high")
    radius = max(1, round(PATCH_SHARE * max(height, width)))
    codes = scene.photo.codes[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1]
    linear = scene.photo.space.to_linear(np.ascontiguousarray(codes)).reshape(-1, 3)
    return np.asarray(np.median(linear, axis=0), np.float64)


def _wall_at(scene: PreparedScene, at: tuple[int, int]) -> str | None:
    """Return the name of the wall whose core holds a point."""
    for name, wall in scene.walls.items():
        top, left = wall.canvas.origin
        core, (row, column) = wall.canvas.matte.core, (at[1] - top, at[0] - left)
        if 0 <= row < core.shape[0] and 0 <= column < core.shape[1] and core[row, column]:
            return name
    return None


def _wall_albedo(wall: Wall, at: tuple[int, int] | None = None) -> Array:
    """Return the albedo of a wall's paint, (3,): the light model's prediction, or the illuminant's estimate.

    at: a point in the photo. The median over the wall is more accurate than the prediction there, unless the wall has
    several paints.
    """
    prediction = wall.light_prediction
    if wall.illuminant.is_user_given and wall.illuminant.wall_albedo is not None:
        return np.asarray(wall.illuminant.wall_albedo)
    if prediction is None:
        known = wall.illuminant.wall_albedo
        return np.asarray(known) if known is not None else _median(wall) / np.maximum(wall.illuminant.white, 1e-3)
    mask = wall.light_input.wall
    height, width = prediction.log_shading.shape
    if at is not None and wall.intrinsics.paint_count > 1:
        photo_height, photo_width = wall.light_input.size
        return np.asarray(prediction.wall_albedo[at[1] * height // photo_height, at[0] * width // photo_width])
    share = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
    return np.array([weighted_quantile(prediction.wall_albedo[..., c], share, 0.5) for c in range(3)])


def _hex(rgb_linear: Array) -> str:
    codes = np.rint(255 * color.linear_to_srgb(np.clip(rgb_linear, 0, 1))).astype(np.uint8)
    return "#" + codes.tobytes().hex()
