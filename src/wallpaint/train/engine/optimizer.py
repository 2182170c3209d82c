"""The optimizer of a recipe, and its state as tensors for checkpoints."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from wallpaint.errors import ConfigError
from wallpaint.train.engine.config import OptimizerConfig

_TENSOR, _NUMBER = "optimizer", "number"  # prefixes in a checkpoint


def check_installed(config: OptimizerConfig) -> None:
    """Raise ConfigError if the optimizer's package is not installed. Imports nothing."""
    if config.kind != "adamw_8bit":
        return
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # warns of missing 4-bit kernels, which are not used
    if find_spec("bitsandbytes") is None:
        raise ConfigError(
            "optimizer.kind adamw_8bit needs bitsandbytes: pip install 'wallpaint[eight-bit]', or use adamw"
        )


def build(config: OptimizerConfig, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """Build the optimizer. Raises ConfigError if its package is not installed."""
    check_installed(config)
    options: dict[str, Any] = {
        "lr": config.learning_rate,
        "betas": (config.beta1, config.beta2),
        "eps": config.epsilon,
        "weight_decay": config.weight_decay,
    }
    if config.kind == "adamw":
        return torch.optim.AdamW(parameters, **options)
    from bitsandbytes.optim import AdamW8bit  # type: ignore[import-not-found,import-untyped,unused-ignore]

    return AdamW8bit(parameters, **options)  # type: ignore[no-any-return,unused-ignore]


def state_tensors(optimizer: torch.optim.Optimizer, trained: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """Return the optimizer state as tensors named optimizer/KEY/PARAMETER, or number/KEY/PARAMETER for scalars.

    The keys are the optimizer's: AdamW has step, exp_avg and exp_avg_sq; 8-bit AdamW has step, state1, state2 and, for
    all but small parameters, absmax1, absmax2, qmap1 and qmap2.
    """
    tensors = {}
    for name, parameter in trained.items():
        for key, value in optimizer.state[parameter].items():
            is_tensor = isinstance(value, Tensor)
            tensors[f"{_TENSOR if is_tensor else _NUMBER}/{key}/{name}"] = value if is_tensor else torch.tensor(value)
    return tensors


def load_state_tensors(
    optimizer: torch.optim.Optimizer, trained: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor]
) -> None:
    """Restore the state that `state_tensors` returned; tensors of other names are ignored.

    Bypasses the optimizer's own load_state_dict, which may change dtypes. Zero-dimensional tensors (AdamW's step) stay
    on the CPU, as AdamW keeps them.
    """
    for parameter in trained.values():
        optimizer.state[parameter] = {}
    for path, value in tensors.items():
        prefix, _, rest = path.partition("/")
        if prefix in (_TENSOR, _NUMBER):
            key, _, name = rest.partition("/")
            parameter = trained[name]
            on_device: Any = value.to(parameter.device) if value.dim() else value
            optimizer.state[parameter][key] = on_device if prefix == _TENSOR else value.item()
