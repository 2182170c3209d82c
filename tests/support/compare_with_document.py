"""User-CPU seconds of a training step with the latent cache, and of the source document's, which encodes every step.

    PYTHONPATH=tests python tests/support/compare_with_document.py BUNDLE --side 256 --batch 4 --steps 4 --rounds 5

Both train with captions. The document's loop encodes image, masked image and caption at every step; the cached one has
encoded all versions of every sample before. They alternate in one process, and the minimum over all rounds counts.
Encoder calls are counted too.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from support.training_sets import write_set
from wallpaint.bundles.bundle import load_bundle
from wallpaint.data.dataset import WallInpaintingDataset
from wallpaint.train.engine.config import from_mapping
from wallpaint.train.engine.loop import fit
from wallpaint.train.lora.config import LoraRecipe
from wallpaint.train.lora.task import InpaintingTask

SAMPLES = 4


@dataclass(frozen=True)
class Cost:
    """Minimum user-CPU seconds per step, and calls of frozen networks per step."""

    seconds: float
    vae: float
    text_encoder: float


def user_seconds() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


def make_task(bundle: Path, root: Path, side: int, batch: int, variants: int, steps: int) -> InpaintingTask:
    plain = {
        "bundle": str(bundle),
        "data": str(root),
        "device": "cpu",
        "samples": {"size": side},
        "conditioning": {"captions": True},
        "loop": {"steps": steps + 1, "batch_size": batch, "save_every": steps + 1, "log_every": steps + 1},
        "cache": {"variants": variants},
    }
    config = from_mapping(LoraRecipe, plain, "recipe")
    samples = WallInpaintingDataset(root, "train", config.samples, config.seed)
    task = InpaintingTask(load_bundle(bundle), samples, config, root / "latents")
    task.fill()
    return task


def round_of(task: InpaintingTask, folder: Path) -> float:
    """User-CPU seconds per step, without the first step and without startup."""
    times: list[float] = []
    config = task.config
    record = lambda step, loss: times.append(user_seconds())  # noqa: E731
    fit(task, config.loop, config.optimizer, folder, seed=0, digest="", device="cpu", on_step=record)
    return (times[-1] - times[0]) / (len(times) - 1)


def compare(bundle: Path, side: int, batch: int, steps: int, rounds: int) -> dict[str, Cost]:
    """Costs of both loops, by name."""
    costs: dict[str, Cost] = {}
    with tempfile.TemporaryDirectory() as folder:
        root = write_set(Path(folder) / "set", SAMPLES, side)
        tasks = {
            name: make_task(bundle, root, side, batch, variants, steps)
            for name, variants in (("cached", 8), ("document", 0))
        }
        for number in range(rounds):
            for name, task in tasks.items():
                before = dict(task.calls)
                seconds = round_of(task, Path(folder) / f"{name}_{number}")
                calls = [(task.calls[part] - before[part]) / (steps + 1) for part in ("vae", "text_encoder")]
                minimum = min(seconds, costs[name].seconds) if name in costs else seconds
                costs[name] = replace(Cost(seconds, *calls), seconds=minimum)
    return costs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    costs = compare(chosen.bundle, chosen.side, chosen.batch, chosen.steps, chosen.rounds)
    print("loop       user-CPU s per step   VAE calls   text encoder calls")
    for name, cost in costs.items():
        print(f"{name:10} {cost.seconds:19.3f} {cost.vae:11.2f} {cost.text_encoder:20.2f}")
    print(f"the document's step takes {costs['document'].seconds / costs['cached'].seconds:.2f} times the cached one's")


if __name__ == "__main__":
    main()
