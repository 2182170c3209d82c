"""A LoRA training run: open bundle and data, fill the latent cache, train, export.

run/config.yaml   the recipe with all values    log.jsonl     log entries
    checkpoints/  for --resume                  latents/      the latent cache
    lora/         the result: diffusers' file, kohya's file, README.md
    lora_best/    the same of the best evaluation
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wallpaint.errors import ConfigError, InputError
from wallpaint.progress import progress_bar_or_lines
from wallpaint.train.engine import config as recipes
from wallpaint.train.engine.config import CONFIG_FILE
from wallpaint.train.lora.config import LoraRecipe
from wallpaint.version import __version__

if TYPE_CHECKING:
    from wallpaint.bundles.bundle import Bundle
    from wallpaint.train.engine.evaluation import Evaluator
    from wallpaint.train.engine.loop import TrainingResult
    from wallpaint.train.lora.task import InpaintingTask

LATENTS_DIR, LORA_DIR, BEST_LORA_DIR = "latents", "lora", "lora_best"


@dataclass(frozen=True)
class LoraReport:
    """Result of a run. encoded, calls: summed over all processes. files: of the LoRA, by format; empty if the run was
    stopped early. is_main: whether this is the main process, the one that prints."""

    step: int
    steps: int
    samples: int
    encoded: int
    calls: dict[str, int]
    files: dict[str, Path]
    notes: tuple[str, ...]
    is_main: bool = True

    def lines(self) -> list[str]:
        """Return the lines to print."""
        calls = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in self.calls.items())
        lines = [f"note: {note}" for note in self.notes]
        lines.append(f"{self.step} of {self.steps} steps on {self.samples} samples; encoder calls: {calls}")
        lines += [f"written: {path} ({file_format})" for file_format, path in self.files.items()]
        if not self.files and self.step < self.steps:
            lines.append("stopped and saved: continue with `resume=latest`")
        return lines


def run(
    config: LoraRecipe,
    folder: Path,
    *,
    resume: bool = False,
    init_lora: Path | None = None,
    progress: bool = False,
    log: Callable[[str], None] = lambda line: None,
) -> LoraReport:
    """Train a LoRA into a run folder. resume: from its latest undamaged checkpoint, if there is one.

    init_lora: a LoRA to start from, of the recipe's rank; a checkpoint replaces it. progress: show a progress bar, or
    lines without a terminal. log: takes notes before the first step, from the main process. Raises ConfigError,
    InputError or ModelError, before training if possible.
    """
    from accelerate import PartialState  # type: ignore[import-untyped]

    from wallpaint.bundles.bundle import load_bundle
    from wallpaint.data.dataset import WallInpaintingDataset
    from wallpaint.diffusion.networks import side_multiple
    from wallpaint.train.engine import optimizer, trackers
    from wallpaint.train.engine.distributed import gather
    from wallpaint.train.engine.loop import fit
    from wallpaint.train.lora.initial import load_initial_lora
    from wallpaint.train.lora.task import InpaintingTask

    optimizer.check_installed(config.optimizer)
    trackers.check_installed(config.tracking)
    state = PartialState(cpu=config.device == "cpu" or None)
    bundle = load_bundle(config.bundle)
    _check_size(bundle, config)
    multiple, repaint = side_multiple(bundle), config.mode != "document"
    samples = WallInpaintingDataset(
        config.data, "train", config.samples, config.seed, repaint=repaint, side_multiple=multiple
    )
    if state.is_main_process:
        for note in (*config.notes(), *samples.notes(captions=config.conditioning.captions)):
            log(f"note: {note}")
    task = InpaintingTask(bundle, samples, config, config.cache.folder or folder / LATENTS_DIR)
    if init_lora is not None:
        load_initial_lora(task.network, init_lora, config, bundle.config("unet").get("layers_per_block", 2))
    inputs = _run_inputs(config, bundle, samples, task)
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()
    if state.is_main_process and not resume:  # a resumed run keeps its config.yaml until the digests are compared
        recipes.write(config, folder)
    state.wait_for_everyone()
    show_bar = progress and state.is_main_process
    encoded = _fill_cache(task, state, show_bar)
    with progress_bar_or_lines("training", config.loop.steps, enabled=show_bar) as counter:
        result = fit(
            task,
            config.loop,
            config.optimizer,
            folder,
            seed=config.seed,
            digest=digest,
            inputs=inputs,
            device=config.device,
            resume=resume,
            tracking=config.tracking,
            evaluator=_make_evaluator(config, task, multiple) if config.loop.eval_every else None,
            on_start=lambda: recipes.write(config, folder),
            on_step=lambda step, loss: counter.advance_to(step, f"loss {loss:.4f}"),
        )
    files: dict[str, Path] = {}
    if not result.stopped and state.is_main_process:
        files = _export(config, folder, bundle, samples, task, result)
    counts = gather({**task.calls, "encoded": encoded})
    calls = {name: sum(one[name] for one in counts) for name in counts[0]}
    encoded = calls.pop("encoded")
    notes, is_main = result.notes, state.is_main_process
    return LoraReport(result.step, config.loop.steps, len(samples), encoded, calls, files, notes, is_main)


def _run_inputs(config: LoraRecipe, bundle: Bundle, samples: Any, task: InpaintingTask) -> dict[str, Any]:
    """Everything that must not change when the run is resumed: recipe, networks, data set."""
    from wallpaint.train.lora.encoding import component_sha256

    components = ["unet", "controlnet"] if config.conditioning.depth else ["unet"]
    return {
        **recipes.flat(_resume_relevant(config)),
        **recipes.flat(_public_config(task.scheduler), "the bundle's scheduler_config."),
        "the data set": samples.listing_digest(),
        **{f"the bundle's {component}": component_sha256(bundle, component) for component in components},
        "the encoding of samples": task.encoder.digest(samples.digest()),
    }


def _fill_cache(task: InpaintingTask, state: Any, show_bar: bool) -> int:
    """Fill the latent cache, each process its share; the number of versions that this process encoded."""
    if task.cache is None:
        return 0
    share = (state.process_index, state.num_processes)
    versions = len(range(share[0], len(task), share[1])) * task.config.cache.variants
    with progress_bar_or_lines("encoding", versions, enabled=show_bar) as counter:
        encoded = task.fill(share, counter.advance)
    state.wait_for_everyone()
    return encoded


def _export(
    config: LoraRecipe, folder: Path, bundle: Bundle, samples: Any, task: InpaintingTask, result: TrainingResult
) -> dict[str, Path]:
    """Write the final LoRA, and the best one if there is one; the files by format."""
    from wallpaint.train.lora import export
    from wallpaint.train.lora.task import scheduler_changes

    changes = scheduler_changes(config.objective)
    card = _model_card(config, bundle, samples, result.step, folder / LORA_DIR)
    files = export.write(task.network, result.weights, folder / LORA_DIR, card, changes)
    if result.best is not None:
        card = _model_card(config, bundle, samples, result.best.step, folder / BEST_LORA_DIR)
        best = export.write(task.network, result.best.weights, folder / BEST_LORA_DIR, card, changes)
        files |= {f"{file_format}, best": path for file_format, path in best.items()}
    return files


def _make_evaluator(config: LoraRecipe, task: InpaintingTask, side_multiple: int) -> Evaluator:
    """The evaluator on the validation split, or on the training split if there is none."""
    from wallpaint.data.dataset import WallInpaintingDataset
    from wallpaint.train.lora.sampling import LoraEvaluator

    make_samples = partial(
        WallInpaintingDataset, config.data, settings=config.samples, seed=config.seed, side_multiple=side_multiple
    )
    try:
        samples = make_samples("validation")
    except InputError:  # no such split
        samples = make_samples("train", repaint=config.mode != "document")
    return LoraEvaluator(task, samples, config.sampling, config.seed)


def _check_size(bundle: Bundle, config: LoraRecipe) -> None:
    from wallpaint.diffusion.networks import side_multiple

    multiple = side_multiple(bundle)
    if config.samples.size % multiple:
        raise ConfigError(f"samples.size must be a multiple of {multiple} for {bundle.name}, not {config.samples.size}")


def _public_config(scheduler: Any) -> dict[str, Any]:
    """A scheduler's config without diffusers' private keys, whose order differs between processes."""
    return {name: value for name, value in scheduler.config.items() if not name.startswith("_")}


def _resume_relevant(config: LoraRecipe) -> dict[str, Any]:
    """The recipe without what may change on resume: device, and the locations of bundle, data and cache."""
    plain = recipes.resume_relevant(config, ("device", "bundle", "data", "sampling"))
    del plain["cache"]["folder"]
    return plain


def _model_card(config: LoraRecipe, bundle: Bundle, samples: Any, step: int, folder: Path) -> str:
    """The model card: what the LoRA is, how it was trained, how to use it. folder: of the LoRA."""
    named, lora = shlex.quote(config.bundle), shlex.quote(str(folder))
    untrained = "\n**The bundle has random weights: this LoRA only shows that training runs.**\n"
    return f"""---
tags: [lora, diffusers, stable-diffusion, inpainting]
---
# A wall-repainting LoRA
{untrained if bundle.random else ""}
Trained by wallpaint {__version__} on {bundle.name}: rank {config.lora.rank}, alpha {config.lora.alpha},
mode `{config.mode}`, {step} steps of batch size {config.loop.batch_size}, {len(samples)} samples at
{config.samples.size} pixels. All settings are in ../{CONFIG_FILE}, the loss curve in ../log.jsonl.

    wallpaint repaint room.jpg --mask wall.png --color "#7d9b84" -o out.jpg --bundle {named} --lora {lora}

{_schedule_note(config)}`pytorch_lora_weights.safetensors` is for diffusers
(`pipeline.load_lora_weights`), kohya's for ComfyUI and A1111.
"""


def _schedule_note(config: LoraRecipe) -> str:
    from wallpaint.train.lora.task import scheduler_changes

    changes = scheduler_changes(config.objective)
    if not changes:
        return ""
    settings = ", ".join(f"{name} {value}" for name, value in changes.items())
    return (
        f"It was trained with another noise schedule than the bundle's: {settings}. wallpaint reads this from the "
        "file; in other programs set the sampler accordingly.\n\n"
    )
