"""Weights of a smaller network as initialisation of a larger one, which computes the same function at first.

Source: Chen, Goodfellow & Shlens 2016 (Net2Net).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from wallpaint.train.segmenter.refiner import RefinerNetwork

RESIDUAL_OUTPUTS = ("attention.o_proj.", "mlp.fc2.")  # last layers of the residual branches of a SegFormer's block


def load_deeper(segformer: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Load into a SegFormer the weights of one with at most as many blocks per stage; new blocks are the identity.

    Raises ValueError if they don't fit.
    """
    state = segformer.state_dict()
    if not weights.keys() <= state.keys() or any(state[name].shape != value.shape for name, value in weights.items()):
        raise ValueError("the stages differ in more than their depth")
    zeroed = {
        name: torch.zeros_like(state[name])
        for name in state.keys() - weights.keys()
        if any(part in name for part in RESIDUAL_OUTPUTS)
    }
    segformer.load_state_dict({**state, **zeroed, **weights})


def load_wider(refiner: RefinerNetwork, weights: Mapping[str, Tensor]) -> None:
    """Load into a refiner the weights of one with at most as many channels per level.

    No group of the group normalisation mixes old and new channels, and old channels have zero weights for new ones, so
    the old channels are unchanged. Raises ValueError if the weights don't fit.
    """
    state = refiner.state_dict()
    if weights.keys() != state.keys():
        raise ValueError("the number of levels differs")
    for name, old in weights.items():
        new = state[name]
        if any(a > b for a, b in zip(old.shape, new.shape, strict=True)):
            raise ValueError("the levels have more channels")
        if new.dim() > 1:
            new[: len(old)] = 0
        halves = 2 if name == "fine.weight" else 1  # its input is the concatenation of two levels' channels
        for source, target in zip(_split_inputs(old, halves), _split_inputs(new, halves), strict=True):
            target[tuple(slice(side) for side in source.shape)] = source
    refiner.load_state_dict(state)


def _split_inputs(values: Tensor, count: int) -> tuple[Tensor, ...]:
    return values.chunk(count, 1) if count > 1 else (values,)
