"""How the diffusion painter is to paint: every choice that it leaves open, checked all at once. No torch here."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from wallpaint.diffusion.schedulers import CLASSES
from wallpaint.errors import ConfigError
from wallpaint.options import help_of, option

SCHEDULERS = tuple(CLASSES)
DEVICES = ("auto", "cpu", "cuda", "mps")
DTYPES = ("auto", "float32", "bfloat16", "float16")
HIGHEST_IMAGE_SCALE = 2.0
_LARGEST_LORA_SCALE = 100.0
_MOST_LCM_STEPS = 50  # the schedule that such weights are distilled on has no more


@dataclass(frozen=True)
class Lora:
    """Low-rank weights to add to the networks. path: a folder or a .safetensors file, in diffusers' or kohya's naming.
    scale: how strongly, -100..100; 0 is as if it were not there. Raises ConfigError."""

    path: Path
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.scale) or abs(self.scale) > _LARGEST_LORA_SCALE:
            raise ConfigError(f"{self.path}: a LoRA's scale must lie in -100..100, not {self.scale:g}")

    @classmethod
    def parse(cls, text: str) -> Lora:
        """`PATH` or `PATH=SCALE`; a path may have "=" in it."""
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
            raise ConfigError(f"--lora wants PATH or PATH=SCALE, such as walls/=0.8, not {text!r}")
        return cls(Path(path), number)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have
        return False


@dataclass(frozen=True)
class Settings:
    """The diffusion painter's choices. Raises ConfigError that lists everything wrong with them."""

    loras: tuple[Lora, ...] = option("LoRAs to load, each with its scale", ())
    steps: int = option("denoising steps, 1..1000", 20)
    scheduler: str = option("the sampler: ddim, dpm++, unipc or lcm", "ddim")
    guidance: float = option("classifier-free guidance; 1 is off, and half the work", 1.0)
    strength: float = option("1 starts from noise; less starts from the analytic repaint, noised that far", 1.0)
    image_scale: float = option("weight of the reference's image prompt (IP-Adapter), 0..2", 1.0)
    control_scale: float = option("weight of the depth ControlNet, 0..2", 1.0)
    prompt: str = option("a text prompt; empty is the zero-prompt mode", "")
    negative_prompt: str = option("what guidance leads away from", "")
    device: str = option("where to run: auto, cpu, cuda or mps", "auto")
    dtype: str = option("number format of the networks: auto, float32, bfloat16 or float16", "auto")
    batch: int = option("paints denoised at once", 8)
    compile: bool = option("compile the networks; on CUDA into graphs. Pays off after the first picture", False)
    offload: bool = option("keep a network on the device only while it runs, for small cards", False)
    tiling: bool = option("encode and decode in tiles, for small cards", False)
    context: float = option("what is shown round the wall, as a share of its longer side", 0.25)
    mask_dilation_px: float = option("by how much the model's mask is larger than the wall, in its own pixels", 8.0)

    def __post_init__(self) -> None:
        wrong = list(self._wrong())
        if wrong:
            raise ConfigError("; ".join(wrong))

    def _wrong(self) -> Iterator[str]:
        for name, known in (("scheduler", SCHEDULERS), ("device", DEVICES), ("dtype", DTYPES)):
            if getattr(self, name) not in known:
                yield f'{name} must be one of {", ".join(known)}, not "{getattr(self, name)}"'
        for name, low, high in (
            ("steps", 1, 1000),
            ("guidance", 1.0, 50.0),
            ("image_scale", 0.0, HIGHEST_IMAGE_SCALE),
            ("control_scale", 0.0, 2.0),
            ("batch", 1, 1024),
            ("context", 0.0, 4.0),
            ("mask_dilation_px", 0.0, 64.0),
        ):
            if not low <= getattr(self, name) <= high:
                yield f"{name} must lie in {low:g}..{high:g}, not {getattr(self, name):g}"
        if not 0 < self.strength <= 1:
            yield f"strength must be above 0 and at most 1, not {self.strength:g}"
        elif int(self.steps * self.strength) < 1:
            yield f"strength {self.strength:g} of {self.steps} steps leaves none: take more of either"
        if self.scheduler == "lcm" and self.guidance > 1:
            yield "the lcm scheduler is for distilled weights, which carry their guidance: leave guidance at 1"
        if self.scheduler == "lcm" and self.steps > _MOST_LCM_STEPS:
            yield f"the lcm scheduler takes at most {_MOST_LCM_STEPS} steps, not {self.steps}: 4 to 8 are usual"
        if self.negative_prompt and self.guidance <= 1:
            yield "a negative prompt only works with guidance above 1"

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the report."""
        plain: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        plain["loras"] = [{"path": str(lora.path), "scale": lora.scale} for lora in self.loras]
        return plain


def about(name: str) -> str:
    """One line on a setting, for help pages."""
    return help_of(Settings, name)
