"""From a recipe to an image encoder or a text encoder: train, store and evaluate. Nothing is read or rendered.

run/config.yaml   the resolved recipe            log.jsonl    log entries
    checkpoints/  to resume from                 scores.json  evaluation of the stored result
    image_encoder/ or text_encoder/ (and tokenizer/): the result, in the layout of a bundle
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from wallpaint.bundles import components
from wallpaint.bundles.configurations import configuration
from wallpaint.bundles.prompts import load_tokenizer
from wallpaint.bundles.random_bundle import write_tokenizer
from wallpaint.train import component_files, room_training
from wallpaint.train.encoders import samples
from wallpaint.train.encoders.config import EncoderConfig, ImageEncoderConfig, TextEncoderConfig
from wallpaint.train.encoders.tasks import ImageEncoderTask, TextEncoderTask, evaluator
from wallpaint.train.engine import config as recipes
from wallpaint.train.engine import optimizer, trackers
from wallpaint.train.engine.loop import fit, refuse_existing_checkpoints

TOKENIZER_DIR = "tokenizer"


def run_image_encoder(
    config: ImageEncoderConfig,
    folder: Path,
    *,
    resume: bool = False,
    init: Path | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> list[str]:
    """Train an image encoder and return the lines of its report.

    init: its safetensors file, of the recipe's configuration. Raises ConfigError, InputError or ModelError.
    """

    def make_task() -> ImageEncoderTask:
        return ImageEncoderTask(config, samples.sample_coverings(config.textures, "train", config.seed))

    def describe(scores: Mapping[str, float]) -> str:
        return (
            f"linear probe {scores['probe']:.2f} CIEDE2000 on {config.test_swatches} other colours, "
            f"{scores['retrieval']:.0%} of {config.test_textures} held-out textures retrieved"
        )

    return _run(config, make_task, describe, folder, resume, init, log)


def run_text_encoder(
    config: TextEncoderConfig,
    folder: Path,
    *,
    resume: bool = False,
    init: Path | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> list[str]:
    """Train a text encoder and return the lines of its report. See `run_image_encoder`."""

    def make_task() -> TextEncoderTask:
        vocabulary_size = int(configuration(config.configuration)[TextEncoderTask.component]["vocab_size"])
        write_tokenizer(folder / TOKENIZER_DIR, vocabulary_size)
        return TextEncoderTask(config, load_tokenizer(folder / TOKENIZER_DIR, vocabulary_size))

    def describe(scores: Mapping[str, float]) -> str:
        return f"linear probe {scores['probe']:.2f} CIEDE2000 on captions of {config.test_swatches} other colours"

    return _run(config, make_task, describe, folder, resume, init, log)


def _run(
    config: EncoderConfig,
    make_task: Callable[[], ImageEncoderTask | TextEncoderTask],
    describe: Callable[[Mapping[str, float]], str],
    folder: Path,
    resume: bool,
    init: Path | None,
    log: Callable[[str], None],
) -> list[str]:
    optimizer.check_installed(config.optimizer)
    trackers.check_installed(config.tracking)
    if not resume:
        refuse_existing_checkpoints(folder)
        recipes.write(config, folder)
    task = make_task()
    component, network = task.component, task.network
    inputs = recipes.flat(recipes.resume_relevant(config, ("probe_swatches", "test_swatches")))
    if init is not None:
        component_files.load_weights(component, network.encoder, init)
        inputs["the initial weights"] = hashlib.sha256(init.read_bytes()).hexdigest()
    outcome = fit(
        task,
        config.loop,
        config.optimizer,
        folder,
        seed=config.seed,
        digest=room_training.digest(inputs),
        inputs=inputs,
        device="cpu",
        resume=resume,
        tracking=config.tracking,
        evaluator=evaluator(task) if config.loop.eval_every else None,
        on_start=lambda: recipes.write(config, folder),
        on_step=lambda step, loss: log(f"step {step}: loss {loss:.4f}") if step % config.loop.log_every == 0 else None,
    )
    progress = f"{outcome.step} of {config.loop.steps} steps"
    if outcome.stopped:
        return [progress, "stopped and saved: resume with `resume=latest`"]
    network.load_state_dict({**network.state_dict(), **(outcome.best.weights if outcome.best else outcome.weights)})
    component_files.save(component, network.encoder, config.configuration, folder / component)
    stored = components.load(component, folder / component, torch.float32)
    scores = task.measure(stored)
    component_files.write_scores(folder, component, stored, scores)
    return [progress, describe(scores), f"written: {folder / component}"]
