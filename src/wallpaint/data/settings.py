"""How samples are made of pictures: every choice, with the document's values, checked all at once. No torch here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from wallpaint.data.metadata import is_number
from wallpaint.errors import ConfigError
from wallpaint.options import help_of, option

COLOR_METHODS = ("median", "mean", "kmeans")
CROPS = ("center", "random", "wall")
MATCHES = ("swatch", "room")
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class DataSettings:
    """The choices of `WallInpaintingDataset`. Raises ConfigError that lists everything wrong with them."""

    size: int = option("side of the square pictures, pixels", 512)
    multiple: int = option("what the side must be a multiple of", 8)
    crop: str = option("center (shorter side to size), random (place and scale), or wall (round the wall)", "center")
    smallest_crop: float = option("a random crop's shorter side, at least, as a share of the picture's", 0.7)
    context: float = option("what a wall crop shows round the wall, as a share of its longer side", 0.25)
    erosion_px: float = option("taken off color_mask's edge, in pixels of the sample; a 5x5 kernel takes off 2", 2.0)
    erosion_kernel: int | None = option("the same as the size of an odd square kernel; instead of erosion_px", None)
    dilation_px: float = option("by how much the model's mask is larger than the wall, in pixels of the sample", 8.0)
    quality_threshold: float = option("samples with a lower quality_score are left out", 0.6)
    random_color_prob: float = option("share of samples whose target is repainted in another colour", 0.3)
    color_range: tuple[float, float] = option("lowest and highest sRGB value of a random colour's channels", (30, 240))
    color_method: str = option("how a wall's colour is told: median, mean or kmeans", "median")
    match: str = option(
        "a reference is literal (what the target shows) or lit (the albedo, where it is known)", "swatch"
    )
    brightness: float = option("jitter: factor on the codes, 1 +- this", 0.1)
    contrast: float = option("jitter: factor about the picture's mean grey, 1 +- this", 0.1)
    saturation: float = option("jitter: factor on what is not grey, 1 +- this", 0.1)
    hue_deg: float = option("jitter: turn of the hue, +- degrees", 4.0)
    flip_prob: float = option("share of samples that are mirrored", 0.5)
    reference_px: int = option("side of the reference picture, pixels", 224)
    reference_noise: float = option("standard deviation of the swatch's noise, codes", 8.0)
    reference_gradient: tuple[float, float] = option("factors of light at two edges of the swatch", (0.95, 1.05))
    image_mean: tuple[float, float, float] = option("the image encoder's mean, RGB of 0..1", CLIP_MEAN)
    image_std: tuple[float, float, float] = option("the image encoder's standard deviation, RGB of 0..1", CLIP_STD)
    dressed_share: float = option("share of a rendered room's samples that start from a patterned wall", 0.2)

    def __post_init__(self) -> None:
        for name in ("color_range", "reference_gradient", "image_mean", "image_std"):
            value = getattr(self, name)
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(value))
        wrong = list(self._wrong())
        if wrong:
            raise ConfigError("; ".join(wrong))

    @property
    def erosion_radius_px(self) -> float:
        """Pixels that are taken off each side, whichever way it was said."""
        return self.erosion_px if self.erosion_kernel is None else (self.erosion_kernel - 1) / 2

    def _wrong(self) -> Iterator[str]:
        for name, known in (("crop", CROPS), ("color_method", COLOR_METHODS), ("match", MATCHES)):
            if getattr(self, name) not in known:
                yield f'{name} must be one of {", ".join(known)}, not "{getattr(self, name)}"'
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if not is_number(value) or not low <= value <= high:
                yield f"{name} must lie in {low:g}..{high:g}, not {value}"
        for name in ("size", "multiple", "reference_px"):
            if not isinstance(getattr(self, name), int):
                yield f"{name} is a whole number of pixels, not {getattr(self, name)}"
        whole = isinstance(self.size, int) and isinstance(self.multiple, int) and self.multiple > 0
        if whole and self.size % self.multiple:
            yield f"size must be a multiple of {self.multiple}, not {self.size}"
        yield from self._wrong_kernel()
        for name, count, low, high in (
            ("color_range", 2, 0.0, 255.0),
            ("reference_gradient", 2, 0.0, 4.0),
            ("image_mean", 3, 0.0, 1.0),
            ("image_std", 3, 1e-3, 10.0),
        ):
            yield from _wrong_numbers(name, getattr(self, name), count, low, high)

    def _wrong_kernel(self) -> Iterator[str]:
        kernel = self.erosion_kernel
        if kernel is None:
            return
        if not isinstance(kernel, int) or kernel < 1 or kernel % 2 == 0:
            yield f"erosion_kernel is odd and at least 1, not {kernel}: 5 takes 2 pixels off each side"
        if self.erosion_px != DataSettings.erosion_px:
            yield "erosion_px and erosion_kernel say the same: give one of them"

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for saving beside what was made with it."""
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


def _wrong_numbers(name: str, value: Any, count: int, low: float, high: float) -> Iterator[str]:
    is_tuple = isinstance(value, tuple) and len(value) == count and all(is_number(v) for v in value)
    if not is_tuple or not all(low <= v <= high for v in value):
        yield f"{name} is {count} numbers in {low:g}..{high:g}, not {value}"
    elif count == 2 and value[0] > value[1]:
        yield f"{name} goes from low to high, not {value}"


def about(name: str) -> str:
    """One line on a setting, for help pages."""
    return help_of(DataSettings, name)
