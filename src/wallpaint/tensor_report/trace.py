"""Trace one training step and one repaint: run them with observers that record every tensor."""

from __future__ import annotations

import gc
import resource
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wallpaint.bundles.bundle import Bundle
from wallpaint.diffusion import image_tensors
from wallpaint.diffusion.networks import Networks
from wallpaint.diffusion.settings import DiffusionSettings
from wallpaint.errors import ConfigError
from wallpaint.painters.diffusion import placement
from wallpaint.painters.diffusion.painter import DiffusionPainter
from wallpaint.paints.paint import Paint
from wallpaint.pipeline.repaint import paint_scene
from wallpaint.scene.scene import Scene, prepare
from wallpaint.tensor_report import facts
from wallpaint.tensor_report.example_room import render_example_room
from wallpaint.tensor_report.record import TensorRow, Trace
from wallpaint.tensor_report.recorder import TensorRecorder, count_nonzero_gradients, record_image_keys, record_unet
from wallpaint.train.lora.adapter import add_lora, gradient_norm
from wallpaint.train.lora.objective import noise_schedule, training_loss
from wallpaint.typing import Array

PAINT = "#7d9b84"
Log = Callable[[str], None]


def make_scene(bundle: Bundle, photo: Path | None, mask: Path | None) -> Scene:
    """Prepare the user's photo and mask, or the example room at the bundle's size. Raises InputError, ConfigError."""
    if (photo is None) != (mask is None):
        raise ConfigError("--photo and --mask go together: pass both, or neither for the example room")
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


def _train(
    bundle: Bundle, scene: Scene, settings: DiffusionSettings, batch: int, seed: int
) -> tuple[list[TensorRow], dict[str, Any], torch.device]:
    """Run a training step; returns the rows of the step and the UNet, facts on the gradients, and the device."""
    networks = Networks(bundle, replace(settings, ip_adapter_scale=0.0, controlnet_scale=0.0, offload=False))
    image, mask = _training_batch(scene, networks, settings, batch)
    recorder, unet_recorder = TensorRecorder("training"), TensorRecorder("unet")
    generator = torch.Generator().manual_seed(seed)
    unet, vae = networks.unet, networks.vae
    parameters = add_lora(unet, generator)
    unet.enable_gradient_checkpointing()  # equal results in less memory
    with record_unet(unet, unet_recorder):
        loss = training_loss(
            vae,
            unet,
            noise_schedule(bundle.scheduler_config()),
            image.to(networks.device),
            mask.to(networks.device),
            networks.encode_prompt(""),
            generator,
            observe=recorder,
        )
    loss.backward()  # type: ignore[no-untyped-call]
    recorder("lora_gradient", gradient_norm(parameters))
    lora = {id(parameter) for parameter in parameters}
    frozen = [p for network in (unet, vae) for p in network.parameters() if id(p) not in lora]
    metadata = {
        "lora": sum(p.numel() for p in parameters),
        "lora_tensors": len(parameters),
        "lora_moved": count_nonzero_gradients(parameters),
        "frozen_tensors": len(frozen),
        "frozen_moved": count_nonzero_gradients(frozen),
        "dtype": networks.dtype,
        "multiple": networks.side_multiple,
    }
    return recorder.rows() + unet_recorder.rows(), metadata, networks.device


def _training_batch(scene: Scene, networks: Networks, settings: DiffusionSettings, batch: int) -> tuple[Tensor, Tensor]:
    """Batch of the painter's crop, every other one mirrored: image [B, 3, H, W], mask [B, 1, H, W]."""
    image, mask = crop_scene(scene, networks.bundle.native_px, networks.side_multiple, settings)
    pixels, wall = image_tensors.to_tensor(image), torch.from_numpy(mask.astype(np.float32))[None, None]
    flips = [index % 2 == 1 for index in range(batch)]
    image_batch, mask_batch = (
        torch.cat([tensor.flip(-1) if flip else tensor for flip in flips]) for tensor in (pixels, wall)
    )
    return image_batch, mask_batch


def crop_scene(scene: Scene, native_px: int, side_multiple: int, settings: DiffusionSettings) -> tuple[Array, Array]:
    """Crop a scene as the painter does: image (H, W, 3) uint8 sRGB, and inpainting mask (H, W) bool."""
    return placement.crop_view(scene, tuple(scene.walls), native_px, side_multiple, settings)[1:]


def _repaint(
    bundle: Bundle, scene: Scene, settings: DiffusionSettings, paint: Paint | str, seed: int
) -> list[TensorRow]:
    recorder = TensorRecorder("inference")
    painter = DiffusionPainter(bundle, settings, observe=recorder)
    with record_image_keys(painter.networks.unet, recorder):
        result = paint_scene(scene, dict.fromkeys(scene.walls, paint), painter=painter, seed=seed)
    recorder("result", torch.from_numpy(result.codes))
    return recorder.rows()


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)
