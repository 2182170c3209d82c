"""GPU memory of a training step, counted without a GPU on the meta device.

Counts the memory of every live tensor through forward pass, backward pass and optimizer step, rounded up to 512 bytes
as the CUDA allocator does. Two operations are replaced, since the meta device behaves differently:

* casts of CUDA autocast, by its op lists (`LOWER`, `UPPER`; a test compares them with torch's own);
* attention by the flash kernel, which saves q, k, v, its output and a log-sum-exp per row instead of all pairs.

Not counted: workspaces of cuDNN and cuBLAS, fragmentation of the allocator, and the CUDA context. The result estimates
`torch.cuda.max_memory_allocated` without workspaces.
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

# Functions that the UNet calls, by the dtype CUDA autocast casts their arguments to; exp only gets float32 timesteps.
LOWER = (functional.linear, functional.conv2d)
UPPER = (functional.group_norm, functional.layer_norm, functional.interpolate)
UNCHANGED = (
    functional.silu, functional.gelu, functional.dropout, torch.cat, torch.sin, torch.cos, torch.exp, torch.arange,
    Tensor.add, Tensor.mul, Tensor.div, Tensor.chunk, Tensor.reshape, Tensor.view, Tensor.transpose, Tensor.permute,
    Tensor.contiguous, Tensor.expand, Tensor.__getitem__, Tensor.to, Tensor.float, Tensor.numel,
)  # fmt: skip


@contextmanager
def cuda_autocast() -> Iterator[None]:
    """Cast as CUDA autocast to bfloat16 does, also in recomputation by gradient checkpointing."""
    with ExitStack() as stack:
        for functions, dtype in ((LOWER, torch.bfloat16), (UPPER, torch.float32)):
            for function in functions:
                stack.enter_context(mock.patch.object(functional, function.__name__, _casting(function, dtype)))
        yield


def _casting(function: Any, dtype: torch.dtype) -> Any:
    def cast(*args: Any, **kwargs: Any) -> Any:
        return function(*(_cast(v, dtype) for v in args), **{name: _cast(v, dtype) for name, v in kwargs.items()})

    return cast


def _cast(value: Any, dtype: torch.dtype) -> Any:
    return value.to(dtype) if isinstance(value, Tensor) and value.is_floating_point() else value


def flash_attention(
    q: Tensor, k: Tensor, v: Tensor, attn_mask: None = None, dropout_p: float = 0.0, is_causal: bool = False, **_: Any
) -> Tensor:
    """torch's flash attention operator, which saves the same tensors on the meta device as on CUDA."""
    assert attn_mask is None
    q, k, v = (value.to(torch.bfloat16) for value in (q, k, v))
    return torch.ops.aten._scaled_dot_product_flash_attention(q, k, v, dropout_p, is_causal, False)[0]


class LiveMemory(TorchDispatchMode):
    """Bytes of live meta tensors. current, peak: since construction."""

    def __init__(self, tensors: Iterable[Tensor] = ()) -> None:
        super().__init__()
        self.current = self.peak = 0
        self._live: dict[int, Any] = {}
        for tensor in tensors:
            self._add(tensor)

    def _add(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if id(storage) in self._live:
            return
        size = -(-storage.nbytes() // BLOCK) * BLOCK

        def on_free(_: Any, key: int = id(storage)) -> None:
            del self._live[key]
            self.current -= size

        self._live[id(storage)] = weakref.ref(storage, on_free)
        self.current += size
        self.peak = max(self.peak, self.current)

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
    """Return GiB during two steps, the second with optimizer state: weights, before, kept, peak.

    kept: live at the start of the backward pass. loss: the forward pass, run under autocast. update: optimizer step and
    zero_grad.
    """
    attention = flash_attention if flash else functional.scaled_dot_product_attention
    parameters = [*network.parameters(), *network.buffers()]
    with LiveMemory(parameters) as live:
        memory = {"weights": gib(live.current)}
        for _ in range(2):
            memory["before"] = gib(live.current)
            with cuda_autocast(), mock.patch(ATTENTION, attention):
                total = loss()
                memory["kept"] = gib(live.current)
                total.backward()
            del total
            update()
        memory["peak"] = gib(live.peak)
    return memory
