"""Paint a prepared scene: scene and paints in, the repainted photo and its report out.

painter.paint -> composite.fit_field -> composite.lock_median -> composite.compose -> Result
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from PIL import Image

from wallpaint import threads
from wallpaint.errors import InputError
from wallpaint.imaging.contact_sheet import preview
from wallpaint.imaging.photo import Photo
from wallpaint.imaging.write import WriteReport, write_photo
from wallpaint.painters.protocol import PaintAssignment, PaintedWall, Painter
from wallpaint.painters.registry import digital_source_type, make_painter
from wallpaint.paints.paint import Paint
from wallpaint.pipeline import composite
from wallpaint.pipeline import report as reports
from wallpaint.pipeline.color_bleeding import add_color_bleeding
from wallpaint.pipeline.options import DetailMode, RepaintOptions
from wallpaint.scene.scene import PreparedScene, Wall
from wallpaint.typing import Array

RELOCK_DELTA_E = 0.25  # CIEDE2000 error of a wall's median above which the colour lock is repeated on every pixel
MAX_RELOCKS = 3


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
        """The result at full size as an 8-bit sRGB image for display; `save` keeps the photo's space and depth."""
        return preview(self.photo, self.codes, max(self.photo.size))

    def save(self, path: str | Path, *, strip_location: bool = False, quality: int | None = None) -> WriteReport:
        """Write the image atomically; the extension selects the format. Its XMP states the IPTC digital source type."""
        # Timings are left out of the metadata, so that equal runs give equal bytes.
        metadata = {key: value for key, value in self.report.items() if key not in ("seconds", "profile")}
        text = {"Software": f"wallpaint {self.report['version']}", "wallpaint": json.dumps(metadata)}
        return write_photo(
            self.photo,
            self.codes,
            path,
            strip_location=strip_location,
            text=text,
            quality=quality,
            digital_source_type=digital_source_type(self.report["painter"]),
        )


def paint_many(
    scene: PreparedScene, assignments: Iterable[Mapping[str, Paint | str]], options: RepaintOptions
) -> Iterator[Result]:
    """Repaint the walls of a scene once for each assignment of paints; yields the results in order.

    assignments: each a paint for every wall, by the wall's name. Raises InputError for unknown walls before anything is
    painted; ConfigError or ModelError for the painter's models.
    """
    resolved = [_resolve_paints(scene, paints) for paints in assignments]
    painter = options.painter
    if isinstance(painter, str):
        painter = make_painter(painter, options.bundle)
    return _paint_each(scene, resolved, painter, options)


def _paint_each(
    scene: PreparedScene,
    assignments: Sequence[PaintAssignment],
    painter: Painter,
    options: RepaintOptions,
) -> Iterator[Result]:
    """Yield one result per assignment."""
    match, seed = options.match, options.seed
    painted_walls = painter.paint(scene, assignments, match, seed)
    for paints in assignments:
        started = perf_counter()
        with threads.single_threaded():
            painted = next(painted_walls)
            fields = {
                name: _fit_field(scene, wall, painted[name], options.detail) for name, wall in scene.walls.items()
            }
            targets = {name: painted[name].target for name in scene.walls}
            painted_at = perf_counter()
            codes, medians = _compose_locked(scene, fields, targets)
            if options.bleed:
                codes = add_color_bleeding(scene, paints, codes)
            composed_at = perf_counter()
            entries = _wall_entries(scene, paints, painted, medians, is_swatch=match == "swatch")
            outside = reports.outside_max_diff(scene, codes)
        seconds = {
            **scene.seconds,
            "paint": painted_at - started,
            "composite": composed_at - painted_at,
            "report": perf_counter() - composed_at,
        }
        report = reports.build_report(scene, entries, painter=painter, match=match, seed=seed, outside=outside)
        report["bleed"] = options.bleed
        report["seconds"] = {stage: round(value, 3) for stage, value in seconds.items()}
        yield Result(scene.photo, codes, report)


def _wall_entries(
    scene: PreparedScene,
    paints: PaintAssignment,
    painted: Mapping[str, PaintedWall],
    medians: Mapping[str, Array],
    *,
    is_swatch: bool,
) -> list[dict[str, Any]]:
    """Return the report's entries of all walls, with the painters' own estimates of the light."""
    entries = []
    for name, wall in scene.walls.items():
        entry = reports.wall_entry(
            wall,
            paints[name],
            medians[name],
            painted[name].target,
            is_swatch=is_swatch,
            textured=painted[name].has_texture,
        )
        if (estimate := painted[name].estimate) is not None:
            entry["estimate"] = reports.with_mask_error(wall, estimate, medians[name], scene.mask_confidence)
            entry["warnings"] += reports.estimate_warnings(wall, estimate)
        entries.append(entry)
    return entries


def _resolve_paints(scene: PreparedScene, paints: Mapping[str, Paint | str]) -> dict[str, Paint]:
    missing, unknown = sorted(scene.walls.keys() - paints.keys()), sorted(paints.keys() - scene.walls.keys())
    if missing or unknown:
        raise InputError(
            f"paints must name the scene's walls ({', '.join(scene.walls)}): missing {missing}, unknown {unknown}"
        )
    return {name: paint if isinstance(paint, Paint) else Paint.parse(paint) for name, paint in paints.items()}


def _fit_field(scene: PreparedScene, wall: Wall, painted: PaintedWall, detail: DetailMode) -> composite.TransferField:
    """Convert a wall painted at working size to a transfer field with a locked median."""
    gamut, intrinsics = scene.photo.space.gamut, wall.intrinsics
    field = composite.fit_field(
        painted.rgb,
        intrinsics.luma,
        intrinsics.weight,
        gamut,
        step=wall.step,
        detail=painted.detail if detail == "keep" else 0.0,
        smooth=painted.has_generated_grain and detail == "keep",
    )
    return composite.lock_median(wall.canvas, field, painted.target, wall.sample)


def _compose_locked(
    scene: PreparedScene, fields: dict[str, composite.TransferField], targets: Mapping[str, Array]
) -> tuple[Array, dict[str, Array]]:
    """Compose, measure every pixel of the result, and repeat the colour lock where a median misses its target.

    Returns the image's codes and each wall's median in it, (3,) linear sRGB.
    """
    canvases = [wall.canvas for wall in scene.walls.values()]
    best, best_error = (scene.photo.codes, dict(targets)), np.inf
    for _ in range(1 + MAX_RELOCKS):
        codes = scene.photo.codes.copy()
        composite.compose(canvases, list(fields.values()), codes)
        medians = {name: reports.wall_median(wall.canvas, codes) for name, wall in scene.walls.items()}
        error = max(reports.delta_e_2000(medians[name], targets[name]) for name in fields)
        if error >= best_error:
            break
        best, best_error = (codes, medians), error
        if error <= RELOCK_DELTA_E:
            break
        gains = {name: _relock_gain(scene.photo.space.gamut, targets[name], medians[name]) for name in fields}
        fields = {name: field.scaled(gains[name]) for name, field in fields.items()}
        # Rounding to codes often leaves nothing to gain; the sample shows it without another picture.
        if _sample_error(scene, fields, targets) >= best_error:
            break
    return best


def _sample_error(
    scene: PreparedScene, fields: Mapping[str, composite.TransferField], targets: Mapping[str, Array]
) -> float:
    """Return the largest CIEDE2000 error of the walls' medians that these fields give, in codes, on their samples."""
    medians = {
        name: composite.sample_median(wall.canvas, fields[name], wall.sample) for name, wall in scene.walls.items()
    }
    return max(reports.delta_e_2000(medians[name], targets[name]) for name in fields)


def _relock_gain(gamut: Array, target: Array, median: Array) -> Array:
    """Return half the log step from median to target.

    A code value represents all values that round to it, so the full step would overshoot.
    """
    return np.sqrt(np.clip((gamut @ target + 1e-4) / (gamut @ median + 1e-4), 0.8, 1.25))
