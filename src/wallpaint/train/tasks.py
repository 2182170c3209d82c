"""What `wallpaint train` can train, by the key `task` of the recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from wallpaint import extras
from wallpaint.errors import ConfigError, InputError
from wallpaint.train.engine.config import CONFIG_FILE, check_saved_config, load_yaml, renamed_errors


@dataclass(frozen=True)
class TrainOptions:
    """Options of a run besides its recipe. resume: from the run folder's latest checkpoint. init: weights to start
    from, all tasks but lora. init_lora: a LoRA to start from, task lora. bundle, data: override the recipe's,
    task lora. progress: show a progress bar, or lines without a terminal. log: takes lines on the progress."""

    resume: bool = False
    init: Path | None = None
    init_lora: Path | None = None
    bundle: str | None = None
    data: Path | None = None
    progress: bool = False
    log: Callable[[str], None] = lambda line: None


def train(recipe: Path, folder: Path, options: TrainOptions) -> list[str]:
    """Train what a recipe describes into a run folder, and return the lines of the report.

    Raises ConfigError, InputError or ModelError.
    """
    task = task_of(recipe)
    _check_options(task, options)
    if options.resume:
        _check_resumed_folder(folder)
        check_saved_config(folder)
    return TASKS[task](recipe, folder, options)


def task_of(recipe: Path) -> str:
    """Return the recipe's key `task`. Raises ConfigError if it is missing or not in `TASKS`."""
    data = load_yaml(recipe)
    task, choices = data.get("task"), f"{', '.join([*TASKS][:-1])} or {[*TASKS][-1]}"
    if isinstance(task, str) and task in TASKS:
        return task
    if "task" in data:
        error = f"task must be {choices}, not {task!r}"
    else:
        fitting = [name for name, keys in KEYS_OF_TASK.items() if not keys.isdisjoint(data)]
        advice = f'add the line "task: {fitting[0]}"' if len(fitting) == 1 else f"set it to {choices}"
        error = f"task is missing: {advice}"
    raise ConfigError(f"{recipe}: {'; '.join([error, *renamed_errors(data)])}")


KEYS_OF_TASK = {
    "lora": frozenset(("bundle", "cache", "conditioning", "data", "device", "lora", "mode", "samples", "sampling")),
    "light": frozenset(("paints_per_photo", "photos_per_validation_room", "room_cache", "side")),
    "segmenter": frozenset(("input_px", "labels", "overlap_weight", "reuse", "sizes")),
    "image_encoder": frozenset(("contrastive_weight", "temperature", "test_textures", "texture_share", "textures")),
    "unet": frozenset(("sampling_steps", "text_encoder", "tokenizer", "vae")),
}
"""The keys that only recipes of a task have."""


def _check_options(task: str, options: TrainOptions) -> None:
    if task == "lora" and options.init is not None:
        raise ConfigError("`init` applies to the other tasks, not to task lora: use `init_lora`")
    if task != "lora" and options.init_lora is not None:
        raise ConfigError(f"`init_lora` applies to task lora, not to task {task}: use `init`")
    overrides = [name for name in ("bundle", "data") if getattr(options, name) is not None]
    if task != "lora" and overrides:
        named = " and ".join(f"--{name}" for name in overrides)
        verb, pronoun = ("apply", "them") if len(overrides) > 1 else ("applies", "it")
        raise ConfigError(f"{named} {verb} to task lora, not to task {task}: remove {pronoun}")


def _check_resumed_folder(folder: Path) -> None:
    """Raise ConfigError if there is no run in a folder, as when its name is mistyped."""
    if not (folder / CONFIG_FILE).is_file():
        reason = f"it has no {CONFIG_FILE}" if folder.is_dir() else "there is no such folder"
        raise ConfigError(f"{folder}: has no run to resume, {reason}: check its name, or leave out `resume`")


def _train_lora(recipe: Path, folder: Path, options: TrainOptions) -> list[str]:
    extras.require("training", "yaml", *extras.DIFFUSION)
    from wallpaint.train.lora.config import read
    from wallpaint.train.lora.job import run

    config = read(recipe)
    config = replace(config, bundle=options.bundle or config.bundle, data=_expanded(options.data) or config.data)
    try:
        report = run(
            config,
            folder,
            resume=options.resume,
            init_lora=options.init_lora,
            progress=options.progress,
            log=options.log,
        )
    except InputError as error:
        if str(error).startswith(str(config.data)) and config.data.is_dir():  # one of possibly many faulty samples
            raise type(error)(f"{error}; `wallpaint data check {config.data}` lists all issues") from error
        raise
    return report.lines() if report.is_main else []


def _expanded(path: Path | None) -> Path | None:
    return None if path is None else path.expanduser()


def _train_light(recipe: Path, folder: Path, options: TrainOptions) -> list[str]:
    extras.require("training", *extras.EXPORT, "torch")
    from wallpaint.train.light.job import read, run

    return run(read(recipe), folder, resume=options.resume, init=options.init, log=options.log).lines()


def _train_segmenter(recipe: Path, folder: Path, options: TrainOptions) -> list[str]:
    extras.require("training", *extras.EXPORT, "torch", "transformers")
    from wallpaint.train.segmenter.config import read
    from wallpaint.train.segmenter.job import run

    return run(read(recipe), folder, resume=options.resume, init=options.init, log=options.log).lines()


def _train_vae(recipe: Path, folder: Path, options: TrainOptions) -> list[str]:
    extras.require("training", "yaml", *extras.DIFFUSION)
    from wallpaint.train.photo_training import run
    from wallpaint.train.vae.config import read
    from wallpaint.train.vae.trainer import VaeTrainer

    config = read(recipe)
    trainer = VaeTrainer(config)
    return run(trainer, config, folder, resume=options.resume, init=options.init, log=options.log).lines()


def _train_depth(recipe: Path, folder: Path, options: TrainOptions) -> list[str]:
    extras.require("training", "yaml", *extras.DIFFUSION)
    from wallpaint.train.depth.config import read
    from wallpaint.train.depth.task import DepthTrainer
    from wallpaint.train.photo_training import run

    config = read(recipe)
    trainer = DepthTrainer(config)
    return run(trainer, config, folder, resume=options.resume, init=options.init, log=options.log).lines()


def _train_image_encoder(recipe: Path, folder: Path, options: TrainOptions) -> list[str]:
    extras.require("training", "yaml", *extras.DIFFUSION)
    from wallpaint.train.encoders.config import read_image_encoder
    from wallpaint.train.encoders.job import run_image_encoder

    config = read_image_encoder(recipe)
    return run_image_encoder(config, folder, resume=options.resume, init=options.init, log=options.log)


def _train_text_encoder(recipe: Path, folder: Path, options: TrainOptions) -> list[str]:
    extras.require("training", "yaml", *extras.DIFFUSION)
    from wallpaint.train.encoders.config import read_text_encoder
    from wallpaint.train.encoders.job import run_text_encoder

    config = read_text_encoder(recipe)
    return run_text_encoder(config, folder, resume=options.resume, init=options.init, log=options.log)


def _train_unet(recipe: Path, folder: Path, options: TrainOptions) -> list[str]:
    extras.require("training", "yaml", *extras.DIFFUSION)
    from wallpaint.train.photo_training import run
    from wallpaint.train.unet.config import read
    from wallpaint.train.unet.frozen import FrozenNetworks
    from wallpaint.train.unet.task import UnetTrainer

    config = read(recipe)
    trainer = UnetTrainer(config, FrozenNetworks(config.vae, config.text_encoder, config.tokenizer))
    return run(trainer, config, folder, resume=options.resume, init=options.init, log=options.log).lines()


TASKS: dict[str, Callable[[Path, Path, TrainOptions], list[str]]] = {
    "lora": _train_lora,
    "light": _train_light,
    "segmenter": _train_segmenter,
    "vae": _train_vae,
    "depth": _train_depth,
    "image_encoder": _train_image_encoder,
    "text_encoder": _train_text_encoder,
    "unet": _train_unet,
}
