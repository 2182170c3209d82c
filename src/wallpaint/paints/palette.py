"""Palettes: lists of paints read from CSV or JSON.

Measured Lab values come under many lights; they are adapted to D65 / 2 degrees, the white of sRGB.
"""

import csv
import difflib
import io
import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from wallpaint.errors import InputError
from wallpaint.files.names import without_separator_line
from wallpaint.imaging.color import luminance
from wallpaint.paints.measured_lab import adapt_lab
from wallpaint.paints.paint import Paint

MAX_BYTES = 20_000_000
_LRV_TOLERANCE = 10.0
_MAX_WARNINGS = 20

# Headers as `_plain` leaves them: lower case, no accents, no unit in brackets.
ALIASES: Mapping[str, tuple[str, ...]] = {
    "code": ("code", "colour code", "color code", "id", "sku", "ref", "ma", "ma mau", "ma so", "ma son"),
    "name": ("name", "colour name", "color name", "title", "ten", "ten mau", "ten son"),
    "color": (
        "hex",
        "hex code",
        "hexcode",
        "hex color",
        "hexcolor",
        "hex colour",
        "hexcolour",
        "hex value",
        "html",
        "colour",
        "color",
        "value",
        "mau",
        "ma hex",
        "mau hex",
    ),
    "rgb": ("rgb", "srgb"),
    "lab": ("lab", "cielab"),
    "r": ("r", "red", "do"),
    "g": ("g", "green", "xanh la", "luc"),
    "blue": ("blue", "rgb b", "xanh duong", "lam"),
    "l": ("l", "lab l", "cielab l", "lightness"),
    "a": ("a", "lab a", "cielab a"),
    "b": ("lab b", "cielab b"),
    "illuminant": ("illuminant", "light source", "nguon sang", "chieu sang"),
    "observer": ("observer", "angle", "goc quan sat", "quan sat"),
    "lrv": ("lrv", "light reflectance value", "reflectance", "do phan xa", "do phan quang"),
    "sheen": ("sheen", "finish", "gloss", "do bong", "be mat"),
}
_COLOUR_FIELDS = (("lab",), ("l", "a", "b"), ("rgb",), ("r", "g", "blue"), ("color",))

Row: TypeAlias = dict[str, Any]
_HEADERS, _DECIMAL_COMMA = (
    "its headers",
    "decimal comma",
)  # beside a row's fields: how to read and to name them


@dataclass(frozen=True)
class Palette:
    """Paints in the order of their file, looked up by code or name, case-insensitively."""

    paints: tuple[Paint, ...]
    source: str = "palette"
    warnings: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.paints)

    def __iter__(self) -> Iterator[Paint]:
        return iter(self.paints)

    def get(self, text: str) -> Paint | None:
        """The paint with this code, else with this name, or None. Raises InputError for a name of several."""
        wanted = _key(text)
        for index in (self._by_code, self._by_name, self._by_letters):
            matches = index.get(_letters(wanted) if index is self._by_letters else wanted, [])
            if len(matches) == 1:
                return matches[0]
            if matches:
                codes = ", ".join(_label(paint) for paint in matches[:8])
                raise InputError(
                    f"{text.strip()!r} fits {len(matches)} paints of {self.source}: say which code, {codes}"
                )
        return None

    def find(self, text: str) -> Paint:
        """As `get`, but an unknown code is an InputError with the nearest ones."""
        paint = self.get(text)
        if paint is not None:
            return paint
        keys = {_key(k): k for paint in self.paints for k in (paint.code, paint.name) if k}
        close = difflib.get_close_matches(_key(text), keys, n=3, cutoff=0.6)
        hint = f"did you mean {' or '.join(keys[key] for key in close)}?" if close else "give a code or a name in it"
        raise InputError(f"{text.strip()[:60]!r} is not in {self.source} ({len(self)} paints): {hint}")

    @cached_property
    def _by_code(self) -> dict[str, list[Paint]]:
        return _index(self.paints, lambda paint: _key(paint.code or ""))

    @cached_property
    def _by_name(self) -> dict[str, list[Paint]]:
        return _index(self.paints, lambda paint: _key(paint.name or ""))

    @cached_property
    def _by_letters(self) -> dict[str, list[Paint]]:
        return _index(self.paints, lambda paint: _letters(_key(paint.code or "")))


def _index(paints: Sequence[Paint], key: Callable[[Paint], str]) -> dict[str, list[Paint]]:
    index: dict[str, list[Paint]] = {}
    for paint in paints:
        if key(paint):
            index.setdefault(key(paint), []).append(paint)
    return index


def _key(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _letters(key: str) -> str:
    return re.sub(r"[\s\-_./]", "", key)


def _label(paint: Paint) -> str:
    return paint.code or paint.name or paint.hex


def read_palette(
    path: str | Path,
    *,
    illuminant: str = "D65",
    observer: int = 2,
    columns: Mapping[str, str] | None = None,
) -> Palette:
    """Read paints from CSV (comma, semicolon, tab) or JSON (a list, {"colors": [...]}, or {code: colour}).

    Known columns: see `ALIASES`; `columns` names others, field to header, such as {"code": "Shade"}. A row
    gives its colour as measured Lab (preferred), RGB 0..255, or any text that Paint.parse reads. illuminant,
    observer: the light of the Lab values where the file does not say. An LRV more than 10 points off the
    colour's luminance becomes a warning. Raises InputError, one line with file, line, column, reason and the
    number of bad rows.
    """
    unknown = [name for name in columns or {} if name not in ALIASES]
    if unknown:
        raise InputError(f"{unknown[0]!r} is not a field of a palette: use {', '.join(ALIASES)}")
    path = Path(path).expanduser()
    text = _read_text(path)
    is_json = text.lstrip()[:1] in ("{", "[")
    rows = _json_rows(text, path.name) if is_json else _csv_rows(text, path.name, columns or {})
    if is_json:
        rows = [(where, _named(row, list(row), columns or {})) for where, row in rows]
    paints, bad, warnings = [], [], []
    defaults = {"illuminant": illuminant, "observer": observer}
    for where, row in rows:
        try:
            paint = _paint(row, defaults)
        except InputError as error:
            bad.append(f"{where}, {error}")
            continue
        paints.append(paint)
        warnings += _lrv_warning(paint, where)
    if bad:
        raise InputError(f"{path.name}: {bad[0]} ({len(bad)} bad of {len(bad) + len(paints)} rows)")
    if not paints:
        raise InputError(f"{path.name} holds no paint: give at least one row under the header")
    _check_codes(paints, path.name)
    return Palette(tuple(paints), path.name, tuple(warnings[:_MAX_WARNINGS]))


def _read_text(path: Path) -> str:
    if not path.is_file():
        raise InputError(f"{path} is not a file: give a palette in CSV or JSON")
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    if len(raw) > MAX_BYTES:
        raise InputError(f"{path.name} is larger than {MAX_BYTES // 1_000_000} MB: that is no palette")
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        raise InputError(f"{path.name} is not UTF-8 text: save the palette as CSV UTF-8 or JSON") from None
    if "\0" in text:
        raise InputError(f"{path.name} is not text: save the palette as CSV UTF-8 or JSON")
    if not text.strip():
        raise InputError(f"{path.name} is empty: a palette needs a header and at least one row")
    return text


def _plain(header: object) -> str:
    """A header without case, accents, stars, underscores and units in brackets."""
    decomposed = unicodedata.normalize("NFD", str(header).casefold().replace("đ", "d"))
    letters = "".join(c for c in decomposed if not unicodedata.combining(c))
    return " ".join(re.sub(r"\(.*?\)|[*_%:\-]", " ", letters).split())


def _fields(headers: Sequence[str], columns: Mapping[str, str]) -> dict[int, str]:
    """Which known field each column holds, by position; "b" is blue after green, Lab's b after a."""
    plain = [_plain(header) for header in headers]
    wanted = {_plain(header): name for name, header in columns.items()}
    lookup = {alias: name for name, aliases in ALIASES.items() if name not in columns for alias in aliases}
    lookup |= wanted
    fields: dict[int, str] = {}
    for position, header in enumerate(plain):
        name = lookup.get(header)
        if name is None and header == "b":
            before = lookup.get(plain[position - 1]) if position else None
            name = {"g": "blue", "a": "b"}.get(before or "", "blue" if "g" in fields.values() else "b")
        if name is not None and name not in fields.values():
            fields[position] = name
    return fields


def _named(values: Mapping[str, Any], headers: Sequence[str], columns: Mapping[str, str]) -> Row:
    return {name: values[headers[position]] for position, name in _fields(headers, columns).items()}


def _csv_rows(text: str, source: str, columns: Mapping[str, str]) -> list[tuple[str, Row]]:
    text, delimiter = without_separator_line(text)
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = delimiter or max(",;\t|", key=lambda mark: len(_fields(first.split(mark), columns)))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[tuple[str, Row]] = []
    fields: dict[int, str] = {}
    headers: dict[str, str] = {}
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not fields:
                fields = _fields(cells, columns)
                _check_header(cells, fields, columns, source)
                headers = {name: cells[i].strip() for i, name in fields.items()}
                continue
            row: Row = {name: cells[i].strip() for i, name in fields.items() if i < len(cells)}
            row |= {_DECIMAL_COMMA: delimiter != ",", _HEADERS: headers}
            rows.append((f"line {reader.line_num}", row))
    except csv.Error as error:
        raise InputError(f"{source}: line {reader.line_num} cannot be read: {error}") from None
    return rows


def _check_header(header: Sequence[str], fields: Mapping[int, str], columns: Mapping[str, str], source: str) -> None:
    for name, wanted in columns.items():
        if name not in fields.values():
            raise InputError(f"{source} has no column {wanted!r} for {name}: its header is {_list(header)}")
    present = set(fields.values())
    if not any(present.issuperset(names) for names in _COLOUR_FIELDS) and "code" not in present:
        raise InputError(f"{source} has no colour column (hex, R G B or L a b): its header is {_list(header)}")


def _list(header: Sequence[str]) -> str:
    text = ", ".join(repr(cell.strip()[:24]) for cell in header[:8])
    return text + (", ..." if len(header) > 8 else "")


def _json_rows(text: str, source: str) -> list[tuple[str, Row]]:
    def no_constant(name: str) -> float:
        raise ValueError(f"{name} is not a number")

    try:
        data = json.loads(text, parse_constant=no_constant)
    except RecursionError:
        raise InputError(f"{source} is nested too deeply: give a list of paints") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{source}: line {error.lineno} is not JSON: {error.msg}") from None
    except ValueError as error:
        raise InputError(f"{source} is not JSON: {str(error)[:80]}") from None
    if isinstance(data, dict):
        data = next((data[k] for k in ("colors", "colours", "paints", "palette") if k in data), data)
    if isinstance(data, dict):
        return [
            (f"paint {code!r}", {"code": code, **(value if isinstance(value, dict) else {"color": value})})
            for code, value in data.items()
        ]
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        raise InputError(f"{source} is no palette: give a list of objects with code, name and hex")
    return [(f"paint {number}", item) for number, item in enumerate(data, start=1)]


def _paint(row: Row, defaults: Mapping[str, Any]) -> Paint:
    paint = _colour(row, defaults)
    name, code, sheen = (str(row.get(key) or "").strip() or None for key in ("name", "code", "sheen"))
    try:
        lrv = _number(row, "lrv") if _given(row, "lrv") else None
        return replace(paint, name=name, code=code, sheen=sheen, lrv=lrv)
    except InputError as error:
        raise InputError(f"{_column(row, 'lrv')}: {error}") from None


def _given(row: Row, name: str) -> bool:
    return row.get(name) not in (None, "")


def _column(row: Row, *names: str) -> str:
    headers = row.get(_HEADERS, {})
    return f"column {' '.join(headers.get(name, name) for name in names)}"


def _colour(row: Row, defaults: Mapping[str, Any]) -> Paint:
    present = next((names for names in _COLOUR_FIELDS if all(_given(row, name) for name in names)), None)
    if present is None and str(row.get("code", "")).startswith("#"):
        present, row = ("color",), {**row, "color": row["code"]}
    if present is None:
        raise InputError("no colour: give hex, R G B or L a b")
    try:
        if present == ("color",):
            return Paint.parse(row["color"] if isinstance(row["color"], list) else _color_text(row))
        numbers = _numbers(row, present)
        if present in (("rgb",), ("r", "g", "blue")):
            return Paint.from_rgb([int(v) if v.is_integer() else v for v in numbers])  # type: ignore[misc]
        light = str(row.get("illuminant") or defaults["illuminant"]).strip().upper().replace("CIE ", "")
        observer = re.sub(r"\D", "", str(row.get("observer") or defaults["observer"]))
        if not 0.0 <= numbers[0] <= 100.0:
            raise InputError(f"L lies in 0..100, not {numbers[0]:g}")
        return Paint(tuple(adapt_lab(numbers, light, int(observer or 0)).tolist()))
    except InputError as error:
        raise InputError(f"{_column(row, *present)}: {error}") from None


def _color_text(row: Row) -> str:
    """The colour of a row as text; three or six digits without a mark are hex in a column that is named so."""
    text = str(row["color"]).strip()
    header = _plain(row.get(_HEADERS, {}).get("color", ""))
    if not header.startswith(("hex", "html", "ma hex", "mau hex")):
        return text
    if re.fullmatch(r"[0-9a-fA-F]{3}", text):
        return f"#{text}"
    if re.fullmatch(r"\d{1,5}", text):
        raise InputError(f"{text!r} has fewer than 6 digits: a spreadsheet drops leading zeros, save it as text")
    return text


def _numbers(row: Row, names: tuple[str, ...]) -> list[float]:
    if len(names) == 3:
        return [_number(row, name) for name in names]
    value = row[names[0]]
    items = value if isinstance(value, list) else re.split(r"[\s,;/]+", str(value).strip("()[] "))
    if len(items) != 3:
        raise InputError(f"expected 3 numbers, not {str(value)[:40]!r}")
    return [_number({"item": item}, "item") for item in items]


def _number(row: Row, name: str) -> float:
    text = str(row[name]).strip().removesuffix("%").strip()
    if row.get(_DECIMAL_COMMA):
        text = text.replace(",", ".")
    try:
        number = float(text)
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"expected a number, not {str(row[name])[:40]!r}")
    return number


def _lrv_warning(paint: Paint, where: str) -> list[str]:
    reflected = 100.0 * float(luminance(np.array(paint.albedo_linear)))
    if paint.lrv is None or abs(paint.lrv - reflected) <= _LRV_TOLERANCE:
        return []
    return [f"{where}: {_label(paint)} has LRV {paint.lrv:g}, but its colour has {reflected:.0f}: check the row"]


def _check_codes(paints: Sequence[Paint], source: str) -> None:
    counts = Counter(_key(paint.code) for paint in paints if paint.code)
    twice = [code for code, count in counts.items() if count > 1]
    if twice:
        raise InputError(f"{source}: the code {twice[0]!r} is given {counts[twice[0]]} times ({len(twice)} such codes)")
