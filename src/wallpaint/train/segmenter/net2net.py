"""Beginning with the weights of a smaller network: what is new adds nothing at first, so that both answer alike.

Source: Chen, Goodfellow & Shlens 2016 (Net2Net).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from wallpaint.segment.refiner import Refiner

ENDS = ("attention.o_proj.", "mlp.fc2.")  # what a SegFormer's block adds comes through one of these


def deeper(segformer: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Give a SegFormer the weights of one with as many blocks a stage or fewer.

    Raises ValueError where that is not what they are.
    """
    own = segformer.state_dict()
    if not weights.keys() <= own.keys() or any(own[name].shape != value.shape for name, value in weights.items()):
        raise ValueError("the stages are not alike")
    added = {name: torch.zeros_like(own[name]) for name in own.keys() - weights.keys() if any(e in name for e in ENDS)}
    segformer.load_state_dict({**own, **added, **weights})


def wider(refiner: Refiner, weights: Mapping[str, Tensor]) -> None:
    """Give a refiner the weights of one with as many channels a level or fewer.

    Channels are normalised in groups that hold old ones or new ones alone, so the old ones, which take nothing from the
    new, stay as they are. Raises ValueError where that is not what the weights are.
    """
    own = refiner.state_dict()
    if weights.keys() != own.keys():
        raise ValueError("the levels are not as many")
    for name, old in weights.items():
        made = own[name]
        if any(a > b for a, b in zip(old.shape, made.shape, strict=True)):
            raise ValueError("the levels are wider")
        if made.dim() > 1:
            made[: len(old)] = 0
        halves = 2 if name == "fine.weight" else 1  # what it takes in are two levels' channels side by side
        for came, goes in zip(_inputs(old, halves), _inputs(made, halves), strict=True):
            goes[tuple(slice(side) for side in came.shape)] = came
    refiner.load_state_dict(own)


def _inputs(values: Tensor, parts: int) -> tuple[Tensor, ...]:
    return values.chunk(parts, 1) if parts > 1 else (values,)
