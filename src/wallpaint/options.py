"""Dataclass fields with a help text and constraints, and the errors of their values.

    @dataclass(frozen=True)
    class Settings:
        steps: int = option("number of steps", 20, ge=1, le=1000)
        schedule: str = option("constant or cosine", "constant", choices=("constant", "cosine"))

        def __post_init__(self) -> None:
            raise_errors(field_errors(self))

All errors of a config are reported together, in one wording: "`steps` must be in 1..1000, not 0".
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from typing import Any

from wallpaint.errors import ConfigError, WallpaintError


@dataclass(frozen=True)
class Constraint:
    """The allowed values of a parameter: one of `choices`, or finite numbers within bounds.

    ge, gt, le, lt: bounds of a number, or of each number of a tuple. length: of a tuple.
    """

    choices: Sequence[Any] | None = None
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    length: int | None = None

    def errors(self, name: str, value: Any, *, whole: bool = False) -> Iterator[str]:
        """Yield an error line if a value is not allowed. name: of the parameter. whole: numbers must be integers."""
        if self.choices is not None:
            allowed, expected = value in self.choices, f"one of {', '.join(map(str, self.choices))}"
        elif self.length is not None or isinstance(value, tuple):
            allowed = (
                isinstance(value, tuple)
                and self.length in (None, len(value))
                and all(self._allows(one, whole) for one in value)
            )
            numbers = f"{self.length or ''} {'whole ' if whole else ''}numbers".strip()
            expected = f"{numbers}, each {self._bounds()}"
        else:
            allowed = self._allows(value, whole)
            expected = ", ".join(filter(None, (_kind(value, whole), self._bounds())))
        if not allowed:
            shown = f'"{value}"' if isinstance(value, str) else value
            yield f"`{name}` must be {expected}, not {shown}"

    def _allows(self, value: Any, whole: bool) -> bool:
        return (
            not _kind(value, whole)
            and (self.ge is None or value >= self.ge)
            and (self.gt is None or value > self.gt)
            and (self.le is None or value <= self.le)
            and (self.lt is None or value < self.lt)
        )

    def _bounds(self) -> str:
        """The bounds in words, such as "in 0..1" or "at least 0 and below 1"."""
        if self.ge is not None and self.le is not None:
            return f"in {self.ge:.10g}..{self.le:.10g}"
        words = (("at least", self.ge), ("above", self.gt), ("at most", self.le), ("below", self.lt))
        return " and ".join(f"{word} {bound:.10g}" for word, bound in words if bound is not None)


def _kind(value: Any, whole: bool) -> str:
    """What a value should be and is not: "a whole number" or "a finite number"; empty if it is."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return "a whole number" if whole else "a number"
    if isinstance(value, Integral):
        return ""
    if whole:
        return "a whole number"
    return "" if math.isfinite(value) else "a finite number"


def option(
    text: str,
    default: Any,
    *,
    choices: Sequence[Any] | None = None,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    length: int | None = None,
) -> Any:
    """Declare a field with a help text of one line, a default, which must not be mutated, and a `Constraint`.

    The constraint is checked by `field_errors`.
    """
    constraint = Constraint(choices, ge, gt, le, lt, length)
    metadata = {"help": text, "constraint": None if constraint == Constraint() else constraint}
    return field(default=default, metadata=metadata)


def help_text(config: type[Any], name: str) -> str:
    """Return the help text of a field declared with `option`."""
    return str({one.name: one.metadata["help"] for one in fields(config)}[name])


def field_errors(config: Any, prefix: str = "") -> Iterator[str]:
    """Yield an error line for each field of a dataclass whose value breaks its constraint.

    Fields annotated int take whole numbers only, and None only if the annotation names it. Numbers in float fields must
    be finite, with or without a constraint. prefix: of the field names in messages, such as "optimizer.".
    """
    for one in fields(config):
        constraint, value = one.metadata.get("constraint"), getattr(config, one.name)
        types = re.findall(r"\w+", str(one.type))
        if value is None and "None" in types:
            continue
        if constraint is None and isinstance(value, float):
            constraint = Constraint()
        if constraint is not None:
            yield from constraint.errors(f"{prefix}{one.name}", value, whole="int" in types and "float" not in types)


def raise_errors(errors: Iterable[str], error_type: type[WallpaintError] = ConfigError) -> None:
    """Raise one error that lists all error lines, if there are any."""
    lines = list(errors)
    if lines:
        raise error_type("; ".join(lines))
