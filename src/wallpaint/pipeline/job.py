"""Repaint one photo from file to file: check the options, prepare one scene, write one or many results.

The command line is a thin wrapper around `run`; other callers with paths instead of pixels can use it likewise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from PIL import Image

from wallpaint.diffusion.settings import DiffusionSettings
from wallpaint.errors import InputError
from wallpaint.imaging import contact_sheet as sheets
from wallpaint.imaging.mask_file import MaskSource
from wallpaint.imaging.photo import Limits, Photo, PhotoSource, read_photo
from wallpaint.imaging.write import FORMATS, check_output, write_photo
from wallpaint.painters.registry import make_painter
from wallpaint.paints.paint import Paint
from wallpaint.paints.palette import read_palette
from wallpaint.pipeline.options import RepaintOptions
from wallpaint.pipeline.painting import paint_many
from wallpaint.pipeline.repaint import Result, Scene, prepare_with
from wallpaint.progress import progress_bar
from wallpaint.scene.options import SceneOptions

if TYPE_CHECKING:
    from wallpaint.segment.detect import DetectedWalls

PREVIEW_PX = 480
PROGRESS_DELAY_S = 1.0  # no progress bar before this time


@dataclass(frozen=True)
class RepaintJob:
    """The configuration of one run: files and colours, and the options of each stage.

    colors, walls: as typed by a user, "MASK=COLOR" for walls. settings: of the diffusion painter, unused if
    repaint_options has a painter object. profile: count operations.
    """

    photo: Path
    output: Path
    mask: Path | None = None
    colors: tuple[str, ...] = ()
    walls: tuple[str, ...] = ()
    palette: Path | None = None
    reference: Path | None = None
    scene_options: SceneOptions = field(default_factory=SceneOptions)
    repaint_options: RepaintOptions = field(default_factory=RepaintOptions)
    settings: DiffusionSettings = field(default_factory=DiffusionSettings)
    before_after: Path | None = None
    strip_location: bool = False
    quality: int | None = None
    profile: bool = False

    def __post_init__(self) -> None:
        for name in ("photo", "output", "mask", "palette", "reference", "before_after"):
            path = getattr(self, name)
            if path is not None:
                object.__setattr__(self, name, _expanded(path))


def _expanded(path: Path) -> Path:
    """Return a path with a leading `~` as the home folder: shells leave it in --mask=~/wall.png."""
    try:
        return path.expanduser()
    except RuntimeError:  # no such user: the path is taken literally
        return path


def run(job: RepaintJob, *, progress: bool = False) -> dict[str, Any]:
    """Run a job and return its report: of one result, or with a list of reports under "results".

    progress: show a progress bar on stderr if the job takes longer than a second. Raises InputError, before anything is
    written where possible.
    """
    masks, assignments = walls_and_paints(job)
    many = len(assignments) > 1 or (job.palette is not None and not job.colors and not job.walls)
    outputs = _outputs(job, assignments, many)
    try:
        _check_outputs(job, outputs, many)
    except OSError as error:
        raise InputError(f"{job.output}: cannot be used ({error.strerror}): choose another name") from error
    options = _with_painter(job)
    with progress_bar("repainting", len(assignments) + 1, enabled=progress, delay_s=PROGRESS_DELAY_S) as counter:
        overlay_path = _overlay_path(job, many)
        scene, detected = _scene(job, masks, overlay_path)
        entry = _report_entry(detected, overlay_path)
        counter.advance()
        results = paint_many(scene, assignments, options)
        if many:
            report = _write_many(job, scene, zip(assignments, results, strict=True), outputs, counter.advance, entry)
        else:
            result = next(results)
            report = _write(job, result, job.output, entry)
            if job.before_after is not None:
                _save_image(sheets.before_after(scene.photo, result.codes), job.before_after)
        if detected is not None and detected.level == "low":
            _write_overlay(scene.photo, detected, overlay_path)
        return report


def repaint_to(
    job: RepaintJob, masks: dict[str, Path], assignments: Sequence[dict[str, Paint]], outputs: Sequence[Path]
) -> Iterator[dict[str, Any]]:
    """Repaint one photo with each assignment, write the results atomically, and yield the report of each.

    masks, assignments: as of `walls_and_paints`. outputs: a path for each assignment; job.output is not used. The photo
    is decoded, and its walls are detected, once. Raises InputError.
    """
    scene, detected = _scene(job, masks, None)
    entry = _report_entry(detected, None)
    for path, result in zip(outputs, paint_many(scene, assignments, _with_painter(job)), strict=True):
        yield _write(job, result, path, entry)


def _with_painter(job: RepaintJob) -> RepaintOptions:
    """Return the job's options with the painter made."""
    options = job.repaint_options
    if not isinstance(options.painter, str):
        return options
    painter = make_painter(options.painter, options.bundle, job.settings, count_flops=job.profile)
    return replace(options, painter=painter, bundle=None)


def walls_and_paints(job: RepaintJob) -> tuple[dict[str, Path], list[dict[str, Paint]]]:
    """Return the masks by wall, none where walls are to be detected, and one assignment of paints for each result."""
    palette = read_palette(job.palette) if job.palette is not None else None
    if job.walls:
        if job.mask or job.colors or job.reference:
            raise InputError("`walls` already has masks and colours: leave out `mask`, `colors` and `reference`")
        masks: dict[str, Path] = {}
        paints: dict[str, Paint] = {}
        for text in job.walls:
            path, equals, color = text.rpartition("=")
            if not equals or not path or not color:
                raise InputError(f"`walls` takes MASK=COLOR, such as left.png=#7d9b84, not {text!r}")
            name = _unused_name(Path(path).stem or "wall", masks)
            masks[name], paints[name] = _expanded(Path(path)), Paint.parse(color, palette)
        return masks, [paints]
    if job.mask is None:
        given = ("fit_mask", "invert_mask", "mask_class", "mask_orientation")
        for name in given:
            if getattr(job.scene_options, name) != getattr(SceneOptions, name):
                raise InputError(f"`{name}` needs a mask: pass `mask`")
    masks = {} if job.mask is None else {"wall": job.mask}
    if job.reference is not None:
        if job.colors or palette is not None:
            raise InputError("`reference` replaces `colors` and `palette`: pass only one of them")
        from wallpaint.paints.reference import paint_from_picture

        return masks, [{"wall": paint_from_picture(job.reference, _limits(job))}]
    colors = [Paint.parse(text, palette) for text in job.colors] or list(palette or ())
    if not colors:
        raise InputError("no colour: pass `colors`, `palette` or `reference`")
    return masks, [{"wall": paint} for paint in colors]


def _limits(job: RepaintJob) -> Limits:
    return job.scene_options.limits or Limits()


def _scene(job: RepaintJob, masks: dict[str, Path], overlay_path: Path | None) -> tuple[Scene, DetectedWalls | None]:
    """Return the scene, and its walls where they were detected. overlay_path: None if no overlay is written."""
    if masks:
        return _prepared(job, job.photo, masks), None
    from wallpaint.segment.detect import detect_walls

    photo = read_photo(job.photo, _limits(job))
    detected = detect_walls(photo, segmenter=_segmenter_bundle(job))
    scene = _prepared(job, photo, detected.masks)
    has_overlay = overlay_path is not None and detected.level == "low"
    hint = f"marked in {overlay_path}" if has_overlay else "`wallpaint mask` writes it"
    note = f"no mask was given: {detected.summary()} ({hint})"
    return replace(scene, warnings=(note, *scene.warnings), mask_confidence=detected.confidence), detected


def _report_entry(detected: DetectedWalls | None, overlay_path: Path | None) -> dict[str, Any] | None:
    """Return the report's entry on detected walls; None if masks were given."""
    if detected is None:
        return None
    has_overlay = overlay_path is not None and detected.level == "low"
    return {**detected.to_dict(), **({"overlay": str(overlay_path)} if has_overlay else {})}


def _overlay_path(job: RepaintJob, many: bool) -> Path:
    """Return where an overlay of detected walls goes: beside the results, never onto the photo."""
    folder, stem = (job.output, job.photo.stem) if many else (job.output.parent, job.output.stem)
    path = folder / f"{stem}_walls.jpg"
    return path if path.absolute() != job.photo.absolute() else folder / f"{stem}_walls_overlay.jpg"


def _write_overlay(photo: Photo, detected: DetectedWalls, path: Path) -> None:
    from wallpaint.segment.detect import overlay

    _save_image(Image.fromarray(overlay(photo, detected)), path)


def _segmenter_bundle(job: RepaintJob) -> str | None:
    """Return the job's bundle if it has a segmenter; None selects the packaged one."""
    bundle = job.repaint_options.bundle
    if bundle is None:
        return None
    from wallpaint.bundles.bundle import load_bundle

    return str(bundle) if load_bundle(bundle).has("segmenter") else None


def _prepared(job: RepaintJob, photo: PhotoSource | Photo, masks: Mapping[str, MaskSource]) -> Scene:
    options = job.scene_options
    if isinstance(options.old_color, str) and job.palette is not None:  # it may be a code of the palette
        options = replace(options, old_color=Paint.parse(options.old_color, read_palette(job.palette)))
    return prepare_with(photo, masks, options)


def _outputs(job: RepaintJob, assignments: list[dict[str, Paint]], many: bool) -> list[Path]:
    """Return every image to be written: the results in order, then the contact sheet or the before-after image."""
    if not many:
        return [job.output, *([job.before_after] if job.before_after is not None else [])]
    suffix = job.photo.suffix.lower() if job.photo.suffix.lower() in FORMATS else ".png"
    used: dict[str, Any] = {"sheet": None}
    for paints in assignments:
        used[_unused_name(paint_slug(paints["wall"]), used)] = None
    names = [name for name in used if name != "sheet"]
    return [
        *(job.output / f"{job.photo.stem}_{name}{suffix}" for name in names),
        job.output / f"{job.photo.stem}_sheet.jpg",
    ]


def _check_outputs(job: RepaintJob, outputs: list[Path], many: bool) -> None:
    """Raise InputError for an output that cannot be written or would overwrite an input, before any work is done."""
    if many:
        if job.before_after is not None:
            raise InputError("`before_after` needs a single result: with several colours the contact sheet shows all")
        if job.output.suffix.lower() in FORMATS and not job.output.is_dir():
            raise InputError(f"{job.output}: several colours need an output folder, not a file name")
        if job.output.exists() and not job.output.is_dir():
            raise InputError(f"{job.output}: not a folder")
        if not job.output.absolute().parent.is_dir():
            raise InputError(f"{job.output}: there is no folder {job.output.parent}: create it first")
    else:
        for path in outputs:
            check_output(path)
    if len({path.resolve() for path in outputs}) < len(outputs):
        raise InputError(f"{job.output}: used for both the result and `before_after`: choose two names")
    walls = [_expanded(Path(text.rpartition("=")[0])) for text in job.walls]
    inputs = [job.photo, job.mask, *walls, job.palette, job.reference]
    for path in outputs:
        for source in inputs:
            if source is not None and path.exists() and source.exists() and path.samefile(source):
                raise InputError(f"{path}: this is one of the inputs: choose another name")


def _write(job: RepaintJob, result: Result, path: Path, detected: dict[str, Any] | None) -> dict[str, Any]:
    """Save a result and return its report, completed with the file's entries."""
    started = perf_counter()
    written = result.save(path, strip_location=job.strip_location, quality=job.quality)
    report = {**result.report, "photo": str(job.photo), "output": str(path)}
    report["file"] = {"format": written.format, "lossy": written.lossy, "bit_depth": written.bit_depth}
    report["seconds"] = {**report["seconds"], "write": round(perf_counter() - started, 3)}
    report["warnings"] = [*report["warnings"], *written.notes]
    if detected is not None:
        report["detected_walls"] = detected
    return report


def _write_many(
    job: RepaintJob,
    scene: Scene,
    painted: Iterable[tuple[dict[str, Paint], Result]],
    outputs: list[Path],
    advance: Callable[[], None],
    detected: dict[str, Any] | None,
) -> dict[str, Any]:
    pairs = iter(painted)
    first = next(pairs)  # networks that fail to load or to fit raise here, before the folder is created
    try:
        job.output.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"{job.output}: the folder cannot be created ({error.strerror}): choose another") from error
    results: list[dict[str, Any]] = []
    cells: list[sheets.Cell] = [("before", sheets.preview(scene.photo, scene.photo.codes, PREVIEW_PX), None)]
    for (paints, result), path in zip(chain([first], pairs), outputs[:-1], strict=True):
        results.append(_write(job, result, path, detected))
        cells.append((paints["wall"].label, sheets.preview(scene.photo, result.codes, PREVIEW_PX), paints["wall"].rgb))
        advance()
    _save_image(sheets.contact_sheet(cells), outputs[-1])
    return {
        "schema": results[0]["schema"],
        "version": results[0]["version"],
        "photo": str(job.photo),
        "output": str(job.output),
        "contact_sheet": str(outputs[-1]),
        "results": results,
        "warnings": [],
    }


def paint_slug(paint: Paint) -> str:
    """Return a paint's code, name or hex as part of a file name: a-z, 0-9 and hyphens, at most 80 characters."""
    text = paint.code or paint.name or paint.hex
    return re.sub(r"[^0-9a-z]+", "-", text.lower()).strip("-")[:80] or paint.hex.lstrip("#")


def _unused_name(name: str, taken: dict[str, Any]) -> str:
    if name not in taken:
        return name
    return next(f"{name}-{i}" for i in range(2, 10_000) if f"{name}-{i}" not in taken)


def _save_image(image: Image.Image, path: Path) -> None:
    """Save a generated image atomically."""
    photo = read_photo(image)
    write_photo(photo, photo.codes, path, quality=90)
