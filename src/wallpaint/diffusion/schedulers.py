"""Noise schedules and samplers by name, and where on them to start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from wallpaint.errors import ModelError

if TYPE_CHECKING:
    import torch

CLASSES = {  # the names of `Settings.scheduler`
    "ddim": "DDIMScheduler",
    "dpm++": "DPMSolverMultistepScheduler",
    "unipc": "UniPCMultistepScheduler",
    "lcm": "LCMScheduler",
}
STOCHASTIC = ("lcm",)  # draw noise at every step
# What a sampler's name promises, whatever a bundle's config says: no noise of its own.
_FIXED: dict[str, dict[str, Any]] = {"dpm++": {"algorithm_type": "dpmsolver++"}}
# Where diffusers' class would take another value for what a config leaves out than the published models have.
_DEFAULTS: dict[str, dict[str, Any]] = {"ddim": {"clip_sample": False}}


def make(name: str, config: dict[str, Any]) -> Any:
    """A diffusers scheduler. name: one of `CLASSES`. config: the bundle's own noise schedule.

    Raises ModelError for a config that makes none.
    """
    import diffusers

    if config.get("prediction_type", "epsilon") not in ("epsilon", "v_prediction"):
        raise ModelError(f"the scheduler's prediction_type is {config['prediction_type']!r}: epsilon or v_prediction")
    whole = {**_DEFAULTS.get(name, {}), **config, **_FIXED.get(name, {})}
    with _named():
        scheduler = getattr(diffusers, CLASSES[name]).from_config(whole)
        levels = scheduler.alphas_cumprod
        if len(levels) != scheduler.config.num_train_timesteps or not bool(levels.isfinite().all()):
            raise ValueError("its betas do not give a noise level for each of num_train_timesteps")
        return scheduler


def timesteps(scheduler: Any, steps: int, strength: float) -> torch.Tensor:
    """The timesteps to denoise through, first to last: the last `strength` part of `steps` of them.

    Sets the scheduler to the first. Returns (n,) int64 on the CPU, where the schedulers look them up without making
    an accelerator wait. Raises ModelError where the schedule does not have so many.
    """
    with _named():
        if steps > scheduler.config.num_train_timesteps:
            raise ValueError(f"num_train_timesteps is {scheduler.config.num_train_timesteps}, less than {steps} steps")
        scheduler.set_timesteps(steps)
    first = (steps - min(int(steps * strength), steps)) * scheduler.order
    chosen: torch.Tensor = scheduler.timesteps[first:]
    if hasattr(scheduler, "set_begin_index"):  # the multistep ones count for themselves
        scheduler.set_begin_index(first)
    return chosen


@contextmanager
def _named() -> Iterator[None]:
    """Turn what diffusers makes of a wrong config into a ModelError that names the file."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        line = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise ModelError(f"scheduler_config.json: makes no schedule ({line}): fetch the file again") from error
