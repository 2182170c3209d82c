"""Full-size training steps through the engine, in a separate process so that its memory can be measured.

    PYTHONPATH=tests python tests/support/full_size_step.py BUNDLE --device cpu --batch 1 --steps 1

Cached latents, bfloat16, LoRA of rank 8. Prints one JSON object: losses, seconds of encoding and of each step, peak
memory in MiB, images per second without the first step, and which weights changed.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import resource
import tempfile
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor

from support.training_sets import write_set
from wallpaint.bundles.bundle import load_bundle
from wallpaint.data.dataset import WallInpaintingDataset
from wallpaint.train.engine.config import from_mapping
from wallpaint.train.engine.loop import fit
from wallpaint.train.lora.config import LoraRecipe
from wallpaint.train.lora.task import InpaintingTask


def recipe(chosen: argparse.Namespace, data: Path) -> LoraRecipe:
    plain = {
        "bundle": str(chosen.bundle),
        "data": str(data),
        "device": chosen.device,
        "samples": {"size": 512},
        "optimizer": {"warmup_steps": 0},
        "loop": {
            "steps": chosen.steps,
            "batch_size": chosen.batch,
            "precision": "bf16",
            "save_every": chosen.steps,
            "gradient_checkpointing": chosen.gradient_checkpointing,
        },
        "cache": {"variants": 1},
    }
    return from_mapping(LoraRecipe, plain, "recipe")


def sha256_of(tensors: Iterable[Tensor]) -> str:
    total = hashlib.sha256()
    for tensor in tensors:
        total.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy())
    return total.hexdigest()


def run(chosen: argparse.Namespace, folder: Path) -> dict[str, object]:
    config = recipe(chosen, write_set(folder / "set", 1, 512))
    samples = WallInpaintingDataset(config.data, "train", config.samples, config.seed)
    start_time = perf_counter()
    task = InpaintingTask(load_bundle(chosen.bundle), samples, config, folder / "latents")
    loaded = perf_counter()
    task.fill()
    encoded = perf_counter()
    calls = dict(task.calls)
    frozen = [p for p in task.network.parameters() if not p.requires_grad]
    start = {name: p.detach().clone() for name, p in task.network.named_parameters() if p.requires_grad}
    before = sha256_of(frozen)
    losses: list[float] = []
    times = [perf_counter()]

    def on_step(step: int, loss: float) -> None:
        losses.append(loss)
        times.append(perf_counter())

    is_cuda = task.device.type == "cuda"
    if is_cuda:
        torch.cuda.reset_peak_memory_stats()
    result = fit(
        task, config.loop, config.optimizer, folder / "run", seed=0, digest="", device=chosen.device, on_step=on_step
    )
    steps = [after - earlier for earlier, after in itertools.pairwise(times)]
    report: dict[str, object] = {
        "device": torch.cuda.get_device_name() if is_cuda else "cpu",
        "batch": chosen.batch,
        "seconds": {
            "load": round(loaded - start_time, 1),
            "encode": round(encoded - loaded, 1),
            "steps": [round(s, 2) for s in steps],
        },
        "images_per_second": round(chosen.batch * (len(steps) - 1) / sum(steps[1:]), 3) if len(steps) > 1 else None,
        "peak_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "peak_gpu_gib": round(torch.cuda.max_memory_allocated() / 2**30, 3) if is_cuda else None,
        "losses": losses,
        "calls": {"encoding": calls, "training": {part: task.calls[part] - calls[part] for part in calls}},
        "frozen": {
            "parameters": sum(p.numel() for p in frozen),
            "dtypes": sorted({str(p.dtype) for p in frozen}),
            "unchanged": sha256_of(frozen) == before,
        },
        "lora": {
            "parameters": sum(p.numel() for p in start.values()),
            "tensors": len(start),
            "changed": sum(not torch.equal(result.weights[name], value.cpu()) for name, value in start.items()),
            "finite": all(bool(value.isfinite().all()) for value in result.weights.values()),
        },
    }
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--gradient-checkpointing", action="store_true")
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(run(parser.parse_args(), Path(folder))))


if __name__ == "__main__":
    main()
