"""A command whose help lists the options in named sections, in plain text."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

NETWORK = "Network"
DATA = "Data"
CANDIDATES = "Candidates"
PAINT = "Paint"
MASK_AND_WALLS = "Mask and walls"
LIGHT = "Light"
SEGMENTATION = "Segmentation model"
DIFFUSION = "Diffusion painter"
COMPARISON = "Comparison"
OUTPUT = "Output"
PERFORMANCE = "Performance"
LIMITS = "Limits"

PANELS = (
    *(NETWORK, DATA, CANDIDATES, PAINT, MASK_AND_WALLS, LIGHT, SEGMENTATION),
    *(OUTPUT, COMPARISON, DIFFUSION, PERFORMANCE, LIMITS),
)
"""All panels, in help order."""


class PanelCommand(TyperCommand):
    """A Typer command that groups its parameters by their `rich_help_panel`, without rich.

    Parameters without a panel are listed under "Arguments", first, or "Options", last.
    """

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write one help section a panel."""
        sections: dict[str, list[tuple[str, str]]] = {name: [] for name in ("Arguments", *PANELS, "Options")}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is None:
                continue
            default_panel = "Arguments" if param.param_type_name == "argument" else "Options"
            panel = getattr(param, "rich_help_panel", None) or default_panel
            sections[panel].append(record)
        for panel, records in sections.items():
            if records:
                with formatter.section(panel):
                    formatter.write_dl(records)
