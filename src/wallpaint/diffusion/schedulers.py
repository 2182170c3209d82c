"""Schedulers by name, and their timesteps for a number of steps and a strength."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from wallpaint.errors import ModelError

if TYPE_CHECKING:
    import torch

SCHEDULER_CLASSES = {  # by `DiffusionSettings.scheduler`
    "ddim": "DDIMScheduler",
    "dpm++": "DPMSolverMultistepScheduler",
    "unipc": "UniPCMultistepScheduler",
    "lcm": "LCMScheduler",
}
STOCHASTIC = ("lcm",)  # sample noise at every step
# Override the bundle's config, so that the sampler is deterministic.
_OVERRIDES: dict[str, dict[str, Any]] = {"dpm++": {"algorithm_type": "dpmsolver++"}}
# Values of the published models where the defaults of the diffusers class differ.
_DEFAULTS: dict[str, dict[str, Any]] = {"ddim": {"clip_sample": False}}


def make_scheduler(name: str, config: dict[str, Any]) -> Any:
    """Make a diffusers scheduler. name: one of `SCHEDULER_CLASSES`. config: the bundle's scheduler_config.json.

    Raises ModelError for an invalid config.
    """
    import diffusers

    if config.get("prediction_type", "epsilon") not in ("epsilon", "v_prediction"):
        raise ModelError(f"the scheduler's prediction_type is {config['prediction_type']!r}: epsilon or v_prediction")
    merged = {**_DEFAULTS.get(name, {}), **config, **_OVERRIDES.get(name, {})}
    with _as_model_error():
        scheduler = getattr(diffusers, SCHEDULER_CLASSES[name]).from_config(merged)
        alphas_cumprod = scheduler.alphas_cumprod
        if len(alphas_cumprod) != scheduler.config.num_train_timesteps or not bool(alphas_cumprod.isfinite().all()):
            raise ValueError("its betas do not give a noise level for each of num_train_timesteps")
        return scheduler


def get_timesteps(scheduler: Any, steps: int, strength: float) -> torch.Tensor:
    """Return the timesteps to denoise, in order: the last `strength` share of `steps` inference steps.

    Sets the scheduler's begin index. Returns (n,) int64 on the CPU, so that lookups do not synchronize the
    accelerator. Raises ModelError where the schedule has fewer timesteps than `steps`.
    """
    with _as_model_error():
        if steps > scheduler.config.num_train_timesteps:
            raise ValueError(f"num_train_timesteps is {scheduler.config.num_train_timesteps}, less than {steps} steps")
        scheduler.set_timesteps(steps)
    first = (steps - min(int(steps * strength), steps)) * scheduler.order
    timesteps: torch.Tensor = scheduler.timesteps[first:]
    if hasattr(scheduler, "set_begin_index"):  # multistep schedulers keep a step index
        scheduler.set_begin_index(first)
    return timesteps


@contextmanager
def _as_model_error() -> Iterator[None]:
    """Convert errors of diffusers on an invalid config into a ModelError that names the file."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        line = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise ModelError(f"scheduler_config.json: invalid noise schedule ({line}): fetch the file again") from error
