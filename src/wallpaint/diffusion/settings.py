"""Settings of the diffusion painter, validated together. Does not import torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from wallpaint.diffusion.schedulers import SCHEDULER_CLASSES
from wallpaint.errors import ConfigError
from wallpaint.options import field_errors, help_text, option, raise_errors

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
    scale: float = option("weight of the LoRA; 0 disables it", 1.0, ge=-_MAX_LORA_SCALE, le=_MAX_LORA_SCALE)

    def __post_init__(self) -> None:
        raise_errors(f"{self.path}: {error}" for error in field_errors(self))

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
            raise ConfigError(f"`loras` takes PATH or PATH=SCALE, such as walls/=0.8, not {text!r}")
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
    steps: int = option("number of inference steps, 1..1000", 20, ge=1, le=1000)
    scheduler: str = option("sampler: ddim, dpm++, unipc or lcm", "ddim", choices=SCHEDULERS)
    guidance: float = option("classifier-free guidance scale; 1 turns it off and halves the cost", 1.0, ge=1, le=50)
    strength: float = option(
        "denoising strength; 1 starts from noise, less from the noised analytic repaint", 1.0, gt=0, le=1
    )
    ip_adapter_scale: float = option(
        "scale of the reference's image prompt (IP-Adapter), 0..2", 1.0, ge=0, le=MAX_IP_ADAPTER_SCALE
    )
    controlnet_scale: float = option("conditioning scale of the depth ControlNet, 0..2", 1.0, ge=0, le=2)
    prompt: str = option("text prompt; empty is the zero-prompt mode", "")
    negative_prompt: str = option("negative prompt for guidance", "")
    device: str = option("device to run on: auto, cpu, cuda or mps", "auto", choices=DEVICES)
    dtype: str = option("data type of the networks: auto, float32, bfloat16 or float16", "auto", choices=DTYPES)
    batch: int = option("batch size: number of paints denoised together", 8, ge=1, le=1024)
    compile: bool = option("compile the networks; on CUDA to CUDA graphs. Slow for the first image, then faster", False)
    offload: bool = option("keep each network on the device only while it runs, to save GPU memory", False)
    tiling: bool = option("encode and decode with the VAE in tiles, to save GPU memory", False)
    context: float = option("context round the wall in the crop, as a share of its longer side", 0.25, ge=0, le=4)
    mask_dilation_px: float = option(
        "dilation of the inpainting mask, in model pixels; a negative one erodes it", 8.0, ge=-64, le=64
    )

    def __post_init__(self) -> None:
        raise_errors(self._errors())

    def _errors(self) -> Iterator[str]:
        yield from field_errors(self)
        if 0 < self.strength <= 1 and int(self.steps * self.strength) < 1:
            yield f"`strength` {self.strength:g} of {self.steps} steps leaves no step: increase one of them"
        if self.scheduler == "lcm" and self.guidance > 1:
            yield "the lcm scheduler is for distilled weights with built-in guidance: leave `guidance` at 1"
        if self.scheduler == "lcm" and self.steps > _MAX_LCM_STEPS:
            yield f"the lcm scheduler takes at most {_MAX_LCM_STEPS} steps, not {self.steps}: use 4 to 8"
        if self.negative_prompt and self.guidance <= 1:
            yield "a negative prompt has no effect without guidance: set `guidance` above 1"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for the report."""
        plain: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        plain["loras"] = [{"path": str(lora.path), "scale": lora.scale} for lora in self.loras]
        return plain


def setting_help(name: str) -> str:
    """Return the one-line description of a setting."""
    return help_text(DiffusionSettings, name)
