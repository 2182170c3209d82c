"""Repaint a scene: scene and paints in, the repainted photo and its report out.

photo, walls -> prepare -> painter.paint -> composite.fit_field -> composite.lock_median -> composite.compose -> Result
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from wallpaint import extras, threads
from wallpaint.errors import ConfigError, InputError
from wallpaint.imaging import color
from wallpaint.imaging.contact_sheet import preview
from wallpaint.imaging.mask_file import MaskSource
from wallpaint.imaging.photo import Photo, PhotoSource
from wallpaint.imaging.write import WriteReport, write_photo
from wallpaint.painters import analytic
from wallpaint.painters.protocol import PaintAssignment, PaintedWall, Painter
from wallpaint.paints.paint import Paint
from wallpaint.pipeline import composite
from wallpaint.pipeline import report as reports
from wallpaint.pipeline.color_bleeding import add_color_bleeding
from wallpaint.scene.scene import Scene, Wall, prepare
from wallpaint.typing import Array

if TYPE_CHECKING:
    from wallpaint.diffusion.settings import DiffusionSettings

MATCHES = ("swatch", "room")
RENAMED_MATCHES = {"literal": "swatch", "lit": "room"}  # values of the first version
PAINTERS = ("auto", "analytic", "diffusion")
DETAILS = ("keep", "new")
PAINT_OPTIONS = ("match", "painter", "bundle", "detail", "seed", "bleed")  # of `paint_many`
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
        """Write the image atomically; the extension selects the format."""
        # Timings are left out of the metadata, so that equal runs give equal bytes.
        metadata = {key: value for key, value in self.report.items() if key not in ("seconds", "profile")}
        text = {"Software": f"wallpaint {self.report['version']}", "wallpaint": json.dumps(metadata)}
        return write_photo(self.photo, self.codes, path, strip_location=strip_location, text=text, quality=quality)


def repaint(photo: PhotoSource | Photo, mask: MaskSource, paint: Paint | str, **options: Any) -> Result:
    """Repaint the walls of one photo in one call.

    photo, mask: paths, bytes, PIL images or arrays; white = wall. paint: a colour. options: those of `prepare` and
    `paint_many`. Raises InputError.
    """
    paint_options = {name: options.pop(name) for name in PAINT_OPTIONS if name in options}
    return paint_scene(prepare(photo, {"wall": mask}, **options), {"wall": paint}, **paint_options)


def paint_scene(scene: Scene, paints: Mapping[str, Paint | str], **options: Any) -> Result:
    """Repaint the walls of a scene. paints: one for every wall, by the wall's name. options: those of `paint_many`."""
    return next(paint_many(scene, [paints], **options))


def paint_many(
    scene: Scene,
    assignments: Iterable[Mapping[str, Paint | str]],
    *,
    match: str = "swatch",
    painter: str | Painter = "auto",
    bundle: str | Path | None = None,
    detail: str = "keep",
    seed: int = 0,
    bleed: bool = False,
) -> Iterator[Result]:
    """Repaint the walls of a scene once for each assignment of paints; yields the results in order.

    assignments: each a paint for every wall, by the wall's name. match: "swatch" (the wall's median equals the chart's
    colour) or "room" (what the camera would have recorded in this light). painter: "analytic", "diffusion", "auto"
    (diffusion if a bundle is given, else analytic), or one created by `make_painter`, which keeps its networks between
    calls. bundle: the models of the diffusion painter, loaded anew at every call: a name, a folder or a file. detail:
    "keep" the photo's own texture or use the painter's "new" one. seed: for painters that sample noise. bleed: add the
    new paint's light to the rest of the room, see `color_bleeding.add_color_bleeding`; otherwise no pixel outside the
    walls changes.
    Raises InputError for unknown walls, matches or painters, before anything is painted; ModelError for the bundle's.
    """
    resolved = [_resolve_paints(scene, paints) for paints in assignments]
    check_match(match)
    if detail not in DETAILS:
        raise InputError(f'detail must be one of {", ".join(DETAILS)}, not "{detail}"')
    if bundle is not None and not isinstance(painter, str):
        raise ConfigError("a painter object already has its bundle: leave the bundle out")
    painter = make_painter(painter, bundle) if isinstance(painter, str) else painter
    return _paint_each(scene, resolved, painter, (match, detail), seed, bleed)


def check_match(match: str) -> None:
    """Raise InputError for an unknown or renamed value of match."""
    if match in RENAMED_MATCHES:
        raise InputError(f"match '{match}' is now called '{RENAMED_MATCHES[match]}'")
    if match not in MATCHES:
        raise InputError(f'match must be one of {", ".join(MATCHES)}, not "{match}"')


def make_painter(
    name: str, bundle: str | Path | None = None, settings: DiffusionSettings | None = None, *, count_flops: bool = False
) -> Painter:
    """Create a painter by name; see `paint_many`.

    settings: of the diffusion painter. count_flops: add operation counts to the report's profile. Weights are loaded on
    first use. Raises InputError, ConfigError or ModelError.
    """
    if name not in PAINTERS:
        raise InputError(f'painter must be one of {", ".join(PAINTERS)}, not "{name}"')
    if name == "analytic" or (name == "auto" and bundle is None):
        if bundle is not None:
            raise ConfigError("the analytic painter takes no bundle: leave it out, or use the diffusion painter")
        if settings is not None and (changed := _changed_options(settings)):
            raise ConfigError(f"{', '.join(changed)}: only for the diffusion painter: name its models with --bundle")
        return analytic.AnalyticPainter()
    if bundle is None:
        raise ConfigError(
            "the diffusion painter needs a bundle of models: pass --bundle NAME, folder or file (or --painter analytic)"
        )
    if count_flops and settings is not None and settings.compile:
        raise ConfigError("operations cannot be counted in compiled networks: leave out --profile or --compile")
    extras.require("the diffusion painter", *extras.DIFFUSION)
    from wallpaint.bundles.bundle import load_bundle
    from wallpaint.diffusion.profile import Profile
    from wallpaint.painters.diffusion.painter import DiffusionPainter

    return DiffusionPainter(load_bundle(bundle), settings, profile=Profile(count_flops=count_flops))


def _changed_options(settings: DiffusionSettings) -> list[str]:
    """Return the settings that differ from their defaults, as command-line options."""
    default = type(settings)()
    names = [name for name, value in vars(settings).items() if value != getattr(default, name)]
    return ["--lora" if name == "loras" else f"--{name.replace('_', '-')}" for name in names]


def _paint_each(
    scene: Scene,
    assignments: Sequence[PaintAssignment],
    painter: Painter,
    modes: tuple[str, str],
    seed: int,
    bleed: bool,
) -> Iterator[Result]:
    """Yield one result per assignment. modes: (match, detail)."""
    match, detail = modes
    painted_walls = painter.paint(scene, assignments, match, seed)
    for paints in assignments:
        started = perf_counter()
        with threads.single_threaded():
            painted = next(painted_walls)
            fields = {name: _fit_field(scene, wall, painted[name], detail) for name, wall in scene.walls.items()}
            targets = {name: painted[name].target for name in scene.walls}
            painted_at = perf_counter()
            codes, medians = _compose_locked(scene, fields, targets)
            if bleed:
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
        report["bleed"] = bleed
        report["seconds"] = {stage: round(value, 3) for stage, value in seconds.items()}
        yield Result(scene.photo, codes, report)


def _wall_entries(
    scene: Scene,
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
            entry["estimate"] = dict(estimate)
            entry["warnings"] += reports.estimate_warnings(estimate)
        entries.append(entry)
    return entries


def _resolve_paints(scene: Scene, paints: Mapping[str, Paint | str]) -> dict[str, Paint]:
    missing, unknown = sorted(scene.walls.keys() - paints.keys()), sorted(paints.keys() - scene.walls.keys())
    if missing or unknown:
        raise InputError(
            f"paints must name the scene's walls ({', '.join(scene.walls)}): missing {missing}, unknown {unknown}"
        )
    return {name: paint if isinstance(paint, Paint) else Paint.parse(paint) for name, paint in paints.items()}


def _fit_field(scene: Scene, wall: Wall, painted: PaintedWall, detail: str) -> composite.TransferField:
    """Convert a wall painted at working size to a transfer field with a locked median."""
    gamut, intrinsics = scene.photo.space.gamut, wall.intrinsics
    gain = analytic.detail_gain(intrinsics, float(color.luminance(painted.target))) if detail == "keep" else 0.0
    field = composite.fit_field(
        painted.rgb,
        intrinsics.luma,
        intrinsics.weight,
        gamut,
        step=wall.step,
        detail=gain,
        smooth=painted.has_generated_grain and detail == "keep",
    )
    return composite.lock_median(wall.canvas, field, painted.target, wall.sample)


def _compose_locked(
    scene: Scene, fields: dict[str, composite.TransferField], targets: Mapping[str, Array]
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
    return best


def _relock_gain(gamut: Array, target: Array, median: Array) -> Array:
    """Return half the log step from median to target.

    A code value represents all values that round to it, so the full step would overshoot.
    """
    return np.sqrt(np.clip((gamut @ target + 1e-4) / (gamut @ median + 1e-4), 0.8, 1.25))


__all__ = ["Result", "Scene", "check_match", "make_painter", "paint_many", "paint_scene", "prepare", "repaint"]
