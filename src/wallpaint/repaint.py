"""The main job, on one page: a scene and paints in, the repainted photo and its report out.

photo, walls -> prepare -> painter -> composite.fit -> composite.lock -> composite.compose -> Result
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from PIL import Image

from wallpaint import color, composite, threads
from wallpaint import report as reports
from wallpaint.encode import WriteReport, write_photo
from wallpaint.errors import ConfigError, InputError
from wallpaint.fields import Array
from wallpaint.mask_file import MaskSource
from wallpaint.paint import Paint
from wallpaint.painters import analytic
from wallpaint.photo import Photo, PhotoSource
from wallpaint.scene import Scene, Wall, prepare
from wallpaint.sheets import preview

MATCHES = ("literal", "lit")
PAINTERS = ("auto", "analytic", "diffusion")
DETAILS = ("keep", "new")
MISSED = 0.25  # CIEDE2000 of a wall's median from which the lock is tightened on every pixel
TIGHTENINGS = 3
FULL = 0.98  # of the file's range, for paints that the light would carry beyond it


@dataclass(frozen=True)
class Result:
    """A repainted photo.

    photo: the source. codes: (H, W, C), uint8 or uint16, the result in the photo's own space and depth. report: plain
    data, ready for JSON.
    """

    photo: Photo
    codes: Array
    report: dict[str, Any]

    @property
    def image(self) -> Image.Image:
        """The result at full size as an 8-bit sRGB picture, for showing; `save` keeps the photo's space and depth."""
        return preview(self.photo, self.codes, max(self.photo.size))

    def save(self, path: str | Path, *, strip_location: bool = False, quality: int | None = None) -> WriteReport:
        """Write the picture; the extension names the format. The file appears whole or not at all."""
        lasting = {key: value for key, value in self.report.items() if key != "seconds"}  # same run, same bytes
        text = {"Software": f"wallpaint {self.report['version']}", "wallpaint": json.dumps(lasting)}
        return write_photo(self.photo, self.codes, path, strip_location=strip_location, text=text, quality=quality)


def repaint(photo: PhotoSource | Photo, mask: MaskSource, paint: Paint | str, **options: Any) -> Result:
    """Repaint the walls of one photo in one call.

    photo, mask: paths, bytes, PIL images or arrays; white = wall. paint: a colour. options: those of `prepare` and
    `paint_scene`. Raises InputError.
    """
    ways = {name: options.pop(name) for name in ("match", "painter", "detail", "seed") if name in options}
    return paint_scene(prepare(photo, {"wall": mask}, **options), {"wall": paint}, **ways)


def paint_scene(
    scene: Scene,
    paints: Mapping[str, Paint | str],
    *,
    match: str = "literal",
    painter: str = "auto",
    detail: str = "keep",
    seed: int = 0,
) -> Result:
    """Paint the walls of a scene.

    paints: one for every wall, by the wall's name. match: "literal" (the wall's median equals the swatch) or "lit"
    (what the camera would have recorded). painter: "auto", "analytic" or "diffusion". detail: "keep" the photo's own
    texture or take the painter's "new" one. seed: for painters that draw at random.
    Raises InputError for unknown walls, matches or painters.
    """
    started = perf_counter()
    chosen = _choose(scene, paints, match, painter, detail)
    with threads.single():
        targets = {name: _target(wall, chosen[name], match) for name, wall in scene.walls.items()}
        fields = {name: _field(scene, wall, targets[name], match, detail) for name, wall in scene.walls.items()}
        painted = perf_counter()
        codes, medians = _compose(scene, fields, targets)
        composed = perf_counter()
        entries = [
            reports.describe_wall(wall, chosen[name], medians[name], targets[name], match == "literal")
            for name, wall in scene.walls.items()
        ]
        outside = reports.outside_max_diff(scene, codes)
    seconds = {
        **scene.seconds,
        "paint": painted - started,
        "composite": composed - painted,
        "report": perf_counter() - composed,
    }
    report = reports.describe(scene, entries, painter="analytic", match=match, seed=seed, outside=outside)
    report["seconds"] = {stage: round(value, 3) for stage, value in seconds.items()}
    return Result(scene.photo, codes, report)


def _choose(scene: Scene, paints: Mapping[str, Paint | str], match: str, painter: str, detail: str) -> dict[str, Paint]:
    for name, value, known in (
        ("match", match, MATCHES),
        ("painter", painter, PAINTERS),
        ("detail", detail, DETAILS),
    ):
        if value not in known:
            raise InputError(f'{name} must be one of {", ".join(known)}, not "{value}"')
    missing, unknown = sorted(scene.walls.keys() - paints.keys()), sorted(paints.keys() - scene.walls.keys())
    if missing or unknown:
        raise InputError(
            f"paints must name the scene's walls ({', '.join(scene.walls)}): missing {missing}, unknown {unknown}"
        )
    if painter == "diffusion":
        raise ConfigError("this version has no diffusion painter yet: use --painter analytic")
    return {name: paint if isinstance(paint, Paint) else Paint.parse(paint) for name, paint in paints.items()}


def _target(wall: Wall, paint: Paint, match: str) -> Array:
    """The colour, (3,) linear sRGB, that the wall's median is to have in the picture.

    A camera that meets more light than it can hold is exposed for less: the hue stays, the brightness stops at the top.
    """
    albedo = np.asarray(paint.albedo_linear, np.float64)
    if match == "literal":
        return albedo
    shown = wall.light.appearance(albedo)
    return shown / max(1.0, float((wall.canvas.space.gamut @ shown).max()) / FULL)


def _field(scene: Scene, wall: Wall, target: Array, match: str, detail: str) -> composite.Field:
    """Paint a wall at working size and turn that into a locked transfer field."""
    gamut, shading = scene.photo.space.gamut, wall.shading
    luma = float(color.luminance(target))
    spread = analytic.lit_spread(shading.median_luma, luma) if match == "lit" else 1.0
    painted = analytic.paint(shading, target, gamut, spread=spread)
    gain = analytic.detail_gain(shading, luma) if detail == "keep" else 0.0
    field = composite.fit(painted, shading.luma, shading.weight, gamut, step=wall.step, detail=gain)
    return composite.lock(wall.canvas, field, target, wall.sample)


def _compose(
    scene: Scene, fields: dict[str, composite.Field], targets: Mapping[str, Array]
) -> tuple[Array, dict[str, Array]]:
    """Compose, look at every pixel of the result, and tighten the lock where a median was missed.

    Returns the picture's codes and each wall's median in it, (3,) linear sRGB.
    """
    canvases = [wall.canvas for wall in scene.walls.values()]
    best, best_miss = (scene.photo.codes, dict(targets)), np.inf
    for _ in range(1 + TIGHTENINGS):
        codes = scene.photo.codes.copy()
        composite.compose(canvases, list(fields.values()), codes)
        medians = {name: reports.wall_median(wall.canvas, codes) for name, wall in scene.walls.items()}
        miss = max(reports.distance(medians[name], targets[name]) for name in fields)
        if miss >= best_miss:
            break
        best, best_miss = (codes, medians), miss
        if miss <= MISSED:
            break
        gains = {name: _correction(scene.photo.space.gamut, targets[name], medians[name]) for name in fields}
        fields = {name: field.scaled(gains[name]) for name, field in fields.items()}
    return best


def _correction(gamut: Array, target: Array, median: Array) -> Array:
    """Half the way from median to target: a code value stands for all that rounds to it, so a whole step overshoots."""
    return np.sqrt(np.clip((gamut @ target + 1e-4) / (gamut @ median + 1e-4), 0.8, 1.25))


__all__ = ["Result", "Scene", "paint_scene", "prepare", "repaint"]
