"""A recipe from file to LoRA: bundle and data opened, latents cached, trained, exported.

run/config.yaml   the recipe with every value    log.jsonl     a line every few steps
    checkpoints/  to go on from                  latents/      what the VAE made of each sample
    lora/         the result: diffusers' file, kohya's file, README.md; lora_best/ the same of the best look
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wallpaint.errors import ConfigError, InputError
from wallpaint.train.engine import config as recipes
from wallpaint.train.engine.config import CONFIG, TrainConfig
from wallpaint.version import __version__

if TYPE_CHECKING:
    from wallpaint.bundles.bundle import Bundle
    from wallpaint.train.engine.evaluation import Watch
    from wallpaint.train.lora.task import InpaintingTask

LATENTS, LORA, BEST_LORA = "latents", "lora", "lora_best"


@dataclass(frozen=True)
class Report:
    """How a run ended. encoded, calls: by all processes together. files: the LoRA's, by format; none where the run was
    stopped before its end. is_main: whether this is the process that speaks for all."""

    step: int
    steps: int
    samples: int
    encoded: int
    calls: dict[str, int]
    files: dict[str, Path]
    notes: tuple[str, ...]
    is_main: bool = True


def run(config: TrainConfig, folder: Path, *, resume: bool = False, progress: bool = False) -> Report:
    """Train a LoRA into a folder. resume: go on from its newest whole checkpoint, if there is one.

    Raises ConfigError, InputError or ModelError before anything is trained, as far as that can be known.
    """
    from accelerate import PartialState  # type: ignore[import-untyped]
    from accelerate.utils import gather_object  # type: ignore[import-untyped]

    from wallpaint.bundles.bundle import load_bundle
    from wallpaint.data.dataset import WallInpaintingDataset
    from wallpaint.data.latent_cache import digest_of
    from wallpaint.train.engine import optimizer
    from wallpaint.train.engine import trackers as tracking
    from wallpaint.train.engine.loop import fit
    from wallpaint.train.lora import export
    from wallpaint.train.lora.encoding import part_sum
    from wallpaint.train.lora.task import InpaintingTask, choices_of

    optimizer.check(config.optimizer)
    tracking.check(config.tracking)
    state = PartialState(cpu=config.device == "cpu" or None)
    bundle = load_bundle(config.bundle)
    _check_size(bundle, config)
    samples = WallInpaintingDataset(config.data, "train", config.samples, config.seed)
    task = InpaintingTask(bundle, samples, config, config.cache.folder or folder / LATENTS)
    parts = ["unet", "controlnet"] if config.conditioning.depth else ["unet"]
    digest = digest_of(
        task.encoder.digest(samples.digest()),
        samples.listing_digest(),
        *(part_sum(bundle, part) for part in parts),
        json.dumps([_schedule(task.scheduler), _lasting(config)], sort_keys=True, default=str),
    )
    if state.is_main_process and not resume:  # one that goes on keeps its recipe until this is known to be the same
        recipes.write(config, folder)
    state.wait_for_everyone()
    encoded = 0
    if task.cache is not None:
        share = (state.process_index, state.num_processes)
        mine = len(range(share[0], len(samples), share[1])) * config.cache.variants
        with _bar(progress and state.is_main_process, "encoding", mine) as advance:
            encoded = task.fill(share, advance)
        state.wait_for_everyone()
    with _bar(progress and state.is_main_process, "training", config.loop.steps) as advance:
        outcome = fit(
            task,
            config.loop,
            config.optimizer,
            folder,
            seed=config.seed,
            digest=digest,
            device=config.device,
            resume=resume,
            told=config.tracking,
            watch=_watch(config, task) if config.loop.eval_every else None,
            accepted=lambda: recipes.write(config, folder),
            tick=lambda step, loss: advance(0, step, f"loss {loss:.4f}"),
        )
    files: dict[str, Path] = {}
    if not outcome.stopped and state.is_main_process:
        card = _card(config, bundle, samples, outcome.step)
        choices = choices_of(config.objective)
        files = export.write(task.network, outcome.weights, folder / LORA, card, choices)
        if outcome.best is not None:
            card = _card(config, bundle, samples, outcome.best.step)
            best = export.write(task.network, outcome.best.weights, folder / BEST_LORA, card, choices)
            files |= {f"{kind}, best": path for kind, path in best.items()}
    told = gather_object([{**task.calls, "encoded": encoded}])
    calls = {name: sum(one[name] for one in told) for name in told[0]}
    encoded = calls.pop("encoded")
    notes, is_main = outcome.notes, state.is_main_process
    return Report(outcome.step, config.loop.steps, len(samples), encoded, calls, files, notes, is_main)


def _watch(config: TrainConfig, task: InpaintingTask) -> Watch:
    """What looks at the network while it trains."""
    from wallpaint.data.dataset import WallInpaintingDataset
    from wallpaint.train.lora.sampling import Sampler

    try:
        samples = WallInpaintingDataset(config.data, "validation", config.samples, config.seed)
    except InputError:  # there is no such split
        samples = WallInpaintingDataset(config.data, "train", config.samples, config.seed)
    return Sampler(task, samples, config.sampling, config.seed)


def _check_size(bundle: Bundle, config: TrainConfig) -> None:
    levels = (bundle.config("vae")["block_out_channels"], bundle.config("unet")["block_out_channels"])
    multiple = 2 ** sum(len(channels) - 1 for channels in levels)
    if config.samples.size % multiple:
        raise ConfigError(f"samples.size must be a multiple of {multiple} for {bundle.name}, not {config.samples.size}")


def _schedule(scheduler: Any) -> dict[str, Any]:
    """A scheduler's config, without what diffusers notes of itself: that comes in another order in each process."""
    return {name: value for name, value in scheduler.config.items() if not name.startswith("_")}


def _lasting(config: TrainConfig) -> dict[str, Any]:
    """What may not change between the parts of a run; where it runs, and where bundle and data lie, may."""
    plain = recipes.lasting(config, ("device", "bundle", "data", "sampling"))
    del plain["cache"]["folder"]
    return plain


def _card(config: TrainConfig, bundle: Bundle, samples: Any, step: int) -> str:
    """A model card: what it is, what it was made from, how to use it."""
    untrained = "\n**The bundle's own weights are random: this LoRA shows that training runs, nothing else.**\n"
    return f"""---
tags: [lora, diffusers, stable-diffusion, inpainting]
---
# A wall-repainting LoRA
{untrained if bundle.random else ""}
Trained by wallpaint {__version__} on {bundle.name}: rank {config.lora.rank}, alpha {config.lora.alpha},
mode `{config.mode}`, {step} steps of {config.loop.batch_size} out of {len(samples)} samples at
{config.samples.size} pixels. All values are in ../{CONFIG}, the course of the loss in ../log.jsonl.

    wallpaint repaint room.jpg --mask wall.png --color "#7d9b84" -o out.jpg --bundle {bundle.name} --lora .

{_schedule_note(config)}`pytorch_lora_weights.safetensors` is for diffusers
(`pipeline.load_lora_weights`), kohya's for ComfyUI and A1111.
"""


def _schedule_note(config: TrainConfig) -> str:
    from wallpaint.train.lora.task import choices_of

    choices = choices_of(config.objective)
    if not choices:
        return ""
    told = ", ".join(f"{name} {value}" for name, value in choices.items())
    return (
        f"It was trained with another noise schedule than the bundle's own: {told}. wallpaint reads that from the "
        "file; in other programs the sampler has to be set so.\n\n"
    )


@contextmanager
def _bar(wanted: bool, name: str, total: int) -> Iterator[Callable[..., None]]:
    """A bar on stderr with an estimate; yields what moves it: by a count, or to a place with a note."""
    if not wanted:
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=total)

        def move(count: int, place: int | None = None, note: str = "") -> None:
            if place is None:
                bar.advance(task, count)
            else:
                bar.update(task, completed=place, description=f"{name}, {note}")

        yield move
