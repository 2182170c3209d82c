"""Repaint functions of validation: plain inpainting or the full pipeline, with the colour lock off and on.

off    the painter's own result: the networks' image, or match `room`
on     match `swatch`: the same brought to the paint by the colour lock, and composited into the photo
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from wallpaint.errors import InputError
from wallpaint.evaluation.comparison.samples import LOCKS, OFF, ON, ValidationSample, to_srgb
from wallpaint.painters.protocol import Match, PaintAssignment, PaintedWall, Painter
from wallpaint.pipeline.repaint import Scene, prepare
from wallpaint.scene.mask import Window
from wallpaint.scene.scene import PreparedScene
from wallpaint.typing import Array

if TYPE_CHECKING:
    from wallpaint.bundles.bundle import Bundle
    from wallpaint.diffusion.settings import DiffusionSettings
    from wallpaint.painters.diffusion.painter import DiffusionPainter

RepaintFn: TypeAlias = Callable[[ValidationSample, int], Mapping[str, Array]]
"""(sample, seed) -> repaints by lock, each (H, W, 3) uint8 sRGB."""


def full_pipeline(painter: Painter, locks: Sequence[str] = LOCKS) -> RepaintFn:
    """Return a function that runs scene, painter and composite at the photo's own size."""

    def repaint(sample: ValidationSample, seed: int) -> dict[str, Array]:
        scene = prepare(sample.source, {"wall": sample.alpha})
        return {lock: _composited(scene, sample, painter, "swatch" if lock == ON else "room", seed) for lock in locks}

    return repaint


def plain_inpainting(painter: DiffusionPainter, locks: Sequence[str] = LOCKS) -> RepaintFn:
    """Return a function that inpaints the sample as the source document does: nothing is composited back.

    painter: its image prompt and depth control should be off. With the lock on, the networks' image takes the place
    of a painter's result in the pipeline. Samples need a `fill`.
    """

    def repaint(sample: ValidationSample, seed: int) -> dict[str, Array]:
        height, width = sample.alpha.shape
        if sample.fill is None:
            raise InputError(f"{sample.key}: is a full photo, and plain inpainting takes samples of the model's size")
        window = Window(0, 0, height, width, height, width)
        image = painter.inpaint(painter.encode_view(sample.photo, sample.fill, window), [sample.photo], seed)[0]
        repaints = {}
        if OFF in locks:
            repaints[OFF] = np.round(255 * image).astype(np.uint8)
        if ON in locks:
            scene = prepare(sample.source, {"wall": sample.alpha})
            repaints[ON] = _composited(scene, sample, _FixedImagePainter(image, window), "swatch", seed)
        return repaints

    return repaint


def sample_seed(seed: int, key: str) -> int:
    """Derive the noise seed of a sample from the run's seed and the sample's key, independent of other samples."""
    import hashlib

    return int.from_bytes(hashlib.sha256(f"{seed}/{key}".encode(errors="backslashreplace")).digest()[:6], "big")


def _composited(scene: Scene, sample: ValidationSample, painter: Painter, match: Match, seed: int) -> Array:
    result = scene.repaint({"wall": sample.paint}, match=match, painter=painter, seed=seed)
    return to_srgb(result.photo, result.codes)


class _FixedImagePainter:
    """A painter that returns a given image, (H, W, 3) float32 sRGB, 0..1, of a window of the photo."""

    name = "inpainting"

    def __init__(self, image: Array, window: Window) -> None:
        self.image, self.window = image, window

    def paint(
        self, scene: PreparedScene, assignments: Sequence[PaintAssignment], match: Match, seed: int
    ) -> Iterator[dict[str, PaintedWall]]:
        from wallpaint.painters.diffusion import placement

        for choice in assignments:
            yield {
                name: placement.wall_from_view(wall, self.image, self.window, choice[name], match)
                for name, wall in scene.walls.items()
            }

    def describe(self) -> dict[str, Any]:
        return {}


def make_caching_painter(bundle: Bundle, settings: DiffusionSettings, observed: dict[str, Array]) -> DiffusionPainter:
    """Return a diffusion painter that caches its last images, so that both locks share one run of the networks.

    observed: receives "depth", (h, w) uint8, near is white: the depth map that the networks last used.
    """
    import torch

    from wallpaint.painters.diffusion.painter import DiffusionPainter, DiffusionView

    class CachingPainter(DiffusionPainter):
        cached: tuple[DiffusionView, list[Array], int, Array] | None = None

        def inpaint(
            self,
            view: DiffusionView,
            references: Sequence[Array],
            seed: int,
            init_images: Sequence[Array] | None = None,
        ) -> Array:
            if self.cached is not None:
                cached_view, cached_references, cached_seed, images = self.cached
                same_references = len(cached_references) == len(references) and all(
                    map(np.array_equal, cached_references, references)
                )
                if cached_view is view and cached_seed == seed and same_references:
                    return images
            images = super().inpaint(view, references, seed, init_images)
            self.cached = (view, list(references), seed, images)
            return images

    def observe(name: str, value: torch.Tensor) -> None:
        if name == "depth":
            observed["depth"] = np.round(255 * value[0, 0].float().cpu().numpy()).astype(np.uint8)

    return CachingPainter(bundle, settings, observe=observe)
