"""The options of the diffusion painter, which several commands have: help text, section and flag by setting."""

from __future__ import annotations

from typing import Any

import typer

from wallpaint.cli import help_panels as panels
from wallpaint.diffusion.settings import DiffusionSettings, setting_help

_PERFORMANCE = ("device", "dtype", "batch", "compile", "offload", "tiling")


def diffusion_option(setting: str, note: str = "", *, with_default: bool = False) -> Any:
    """Return the option of a field of `DiffusionSettings`, for use in Annotated.

    note: a sentence to append to the help. with_default: the help names the setting's default, for a parameter whose
    own default is None.
    """
    default = getattr(DiffusionSettings, setting)
    flags = [f"--{setting}"] if isinstance(default, bool) else []  # no --no-...
    end = f" [default: {default}]" if with_default else f". {note}".rstrip()
    panel = panels.PERFORMANCE if setting in _PERFORMANCE else panels.DIFFUSION
    return typer.Option(*flags, rich_help_panel=panel, help=f"{_capitalized(setting_help(setting))}{end}")


def lora_option() -> Any:
    """Return the option --lora of the painter's LoRAs, for use in Annotated."""
    return typer.Option(
        metavar="PATH[=SCALE]",
        rich_help_panel=panels.DIFFUSION,
        help=f"{_capitalized(setting_help('loras'))}. Repeatable.",
    )


def _capitalized(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
