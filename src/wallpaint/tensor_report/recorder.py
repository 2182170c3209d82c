"""An observer that keeps size, type and range of what it is told, and none of the tensors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from wallpaint.diffusion.denoise import Observer
from wallpaint.tensor_report.record import Row, rounded


@dataclass
class _Sums:
    shape: tuple[int, ...]
    dtype: str
    level: int
    low: float = math.inf
    high: float = -math.inf
    total: float = 0.0
    squares: float = 0.0
    count: int = 0
    times: int = 0


class Recorder:
    """Call it with a name and a tensor, as often as they come; `rows` then tells of each name once, in order."""

    def __init__(self, flow: str) -> None:
        self._flow = flow
        self._seen: dict[tuple[str, int], _Sums] = {}

    def __call__(self, name: str, value: Tensor, level: int = 0) -> None:
        """Take note of a tensor. level: see `Row`."""
        shape, dtype = tuple(value.shape), str(value.dtype).removeprefix("torch.")
        sums = self._seen.setdefault((name, level), _Sums(shape, dtype, level))
        assert (sums.shape, sums.dtype) == (shape, dtype), f"{name} was {sums.shape} {sums.dtype}, is {shape} {dtype}"
        numbers = value.detach().double()
        sums.low, sums.high = min(sums.low, float(numbers.min())), max(sums.high, float(numbers.max()))
        sums.total += float(numbers.sum())
        sums.squares += float(numbers.square().sum())
        sums.count += numbers.numel()
        sums.times += 1

    def rows(self) -> list[Row]:
        """A row for each name, in the order of their first coming."""
        return [self._row(name, sums) for (name, _), sums in self._seen.items()]

    def _row(self, name: str, sums: _Sums) -> Row:
        mean = sums.total / sums.count
        std = math.sqrt(max(0.0, sums.squares / sums.count - mean * mean))
        low, high, mean, std = (rounded(value) for value in (sums.low, sums.high, mean, std))
        return Row(self._flow, name, sums.shape, sums.dtype, low, high, mean, std, sums.times, sums.level)


@contextmanager
def watching_unet(unet: Any, recorder: Recorder) -> Iterator[None]:
    """Have a UNet's blocks tell what they give while the body runs; the first cross-attention also its text keys.

    Names: time_embedding, conv_in, lora_narrow (what the LoRA's A makes of the text), text_keys, down, mid, up.
    """
    levels = len(unet.down_blocks)
    watched: list[tuple[nn.Module, str, int]] = [
        (unet.time_embedding, "time_embedding", 0),
        (unet.conv_in, "conv_in", 0),
        (unet.mid_block, "mid", 0),
    ]
    keys = _first(unet, "attn2.to_k")
    watched += [(keys, "text_keys", 0), (keys.lora_A["default"], "lora_narrow", 0)]
    watched += [(b, "down" if n < levels else "down_last", n) for n, b in enumerate(unet.down_blocks, 1)]
    watched += [(b, "up" if n < levels else "up_last", n) for n, b in enumerate(unet.up_blocks, 1)]
    with _hooked(watched, recorder):
        yield


@contextmanager
def watching_image_keys(unet: Any, observe: Observer) -> Iterator[None]:
    """Have the IP-Adapter's first keys tell what they make of the image tokens. A UNet without one is silent."""
    found = [m for name, m in unet.named_modules() if name.endswith("to_k_ip.0")][:1]
    with _hooked([(module, "image_keys", 0) for module in found], observe):
        yield


def _first(unet: nn.Module, ending: str) -> Any:
    return next(module for name, module in unet.named_modules() if name.endswith(ending))


@contextmanager
def _hooked(watched: list[tuple[nn.Module, str, int]], observe: Any) -> Iterator[None]:
    def hook(name: str, level: int) -> Any:
        def tell(module: nn.Module, given: Any, result: Any) -> None:
            value = result[0] if isinstance(result, tuple) else result
            if level:
                observe(name, value, level)
            else:
                observe(name, value)

        return tell

    handles = [module.register_forward_hook(hook(name, level)) for module, name, level in watched]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def first_gradients(parameters: list[nn.Parameter]) -> int:
    """How many of the parameters have a gradient that is not zero."""
    return sum(p.grad is not None and bool(torch.any(p.grad != 0)) for p in parameters)
