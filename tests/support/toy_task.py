"""A toy task that trains in a second, and a script that trains it in a process that tests can kill.

python tests/support/toy_task.py FOLDER STEPS FILE_FOR_THE_FINAL_WEIGHTS [tracked] [full | unknown]

tracked: with evaluation and TensorBoard. full: the main process cannot save step 6. unknown: best_metric is a metric
that the evaluation does not have.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from wallpaint.errors import InputError, WallpaintError
from wallpaint.train.engine import checkpoint
from wallpaint.train.engine.config import LoopConfig, OptimizerConfig, TrackingConfig
from wallpaint.train.engine.evaluation import EvalResult
from wallpaint.train.engine.loop import Losses, TrainingResult, fit
from wallpaint.train.engine.schedule import SampleIndex, stream_seed

SAMPLES = 13
LOOP = LoopConfig(steps=40, batch_size=4, save_every=3, keep_last=2, log_every=5, ema_decay=0.9)
OPTIMIZER = OptimizerConfig(learning_rate=1e-2, warmup_steps=5, schedule="cosine")
TRACKED = TrackingConfig(tensorboard=True)


class ToyTask:
    """Fits a linear map to noisy samples; the first layer is frozen."""

    def __init__(self, width: int = 32) -> None:
        torch.manual_seed(0)
        self.network: nn.Module = nn.Sequential(nn.Linear(6, width), nn.Tanh(), nn.Linear(width, 3))
        self.network[0].requires_grad_(False)

    def __len__(self) -> int:
        return SAMPLES

    def sample(self, sample_index: SampleIndex) -> dict[str, Any]:
        generator = torch.Generator().manual_seed(stream_seed(7, sample_index.position))
        x = torch.randn(6, generator=torch.Generator().manual_seed(sample_index.index))
        return {
            "x": x,
            "y": x[:3] - x[3:] + 0.1 * torch.randn(3, generator=generator),
            "t": sample_index.position % 1000,
        }

    def collate(self, samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return {
            "x": torch.stack([s["x"] for s in samples]),
            "y": torch.stack([s["y"] for s in samples]),
            "t": torch.tensor([s["t"] for s in samples]),
        }

    def losses(self, network: nn.Module, batch: Any) -> Losses:
        by_sample = (network(batch["x"]) - batch["y"]).square().mean(1)
        return Losses(by_sample.mean(), {"mse": by_sample.mean().detach()}, batch["t"], by_sample.detach())


def evaluate(step: int, network: nn.Module) -> EvalResult:
    """An evaluator that samples from every global generator and measures the toy's error."""
    x = torch.randn(50, 6) * (1 + 0.01 * random.random() + 0.01 * float(np.random.rand()))  # noqa: NPY002
    error = float((network(x) - (x[:, :3] - x[:, 3:])).square().mean())
    return EvalResult({"val/error": error}, {"bars": np.full((8, 12, 3), step % 256, np.uint8)})


def train(folder: Path, loop: LoopConfig = LOOP, *, resume: bool = True, **more: Any) -> TrainingResult:
    """Train the toy, resuming from its latest checkpoint by default."""
    options = {"optimizer_config": OPTIMIZER, "task": ToyTask(), **more}
    return fit(config=loop, folder=folder, seed=3, digest="toy", device="cpu", resume=resume, **options)


def failing_save(failing_step: int, save: Any) -> Any:
    """Wrap `checkpoint.save` so that it fails at one step, as on a full disk."""

    def call(folder: Path, step: int, *args: Any, **kwargs: Any) -> Any:
        if step == failing_step:
            raise InputError(f"{folder}: the disk is full")
        return save(folder, step, *args, **kwargs)

    return call


BLOCK_AFTER = 150  # steps, after which a process that is to be killed waits, however busy the machine is


def main() -> None:
    from dataclasses import replace

    torch.set_num_threads(1)
    losses: list[float] = []
    folder, loop, more = Path(sys.argv[1]), replace(LOOP, steps=int(sys.argv[2])), {}
    if "tracked" in sys.argv:
        loop, more = replace(loop, eval_every=4, best_metric="val/error"), {"tracking": TRACKED, "evaluator": evaluate}
    rank = int(os.environ.get("RANK", "0"))
    if "unknown" in sys.argv:
        loop = replace(loop, best_metric="val/none")
    if "full" in sys.argv and rank == 0:
        checkpoint.save = failing_save(6, checkpoint.save)
    max_steps = BLOCK_AFTER if "block" in sys.argv else loop.steps

    def on_step(step: int, loss: float) -> None:
        losses.append(loss)
        if len(losses) > max_steps:
            time.sleep(3600)

    try:
        result = train(folder, loop, on_step=on_step, **more)
    except WallpaintError as error:
        print(f"process {rank}: {type(error).__name__}: {error}", flush=True)
        time.sleep(1)  # the launcher kills the others as soon as one has ended
        sys.exit(2)
    from safetensors.torch import save_file

    if len(sys.argv) > 3 and not result.stopped and rank == 0:
        save_file({**result.weights, "losses": torch.tensor(losses)}, Path(sys.argv[3]))
    print("stopped" if result.stopped else "done", result.step, flush=True)


if __name__ == "__main__":
    main()
