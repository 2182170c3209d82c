"""The main job, on one page: a scene and paints in, the repainted photo and its report out.

    photo, walls -> scene.prepare -> painter -> composite.fit -> composite.lock -> composite.compose -> Result
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from wallpaint import color, composite
from wallpaint import report as reports
from wallpaint.errors import ConfigError, InputError
from wallpaint.fields import Array
from wallpaint.paint import Paint
from wallpaint.painters import analytic
from wallpaint.encode import WriteReport, write_photo
from wallpaint.photo import Photo
from wallpaint.scene import Scene, Wall, prepare
from wallpaint.version import __version__

MATCHES = ("literal", "lit")
PAINTERS = ("auto", "analytic", "diffusion")


@dataclass(frozen=True)
class Result:
    """A repainted photo.

    codes: (H, W, C), in the photo's own space and depth. report: plain data, ready for JSON.
    """

    photo: Photo
    codes: Array
    report: dict[str, Any]

    def save(self, path: str | Path, *, strip_location: bool = False, quality: int | None = None) -> WriteReport:
        """Write the picture; the extension names the format. The file appears whole or not at all."""
        text = {"wallpaint": str(self.report)}
        return write_photo(
            self.photo, self.codes, path, strip_location=strip_location, text=text, quality=quality
        )


def repaint(
    scene: Scene,
    paints: Mapping[str, Paint | str],
    *,
    match: str = "literal",
    painter: str = "auto",
    seed: int = 0,
) -> Result:
    """Paint the walls of a scene.

    paints: one for every wall, by the wall's name. match: "literal" (the wall's median equals the swatch) or "lit" (what
    the camera would have recorded). painter: "auto", "analytic" or "diffusion". seed: for painters that draw at random.
    Raises InputError for unknown walls, matches or painters.
    """
    started = perf_counter()
    chosen = _choose(scene, paints, match, painter)
    fields, targets, lost = [], {}, {}
    for name, wall in scene.walls.items():
        target = _target(wall, chosen[name], match)
        gamut = scene.photo.space.gamut
        painted = analytic.paint(wall.shading, target, gamut, lock=True)
        detail = analytic.detail_gain(wall.shading, float(color.luminance(target)))
        field = composite.fit(
            painted, wall.shading.luma, wall.shading.weight, gamut, step=wall.step, detail=detail
        )
        fields.append(composite.lock(wall.canvas, field, target, wall.sample))
        targets[name], lost[name] = target, _out_of_gamut(wall, target, gamut)
    painted_at = perf_counter()
    codes = scene.photo.codes.copy()
    composite.compose([wall.canvas for wall in scene.walls.values()], fields, codes)
    composed_at = perf_counter()
    entries = [
        reports.describe_wall(wall, chosen[name], codes, targets[name], match == "literal", lost[name])
        for name, wall in scene.walls.items()
    ]
    outside = reports.outside_max_diff(scene, codes)
    seconds = {
        **scene.seconds,
        "paint": painted_at - started,
        "composite": composed_at - painted_at,
        "report": perf_counter() - composed_at,
    }
    report = {
        "schema": reports.SCHEMA,
        "version": __version__,
        "painter": "analytic",
        "bundle": None,
        "match": match,
        "seed": seed,
        "outside_max_diff": outside,
        "seconds": {stage: round(value, 3) for stage, value in seconds.items()},
        "walls": entries,
        "warnings": list(scene.warnings),
    }
    return Result(scene.photo, codes, report)


def _choose(scene: Scene, paints: Mapping[str, Paint | str], match: str, painter: str) -> dict[str, Paint]:
    if match not in MATCHES:
        raise InputError(f'match must be one of {", ".join(MATCHES)}, not "{match}"')
    if painter not in PAINTERS:
        raise InputError(f'painter must be one of {", ".join(PAINTERS)}, not "{painter}"')
    missing, unknown = sorted(scene.walls.keys() - paints.keys()), sorted(paints.keys() - scene.walls.keys())
    if missing or unknown:
        raise InputError(
            f"paints must name the scene's walls ({', '.join(scene.walls)}): missing {missing}, unknown {unknown}"
        )
    chosen = {name: p if isinstance(p, Paint) else Paint.parse(p) for name, p in paints.items()}
    if painter == "diffusion":
        raise ConfigError("the diffusion painter is not part of this version: use the analytic painter")
    return chosen


def _target(wall: Wall, paint: Paint, match: str) -> Array:
    albedo = np.asarray(paint.albedo_linear, np.float64)
    return albedo if match == "literal" else wall.light.appearance(albedo)


def _out_of_gamut(wall: Wall, target: Array, gamut: Array) -> float:
    """Share of the wall whose colour under plain shading would lie outside the file's gamut."""
    shade, weight = wall.shading.shade, wall.shading.weight
    wanted = target.astype(np.float32) * np.exp(wall.shading.tint + shade[..., None])
    outside = color.out_of_gamut(wanted, gamut, tolerance=2e-3)
    return float((outside * weight).sum() / max(float(weight.sum()), 1e-6))


__all__ = ["Result", "prepare", "repaint"]
