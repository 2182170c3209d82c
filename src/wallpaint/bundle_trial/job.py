"""Run `wallpaint models try`: repaints, the stock pipeline on the same inputs, a short LoRA.

    OUT/index.html   the page                OUT/repaints/    finished photos of both matches
    OUT/trial.json   every figure            OUT/data/, run/  the photo as a data set, the training run

The stages run one after the other, each with its own networks, so that their peak memory can be compared. The page is
written after each of them.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from wallpaint.bundle_trial import page
from wallpaint.bundle_trial.peak_memory import measure
from wallpaint.bundle_trial.record import PAINTS, Trial, TrialLora, TrialOptions, TrialRepaint
from wallpaint.bundle_trial.stock_pipeline import StockPipeline
from wallpaint.bundles.bundle import Bundle, load_bundle
from wallpaint.bundles.verify import count_parameters
from wallpaint.data.settings import SampleSettings
from wallpaint.diffusion.networks import Networks
from wallpaint.diffusion.settings import DiffusionSettings, Lora
from wallpaint.errors import InputError
from wallpaint.evaluation.comparison.samples import to_srgb
from wallpaint.evaluation.metrics import swatch_error
from wallpaint.files.atomic import put
from wallpaint.painters.diffusion.painter import DiffusionPainter, DiffusionView
from wallpaint.painters.protocol import Match
from wallpaint.paints.paint import Paint
from wallpaint.pipeline.repaint import Scene
from wallpaint.scene import mask as masks
from wallpaint.tensor_report.trace import make_scene
from wallpaint.train.engine.config import LoopConfig, OptimizerConfig
from wallpaint.train.engine.trackers import LOG_FILE
from wallpaint.train.lora import job as lora_job
from wallpaint.train.lora.config import CacheConfig, LoraRecipe
from wallpaint.train.lora.task import DTYPES
from wallpaint.typing import Array
from wallpaint.version import __version__

PAGE, FIGURES = "index.html", "trial.json"
MATCHES: tuple[Match, ...] = ("room", "swatch")
CACHED_VARIANTS = 4  # augmented versions of the photo that the LoRA is trained on
EDGE_PX = 2.0
Log = Callable[[str], None]


def run(which: str, folder: Path, options: TrialOptions, log: Log = lambda line: None) -> Trial:
    """Try a bundle and write the page into a new or empty folder. log: takes progress lines.

    A stage that runs out of memory is noted, and the others still run. Raises InputError, ConfigError or ModelError.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: is not empty: give a new or an empty folder")
    bundle = load_bundle(which)
    # One paint at a time, as the stock pipeline, so that times and memory can be compared.
    options = replace(options, settings=replace(options.settings, batch=1))
    networks = Networks(bundle, options.settings)  # loads nothing: for device, dtype and what the bundle has
    scene = make_scene(bundle, options.photo, options.mask)
    try:
        (folder / "repaints").mkdir(parents=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be created ({error.strerror or error}): choose another") from error
    trial = Trial(_facts(networks, options), bundle.random, to_srgb(scene.photo, scene.photo.codes))
    inputs = None
    with _stage(trial, "repaints", networks.device, folder):
        inputs = _repaint(trial, bundle, scene, folder, options, log)
    if inputs is None:
        return trial
    trial.facts["crop"] = list(inputs.view.image.shape[:2])
    with _stage(trial, "stock pipeline", networks.device, folder):
        _compare_with_stock(trial, StockPipeline(networks), inputs, options, log)
    if options.lora_steps:
        with _stage(trial, "LoRA training", networks.device, folder):
            _train(trial, which, networks, inputs, folder, options, log)
    if trial.lora is not None:
        with _stage(trial, "repaint with the LoRA", networks.device, folder):
            _repaint_with_lora(trial, trial.lora, bundle, inputs, options)
    return trial


@dataclass
class NetworkInputs:
    """What the painter's networks got: the view of the wall, the depth control image and each paint's reference."""

    view: DiffusionView
    depth: Tensor | None
    references: list[Array]


class RecordingPainter(DiffusionPainter):
    """A diffusion painter that keeps its inputs and its last image. Equal calls run the networks once.

    It takes one paint at a time.
    """

    def __init__(self, bundle: Bundle, settings: DiffusionSettings) -> None:
        super().__init__(bundle, settings, observe=self._record_depth)
        self.view: DiffusionView | None = None
        self.depth: Tensor | None = None
        self.references: list[Array] = []
        self.last_image: Array = np.zeros((0, 0, 3), np.float32)  # (H, W, 3) float32 sRGB, 0..1
        self._images: dict[str, Array] = {}

    def _record_depth(self, name: str, value: Tensor) -> None:
        if name == "depth":
            self.depth = value.detach().float().cpu()

    def inpaint(
        self, view: DiffusionView, references: Sequence[Array], seed: int, init_images: Sequence[Array] | None = None
    ) -> Array:
        """See `DiffusionPainter.inpaint`."""
        (reference,) = references
        key = hashlib.sha256(np.ascontiguousarray(reference).tobytes()).hexdigest()
        if key not in self._images:
            self._images[key] = super().inpaint(view, references, seed, init_images)
            self.view = view
            self.references.append(reference)
        self.last_image = self._images[key][0]
        return self._images[key]


def _repaint(
    trial: Trial, bundle: Bundle, scene: Scene, folder: Path, options: TrialOptions, log: Log
) -> NetworkInputs | None:
    """Repaint the wall in each paint, for both matches; the networks run once per paint."""
    painter = RecordingPainter(bundle, options.settings)
    for number, (name, color) in enumerate(list(PAINTS.items())[: options.repaints], 1):
        started = perf_counter()
        finished = {}
        for match in MATCHES:
            result = scene.repaint({"wall": color}, match=match, painter=painter, seed=options.seed)
            finished[match] = result
            result.image.save(folder / "repaints" / f"{number:02}_{name}_{match}.png")
        seconds = perf_counter() - started
        one = TrialRepaint(
            name=name,
            color=color,
            networks=_codes(painter.last_image),
            room=to_srgb(scene.photo, finished["room"].codes),
            swatch=to_srgb(scene.photo, finished["swatch"].codes),
            seconds=seconds,
        )
        one.swatch_error = {match: result.report["walls"][0]["delta_e_2000"] for match, result in finished.items()}
        trial.repaints.append(one)
        log(f"repaint {number} of {options.repaints}, {name}: {seconds:.1f} s")
    return None if painter.view is None else NetworkInputs(painter.view, painter.depth, painter.references)


def _compare_with_stock(
    trial: Trial, pipeline: StockPipeline, inputs: NetworkInputs, options: TrialOptions, log: Log
) -> None:
    """Inpaint the same view with the stock pipeline, and measure the differences."""
    wall = _wall_interior(inputs.view, options.settings)
    for number, (one, reference) in enumerate(zip(trial.repaints, inputs.references, strict=True), 1):
        started = perf_counter()
        one.stock = _codes(pipeline.inpaint(inputs.view, inputs.depth, reference, options.seed))
        one.stock_seconds = perf_counter() - started
        difference = np.abs(one.stock.astype(np.int16) - one.networks)
        one.max_difference, one.mean_difference = float(difference.max()), float(difference.mean())
        swatch = np.asarray(Paint.parse(one.color).albedo_linear)
        for name, image in (("networks", one.networks), ("stock", one.stock)):
            one.swatch_error[name] = swatch_error(image, wall, swatch)
        log(f"stock pipeline {number} of {options.repaints}, {one.name}: {one.stock_seconds:.1f} s")


def _train(
    trial: Trial,
    which: str,
    networks: Networks,
    inputs: NetworkInputs,
    folder: Path,
    options: TrialOptions,
    log: Log,
) -> None:
    """Train a LoRA on the photo's crop."""
    _write_data_set(inputs.view, options.settings, folder / "data")
    recipe = _recipe(which, networks, folder / "data", options)
    started = perf_counter()
    report = lora_job.run(recipe, folder / "run", progress=True, log=log)
    log(f"LoRA: {report.step} steps")
    entries = [json.loads(line) for line in (folder / "run" / LOG_FILE).read_text(encoding="utf-8").splitlines()]
    losses = [float(entry["loss"]) for entry in entries if "loss" in entry]
    seconds = (perf_counter() - started) / max(1, options.lora_steps)
    trial.lora = TrialLora(
        steps=report.step,
        batch_size=options.lora_batch_size,
        losses=losses,
        seconds_per_step=seconds,
        file=report.files["diffusers"],
    )


def _repaint_with_lora(
    trial: Trial, lora: TrialLora, bundle: Bundle, inputs: NetworkInputs, options: TrialOptions
) -> None:
    """Run the networks with the LoRA for the first paint."""
    painter = DiffusionPainter(bundle, replace(options.settings, loras=(Lora(lora.file),)))
    lora.image = _codes(painter.inpaint(inputs.view, inputs.references[:1], options.seed)[0])
    lora.max_difference = float(np.abs(lora.image.astype(np.int16) - trial.repaints[0].networks).max())


def _write_data_set(view: DiffusionView, settings: DiffusionSettings, root: Path) -> None:
    """Write the crop as a data set of one sample. Its mask is the painter's without the dilation."""
    folder = root / "train"
    mask = masks.dilate_or_erode(view.mask[0, 0].cpu().numpy() > 0.5, -settings.mask_dilation_px)
    for name, image in (("images", view.image), ("masks", np.where(mask, 255, 0).astype(np.uint8))):
        (folder / name).mkdir(parents=True)
        Image.fromarray(image).save(folder / name / "photo.png")
    entry = {"image_path": "images/photo.png", "mask_path": "masks/photo.png", "caption": "a room"}
    put(folder / "metadata.jsonl", f"{json.dumps(entry)}\n".encode())


def _recipe(which: str, networks: Networks, data: Path, options: TrialOptions) -> LoraRecipe:
    """The recipe of the source document at the trial's device, dtype and number of steps."""
    steps = options.lora_steps
    side = networks.bundle.native_px // networks.side_multiple * networks.side_multiple
    return LoraRecipe(
        bundle=which,
        data=data,
        device=options.settings.device,
        seed=options.seed,
        samples=SampleSettings(size=side, random_color_prob=0.0, dilation_px=options.settings.mask_dilation_px),
        optimizer=OptimizerConfig(warmup_steps=min(10, steps // 5)),
        loop=LoopConfig(
            steps=steps,
            batch_size=options.lora_batch_size,
            precision=next(name for name, dtype in DTYPES.items() if dtype == networks.dtype),
            save_every=steps,
            log_every=1,
        ),
        cache=CacheConfig(variants=min(CACHED_VARIANTS, steps)),
    )


@contextmanager
def _stage(trial: Trial, name: str, device: torch.device, folder: Path) -> Iterator[None]:
    """Measure a stage, note if it runs out of memory, and write the page with what there is."""
    try:
        with measure(device) as cost:
            trial.costs[name] = cost
            yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        trial.errors[name] = f"out of memory ({str(error).splitlines()[0][:200] if str(error) else 'MemoryError'})"
    put(folder / FIGURES, json.dumps(_finite(trial.to_dict()), indent=1).encode() + b"\n")
    put(folder / PAGE, page.render_page(trial).encode())


def _facts(networks: Networks, options: TrialOptions) -> dict[str, Any]:
    """What the trial runs with, as plain data."""
    bundle, device = networks.bundle, networks.device
    return {
        "bundle": bundle.name,
        "description": bundle.description,
        "parameters": sum(count_parameters(bundle).values()),
        "photo": options.photo.name if options.photo else "the example room",
        "steps": options.settings.steps,
        "guidance": options.settings.guidance,
        "ip_adapter": networks.uses_ip_adapter,
        "controlnet": networks.uses_controlnet,
        "device": torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"{device.type} ({platform.machine()})",
        "dtype": str(networks.dtype).removeprefix("torch."),
        "versions": {name: version(name) for name in ("torch", "diffusers", "transformers", "peft")}
        | {"wallpaint": __version__},
    }


def _wall_interior(view: DiffusionView, settings: DiffusionSettings) -> Array:
    """The wall of a view without its edges, where wall and furniture mix: (H, W) bool."""
    mask: Array = view.mask[0, 0].cpu().numpy() > 0.5
    return masks.erode(mask, max(0.0, settings.mask_dilation_px) + EDGE_PX)


def _codes(image: Array) -> Array:
    return np.round(255 * image).astype(np.uint8)


def _finite(value: Any) -> Any:
    """Plain data with None for NaN, which JSON has not."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
