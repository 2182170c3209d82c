"""LoRA on a UNet: W' = W + (alpha / rank) B A, with A [rank, in] and B [out, rank]. Source: Hu et al. 2021."""

from __future__ import annotations

import math
import re
from typing import Any

import torch
from torch import nn

RANK = 8
LAYERS = ("to_q", "to_k", "to_v", "to_out.0")
# The UNet's own attention and no other: an IP-Adapter Plus brings layers of the same names.
_WHERE = rf"(down_blocks|mid_block|up_blocks)\..*\.({'|'.join(re.escape(name) for name in LAYERS)})"


def add_lora(unet: Any, generator: torch.Generator, *, rank: int = RANK, alpha: int = RANK) -> list[nn.Parameter]:
    """Freeze a UNet and put a LoRA into its attention; returns the LoRA's parameters, all that is to be trained.

    They are float32 whatever the UNet is. A is drawn from the generator, B is zero, so that at first the UNet does what
    it did. An IP-Adapter goes into the UNet before this, since afterwards its parameters would stay trainable.
    """
    from peft import LoraConfig

    unet.requires_grad_(False)
    with torch.random.fork_rng(devices=[]):  # peft draws from the global generator; what it draws is replaced
        unet.add_adapter(LoraConfig(r=rank, lora_alpha=alpha, target_modules=_WHERE))
    trained = []
    for name, parameter in unet.named_parameters():
        if not parameter.requires_grad:
            continue
        parameter.data = parameter.data.float()
        if ".lora_A." in name:
            bound = 1 / math.sqrt(parameter.shape[1])  # as peft draws it: kaiming_uniform(a=sqrt(5))
            drawn = torch.empty(parameter.shape).uniform_(-bound, bound, generator=generator)
            parameter.data.copy_(drawn)
        trained.append(parameter)
    return trained


def gradient_norm(parameters: list[nn.Parameter]) -> torch.Tensor:
    """The length of all gradients taken as one vector: a scalar. What clipping to a largest length measures."""
    return torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
