"""One photo from file to file: options checked first, then one scene, then one or many results.

The command line is a shell round `run`; so is anything else that has paths rather than pixels.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import Any

from PIL import Image

from wallpaint.diffusion.settings import Settings
from wallpaint.errors import InputError
from wallpaint.imaging import contact_sheet as sheets
from wallpaint.imaging.mask_file import MaskSource
from wallpaint.imaging.photo import Limits, Photo, PhotoSource, read_photo
from wallpaint.imaging.write import FORMATS, check_output, write_photo
from wallpaint.paints.paint import Paint
from wallpaint.paints.palette import read_palette
from wallpaint.pipeline.repaint import Result, make_painter, paint_many
from wallpaint.scene.scene import Scene, prepare

PREVIEW_PX = 480
QUIET_S = 1.0  # work shorter than this shows no progress


@dataclass(frozen=True)
class Job:
    """What to do with one photo; the fields are the options of `wallpaint repaint`."""

    photo: Path
    output: Path
    mask: Path | None = None
    colors: tuple[str, ...] = ()
    walls: tuple[str, ...] = ()
    palette: Path | None = None
    reference: Path | None = None
    match: str = "swatch"
    painter: str = "auto"
    detail: str = "keep"
    edges: str = "refine"
    old_color: str | None = None
    old_wall: str = "auto"
    white: str | None = None
    fit_mask: bool = False
    invert_mask: bool = False
    before_after: Path | None = None
    strip_location: bool = False
    quality: int | None = None
    seed: int = 0
    bleed: bool = False
    bundle: str | None = None
    settings: Settings = field(default_factory=Settings)
    profile: bool = False
    max_bytes: int | None = None
    max_pixels: int | None = None


def run(job: Job, *, progress: bool = False) -> dict[str, Any]:
    """Do a job and return its report: of one result, or with a list of them under "results".

    progress: draw a bar on stderr if it takes longer than a second. Raises InputError before anything is written,
    as far as that can be known.
    """
    masks, choices = _walls_and_paints(job)
    many = len(choices) > 1 or (job.palette is not None and not job.colors and not job.walls)
    outputs = _outputs(job, choices, many)
    try:
        _check_outputs(job, outputs, many)
    except OSError as error:
        raise InputError(f"{job.output}: cannot be used ({error.strerror}): choose another name") from error
    painter = make_painter(job.painter, job.bundle, job.settings, count_flops=job.profile)
    with _bar(progress, len(choices) + 1) as step:
        scene, found = _scene(job, masks)
        step()
        ways: dict[str, Any] = {"match": job.match, "detail": job.detail, "seed": job.seed, "bleed": job.bleed}
        results = paint_many(scene, choices, painter=painter, **ways)
        if not many:
            result = next(results)
            report = _write(job, result, job.output, found)
            if job.before_after is not None:
                _save_picture(sheets.before_after(scene.photo, result.codes), job.before_after)
            return report
        return _many(job, scene, zip(choices, results, strict=True), outputs, step, found)


def _walls_and_paints(job: Job) -> tuple[dict[str, Path], list[dict[str, Paint]]]:
    """The masks by wall, none where walls are to be found, and one choice of paints by wall for each result."""
    palette = read_palette(job.palette) if job.palette is not None else None
    if job.walls:
        if job.mask or job.colors or job.reference:
            raise InputError("--wall brings its own mask and colour: leave out --mask, --color and --reference")
        masks: dict[str, Path] = {}
        paints: dict[str, Paint] = {}
        for text in job.walls:
            path, equals, wanted = text.rpartition("=")
            if not equals or not path or not wanted:
                raise InputError(f"--wall wants MASK=COLOR, such as left.png=#7d9b84, not {text!r}")
            name = _fresh(Path(path).stem or "wall", masks)
            masks[name], paints[name] = Path(path), Paint.parse(wanted, palette)
        return masks, [paints]
    if job.mask is None and (job.fit_mask or job.invert_mask):
        raise InputError("--fit-mask and --invert-mask are about a mask: pass it with --mask MASK")
    masks = {} if job.mask is None else {"wall": job.mask}
    if job.reference is not None:
        if job.colors or palette is not None:
            raise InputError("--reference takes the place of --color and --palette: pass one of them")
        from wallpaint.paints.reference import paint_from_picture

        return masks, [{"wall": paint_from_picture(job.reference, _limits(job))}]
    found = [Paint.parse(text, palette) for text in job.colors] or list(palette or ())
    if not found:
        raise InputError("no colour: pass --color COLOR, --palette FILE or --reference PICTURE")
    return masks, [{"wall": paint} for paint in found]


def _limits(job: Job) -> Limits:
    default = Limits()
    return Limits(job.max_bytes or default.max_bytes, job.max_pixels or default.max_pixels)


def _scene(job: Job, masks: dict[str, Path]) -> tuple[Scene, dict[str, Any] | None]:
    """The scene, and what is to be said of its walls where they had to be found."""
    if masks:
        return _prepared(job, job.photo, masks), None
    from wallpaint.segment.detect import detect_walls

    photo = read_photo(job.photo, _limits(job))
    found = detect_walls(photo, finder=_finder(job))
    scene = _prepared(job, photo, found.masks)
    note = f"no mask was given: {found.told()} (`wallpaint mask` writes it)"
    return replace(scene, warnings=(note, *scene.warnings)), found.to_dict()


def _finder(job: Job) -> str | None:
    """The bundle that finds walls: the painter's where it can; else the package's own network does."""
    if job.bundle is None:
        return None
    from wallpaint.bundles.bundle import load_bundle

    return job.bundle if load_bundle(job.bundle).has("segmenter") else None


def _prepared(job: Job, photo: PhotoSource | Photo, masks: Mapping[str, MaskSource]) -> Scene:
    return prepare(
        photo,
        masks,
        edges=job.edges,
        fit_mask=job.fit_mask,
        invert_mask=job.invert_mask,
        old_color=_old_color(job),
        old_wall=job.old_wall,
        white=_point(job.white) if job.white else None,
        limits=_limits(job),
    )


def _old_color(job: Job) -> Paint | None:
    if job.old_color is None:
        return None
    return Paint.parse(job.old_color, read_palette(job.palette) if job.palette is not None else None)


def _point(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"\s*(\d{1,6})\s*,\s*(\d{1,6})\s*", text)
    if not found:
        raise InputError(f"--white wants X,Y in pixels from the top left, such as 120,80, not {text!r}")
    return int(found[1]), int(found[2])


def _outputs(job: Job, choices: list[dict[str, Paint]], many: bool) -> list[Path]:
    """Every picture that will be written: the results in order, then the contact sheet or the before and after."""
    if not many:
        return [job.output, *([job.before_after] if job.before_after is not None else [])]
    suffix = job.photo.suffix.lower() if job.photo.suffix.lower() in FORMATS else ".png"
    used: dict[str, Any] = {"sheet": None}
    for choice in choices:
        used[_fresh(_slug(choice["wall"]), used)] = None
    names = [name for name in used if name != "sheet"]
    return [
        *(job.output / f"{job.photo.stem}_{name}{suffix}" for name in names),
        job.output / f"{job.photo.stem}_sheet.jpg",
    ]


def _check_outputs(job: Job, outputs: list[Path], many: bool) -> None:
    """Refuse what could not be written, or would be written over an input, before any work is done."""
    if many:
        if job.before_after is not None:
            raise InputError("--before-after goes with one result: with several colours the contact sheet shows all")
        if job.output.suffix.lower() in FORMATS and not job.output.is_dir():
            raise InputError(f"{job.output}: several colours need a folder to go to, not a file name")
        if job.output.exists() and not job.output.is_dir():
            raise InputError(f"{job.output}: not a folder")
        if not job.output.absolute().parent.is_dir():
            raise InputError(f"{job.output}: there is no folder {job.output.parent}: make it first")
    else:
        for path in outputs:
            check_output(path)
    if len({path.resolve() for path in outputs}) < len(outputs):
        raise InputError(f"{job.output}: named for both the result and --before-after: choose two names")
    walls = [Path(text.rpartition("=")[0]) for text in job.walls]
    inputs = [job.photo, job.mask, *walls, job.palette, job.reference]
    for path in outputs:
        for source in inputs:
            if source is not None and path.exists() and source.exists() and path.samefile(source):
                raise InputError(f"{path}: this is one of the inputs: choose another name, so that nothing is lost")


def _write(job: Job, result: Result, path: Path, found: dict[str, Any] | None) -> dict[str, Any]:
    """Save a result and complete its report with what became of it."""
    started = perf_counter()
    written = result.save(path, strip_location=job.strip_location, quality=job.quality)
    report = {**result.report, "photo": str(job.photo), "output": str(path)}
    report["file"] = {"format": written.format, "lossy": written.lossy, "bit_depth": written.bit_depth}
    report["seconds"] = {**report["seconds"], "write": round(perf_counter() - started, 3)}
    report["warnings"] = [*report["warnings"], *written.notes]
    if found is not None:
        report["found_walls"] = found
    return report


def _many(
    job: Job,
    scene: Scene,
    painted: Iterable[tuple[dict[str, Paint], Result]],
    outputs: list[Path],
    step: Callable[[], None],
    found: dict[str, Any] | None,
) -> dict[str, Any]:
    pairs = iter(painted)
    first = next(pairs)  # networks that do not load or fit say so here, before there is a folder
    try:
        job.output.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"{job.output}: the folder cannot be made ({error.strerror}): choose another") from error
    results: list[dict[str, Any]] = []
    cells: list[sheets.Cell] = [("before", sheets.preview(scene.photo, scene.photo.codes, PREVIEW_PX), None)]
    for (choice, result), path in zip(chain([first], pairs), outputs[:-1], strict=True):
        results.append(_write(job, result, path, found))
        cells.append((choice["wall"].label, sheets.preview(scene.photo, result.codes, PREVIEW_PX), choice["wall"].rgb))
        step()
    _save_picture(sheets.contact_sheet(cells), outputs[-1])
    return {
        "schema": results[0]["schema"],
        "version": results[0]["version"],
        "photo": str(job.photo),
        "output": str(job.output),
        "contact_sheet": str(outputs[-1]),
        "results": results,
        "warnings": [],
    }


def _slug(paint: Paint) -> str:
    text = paint.code or paint.name or paint.hex
    return re.sub(r"[^0-9a-z]+", "-", text.lower()).strip("-")[:80] or paint.hex.lstrip("#")


def _fresh(name: str, taken: dict[str, Any]) -> str:
    if name not in taken:
        return name
    return next(f"{name}-{i}" for i in range(2, 10_000) if f"{name}-{i}" not in taken)


def _save_picture(picture: Image.Image, path: Path) -> None:
    """Save one of our own pictures, whole or not at all."""
    photo = read_photo(picture)
    write_photo(photo, photo.codes, path, quality=90)


@contextmanager
def _bar(wanted: bool, steps: int) -> Iterator[Callable[[], None]]:
    """A bar on stderr that only shows once the work has taken a while; yields what moves it on."""
    if not wanted:
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress, TimeRemainingColumn

    started = perf_counter()
    bar = Progress(
        *Progress.get_default_columns()[:3],
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task("repainting", total=steps)

    def step() -> None:
        bar.advance(task)
        if perf_counter() - started > QUIET_S and not bar.live.is_started:
            bar.start()

    try:
        yield step
    finally:
        bar.stop()
