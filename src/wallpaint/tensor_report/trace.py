"""One training step and one repaint through the program's own code, with an observer that notes every tensor."""

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
from wallpaint.diffusion import image_tensors as pictures
from wallpaint.diffusion.networks import Networks
from wallpaint.diffusion.settings import Settings
from wallpaint.errors import ConfigError
from wallpaint.painters.diffusion import placement
from wallpaint.painters.diffusion.painter import DiffusionPainter
from wallpaint.paints.paint import Paint
from wallpaint.pipeline.repaint import paint_scene
from wallpaint.scene.scene import Scene, prepare
from wallpaint.tensor_report import facts
from wallpaint.tensor_report.example_room import draw_room
from wallpaint.tensor_report.record import Row, Trace
from wallpaint.tensor_report.recorder import Recorder, first_gradients, watching_image_keys, watching_unet
from wallpaint.train.lora.adapter import add_lora, gradient_norm
from wallpaint.train.lora.objective import noise_schedule, training_loss
from wallpaint.typing import Array

PAINT = "#7d9b84"
Say = Callable[[str], None]


def make_scene(bundle: Bundle, photo: Path | None, mask: Path | None) -> Scene:
    """The user's photo and mask, or the drawn room at the bundle's own size. Raises InputError or ConfigError."""
    if (photo is None) != (mask is None):
        raise ConfigError("--photo and --mask go together: pass both, or neither for the drawn room")
    if photo is not None and mask is not None:
        return prepare(photo, {"wall": mask})
    drawn, wall = draw_room(bundle.native_px)
    return prepare(drawn, {"wall": wall})


def trace(
    bundle: Bundle,
    scene: Scene,
    settings: Settings,
    *,
    paint: Paint | str = PAINT,
    batch: int = 2,
    seed: int = 0,
    say: Say = lambda _: None,
) -> Trace:
    """Watch one training step and one repaint of a scene of one wall.

    batch: pictures of the training step, 1 or more: the scene's and its mirror image in turn. say: told what goes on.
    Raises ConfigError where the settings leave something out that is to be shown.
    """
    if batch < 1:
        raise ConfigError(f"a batch has 1 picture or more, not {batch}")
    if settings.guidance > 1 or settings.strength < 1 or settings.compile or settings.loras:
        raise ConfigError("a trace shows the plain way: leave guidance, strength, compile and LoRAs as they are")
    started = perf_counter()
    say("one training step")
    rows, told, device = _train(bundle, scene, settings, batch, seed)
    trained = perf_counter()
    gc.collect()  # the UNet and its graph go before the next UNet comes
    say("one repaint")
    rows += _repaint(bundle, scene, settings, paint, seed)
    return Trace(
        bundle=bundle.name,
        description=bundle.description,
        random=bundle.random,
        device=device.type,
        dtype=str(told.pop("dtype")).removeprefix("torch."),
        seed=seed,
        rows=tuple(rows),
        counts=facts.counts(bundle, told["lora"]),
        masks=facts.mask_places(scene, bundle, settings, told["multiple"]),
        facts={**facts.sizes(bundle, rows, settings), **told},
        seconds={"training": round(trained - started, 1), "inference": round(perf_counter() - trained, 1)},
        peak_bytes=_peak_bytes(),
    )


def _train(
    bundle: Bundle, scene: Scene, settings: Settings, batch: int, seed: int
) -> tuple[list[Row], dict[str, Any], torch.device]:
    """Rows of the step and of the UNet's inside; what was found of the gradients."""
    networks = Networks(bundle, replace(settings, image_scale=0.0, control_scale=0.0, offload=False))
    image, mask = _examples(scene, networks, settings, batch)
    recorder, inside = Recorder("training"), Recorder("unet")
    generator = torch.Generator().manual_seed(seed)
    unet, vae = networks.unet, networks.vae
    parameters = add_lora(unet, generator)
    unet.enable_gradient_checkpointing()  # the same numbers in less memory
    with watching_unet(unet, inside):
        loss = training_loss(
            vae,
            unet,
            noise_schedule(bundle.scheduler_config()),
            image.to(networks.device),
            mask.to(networks.device),
            networks.embed(""),
            generator,
            observe=recorder,
        )
    loss.backward()  # type: ignore[no-untyped-call]
    recorder("lora_gradient", gradient_norm(parameters))
    lora = {id(parameter) for parameter in parameters}
    frozen = [p for network in (unet, vae) for p in network.parameters() if id(p) not in lora]
    told = {
        "lora": sum(p.numel() for p in parameters),
        "lora_tensors": len(parameters),
        "lora_moved": first_gradients(parameters),
        "frozen_tensors": len(frozen),
        "frozen_moved": first_gradients(frozen),
        "dtype": networks.dtype,
        "multiple": networks.side_multiple,
    }
    return recorder.rows() + inside.rows(), told, networks.device


def _examples(scene: Scene, networks: Networks, settings: Settings, batch: int) -> tuple[Tensor, Tensor]:
    """A batch of the scene as the painter crops it, every other one mirrored: image [B, 3, H, W], mask [B, 1, H, W]."""
    image, mask = view(scene, networks.bundle.native_px, networks.side_multiple, settings)
    pixels, wall = pictures.to_tensor(image), torch.from_numpy(mask.astype(np.float32))[None, None]
    turns = [index % 2 == 1 for index in range(batch)]
    image_batch, mask_batch = (torch.cat([one.flip(-1) if turn else one for turn in turns]) for one in (pixels, wall))
    return image_batch, mask_batch


def view(scene: Scene, native_px: int, side_multiple: int, settings: Settings) -> tuple[Array, Array]:
    """What the networks see of the scene: (H, W, 3) uint8 sRGB, and the model's mask (H, W) bool."""
    return placement.see(scene, tuple(scene.walls), native_px, side_multiple, settings)[1:]


def _repaint(bundle: Bundle, scene: Scene, settings: Settings, paint: Paint | str, seed: int) -> list[Row]:
    recorder = Recorder("inference")
    painter = DiffusionPainter(bundle, settings, observe=recorder)
    with watching_image_keys(painter.networks.unet, recorder):
        result = paint_scene(scene, dict.fromkeys(scene.walls, paint), painter=painter, seed=seed)
    recorder("result", torch.from_numpy(result.codes))
    return recorder.rows()


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)
