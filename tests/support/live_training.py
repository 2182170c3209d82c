"""How much memory a training step takes on a graphics card, counted without one: on the meta device.

Counted is every tensor's memory from when it is made to when nothing holds it any more, through forward pass, backward
pass and update, rounded up to 512 bytes as the card's allocator does. Two things are put in, because the meta device
would do them otherwise:

* what autocast casts, by the lists of the card (`LOWER`, `UPPER`; a test holds them against torch's own);
* attention by the flash kernel, which keeps q, k, v, its output and a logarithm a row, in place of all pairs.

Not counted: what a kernel needs while it runs (cuDNN's and cuBLAS's workspaces), gaps between blocks of the allocator,
the CUDA context. It is what `torch.cuda.max_memory_allocated` should say, less workspaces.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

BLOCK = 512  # bytes
ATTENTION = "torch.nn.functional.scaled_dot_product_attention"

# What the UNet calls, by what autocast makes of its arguments on a card; exp only sees float32, of timesteps.
LOWER = (functional.linear, functional.conv2d)
UPPER = (functional.group_norm, functional.layer_norm, functional.interpolate)
AS_IT_COMES = (
    functional.silu, functional.gelu, functional.dropout, torch.cat, torch.sin, torch.cos, torch.exp, torch.arange,
    Tensor.add, Tensor.mul, Tensor.div, Tensor.chunk, Tensor.reshape, Tensor.view, Tensor.transpose, Tensor.permute,
    Tensor.contiguous, Tensor.expand, Tensor.__getitem__, Tensor.to, Tensor.float, Tensor.numel,
)  # fmt: skip


@contextmanager
def cards_autocast() -> Iterator[None]:
    """Casts as autocast to bfloat16 does on a card; what is computed again on the way back is cast again likewise."""
    with ExitStack() as stack:
        for functions, kind in ((LOWER, torch.bfloat16), (UPPER, torch.float32)):
            for function in functions:
                stack.enter_context(mock.patch.object(functional, function.__name__, _casting(function, kind)))
        yield


def _casting(function: Any, kind: torch.dtype) -> Any:
    def cast(*args: Any, **kwargs: Any) -> Any:
        return function(*(_cast(v, kind) for v in args), **{name: _cast(v, kind) for name, v in kwargs.items()})

    return cast


def _cast(value: Any, kind: torch.dtype) -> Any:
    return value.to(kind) if isinstance(value, Tensor) and value.is_floating_point() else value


def flash_attention(
    q: Tensor, k: Tensor, v: Tensor, attn_mask: None = None, dropout_p: float = 0.0, is_causal: bool = False, **_: Any
) -> Tensor:
    """torch's operator for the card's kernel: on the meta device it keeps what it keeps there."""
    assert attn_mask is None
    q, k, v = (value.to(torch.bfloat16) for value in (q, k, v))
    return torch.ops.aten._scaled_dot_product_flash_attention(q, k, v, dropout_p, is_causal, False)[0]


class Live(TorchDispatchMode):
    """Bytes of meta tensors that are alive. now, peak: since it was made."""

    def __init__(self, tensors: Iterable[Tensor] = ()) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._held: dict[int, Any] = {}
        for tensor in tensors:
            self._add(tensor)

    def _add(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if id(storage) in self._held:
            return
        size = -(-storage.nbytes() // BLOCK) * BLOCK

        def gone(_: Any, key: int = id(storage)) -> None:
            del self._held[key]
            self.now -= size

        self._held[id(storage)] = weakref.ref(storage, gone)
        self.now += size
        self.peak = max(self.peak, self.now)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for value in tree_leaves(out):
            if isinstance(value, Tensor) and value.device.type == "meta":
                self._add(value)
        return out


def gib(count: int) -> float:
    return count / 2**30


def step_memory(
    network: torch.nn.Module, loss: Callable[[], Tensor], update: Callable[[], None], *, flash: bool = True
) -> dict[str, float]:
    """GiB through two steps, the second with the optimiser's memory in place: weights, before, kept, peak.

    kept: alive when the backward pass begins. loss: the forward pass under autocast. update: the optimiser's step, and
    gradients let go.
    """
    attention = flash_attention if flash else functional.scaled_dot_product_attention
    held = [*network.parameters(), *network.buffers()]
    with Live(held) as live:
        told = {"weights": gib(live.now)}
        for _ in range(2):
            told["before"] = gib(live.now)
            with cards_autocast(), mock.patch(ATTENTION, attention):
                total = loss()
                told["kept"] = gib(live.now)
                total.backward()
            del total
            update()
        told["peak"] = gib(live.peak)
    return told
