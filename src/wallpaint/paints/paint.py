"""A paint: the target colour of a wall, optionally with a texture, parsed from text.

The colour of a paint is its albedo, the share of the light that it reflects, in linear sRGB. A hex code is
read as the sRGB encoding of that albedo.
"""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wallpaint.errors import InputError
from wallpaint.imaging.color import (
    compress_gamut,
    linear_to_lab,
    linear_to_srgb,
    luminance,
    out_of_gamut,
    srgb_to_linear,
)

EXAMPLES = "#7d9b84, rgb(125, 155, 132), oklch(65% 0.05 155) or a colour name"
_MAX_TEXT = 200
_HEX = re.compile(r"#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})", re.IGNORECASE)
_BARE_HEX = re.compile(r"(?:0x)?([0-9a-f]{6})", re.IGNORECASE)
_PAINT_CODE = re.compile(r"(?=.*\d)(?=.*[a-z])[\w&.\- /]{3,40}|\d{2,4}-\d{1,4}", re.IGNORECASE)  # SW 7008, 2124-70
_NOTATIONS = ("rgb", "hsl", "hwb", "lab", "lch", "oklab", "oklch", "color")

# Source: ITU-R BT.2087. The widest gamut a screen is asked for; real paints lie inside it.
_RGB_TO_REC2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
_REC2020_SLACK = 0.002


class PaintLookup(Protocol):
    """A collection that resolves a paint by code or name, such as a `Palette`."""

    @property
    def source(self) -> str:
        """Its name in messages."""
        ...

    @property
    def paints(self) -> "Sequence[Paint]":
        """All paints."""
        ...

    def get(self, text: str) -> "Paint | None":
        """The paint of that code or name, or None."""
        ...


@dataclass(frozen=True, eq=False)
class Paint:
    """A paint, checked when it is made: InputError where no real paint can have that albedo.

    albedo_linear: linear sRGB, white is 1; a wide-gamut colour has values outside 0..1. lrv: the maker's
    light reflectance value, 0..100, as printed. reference: a texture picture, a path or an (H, W, 3) uint8
    sRGB array; paints compare it by path or by identity.
    """

    albedo_linear: tuple[float, float, float]
    name: str | None = None
    code: str | None = None
    sheen: str | None = None
    lrv: float | None = None
    reference: Path | NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        albedo = tuple(float(channel) for channel in self.albedo_linear)
        if len(albedo) != 3:
            raise InputError(f"a paint has 3 channels of albedo, not {len(albedo)}")
        _check_albedo(np.array(albedo), self.name or self.code or "this colour")
        if self.lrv is not None and not 0.0 <= self.lrv <= 100.0:
            raise InputError(f"a light reflectance value (LRV) lies in 0..100, not {self.lrv}")
        if isinstance(self.reference, np.ndarray):
            shape, kind = self.reference.shape, self.reference.dtype
            if len(shape) != 3 or shape[2] != 3 or 0 in shape or kind != np.uint8:
                raise InputError(f"a reference picture is (H, W, 3) uint8, sRGB, not {shape} {kind}")
        object.__setattr__(self, "albedo_linear", albedo)

    @classmethod
    def parse(cls, text: "str | Sequence[int] | Paint", palette: "PaintLookup | None" = None) -> "Paint":
        """Read a colour as people write it.

        text: a code or name of `palette`, which goes first; hex (#rgb, #rrggbb, or rrggbb and 0xrrggbb without
        the mark); rgb(), hsl(), hwb(), lab(), lch(), oklab(), oklch(), color(); a CSS name; three
        integers 0..255; or a Paint, given back as it is. Raises InputError, one line, with the nearest names.
        """
        if isinstance(text, Paint):
            return text
        if not isinstance(text, str):
            return cls.from_rgb(text)
        wanted = text.strip()
        if not wanted or len(wanted) > _MAX_TEXT:
            raise InputError(f"a colour is {EXAMPLES}; this one is {'empty' if not wanted else 'far too long'}")
        if palette is not None:
            match = palette.get(wanted)
            if match is not None:
                return match
        bare = _BARE_HEX.fullmatch(wanted)
        if bare is not None:
            wanted = f"#{bare[1]}"
        if _HEX.fullmatch(wanted):
            return cls._from_hex(wanted)
        return cls._from_css(wanted, palette)

    @classmethod
    def from_rgb(cls, rgb: Iterable[int], *, name: str | None = None, code: str | None = None) -> "Paint":
        """A paint of three encoded sRGB values, integers 0..255."""
        values = list(rgb) if isinstance(rgb, Iterable) else [rgb]
        whole = all(isinstance(v, int | np.integer) and not isinstance(v, bool) for v in values)
        if len(values) != 3 or not whole or not all(0 <= v <= 255 for v in values):
            raise InputError(f"a colour as numbers is three integers 0..255 (red, green, blue), not {_short(values)}")
        return cls(_triple(srgb_to_linear(np.array(values) / 255.0)), name=name, code=code)

    @classmethod
    def _from_hex(cls, text: str) -> "Paint":
        digits = text[1:]
        if len(digits) in (3, 4):
            digits = "".join(2 * digit for digit in digits)
        if len(digits) == 8 and digits[6:].lower() != "ff":
            raise InputError(f"{text} has an alpha channel, and paint is opaque: leave out the last digits")
        return cls.from_rgb(bytes.fromhex(digits[:6]))

    @classmethod
    def _from_css(cls, text: str, palette: "PaintLookup | None") -> "Paint":
        from coloraide import Color

        try:
            color = Color(text.lower())
        except (ValueError, ArithmeticError):
            raise InputError(_not_a_colour(text, palette)) from None
        channels = [*color.coords(nans=True), color.alpha(nans=True)]
        if not all(np.isfinite(channels)):
            raise InputError(f"{_short(text)} leaves a channel open (none or not a number): give every channel")
        if channels[3] < 1.0:
            raise InputError(
                f"{_short(text)} is see-through (alpha {channels[3]:g}), and paint is opaque: drop the alpha"
            )
        if text.lower().startswith(("rgb", "hsl", "hwb")) and not color.convert("srgb").in_gamut():
            raise InputError(f"{_short(text)} has a channel outside its range: 0..255 or 0..100%")
        albedo = _triple(color.convert("srgb-linear").coords(nans=False))
        _check_albedo(np.array(albedo), _short(text))
        return cls(albedo, name=None if "(" in text else text.lower())

    def with_reference(self, reference: "Path | str | NDArray[np.uint8]") -> "Paint":
        """The same paint with a texture picture."""
        return replace(self, reference=Path(reference) if isinstance(reference, str) else reference)

    @property
    def out_of_srgb(self) -> bool:
        """Whether no sRGB picture can show this colour as it is."""
        return bool(out_of_gamut(np.array(self.albedo_linear)))

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Encoded sRGB, 0..255; a colour outside sRGB is brought inside at its hue."""
        inside = compress_gamut(np.array(self.albedo_linear)).clip(0.0, 1.0)
        red, green, blue = np.rint(255.0 * linear_to_srgb(inside)).astype(int).tolist()
        return red, green, blue

    @property
    def hex(self) -> str:
        """`rgb` as #rrggbb."""
        return "#" + bytes(self.rgb).hex()

    @property
    def label(self) -> str:
        """What to call it in one line: code and name where it has them, else its hex."""
        return " ".join(part for part in (self.code, self.name) if part) or self.hex

    @property
    def lab(self) -> tuple[float, float, float]:
        """CIELAB under D65 / 2 degrees."""
        return _triple(linear_to_lab(np.array(self.albedo_linear)))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a report in JSON."""
        return {
            "label": self.label,
            "name": self.name,
            "code": self.code,
            "sheen": self.sheen,
            "lrv": self.lrv,
            "hex": self.hex,
            "rgb": list(self.rgb),
            "lab": [round(value, 4) for value in self.lab],
            "albedo_linear": [round(value, 6) for value in self.albedo_linear],
            "out_of_srgb": self.out_of_srgb,
            "reference": _picture_name(self.reference),
        }

    def _key(self) -> tuple[object, ...]:
        reference = id(self.reference) if isinstance(self.reference, np.ndarray) else self.reference
        return self.albedo_linear, self.name, self.code, self.sheen, self.lrv, reference

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Paint) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())


def _triple(values: Iterable[float]) -> tuple[float, float, float]:
    first, second, third = (float(value) for value in values)
    return first, second, third


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _picture_name(reference: Path | NDArray[np.uint8] | None) -> str | None:
    if isinstance(reference, np.ndarray):
        return f"array {reference.shape[0]}x{reference.shape[1]}"
    return None if reference is None else str(reference)


def _check_albedo(albedo: NDArray[np.float64], label: str) -> None:
    if not np.isfinite(albedo).all():
        raise InputError(f"{label}: every channel must be a finite number")
    wide = _RGB_TO_REC2020 @ albedo
    if float(luminance(albedo)) > 1.0 + _REC2020_SLACK or wide.max() > 1.0 + _REC2020_SLACK:
        raise InputError(f"{label} would reflect more light than falls on it: take a darker or a less vivid colour")
    if wide.min() < -_REC2020_SLACK:
        raise InputError(f"{label} is more vivid than any paint (outside Rec. 2020): take a less vivid colour")


def _not_a_colour(text: str, palette: "PaintLookup | None") -> str:
    from coloraide.css.color_names import name2val_map

    choices = {name.casefold(): name for name in name2val_map}
    if palette is not None:
        for paint in palette.paints:
            choices |= {key.casefold(): key for key in (paint.name, paint.code) if key}
    close = difflib.get_close_matches(text.casefold(), choices, n=3, cutoff=0.65)
    hint = f"did you mean {' or '.join(choices[key] for key in close)}?" if close else f"write {EXAMPLES}"
    is_code = _PAINT_CODE.fullmatch(text.strip()) and not text.lower().lstrip().startswith(_NOTATIONS)
    if palette is None and is_code:
        source = "codes of paint makers come from a palette: pass `palette`"
        hint = f"{hint} ({source})" if close else source
    where = "" if palette is None else f" and not in the palette {palette.source}"
    return f"{_short(text)} is not a colour{where}: {hint}"
