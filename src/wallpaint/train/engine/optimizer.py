"""The optimiser that a recipe names, and what it remembers, as tensors for a checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from wallpaint.errors import ConfigError
from wallpaint.train.engine.config import OptimizerConfig

_TENSOR, _NUMBER = "optimizer", "number"


def check(config: OptimizerConfig) -> None:
    """Raise ConfigError where the optimiser is not installed; nothing is loaded to find out."""
    if config.kind != "adamw_8bit":
        return
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it misses kernels for 4 bits that nobody asked for
    if find_spec("bitsandbytes") is None:
        raise ConfigError(
            "optimizer.kind adamw_8bit needs bitsandbytes: pip install 'wallpaint[eight-bit]', or take adamw"
        )


def make(config: OptimizerConfig, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimiser, not yet having seen a gradient. Raises ConfigError as `check` does."""
    check(config)
    values: dict[str, Any] = {
        "lr": config.learning_rate,
        "betas": (config.beta1, config.beta2),
        "eps": config.epsilon,
        "weight_decay": config.weight_decay,
    }
    if config.kind == "adamw":
        return torch.optim.AdamW(parameters, **values)
    from bitsandbytes.optim import AdamW8bit  # type: ignore[import-not-found,import-untyped,unused-ignore]

    return AdamW8bit(parameters, **values)  # type: ignore[no-any-return,unused-ignore]


def memory_of(optimizer: torch.optim.Optimizer, trained: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """All that an optimiser remembers of parameters: optimizer/KEY/NAME, and number/KEY/NAME for what is no tensor.

    Which keys there are is the optimiser's business: AdamW has step, exp_avg and exp_avg_sq, in 8 bits they are step,
    state1, state2 and, for all but short parameters, absmax1, absmax2, qmap1 and qmap2.
    """
    found = {}
    for name, parameter in trained.items():
        for key, value in optimizer.state[parameter].items():
            is_tensor = isinstance(value, Tensor)
            found[f"{_TENSOR if is_tensor else _NUMBER}/{key}/{name}"] = value if is_tensor else torch.tensor(value)
    return found


def recall(
    optimizer: torch.optim.Optimizer, trained: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor]
) -> None:
    """Give back what `memory_of` told; tensors of other names are left alone.

    Past the optimiser's own load_state_dict, which may change number formats. A count stays on the CPU, where AdamW
    keeps it.
    """
    for parameter in trained.values():
        optimizer.state[parameter] = {}
    for path, value in tensors.items():
        kind, _, rest = path.partition("/")
        if kind in (_TENSOR, _NUMBER):
            key, _, name = rest.partition("/")
            parameter = trained[name]
            here: Any = value.to(parameter.device) if value.dim() else value
            optimizer.state[parameter][key] = here if kind == _TENSOR else value.item()
