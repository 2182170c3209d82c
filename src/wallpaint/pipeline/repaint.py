"""The public functions: prepare a photo once and repaint it in any number of paints.

Every option is an explicit keyword parameter; its default stands in `SceneOptions` or `RepaintOptions`, which the
functions build and the rest of the pipeline takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from wallpaint.imaging.mask_file import MaskSource
from wallpaint.imaging.photo import Limits, Photo, PhotoSource
from wallpaint.light.predictor import LightModelChoice
from wallpaint.painters.protocol import Match, Painter
from wallpaint.paints.paint import Paint
from wallpaint.pipeline.options import DetailMode, RepaintOptions
from wallpaint.pipeline.painting import Result, paint_many
from wallpaint.scene.options import EdgeMode, MaskOrientation, OldWall, SceneOptions
from wallpaint.scene.scene import PreparedScene, prepare_scene


@dataclass(frozen=True, eq=False)
class Scene(PreparedScene):
    """A photo and its walls, ready to be repainted. Created by `prepare`; immutable. Compared by identity.

    A subclass of `PreparedScene` that adds methods and no state. Painters and reports lie below this module and take
    the data; the methods need the painters, so they cannot be defined there. As a subclass a scene is passed to
    painters as it is: what they cache by the scene's identity stays valid, and `dataclasses.replace` returns a scene.
    """

    def repaint(
        self,
        paints: Mapping[str, Paint | str],
        *,
        match: Match = RepaintOptions.match,
        painter: str | Painter = RepaintOptions.painter,
        bundle: str | Path | None = RepaintOptions.bundle,
        detail: DetailMode = RepaintOptions.detail,
        seed: int = RepaintOptions.seed,
        bleed: bool = RepaintOptions.bleed,
    ) -> Result:
        """Repaint the walls. paints: one for every wall, by the wall's name. Options: see `repaint_many`."""
        options = RepaintOptions(match=match, painter=painter, bundle=bundle, detail=detail, seed=seed, bleed=bleed)
        return next(paint_many(self, [paints], options))

    def repaint_many(
        self,
        assignments: Iterable[Mapping[str, Paint | str]],
        *,
        match: Match = RepaintOptions.match,
        painter: str | Painter = RepaintOptions.painter,
        bundle: str | Path | None = RepaintOptions.bundle,
        detail: DetailMode = RepaintOptions.detail,
        seed: int = RepaintOptions.seed,
        bleed: bool = RepaintOptions.bleed,
    ) -> Iterator[Result]:
        """Repaint the walls once for each assignment of paints to walls; yields the results in order.

        Painters may process several assignments in one batch. match: "room" (what the camera would have recorded in
        this light) or "swatch" (the wall's median equals the chart's colour). painter: "analytic", "diffusion", "auto"
        (diffusion if a bundle is given, else analytic), or one created by `make_painter`, which keeps its networks
        between calls. bundle: the models of the diffusion painter, loaded anew at every call: a name, a folder or a
        file. detail: "keep" the photo's own texture or use the painter's "new" one. seed: for painters that sample
        noise. bleed: add the new paint's light to the rest of the room, see `color_bleeding.add_color_bleeding`;
        otherwise no pixel outside the walls changes.
        Raises InputError for unknown walls, matches or painters, before anything is painted; ConfigError or ModelError
        for the bundle's.
        """
        return paint_many(
            self,
            assignments,
            RepaintOptions(match=match, painter=painter, bundle=bundle, detail=detail, seed=seed, bleed=bleed),
        )


def prepare(
    photo: PhotoSource | Photo,
    walls: Mapping[str, MaskSource],
    *,
    edges: EdgeMode = SceneOptions.edges,
    fit_mask: bool = SceneOptions.fit_mask,
    invert_mask: bool = SceneOptions.invert_mask,
    mask_class: str | None = SceneOptions.mask_class,
    mask_orientation: MaskOrientation = SceneOptions.mask_orientation,
    old_wall: OldWall = SceneOptions.old_wall,
    old_color: Paint | str | Mapping[str, Paint | str] | None = SceneOptions.old_color,
    white: tuple[int, int] | None = SceneOptions.white,
    limits: Limits | None = SceneOptions.limits,
    light_model: LightModelChoice = SceneOptions.light_model,
) -> Scene:
    """Prepare a scene from a photo and wall masks.

    photo: a path, bytes, PIL image, array or `Photo`. walls: masks by name (path, bytes, PIL image or array, white =
    wall) of the photo's size; a later wall lies over an earlier one. edges: "refine" measures on the photo how much of
    each edge pixel is wall and falls back to the mask's value where the photo is ambiguous; "keep" uses the mask's
    values. fit_mask: resize masks to the photo. invert_mask: black is wall. mask_class: the
    class, colour or label of the wall in masks of classes and annotations. mask_orientation: "upright" or, for masks
    drawn on the pixels before the photo's EXIF orientation, "stored". old_wall: "auto", "plain" (all variation is
    light), "patterned" (wallpaper: paint over it) or "relief" (brick, tiles, boards: paint over them, keep the shading
    of their joints). old_color: the existing paint of all walls, or of some by name, a hint for the `room` match.
    white: (x, y) of a white object in the upright photo, a hint for the `room` match. light_model: the packaged one, an
    object with its method `predict`, or None for statistics of the photo alone.
    Raises InputError or ShapeError.
    """
    options = SceneOptions(
        edges=edges,
        fit_mask=fit_mask,
        invert_mask=invert_mask,
        mask_class=mask_class,
        mask_orientation=mask_orientation,
        old_wall=old_wall,
        old_color=old_color,
        white=white,
        limits=limits,
        light_model=light_model,
    )
    return prepare_with(photo, walls, options)


def prepare_with(photo: PhotoSource | Photo, walls: Mapping[str, MaskSource], options: SceneOptions) -> Scene:
    """Prepare a scene from a photo and wall masks. photo, walls: see `prepare`. Raises InputError or ShapeError."""
    prepared = prepare_scene(photo, walls, options)
    return Scene(**{field.name: getattr(prepared, field.name) for field in fields(prepared)})


def repaint(
    photo: PhotoSource | Photo,
    mask: MaskSource,
    paint: Paint | str,
    *,
    edges: EdgeMode = SceneOptions.edges,
    fit_mask: bool = SceneOptions.fit_mask,
    invert_mask: bool = SceneOptions.invert_mask,
    mask_class: str | None = SceneOptions.mask_class,
    mask_orientation: MaskOrientation = SceneOptions.mask_orientation,
    old_wall: OldWall = SceneOptions.old_wall,
    old_color: Paint | str | Mapping[str, Paint | str] | None = SceneOptions.old_color,
    white: tuple[int, int] | None = SceneOptions.white,
    limits: Limits | None = SceneOptions.limits,
    light_model: LightModelChoice = SceneOptions.light_model,
    match: Match = RepaintOptions.match,
    painter: str | Painter = RepaintOptions.painter,
    bundle: str | Path | None = RepaintOptions.bundle,
    detail: DetailMode = RepaintOptions.detail,
    seed: int = RepaintOptions.seed,
    bleed: bool = RepaintOptions.bleed,
) -> Result:
    """Repaint the walls of one photo in one call.

    photo, mask: paths, bytes, PIL images or arrays; white = wall. paint: a colour. Options: see `prepare` and
    `Scene.repaint_many`. Raises InputError, ConfigError or ModelError.
    """
    repaint_options = RepaintOptions(match=match, painter=painter, bundle=bundle, detail=detail, seed=seed, bleed=bleed)
    options = SceneOptions(
        edges=edges,
        fit_mask=fit_mask,
        invert_mask=invert_mask,
        mask_class=mask_class,
        mask_orientation=mask_orientation,
        old_wall=old_wall,
        old_color=old_color,
        white=white,
        limits=limits,
        light_model=light_model,
    )
    return next(paint_many(prepare_scene(photo, {"wall": mask}, options), [{"wall": paint}], repaint_options))


__all__ = ["Result", "Scene", "prepare", "prepare_with", "repaint"]
