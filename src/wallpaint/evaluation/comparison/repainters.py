"""How a sample gets its pictures: by plain inpainting, or by a whole painter; with the colour lock and without.

off    what the painter makes of it: the networks' own picture, or `lit`
on     `literal`: the same taken to the paint by the lock, and composed into the photo
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from wallpaint.errors import InputError
from wallpaint.evaluation.comparison.samples import LOCKS, OFF, ON, Sample, srgb
from wallpaint.painters.protocol import Choice, Painted, Painter
from wallpaint.pipeline.repaint import paint_many
from wallpaint.scene.mask import Window
from wallpaint.scene.scene import Scene, prepare
from wallpaint.typing import Array

if TYPE_CHECKING:
    from wallpaint.bundles.bundle import Bundle
    from wallpaint.diffusion.settings import Settings
    from wallpaint.painters.diffusion.painter import DiffusionPainter

Give: TypeAlias = Callable[[Sample, int], Mapping[str, Array]]
"""(sample, seed) -> its repaints by lock, each (H, W, 3) uint8 sRGB."""


def by_painter(painter: Painter, locks: Sequence[str] = LOCKS) -> Give:
    """Pictures as people get them: scene, painter, composite, at the photo's own size."""

    def give(sample: Sample, seed: int) -> dict[str, Array]:
        scene = prepare(sample.source, {"wall": sample.alpha})
        return {lock: _composed(scene, sample, painter, "swatch" if lock == ON else "room", seed) for lock in locks}

    return give


def by_inpainting(painter: DiffusionPainter, locks: Sequence[str] = LOCKS) -> Give:
    """Pictures as the source document validates: the sample inpainted whole, nothing pasted back.

    painter: its image prompt and depth control should be off. With the lock, what the networks made of the wall goes
    the way of a painter's. Samples need a `fill`.
    """

    def give(sample: Sample, seed: int) -> dict[str, Array]:
        height, width = sample.alpha.shape
        if sample.fill is None:
            raise InputError(f"{sample.key}: is a whole photo, and plain inpainting takes samples of the model's size")
        window = Window(0, 0, height, width, height, width)
        picture = painter.generate(painter.look(sample.photo, sample.fill, window), [sample.photo], seed)[0]
        found = {}
        if OFF in locks:
            found[OFF] = np.round(255 * picture).astype(np.uint8)
        if ON in locks:
            scene = prepare(sample.source, {"wall": sample.alpha})
            found[ON] = _composed(scene, sample, _Inpainted(picture, window), "swatch", seed)
        return found

    return give


def seed_of(seed: int, key: str) -> int:
    """The seed of a sample's noise: its own, and the same whatever else is in the set. key: the sample's."""
    import hashlib

    return int.from_bytes(hashlib.sha256(f"{seed}/{key}".encode(errors="backslashreplace")).digest()[:6], "big")


def _composed(scene: Scene, sample: Sample, painter: Painter, match: str, seed: int) -> Array:
    result = next(paint_many(scene, [{"wall": sample.paint}], match=match, painter=painter, seed=seed))
    return srgb(result.photo, result.codes)


class _Inpainted:
    """A painter whose picture is there already: (H, W, 3) float32 sRGB, 0..1, of a window of the photo."""

    name = "inpainting"

    def __init__(self, picture: Array, window: Window) -> None:
        self.picture, self.window = picture, window

    def paint(self, scene: Scene, choices: Sequence[Choice], match: str, seed: int) -> Iterator[dict[str, Painted]]:
        from wallpaint.painters.diffusion import placement

        for choice in choices:
            yield {
                name: placement.finish(wall, self.picture, self.window, choice[name], match)
                for name, wall in scene.walls.items()
            }

    def describe(self) -> dict[str, Any]:
        return {}


def thrifty(bundle: Bundle, settings: Settings, seen: dict[str, Array]) -> DiffusionPainter:
    """A diffusion painter that makes one picture for both locks. seen: gets "depth", (h, w) uint8, near is white, as
    the networks last saw it."""
    import torch

    from wallpaint.painters.diffusion.painter import DiffusionPainter, View

    class Thrifty(DiffusionPainter):
        last: tuple[View, list[Array], int, Array] | None = None

        def generate(
            self, view: View, references: Sequence[Array], seed: int, start: Sequence[Array] | None = None
        ) -> Array:
            if self.last is not None:
                last, told, drawn, pictures = self.last
                alike = len(told) == len(references) and all(map(np.array_equal, told, references))
                if last is view and drawn == seed and alike:
                    return pictures
            pictures = super().generate(view, references, seed, start)
            self.last = (view, list(references), seed, pictures)
            return pictures

    def observe(name: str, value: torch.Tensor) -> None:
        if name == "depth":
            seen["depth"] = np.round(255 * value[0, 0].float().cpu().numpy()).astype(np.uint8)

    return Thrifty(bundle, settings, observe=observe)
