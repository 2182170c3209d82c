"""Dataclass fields with a help text.

The text documents the field and is shown on help pages. This module imports nothing else from the package, so every
recipe and settings class can use it.
"""

from __future__ import annotations

from dataclasses import field, fields
from typing import Any


def option(text: str, default: Any) -> Any:
    """Declare a field with a help text of one line and a default, which must not be mutated."""
    return field(default=default, metadata={"help": text})


def help_text(config: type[Any], name: str) -> str:
    """Return the help text of a field declared with `option`."""
    return str({one.name: one.metadata["help"] for one in fields(config)}[name])
