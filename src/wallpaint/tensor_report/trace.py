"""Trace one training step and one repaint: run them with observers that record every tensor."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wallpaint.bundles.bundle import Bundle
from wallpaint.diffusion import image_tensors
from wallpaint.diffusion.networks import pick_device, pick_dtype, side_multiple
from wallpaint.diffusion.settings import DiffusionSettings
from wallpaint.errors import ConfigError
from wallpaint.painters.diffusion import placement
from wallpaint.painters.diffusion.painter import DiffusionPainter
from wallpaint.paints.paint import Paint
from wallpaint.pipeline.repaint import Scene, prepare
from wallpaint.tensor_report import facts
from wallpaint.tensor_report.example_room import render_example_room
from wallpaint.tensor_report.record import TensorRow, Trace
from wallpaint.tensor_report.recorder import TensorRecorder, count_nonzero_gradients, record_image_keys, record_unet
from wallpaint.train.engine.config import LoopConfig
from wallpaint.train.engine.schedule import SampleIndex
from wallpaint.train.lora.adapter import gradient_norm
from wallpaint.train.lora.config import CacheConfig, LoraRecipe
from wallpaint.train.lora.task import DTYPES, InpaintingTask
from wallpaint.typing import Array

PAINT = "#7d9b84"
Log = Callable[[str], None]


def make_scene(bundle: Bundle, photo: Path | None, mask: Path | None) -> Scene:
    """Prepare the user's photo and mask, or the example room at the bundle's size. Raises InputError, ConfigError."""
    if (photo is None) != (mask is None):
        raise ConfigError("`photo` and `mask` go together: pass both, or neither for the example room")
    if photo is not None and mask is not None:
        return prepare(photo, {"wall": mask})
    image, wall = render_example_room(bundle.native_px)
    return prepare(image, {"wall": wall})


def trace(
    bundle: Bundle,
    scene: Scene,
    settings: DiffusionSettings,
    *,
    paint: Paint | str = PAINT,
    batch: int = 2,
    seed: int = 0,
    log: Log = lambda _: None,
) -> Trace:
    """Trace one training step and one repaint of a scene with one wall.

    batch: images of the training step, 1 or more: the scene's image and its mirror image in turn. log: gets progress
    lines. Raises ConfigError for settings that a trace does not support.
    """
    if batch < 1:
        raise ConfigError(f"batch should be 1 or more, not {batch}")
    if settings.guidance > 1 or settings.strength < 1 or settings.compile or settings.loras:
        raise ConfigError("a trace supports only the default guidance, strength and compile, without LoRAs")
    started = perf_counter()
    log("tracing one training step")
    rows, metadata, device = _train(bundle, scene, settings, batch, seed)
    trained = perf_counter()
    gc.collect()  # frees the UNet and its graph before the next UNet is loaded
    log("tracing one repaint")
    rows += _repaint(bundle, scene, settings, paint, seed)
    return Trace(
        bundle=bundle.name,
        description=bundle.description,
        random=bundle.random,
        device=device.type,
        dtype=str(metadata.pop("dtype")).removeprefix("torch."),
        seed=seed,
        rows=tuple(rows),
        counts=facts.parameter_counts(bundle, metadata["lora"]),
        masks=facts.mask_stages(scene, bundle, settings, metadata["multiple"]),
        facts={**facts.trace_facts(bundle, rows, settings), **metadata},
        seconds={"training": round(trained - started, 1), "inference": round(perf_counter() - trained, 1)},
        peak_bytes=_peak_bytes(),
    )


class _SceneSamples:
    """The painter's crop of a scene as training samples, every other one mirrored. See `latent_cache.SampleSource`."""

    def __init__(self, image: Array, mask: Array, count: int) -> None:
        """image: (H, W, 3) uint8 sRGB. mask: (H, W) bool."""
        self._image = image_tensors.to_tensor(image)[0]  # [3, H, W]
        self._mask = torch.from_numpy(mask.astype(np.float32))[None]  # [1, H, W]
        self._count = count

    def __len__(self) -> int:
        return self._count

    def get(self, index: int, epoch: int) -> dict[str, Tensor]:
        """Return what training without references needs of a sample."""
        values = {"pixel_values": self._image, "mask": self._mask}
        return {name: value.flip(-1) if index % 2 else value for name, value in values.items()}

    def content(self, index: int) -> str:
        """Return "": these samples are not cached."""
        return ""

    def digest(self) -> str:
        """Return "": these samples are not cached."""
        return ""


def _train(
    bundle: Bundle, scene: Scene, settings: DiffusionSettings, batch: int, seed: int
) -> tuple[list[TensorRow], dict[str, Any], torch.device]:
    """Run a LoRA training step; returns the rows of the step and the UNet, facts on the gradients, and the device."""
    multiple = side_multiple(bundle)
    samples = _SceneSamples(*crop_scene(scene, bundle.native_px, multiple, settings), batch)
    task = InpaintingTask(bundle, samples, _recipe(bundle, settings, batch, seed))
    recorder, unet_recorder = TensorRecorder("training"), TensorRecorder("unet")
    unet: Any = task.network.to(task.device)
    unet.enable_gradient_checkpointing()  # equal results in less memory
    samples_of_batch = task.collate([task.sample(SampleIndex(n, 0, n)) for n in range(batch)])
    autocast = torch.autocast(task.device.type, task.dtype, enabled=task.dtype != torch.float32)
    with record_unet(unet, unet_recorder), autocast:
        loss = task.losses(unet, samples_of_batch, observe=recorder).total
    loss.backward()  # type: ignore[no-untyped-call]
    trained, frozen = _split_parameters(unet)
    frozen += task.encoder.vae.parameters()
    recorder("lora_gradient", gradient_norm(trained))
    metadata = {
        "lora": sum(p.numel() for p in trained),
        "lora_tensors": len(trained),
        "lora_moved": count_nonzero_gradients(trained),
        "frozen_tensors": len(frozen),
        "frozen_moved": count_nonzero_gradients(frozen),
        "dtype": task.dtype,
        "multiple": multiple,
    }
    return recorder.rows() + unet_recorder.rows(), metadata, task.device


def _recipe(bundle: Bundle, settings: DiffusionSettings, batch: int, seed: int) -> LoraRecipe:
    """The recipe of the source document, at the settings' device and precision; samples are encoded at every step."""
    dtype = pick_dtype(settings.dtype, pick_device(settings.device))
    precision = next(name for name, each in DTYPES.items() if each == dtype)
    return LoraRecipe(
        bundle=bundle.name,
        data=Path(),
        device=settings.device,
        seed=seed,
        loop=LoopConfig(steps=1, batch_size=batch, precision=precision),
        cache=CacheConfig(variants=0),
    )


def _split_parameters(network: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Trained and frozen parameters."""
    parameters = list(network.parameters())
    return [p for p in parameters if p.requires_grad], [p for p in parameters if not p.requires_grad]


def crop_scene(scene: Scene, native_px: int, side_multiple: int, settings: DiffusionSettings) -> tuple[Array, Array]:
    """Crop a scene as the painter does: image (H, W, 3) uint8 sRGB, and inpainting mask (H, W) bool."""
    return placement.crop_view(scene, tuple(scene.walls), native_px, side_multiple, settings)[1:]


def _repaint(
    bundle: Bundle, scene: Scene, settings: DiffusionSettings, paint: Paint | str, seed: int
) -> list[TensorRow]:
    recorder = TensorRecorder("inference")
    painter = DiffusionPainter(bundle, settings, observe=recorder)
    with record_image_keys(painter.networks.unet, recorder):
        result = scene.repaint(dict.fromkeys(scene.walls, paint), match="swatch", painter=painter, seed=seed)
    recorder("result", torch.from_numpy(result.codes))
    return recorder.rows()


def _peak_bytes() -> int:
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)
