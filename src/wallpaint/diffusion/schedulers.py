"""Noise schedules and samplers by name, and where on them to start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wallpaint.errors import ModelError

if TYPE_CHECKING:
    import torch

CLASSES = {
    "ddim": "DDIMScheduler",
    "dpm++": "DPMSolverMultistepScheduler",
    "unipc": "UniPCMultistepScheduler",
    "lcm": "LCMScheduler",
}
STOCHASTIC = ("lcm",)  # draw noise at every step


def make(name: str, config: dict[str, Any]) -> Any:
    """A diffusers scheduler. name: one of `CLASSES`. config: the bundle's own noise schedule."""
    import diffusers

    if config.get("prediction_type", "epsilon") not in ("epsilon", "v_prediction"):
        raise ModelError(f"the scheduler's prediction_type is {config['prediction_type']!r}: epsilon or v_prediction")
    return getattr(diffusers, CLASSES[name]).from_config(config)


def timesteps(scheduler: Any, steps: int, strength: float) -> torch.Tensor:
    """The timesteps to denoise through, first to last: the last `strength` part of `steps` of them.

    Sets the scheduler to the first. Returns (n,) int64 on the CPU, where the schedulers look them up without making
    an accelerator wait.
    """
    scheduler.set_timesteps(steps)
    first = (steps - min(int(steps * strength), steps)) * scheduler.order
    chosen: torch.Tensor = scheduler.timesteps[first:]
    if hasattr(scheduler, "set_begin_index"):  # the multistep ones count for themselves
        scheduler.set_begin_index(first)
    return chosen
