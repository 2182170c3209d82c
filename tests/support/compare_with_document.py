"""A training step with latents from the cache against the document's, which encodes at every step: user-CPU seconds.

    PYTHONPATH=tests python tests/support/compare_with_document.py BUNDLE --side 256 --batch 4 --steps 4 --rounds 5

Both train on captions. The document's loop encodes picture, masked picture and caption at every step; the cached one
has encoded all versions of every sample before. They run in turns, on their own samples, loaded in the same process;
the least of all rounds counts. Calls are counted besides.
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
from wallpaint.train.engine.config import TrainConfig, from_mapping
from wallpaint.train.engine.loop import fit
from wallpaint.train.lora.task import InpaintingTask

SAMPLES = 4


@dataclass(frozen=True)
class Cost:
    """Least user-CPU seconds of a step, and calls of frozen networks a step."""

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
    config = from_mapping(TrainConfig, plain, "recipe")
    samples = WallInpaintingDataset(root, "train", config.samples, config.seed)
    task = InpaintingTask(load_bundle(bundle), samples, config, root / "latents")
    task.fill()
    return task


def round_of(task: InpaintingTask, folder: Path) -> float:
    """User-CPU seconds of a step, without the first and without what comes before and after."""
    told: list[float] = []
    config = task.config
    tick = lambda step, loss: told.append(user_seconds())  # noqa: E731
    fit(task, config.loop, config.optimizer, folder, seed=0, digest="", device="cpu", tick=tick)
    return (told[-1] - told[0]) / (len(told) - 1)


def compare(bundle: Path, side: int, batch: int, steps: int, rounds: int) -> dict[str, Cost]:
    """Both ways, by name."""
    found: dict[str, Cost] = {}
    with tempfile.TemporaryDirectory() as made:
        root = write_set(Path(made) / "set", SAMPLES, side)
        tasks = {
            name: make_task(bundle, root, side, batch, variants, steps)
            for name, variants in (("cached", 8), ("document", 0))
        }
        for number in range(rounds):
            for name, task in tasks.items():
                before = dict(task.calls)
                seconds = round_of(task, Path(made) / f"{name}_{number}")
                calls = [(task.calls[part] - before[part]) / (steps + 1) for part in ("vae", "text_encoder")]
                least = min(seconds, found[name].seconds) if name in found else seconds
                found[name] = replace(Cost(seconds, *calls), seconds=least)
    return found


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
    print("who        user-CPU s a step   VAE calls   text encoder calls")
    for name, cost in costs.items():
        print(f"{name:10} {cost.seconds:17.3f} {cost.vae:11.2f} {cost.text_encoder:20.2f}")
    print(f"the document's step takes {costs['document'].seconds / costs['cached'].seconds:.2f} times the cached one's")


if __name__ == "__main__":
    main()
