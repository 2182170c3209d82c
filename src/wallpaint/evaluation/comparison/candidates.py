"""The candidates of one validation run: a bundle alone and with each LoRA, or the analytic painter."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wallpaint.errors import ConfigError
from wallpaint.evaluation.comparison import repainters
from wallpaint.evaluation.comparison.repainters import RepaintFn
from wallpaint.options import Constraint, raise_errors
from wallpaint.typing import Array

if TYPE_CHECKING:
    from wallpaint.bundles.bundle import Bundle
    from wallpaint.diffusion.settings import DiffusionSettings, Lora

MODES = ("plain", "production", "analytic")
_INPAINTING_COMPONENTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
_CONDITIONING_COMPONENTS = ("controlnet", "depth", "ip_adapter", "image_encoder")
_GENERIC_NAMES = (
    "lora",
    "pytorch_lora_weights",
    "adapter_model",
)  # not descriptive: the parent folder's name is used instead


@dataclass(frozen=True, eq=False)
class Candidate:
    """One row of the report.

    name: unique in the run. metadata: plain data on models and settings; its "warnings" are shown to the reader.
    digest: of weights and settings. load: loads the models; returns the repaint function, and a dictionary that holds
    under "depth" the depth map last used, if any.
    """

    name: str
    metadata: dict[str, Any]
    digest: str
    load: Callable[[], tuple[RepaintFn, dict[str, Array]]]


def build_candidates(
    mode: str, bundle: Bundle | None, loras: Sequence[Lora], settings: DiffusionSettings | None
) -> list[Candidate]:
    """Build the candidates of a run; the first is the baseline of the others.

    mode: one of `MODES`. bundle: required except by "analytic". loras: one candidate each. settings: of the diffusion
    painter, without LoRAs. Reads LoRA files, but loads no network. Raises ConfigError or ModelError.
    """
    raise_errors(Constraint(choices=MODES).errors("mode", mode))
    if mode == "analytic":
        return [_analytic_candidate(bundle, loras, settings)]
    if bundle is None or settings is None:
        raise ConfigError(f"{mode} validation needs a bundle of models: pass `bundle`, or `mode=analytic`")
    if mode == "plain":
        if settings.strength < 1:
            raise ConfigError("plain inpainting starts from noise: leave `strength` at 1, or pass `mode=production`")
        settings = replace(settings, ip_adapter_scale=0.0, controlnet_scale=0.0)
    components = _INPAINTING_COMPONENTS if mode == "plain" else (*_INPAINTING_COMPONENTS, *_CONDITIONING_COMPONENTS)
    weights = files_sha256(file for name in components if bundle.has(name) for file in _files(bundle.path(name)))
    names = [bundle.name, *(lora_name(lora) for lora in loras)]
    return [
        _diffusion_candidate(name, mode, bundle, replace(settings, loras=chosen), weights)
        for name, chosen in zip(_unique(names), [(), *((lora,) for lora in loras)], strict=True)
    ]


def _analytic_candidate(bundle: Bundle | None, loras: Sequence[Lora], settings: DiffusionSettings | None) -> Candidate:
    from wallpaint.painters.analytic import AnalyticPainter

    if bundle is not None or loras or settings is not None:
        raise ConfigError("the analytic painter has no models: leave out `bundle`, `loras` and the diffusion options")
    painter = AnalyticPainter()
    metadata = {"warnings": [], **painter.describe()}
    return Candidate("analytic", metadata, _digest("analytic"), lambda: (repainters.full_pipeline(painter), {}))


def _diffusion_candidate(name: str, mode: str, bundle: Bundle, settings: DiffusionSettings, weights: str) -> Candidate:
    from wallpaint.diffusion import loras as files
    from wallpaint.painters.diffusion.painter import DiffusionPainter

    metadata = DiffusionPainter(bundle, settings).describe()
    lora_sums = [files_sha256([files.check(lora.path)]) for lora in settings.loras]
    metadata["weights"] = {"bundle": weights[:16], "loras": [sha256[:16] for sha256 in lora_sums]}
    if mode == "plain":  # this mode uses no image prompt on purpose: no warning about it
        metadata["warnings"] = [line for line in metadata["warnings"] if "image prompt" not in line]

    def load() -> tuple[RepaintFn, dict[str, Array]]:
        observed: dict[str, Array] = {}
        painter = repainters.make_caching_painter(bundle, settings, observed)
        repaint = repainters.plain_inpainting(painter) if mode == "plain" else repainters.full_pipeline(painter)
        return repaint, observed

    return Candidate(name, metadata, _digest(mode, metadata, weights, lora_sums), load)


def lora_name(lora: Lora) -> str:
    """Name a LoRA after its file or folder, or after a parent folder where that name is generic; with its scale."""
    path = lora.path.resolve()
    names = [path.stem if path.suffix == ".safetensors" else path.name]
    while names[0] in _GENERIC_NAMES and path != path.parent:
        path = path.parent
        names.insert(0, path.name)
    descriptive = next((name for name in names if name not in _GENERIC_NAMES), names[0])
    return descriptive if lora.scale == 1 else f"{descriptive} at {lora.scale:g}"


def _unique(names: Sequence[str]) -> list[str]:
    unique: list[str] = []
    for name in names:
        numbered = (f"{name} #{number}" for number in range(2, len(unique) + 3))
        unique.append(next(candidate for candidate in (name, *numbered) if candidate not in unique))
    return unique


def files_sha256(files: Iterable[Path]) -> str:
    """Return the SHA-256 over the content digests of files, in order, as hexadecimal."""
    total = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())


def _digest(*values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
