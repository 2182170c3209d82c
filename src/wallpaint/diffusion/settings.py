"""Settings of the diffusion painter, validated together. Does not import torch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from wallpaint.diffusion.schedulers import SCHEDULER_CLASSES
from wallpaint.errors import ConfigError
from wallpaint.options import help_text, option

SCHEDULERS = tuple(SCHEDULER_CLASSES)
DEVICES = ("auto", "cpu", "cuda", "mps")
DTYPES = ("auto", "float32", "bfloat16", "float16")
MAX_IP_ADAPTER_SCALE = 2.0
_MAX_LORA_SCALE = 100.0
_MAX_LCM_STEPS = 50  # original_inference_steps of LCM-distilled weights


@dataclass(frozen=True)
class Lora:
    """A LoRA to load. path: a folder or a .safetensors file, in the naming of diffusers or kohya. scale: its weight,
    -100..100; 0 disables it. Raises ConfigError."""

    path: Path
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.scale) or abs(self.scale) > _MAX_LORA_SCALE:
            raise ConfigError(f"{self.path}: a LoRA's scale must lie in -100..100, not {self.scale:g}")

    @classmethod
    def parse(cls, text: str) -> Lora:
        """Parse `PATH` or `PATH=SCALE`; the path may contain "="."""
        path, equals, scale = text.rpartition("=")
        if not equals or _exists(Path(text)):
            return cls(Path(text))
        try:
            number = float(scale)
        except ValueError:
            if "/" in scale or scale.endswith(".safetensors"):
                return cls(Path(text))
            path = ""
        if not path:
            raise ConfigError(f"--lora takes PATH or PATH=SCALE, such as walls/=0.8, not {text!r}")
        return cls(Path(path), number)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # an invalid file name
        return False


@dataclass(frozen=True)
class DiffusionSettings:
    """Settings of the diffusion painter. Raises ConfigError that lists all invalid values."""

    loras: tuple[Lora, ...] = option("LoRAs to load, each with its scale", ())
    steps: int = option("number of inference steps, 1..1000", 20)
    scheduler: str = option("sampler: ddim, dpm++, unipc or lcm", "ddim")
    guidance: float = option("classifier-free guidance scale; 1 turns it off and halves the cost", 1.0)
    strength: float = option("denoising strength; 1 starts from noise, less from the noised analytic repaint", 1.0)
    ip_adapter_scale: float = option("scale of the reference's image prompt (IP-Adapter), 0..2", 1.0)
    controlnet_scale: float = option("conditioning scale of the depth ControlNet, 0..2", 1.0)
    prompt: str = option("text prompt; empty is the zero-prompt mode", "")
    negative_prompt: str = option("negative prompt for guidance", "")
    device: str = option("device to run on: auto, cpu, cuda or mps", "auto")
    dtype: str = option("data type of the networks: auto, float32, bfloat16 or float16", "auto")
    batch: int = option("batch size: number of paints denoised together", 8)
    compile: bool = option("compile the networks; on CUDA to CUDA graphs. Slow for the first image, then faster", False)
    offload: bool = option("keep each network on the device only while it runs, to save GPU memory", False)
    tiling: bool = option("encode and decode with the VAE in tiles, to save GPU memory", False)
    context: float = option("context round the wall in the crop, as a share of its longer side", 0.25)
    mask_dilation_px: float = option("dilation of the inpainting mask, in model pixels", 8.0)

    def __post_init__(self) -> None:
        errors = list(self._errors())
        if errors:
            raise ConfigError("; ".join(errors))

    def _errors(self) -> Iterator[str]:
        for name, known in (("scheduler", SCHEDULERS), ("device", DEVICES), ("dtype", DTYPES)):
            if getattr(self, name) not in known:
                yield f'{name} must be one of {", ".join(known)}, not "{getattr(self, name)}"'
        for name, low, high in (
            ("steps", 1, 1000),
            ("guidance", 1.0, 50.0),
            ("ip_adapter_scale", 0.0, MAX_IP_ADAPTER_SCALE),
            ("controlnet_scale", 0.0, 2.0),
            ("batch", 1, 1024),
            ("context", 0.0, 4.0),
            ("mask_dilation_px", 0.0, 64.0),
        ):
            if not low <= getattr(self, name) <= high:
                yield f"{name} must lie in {low:g}..{high:g}, not {getattr(self, name):g}"
        if not 0 < self.strength <= 1:
            yield f"strength must be above 0 and at most 1, not {self.strength:g}"
        elif int(self.steps * self.strength) < 1:
            yield f"strength {self.strength:g} of {self.steps} steps leaves no step: increase one of them"
        if self.scheduler == "lcm" and self.guidance > 1:
            yield "the lcm scheduler is for distilled weights with built-in guidance: leave guidance at 1"
        if self.scheduler == "lcm" and self.steps > _MAX_LCM_STEPS:
            yield f"the lcm scheduler takes at most {_MAX_LCM_STEPS} steps, not {self.steps}: use 4 to 8"
        if self.negative_prompt and self.guidance <= 1:
            yield "a negative prompt has no effect without guidance: set guidance above 1"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for the report."""
        plain: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        plain["loras"] = [{"path": str(lora.path), "scale": lora.scale} for lora in self.loras]
        return plain


def setting_help(name: str) -> str:
    """Return the one-line description of a setting."""
    return help_text(DiffusionSettings, name)
