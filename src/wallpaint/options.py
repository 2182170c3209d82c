"""Fields of frozen dataclasses that say what they are for: the text is the field's documentation, and help pages show
it. Nothing else is imported, so that every recipe and every settings class may use it."""

from __future__ import annotations

from dataclasses import field, fields
from typing import Any


def option(text: str, default: Any) -> Any:
    """A field with a default. text: what it chooses, in a line; no default is meant to be changed in place."""
    return field(default=default, metadata={"help": text})


def help_of(kind: type[Any], name: str) -> str:
    """The line on a field of such a dataclass."""
    return str({one.name: one.metadata["help"] for one in fields(kind)}[name])
