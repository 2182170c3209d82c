"""Settings of training samples, with the source document's defaults. Does not import torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from wallpaint.data.metadata import is_number
from wallpaint.errors import ConfigError
from wallpaint.options import option

COLOR_METHODS = ("median", "mean", "kmeans")
CROPS = ("center", "random", "wall")
MATCHES = ("swatch", "room")
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class SampleSettings:
    """Settings of `WallInpaintingDataset`. Raises ConfigError that lists all errors."""

    size: int = option("side of the square samples, pixels", 512)
    multiple: int = option("the side must be a multiple of this", 8)
    crop: str = option(
        "center (shorter side to size), random (position and scale), or wall (around the wall)", "center"
    )
    smallest_crop: float = option("minimum side of a random crop, as a share of the photo's shorter side", 0.7)
    context: float = option("margin of a wall crop around the wall, as a share of its longer side", 0.25)
    erosion_px: float = option("erosion radius of color_mask, in pixels of the sample; a 5x5 kernel has radius 2", 2.0)
    erosion_kernel: int | None = option("erosion as the side of an odd square kernel, instead of erosion_px", None)
    dilation_px: float = option("dilation radius of the model's mask, in pixels of the sample", 8.0)
    quality_threshold: float = option("samples with a lower quality_score are excluded", 0.6)
    random_color_prob: float = option("share of samples whose target is repainted in another colour", 0.3)
    color_range: tuple[float, float] = option("range of a random colour's sRGB values, 0..255", (30, 240))
    color_method: str = option("how a wall's colour is extracted: median, mean or kmeans", "median")
    match: str = option(
        "what the reference's colour is: swatch (the wall's colour in the target) or room (the albedo, where known)",
        "swatch",
    )
    brightness: float = option("colour jitter: brightness factor, 1 +- this", 0.1)
    contrast: float = option("colour jitter: contrast factor around the mean grey, 1 +- this", 0.1)
    saturation: float = option("colour jitter: saturation factor, 1 +- this", 0.1)
    hue_deg: float = option("colour jitter: hue rotation, +- degrees", 4.0)
    flip_prob: float = option("probability of a horizontal flip", 0.5)
    reference_px: int = option("side of the reference image, pixels", 224)
    reference_noise: float = option("standard deviation of the swatch's noise, sRGB values 0..255", 8.0)
    reference_gradient: tuple[float, float] = option(
        "brightness factors at two opposite edges of the swatch", (0.95, 1.05)
    )
    image_mean: tuple[float, float, float] = option("the image encoder's mean, RGB 0..1", CLIP_MEAN)
    image_std: tuple[float, float, float] = option("the image encoder's standard deviation, RGB 0..1", CLIP_STD)
    dressed_share: float = option("share of a rendered room's samples that start from a patterned wall", 0.2)

    def __post_init__(self) -> None:
        for name in ("color_range", "reference_gradient", "image_mean", "image_std"):
            value = getattr(self, name)
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(value))
        errors = list(self._errors())
        if errors:
            raise ConfigError("; ".join(errors))

    @property
    def erosion_radius_px(self) -> float:
        """Erosion radius, from erosion_px or erosion_kernel."""
        return self.erosion_px if self.erosion_kernel is None else (self.erosion_kernel - 1) / 2

    def _errors(self) -> Iterator[str]:
        for name, choices in (("crop", CROPS), ("color_method", COLOR_METHODS), ("match", MATCHES)):
            if getattr(self, name) not in choices:
                yield f'{name} must be one of {", ".join(choices)}, not "{getattr(self, name)}"'
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if not is_number(value) or not low <= value <= high:
                yield f"{name} must lie in {low:g}..{high:g}, not {value}"
        for name in ("size", "multiple", "reference_px"):
            if not isinstance(getattr(self, name), int):
                yield f"{name} must be a whole number of pixels, not {getattr(self, name)}"
        are_integers = isinstance(self.size, int) and isinstance(self.multiple, int) and self.multiple > 0
        if are_integers and self.size % self.multiple:
            yield f"size must be a multiple of {self.multiple}, not {self.size}"
        yield from self._kernel_errors()
        for name, count, low, high in (
            ("color_range", 2, 0.0, 255.0),
            ("reference_gradient", 2, 0.0, 4.0),
            ("image_mean", 3, 0.0, 1.0),
            ("image_std", 3, 1e-3, 10.0),
        ):
            yield from _tuple_errors(name, getattr(self, name), count, low, high)

    def _kernel_errors(self) -> Iterator[str]:
        kernel = self.erosion_kernel
        if kernel is None:
            return
        if not isinstance(kernel, int) or kernel < 1 or kernel % 2 == 0:
            yield f"erosion_kernel must be odd and at least 1, not {kernel}: 5 erodes by 2 pixels"
        if self.erosion_px != SampleSettings.erosion_px:
            yield "erosion_px and erosion_kernel set the same value: give one of them"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, for saving and hashing."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


_RANGES = (
    ("size", 8, 4096),
    ("multiple", 1, 512),
    ("reference_px", 8, 1024),
    ("smallest_crop", 0.1, 1.0),
    ("context", 0.0, 4.0),
    ("erosion_px", 0.0, 256.0),
    ("dilation_px", 0.0, 256.0),
    ("quality_threshold", 0.0, 1.0),
    ("random_color_prob", 0.0, 1.0),
    ("brightness", 0.0, 0.9),
    ("contrast", 0.0, 0.9),
    ("saturation", 0.0, 1.0),
    ("hue_deg", 0.0, 180.0),
    ("flip_prob", 0.0, 1.0),
    ("reference_noise", 0.0, 128.0),
    ("dressed_share", 0.0, 1.0),
)


def _tuple_errors(name: str, value: Any, count: int, low: float, high: float) -> Iterator[str]:
    is_tuple = isinstance(value, tuple) and len(value) == count and all(is_number(v) for v in value)
    if not is_tuple or not all(low <= v <= high for v in value):
        yield f"{name} must be {count} numbers in {low:g}..{high:g}, not {value}"
    elif count == 2 and value[0] > value[1]:
        yield f"{name} goes from low to high, not {value}"
