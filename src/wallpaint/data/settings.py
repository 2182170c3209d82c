"""Settings of training samples, with the source document's defaults. Does not import torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from wallpaint.options import field_errors, option, raise_errors

COLOR_METHODS = ("median", "mean", "kmeans")
CROPS = ("center", "random", "wall")
MATCHES = ("swatch", "room")
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class SampleSettings:
    """Settings of `WallInpaintingDataset`. Raises ConfigError that lists all errors."""

    size: int = option("side of the square samples, pixels; wall crops have about its area", 512, ge=8, le=4096)
    multiple: int = option("the side must be a multiple of this", 8, ge=1, le=512)
    crop: str = option(
        "center (shorter side to size), random (position and scale), or wall (around the wall, as the painter crops)",
        "center",
        choices=CROPS,
    )
    smallest_crop: float = option(
        "minimum side of a random crop, as a share of the photo's shorter side", 0.7, ge=0.1, le=1
    )
    context: float = option("margin of a wall crop around the wall, as a share of its longer side", 0.25, ge=0, le=4)
    erosion_px: float = option(
        "erosion radius of color_mask, in pixels of the sample; a 5x5 kernel has radius 2", 2.0, ge=0, le=256
    )
    erosion_kernel: int | None = option(
        "erosion as the side of an odd square kernel, instead of erosion_px", None, ge=1
    )
    dilation_px: float = option(
        "dilation radius of the model's mask, in pixels of the sample; a negative one erodes it", 8.0, ge=-256, le=256
    )
    quality_threshold: float = option("samples with a lower quality_score are excluded", 0.6, ge=0, le=1)
    random_color_prob: float = option("share of samples whose target is repainted in another colour", 0.3, ge=0, le=1)
    color_range: tuple[float, float] = option(
        "range of a random colour's sRGB values, 0..255", (30, 240), ge=0, le=255, length=2
    )
    color_method: str = option(
        "how a wall's colour is extracted: median, mean or kmeans", "median", choices=COLOR_METHODS
    )
    match: str = option(
        "what the reference's colour is: swatch (the wall's colour in the target) or room (the albedo, where known)",
        "swatch",
        choices=MATCHES,
    )
    brightness: float = option("colour jitter: brightness factor, 1 +- this", 0.1, ge=0, le=0.9)
    contrast: float = option("colour jitter: contrast factor around the mean grey, 1 +- this", 0.1, ge=0, le=0.9)
    saturation: float = option("colour jitter: saturation factor, 1 +- this", 0.1, ge=0, le=1)
    hue_deg: float = option("colour jitter: hue rotation, +- degrees", 4.0, ge=0, le=180)
    flip_prob: float = option("probability of a horizontal flip", 0.5, ge=0, le=1)
    reference_px: int = option("side of the reference image, pixels", 224, ge=8, le=1024)
    reference_noise: float = option("standard deviation of the swatch's noise, sRGB values 0..255", 8.0, ge=0, le=128)
    reference_gradient: tuple[float, float] = option(
        "brightness factors at two opposite edges of the swatch", (0.95, 1.05), ge=0, le=4, length=2
    )
    image_mean: tuple[float, float, float] = option(
        "the image encoder's mean, RGB 0..1", CLIP_MEAN, ge=0, le=1, length=3
    )
    image_std: tuple[float, float, float] = option(
        "the image encoder's standard deviation, RGB 0..1", CLIP_STD, ge=1e-3, le=10, length=3
    )
    dressed_share: float = option(
        "share of a rendered room's samples that start from a patterned wall", 0.2, ge=0, le=1
    )

    def __post_init__(self) -> None:
        for name in ("color_range", "reference_gradient", "image_mean", "image_std"):
            value = getattr(self, name)
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(value))
        raise_errors(self._errors())

    @property
    def erosion_radius_px(self) -> float:
        """Erosion radius, from erosion_px or erosion_kernel."""
        return self.erosion_px if self.erosion_kernel is None else (self.erosion_kernel - 1) / 2

    def _errors(self) -> Iterator[str]:
        yield from field_errors(self)
        are_integers = isinstance(self.size, int) and isinstance(self.multiple, int) and self.multiple > 0
        if are_integers and self.size % self.multiple:
            yield f"`size` must be a multiple of {self.multiple}, not {self.size}"
        if isinstance(self.erosion_kernel, int) and self.erosion_kernel % 2 == 0:
            yield f"`erosion_kernel` must be odd, not {self.erosion_kernel}: 5 erodes by 2 pixels"
        if self.erosion_kernel is not None and self.erosion_px != SampleSettings.erosion_px:
            yield "`erosion_px` and `erosion_kernel` set the same value: give one of them"
        for name in ("color_range", "reference_gradient"):
            value = getattr(self, name)
            is_pair = isinstance(value, tuple) and len(value) == 2 and all(isinstance(v, int | float) for v in value)
            if is_pair and value[0] > value[1]:
                yield f"`{name}` must be from low to high, not {value}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, for saving and hashing."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
