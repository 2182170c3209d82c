"""The main job, on one page: a scene and paints in, the repainted photo and its report out.

photo, walls -> prepare -> painter.paint -> composite.fit -> composite.lock -> composite.compose -> Result
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

from wallpaint import threads
from wallpaint.errors import ConfigError, InputError
from wallpaint.imaging import color
from wallpaint.imaging.contact_sheet import preview
from wallpaint.imaging.mask_file import MaskSource
from wallpaint.imaging.photo import Photo, PhotoSource
from wallpaint.imaging.write import WriteReport, write_photo
from wallpaint.painters import analytic
from wallpaint.painters.protocol import Choice, Painted, Painter
from wallpaint.paints.paint import Paint
from wallpaint.pipeline import composite
from wallpaint.pipeline import report as reports
from wallpaint.pipeline.color_bleeding import add_color_bleeding
from wallpaint.scene.scene import Scene, Wall, prepare
from wallpaint.typing import Array

if TYPE_CHECKING:
    from wallpaint.diffusion.settings import Settings

MATCHES = ("swatch", "room")
PAINTERS = ("auto", "analytic", "diffusion")
DETAILS = ("keep", "new")
MISSED = 0.25  # CIEDE2000 of a wall's median from which the lock is tightened on every pixel
TIGHTENINGS = 3


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
        # The same run gives the same bytes, so nothing that a clock says.
        lasting = {key: value for key, value in self.report.items() if key not in ("seconds", "profile")}
        text = {"Software": f"wallpaint {self.report['version']}", "wallpaint": json.dumps(lasting)}
        return write_photo(self.photo, self.codes, path, strip_location=strip_location, text=text, quality=quality)


def repaint(photo: PhotoSource | Photo, mask: MaskSource, paint: Paint | str, **options: Any) -> Result:
    """Repaint the walls of one photo in one call.

    photo, mask: paths, bytes, PIL images or arrays; white = wall. paint: a colour. options: those of `prepare` and
    `paint_scene`. Raises InputError.
    """
    ways = {
        name: options.pop(name) for name in ("match", "painter", "bundle", "detail", "seed", "bleed") if name in options
    }
    return paint_scene(prepare(photo, {"wall": mask}, **options), {"wall": paint}, **ways)


def paint_scene(scene: Scene, paints: Mapping[str, Paint | str], **ways: Any) -> Result:
    """Paint the walls of a scene. paints: one for every wall, by the wall's name. ways: those of `paint_many`."""
    return next(paint_many(scene, [paints], **ways))


def paint_many(
    scene: Scene,
    choices: Iterable[Mapping[str, Paint | str]],
    *,
    match: str = "swatch",
    painter: str | Painter = "auto",
    bundle: str | Path | None = None,
    detail: str = "keep",
    seed: int = 0,
    bleed: bool = False,
) -> Iterator[Result]:
    """Paint the walls of a scene in one choice of paints after another; yields a result for each, in order.

    choices: each a paint for every wall, by the wall's name. match: "swatch" (the wall's median equals the swatch) or
    "room" (what the camera would have recorded). painter: "analytic", "diffusion", "auto" (diffusion if a bundle is
    named, else analytic), or one made by `make_painter`, which keeps its networks from call to call. bundle: the models
    of the diffusion painter, loaded anew at every call: a name, a folder or a file. detail: "keep" the photo's own
    texture or take the painter's "new" one. seed: for painters that draw at random. bleed: let the rest of the room
    take the light of the new paint, see `bleed.add_color_bleeding`; else no pixel outside the walls changes.
    Raises InputError for unknown walls, matches or painters, before anything is painted; ModelError for the bundle's.
    """
    chosen = [_choose(scene, paints) for paints in choices]
    for name, value, known in (("match", match, MATCHES), ("detail", detail, DETAILS)):
        if value not in known:
            raise InputError(f'{name} must be one of {", ".join(known)}, not "{value}"')
    if bundle is not None and not isinstance(painter, str):
        raise ConfigError("a painter that is made already has its bundle: leave the bundle out")
    made = make_painter(painter, bundle) if isinstance(painter, str) else painter
    return _paint_each(scene, chosen, made, (match, detail), seed, bleed)


def make_painter(
    name: str, bundle: str | Path | None = None, settings: Settings | None = None, *, count_flops: bool = False
) -> Painter:
    """A painter by name; see `paint_many`. settings: of the diffusion painter. count_flops: in the report's profile.

    Loads no weights yet. Raises InputError, ConfigError or ModelError.
    """
    if name not in PAINTERS:
        raise InputError(f'painter must be one of {", ".join(PAINTERS)}, not "{name}"')
    if name == "analytic" or (name == "auto" and bundle is None):
        if bundle is not None:
            raise ConfigError("the analytic painter takes no bundle: leave it out, or use the diffusion painter")
        if settings is not None and (changed := _changed(settings)):
            raise ConfigError(f"{', '.join(changed)}: only for the diffusion painter: name its models with --bundle")
        return analytic.AnalyticPainter()
    if bundle is None:
        raise ConfigError(
            "the diffusion painter needs a bundle of models: pass --bundle NAME, folder or file (or --painter analytic)"
        )
    if count_flops and settings is not None and settings.compile:
        raise ConfigError("operations cannot be counted in compiled networks: leave out --profile or --compile")
    from wallpaint.bundles.bundle import load_bundle
    from wallpaint.diffusion.profile import Profile
    from wallpaint.painters.diffusion.painter import DiffusionPainter

    return DiffusionPainter(load_bundle(bundle), settings, profile=Profile(count_flops=count_flops))


def _changed(settings: Settings) -> list[str]:
    """The options that are not as they are by default, as the command line calls them."""
    usual = type(settings)()
    names = [name for name, value in vars(settings).items() if value != getattr(usual, name)]
    return ["--lora" if name == "loras" else f"--{name.replace('_', '-')}" for name in names]


def _paint_each(
    scene: Scene, chosen: Sequence[Choice], painter: Painter, ways: tuple[str, str], seed: int, bleed: bool
) -> Iterator[Result]:
    match, detail = ways
    painted_walls = painter.paint(scene, chosen, match, seed)
    for choice in chosen:
        started = perf_counter()
        with threads.single():
            painted = next(painted_walls)
            fields = {name: _field(scene, wall, painted[name], detail) for name, wall in scene.walls.items()}
            targets = {name: painted[name].target for name in scene.walls}
            done = perf_counter()
            codes, medians = _compose(scene, fields, targets)
            if bleed:
                codes = add_color_bleeding(scene, choice, codes)
            composed = perf_counter()
            entries = [
                reports.describe_wall(
                    wall,
                    choice[name],
                    medians[name],
                    targets[name],
                    is_swatch=match == "swatch",
                    textured=painted[name].has_texture,
                )
                for name, wall in scene.walls.items()
            ]
            for entry in entries:
                if (estimate := painted[entry["wall"]].estimate) is not None:
                    entry["estimate"] = dict(estimate)
                    entry["warnings"] += reports.doubts(estimate)
            outside = reports.outside_max_diff(scene, codes)
        seconds = {
            **scene.seconds,
            "paint": done - started,
            "composite": composed - done,
            "report": perf_counter() - composed,
        }
        report = reports.describe(scene, entries, painter=painter, match=match, seed=seed, outside=outside)
        report["bleed"] = bleed
        report["seconds"] = {stage: round(value, 3) for stage, value in seconds.items()}
        yield Result(scene.photo, codes, report)


def _choose(scene: Scene, paints: Mapping[str, Paint | str]) -> dict[str, Paint]:
    missing, unknown = sorted(scene.walls.keys() - paints.keys()), sorted(paints.keys() - scene.walls.keys())
    if missing or unknown:
        raise InputError(
            f"paints must name the scene's walls ({', '.join(scene.walls)}): missing {missing}, unknown {unknown}"
        )
    return {name: paint if isinstance(paint, Paint) else Paint.parse(paint) for name, paint in paints.items()}


def _field(scene: Scene, wall: Wall, painted: Painted, detail: str) -> composite.Field:
    """Turn a wall painted at working size into a locked transfer field."""
    gamut, shading = scene.photo.space.gamut, wall.shading
    gain = analytic.detail_gain(shading, float(color.luminance(painted.target))) if detail == "keep" else 0.0
    field = composite.fit(
        painted.rgb,
        shading.luma,
        shading.weight,
        gamut,
        step=wall.step,
        detail=gain,
        smooth=painted.is_invented and detail == "keep",
    )
    return composite.lock(wall.canvas, field, painted.target, wall.sample)


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
