"""LoRA on a UNet: W' = W + (alpha / rank) B A, with A [rank, in] and B [out, rank]. Source: Hu et al. 2021."""

from __future__ import annotations

import math
import re
from typing import Any

import torch
from torch import nn

RANK = 8
LAYERS = ("to_q", "to_k", "to_v", "to_out.0")
# The attention of the UNet only: an IP-Adapter Plus adds layers of the same names.
_TARGET_MODULES = rf"(down_blocks|mid_block|up_blocks)\..*\.({'|'.join(re.escape(name) for name in LAYERS)})"


def add_lora(unet: Any, generator: torch.Generator, *, rank: int = RANK, alpha: int = RANK) -> list[nn.Parameter]:
    """Freeze a UNet, add a LoRA to its attention layers, and return the LoRA parameters, the only ones to train.

    The parameters are float32 whatever the UNet's dtype. A is sampled from the generator, B is zero, so the UNet's
    output is unchanged at first. Attach an IP-Adapter before this call, or its parameters stay trainable.
    """
    from peft import LoraConfig

    unet.requires_grad_(False)
    with torch.random.fork_rng(devices=[]):  # peft samples from the global generator; its values are replaced below
        unet.add_adapter(LoraConfig(r=rank, lora_alpha=alpha, target_modules=_TARGET_MODULES))
    trained = []
    for name, parameter in unet.named_parameters():
        if not parameter.requires_grad:
            continue
        parameter.data = parameter.data.float()
        if ".lora_A." in name:
            bound = 1 / math.sqrt(parameter.shape[1])  # peft's initialization: kaiming_uniform(a=sqrt(5))
            initial = torch.empty(parameter.shape).uniform_(-bound, bound, generator=generator)
            parameter.data.copy_(initial)
        trained.append(parameter)
    return trained


def gradient_norm(parameters: list[nn.Parameter]) -> torch.Tensor:
    """Return the total gradient norm over all parameters, a scalar, as gradient clipping measures it."""
    return torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
