"""Profile seconds, calls and floating-point operations by stage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any


@dataclass
class ProfileStage:
    """Accumulated cost of one stage. flops: floating-point operations; a multiply-add counts as two."""

    seconds: float = 0.0
    calls: int = 0
    flops: int = 0


class Profile:
    """Accumulates the cost of stages: seconds and calls, with `count_flops` also floating-point operations.

    With `count_flops` the accelerator is synchronized at the end of each stage, so that its time counts for the stage.
    """

    def __init__(self, *, count_flops: bool = False) -> None:
        self.stages: dict[str, ProfileStage] = {}
        self.count_flops = count_flops

    def reset(self) -> None:
        """Clear all stages."""
        self.stages = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the cost of the body to a stage."""
        entry = self.stages.setdefault(name, ProfileStage())
        started = perf_counter()
        if self.count_flops:
            with flop_counter() as counter:
                yield
            entry.flops += counter.get_total_flops()
            _synchronize()
        else:
            yield
        entry.seconds += perf_counter() - started
        entry.calls += 1

    def rows(self) -> list[dict[str, Any]]:
        """Return plain data: stage, seconds, calls, and GFLOP where counted."""
        return [
            {"stage": name, "seconds": round(entry.seconds, 4), "calls": entry.calls}
            | ({"gflop": round(entry.flops / 1e9, 3)} if self.count_flops else {})
            for name, entry in self.stages.items()
        ]


def flop_counter() -> Any:
    """FlopCounterMode of PyTorch, extended by the CPU attention kernel, which it does not count."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

    def attention(query: Any, key: Any, value: Any, *args: Any, out_shape: Any = None, **named: Any) -> int:
        return int(sdpa_flop_count(query, key, value))  # type: ignore[no-untyped-call]

    ops = torch.ops.aten
    return FlopCounterMode(display=False, custom_mapping={ops._scaled_dot_product_flash_attention_for_cpu: attention})


def _synchronize() -> None:
    import torch

    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.synchronize()
    elif torch.backends.mps.is_available():
        torch.mps.synchronize()
