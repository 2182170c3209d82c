"""What is judged in one run: a bundle as it is and with each LoRA, or the painter that needs none."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wallpaint.errors import ConfigError
from wallpaint.evaluation.comparison import repainters as painting
from wallpaint.evaluation.comparison.repainters import Give
from wallpaint.typing import Array

if TYPE_CHECKING:
    from wallpaint.bundles.bundle import Bundle
    from wallpaint.diffusion.settings import Lora, Settings

MODES = ("plain", "production", "analytic")
_PLAIN_PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
_MORE_PARTS = ("controlnet", "depth", "ip_adapter", "image_encoder")
_GENERIC_NAMES = ("lora", "pytorch_lora_weights")  # say nothing; the folder above does


@dataclass(frozen=True, eq=False)
class Candidate:
    """One row of the report.

    name: unique in the run. told: plain data on how it paints; under "warnings" what a reader must know. digest: of
    weights and settings. make: loads it; returns what gives pictures, and a dictionary that then holds the "depth"
    that was last seen, if any is.
    """

    name: str
    told: dict[str, Any]
    digest: str
    make: Callable[[], tuple[Give, dict[str, Array]]]


def choose(mode: str, bundle: Bundle | None, loras: Sequence[Lora], settings: Settings | None) -> list[Candidate]:
    """The candidates of a run: the first is what the others are compared with.

    mode: one of `MODES`. bundle: for all but "analytic". loras: each a candidate of its own. settings: of the
    diffusion painter, without LoRAs. Reads LoRAs, but loads no network yet. Raises ConfigError or ModelError.
    """
    if mode not in MODES:
        raise ConfigError(f'the mode must be one of {", ".join(MODES)}, not "{mode}"')
    if mode == "analytic":
        return [_analytic(bundle, loras, settings)]
    if bundle is None or settings is None:
        raise ConfigError(f"{mode} validation needs a bundle of models: pass --bundle, or --mode analytic")
    if mode == "plain":
        if settings.strength < 1:
            raise ConfigError("plain inpainting starts from noise: leave strength at 1, or pass --mode production")
        settings = replace(settings, image_scale=0.0, control_scale=0.0)
    parts = _PLAIN_PARTS if mode == "plain" else (*_PLAIN_PARTS, *_MORE_PARTS)
    weights = sum_of_files(file for part in parts if bundle.has(part) for file in _files(bundle.place(part)))
    names = [bundle.name, *(name_of(lora) for lora in loras)]
    return [
        _diffusion(name, mode, bundle, replace(settings, loras=chosen), weights)
        for name, chosen in zip(_unique(names), [(), *((lora,) for lora in loras)], strict=True)
    ]


def _analytic(bundle: Bundle | None, loras: Sequence[Lora], settings: Settings | None) -> Candidate:
    from wallpaint.painters.analytic import AnalyticPainter

    if bundle is not None or loras or settings is not None:
        raise ConfigError("the analytic painter has no models: leave out --bundle, --lora and what is set of them")
    painter = AnalyticPainter()
    told = {"warnings": [], **painter.describe()}
    return Candidate("analytic", told, _digest("analytic"), lambda: (painting.by_painter(painter), {}))


def _diffusion(name: str, mode: str, bundle: Bundle, settings: Settings, weights: str) -> Candidate:
    from wallpaint.diffusion import loras as files
    from wallpaint.painters.diffusion.painter import DiffusionPainter

    told = DiffusionPainter(bundle, settings).describe()
    sums = [sum_of_files([files.check(lora.path)]) for lora in settings.loras]
    told["weights"] = {"bundle": weights[:16], "loras": [one[:16] for one in sums]}
    if mode == "plain":  # that no reference is seen is the point of it
        told["warnings"] = [line for line in told["warnings"] if "image prompt" not in line]

    def make() -> tuple[Give, dict[str, Array]]:
        seen: dict[str, Array] = {}
        painter = painting.thrifty(bundle, settings, seen)
        return (painting.by_inpainting(painter) if mode == "plain" else painting.by_painter(painter)), seen

    return Candidate(name, told, _digest(mode, told, weights, sums), make)


def name_of(lora: Lora) -> str:
    """What to call a LoRA: its file or folder, or the folder above where that name says nothing; and its scale."""
    path = lora.path.resolve()
    parts = [path.stem if path.suffix == ".safetensors" else path.name]
    while parts[0] in _GENERIC_NAMES and path != path.parent:
        path = path.parent
        parts.insert(0, path.name)
    named = next((part for part in parts if part not in _GENERIC_NAMES), parts[0])
    return named if lora.scale == 1 else f"{named} at {lora.scale:g}"


def _unique(names: Sequence[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        numbered = (f"{name} #{again}" for again in range(2, len(found) + 3))
        found.append(next(one for one in (name, *numbered) if one not in found))
    return found


def sum_of_files(files: Iterable[Path]) -> str:
    """A sum over the content of files, in order. Hexadecimal."""
    total = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def _files(place: Path) -> list[Path]:
    return [place] if place.is_file() else sorted(p for p in place.rglob("*") if p.is_file())


def _digest(*told: Any) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
