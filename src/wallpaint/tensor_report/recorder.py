"""Record shape, dtype and statistics of tensors without keeping the tensors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from wallpaint.diffusion.denoise import Observer
from wallpaint.tensor_report.record import TensorRow, rounded


@dataclass
class _RunningStats:
    shape: tuple[int, ...]
    dtype: str
    level: int
    low: float = math.inf
    high: float = -math.inf
    total: float = 0.0
    total_squares: float = 0.0
    count: int = 0
    times: int = 0


class TensorRecorder:
    """Observer that accumulates statistics of tensors by name; `rows` returns one row per name."""

    def __init__(self, flow: str) -> None:
        self._flow = flow
        self._stats: dict[tuple[str, int], _RunningStats] = {}

    def __call__(self, name: str, value: Tensor, level: int = 0) -> None:
        """Record a tensor. level: see `TensorRow`."""
        shape, dtype = tuple(value.shape), str(value.dtype).removeprefix("torch.")
        stats = self._stats.setdefault((name, level), _RunningStats(shape, dtype, level))
        assert (stats.shape, stats.dtype) == (shape, dtype), (
            f"{name} was {stats.shape} {stats.dtype}, is {shape} {dtype}"
        )
        numbers = value.detach().double()
        stats.low, stats.high = min(stats.low, float(numbers.min())), max(stats.high, float(numbers.max()))
        stats.total += float(numbers.sum())
        stats.total_squares += float(numbers.square().sum())
        stats.count += numbers.numel()
        stats.times += 1

    def rows(self) -> list[TensorRow]:
        """Return a row for each name, in the order of first recording."""
        return [self._row(name, stats) for (name, _), stats in self._stats.items()]

    def _row(self, name: str, stats: _RunningStats) -> TensorRow:
        mean = stats.total / stats.count
        std = math.sqrt(max(0.0, stats.total_squares / stats.count - mean * mean))
        low, high, mean, std = (rounded(value) for value in (stats.low, stats.high, mean, std))
        return TensorRow(self._flow, name, stats.shape, stats.dtype, low, high, mean, std, stats.times, stats.level)


@contextmanager
def record_unet(unet: Any, recorder: TensorRecorder) -> Iterator[None]:
    """Record the outputs of a UNet's blocks, and the text keys of its first cross-attention, while the body runs.

    Names: time_embedding, conv_in, lora_narrow (output of the LoRA's A for the text), text_keys, down, mid, up.
    """
    levels = len(unet.down_blocks)
    hooked: list[tuple[nn.Module, str, int]] = [
        (unet.time_embedding, "time_embedding", 0),
        (unet.conv_in, "conv_in", 0),
        (unet.mid_block, "mid", 0),
    ]
    keys = _first(unet, "attn2.to_k")
    hooked += [(keys, "text_keys", 0), (keys.lora_A["default"], "lora_narrow", 0)]
    hooked += [(b, "down" if n < levels else "down_last", n) for n, b in enumerate(unet.down_blocks, 1)]
    hooked += [(b, "up" if n < levels else "up_last", n) for n, b in enumerate(unet.up_blocks, 1)]
    with _forward_hooks(hooked, recorder):
        yield


@contextmanager
def record_image_keys(unet: Any, observe: Observer) -> Iterator[None]:
    """Record the image keys of the IP-Adapter's first cross-attention; nothing for a UNet without an IP-Adapter."""
    projections = [m for name, m in unet.named_modules() if name.endswith("to_k_ip.0")][:1]
    with _forward_hooks([(module, "image_keys", 0) for module in projections], observe):
        yield


def _first(unet: nn.Module, ending: str) -> Any:
    return next(module for name, module in unet.named_modules() if name.endswith(ending))


@contextmanager
def _forward_hooks(modules: list[tuple[nn.Module, str, int]], observe: Any) -> Iterator[None]:
    def make_hook(name: str, level: int) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            value = output[0] if isinstance(output, tuple) else output
            if level:
                observe(name, value, level)
            else:
                observe(name, value)

        return hook

    handles = [module.register_forward_hook(make_hook(name, level)) for module, name, level in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def count_nonzero_gradients(parameters: list[nn.Parameter]) -> int:
    """Number of parameters with a nonzero gradient."""
    return sum(p.grad is not None and bool(torch.any(p.grad != 0)) for p in parameters)
