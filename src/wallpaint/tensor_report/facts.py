"""Numbers that explain the tensors: sizes of the networks, their parameters, and what becomes of the mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from wallpaint.bundles import components as parts
from wallpaint.bundles.bundle import Bundle
from wallpaint.bundles.weights import read_header
from wallpaint.diffusion import image_tensors as pictures
from wallpaint.diffusion.settings import Settings
from wallpaint.evaluation import metrics
from wallpaint.painters.diffusion.placement import EDGE_PX, alpha_of
from wallpaint.scene import mask as masks
from wallpaint.scene import matting as mattes
from wallpaint.scene.scene import Scene
from wallpaint.tensor_report.record import Count, MaskPlace, Row, rounded
from wallpaint.train.lora.adapter import RANK
from wallpaint.train.lora.objective import noise_schedule
from wallpaint.typing import Array

DOCUMENT_KERNEL = 5  # of the erosion in the source document's section 2.1.2


def sizes(bundle: Bundle, rows: Sequence[Row], settings: Settings) -> dict[str, Any]:
    """What the explanations speak of, by the names that they use."""
    shapes = {(row.flow, row.name): row.shape for row in rows}
    batch, _, height, width = shapes["training", "image"]
    _, channels, latent_height, latent_width = shapes["training", "latents"]
    schedule = noise_schedule(bundle.scheduler_config())
    unet, vae = bundle.config("unet"), bundle.config("vae")
    found: dict[str, Any] = {
        "batch": batch,
        "height": height,
        "width": width,
        "latent_height": latent_height,
        "latent_width": latent_width,
        "pixels_per_latent": height // latent_height,
        "elements": batch * channels * latent_height * latent_width,
        "scaling": vae["scaling_factor"],
        "text_width": unet["cross_attention_dim"],
        "levels": len(unet["block_out_channels"]),
        "train_steps": schedule.config.num_train_timesteps,
        "prediction": schedule.config.prediction_type,
        "signal_left": rounded(float(schedule.alphas_cumprod[-1]) ** 0.5, 2),
        "rank": RANK,
        "steps": settings.steps,
        "dilation_px": settings.mask_dilation_px,
    }
    return found | _image_prompt(bundle, shapes) | _depth(bundle, shapes)


def _image_prompt(bundle: Bundle, shapes: dict[tuple[str, str], tuple[int, ...]]) -> dict[str, Any]:
    if ("inference", "image_tokens") not in shapes:
        return {}
    vision, processor = bundle.config("image_encoder"), bundle.processor("image_encoder")
    grid = vision["image_size"] // vision["patch_size"]
    return {
        "adapter": "base" if len(shapes["inference", "image_embedding"]) == 2 else "plus",
        "reference_px": vision["image_size"],
        "patch_px": vision["patch_size"],
        "grid": grid,
        "patches": grid * grid,
        "seen": grid * grid + 1,
        "vision_width": vision["hidden_size"],
        "projection": vision["projection_dim"],
        "image_tokens": shapes["inference", "image_tokens"][1],
        "mean": ", ".join(f"{value:.3f}" for value in processor["image_mean"]),
        "std": ", ".join(f"{value:.3f}" for value in processor["image_std"]),
    }


def _depth(bundle: Bundle, shapes: dict[tuple[str, str], tuple[int, ...]]) -> dict[str, Any]:
    if ("inference", "control") not in shapes:
        return {}
    own = bundle.config("controlnet")
    levels, layers = len(own["block_out_channels"]), own["layers_per_block"]
    return {
        "depth_px": shapes["inference", "depth_pixels"][-1],
        "skips": 1 + levels * layers + levels - 1,  # the stem, every layer, every halving
    }


# -- parameters


def counts(bundle: Bundle, lora: int) -> tuple[Count, ...]:
    """Parameters of every part that the bundle has. lora: those of the LoRA."""
    unet = _parameters(bundle, "unet")
    found = [Count("unet", unet), Count("lora", lora, rounded(lora / unet))]
    found += [
        Count(part, _parameters(bundle, part))
        for part in ("vae", "text_encoder", "controlnet", "image_encoder")
        if bundle.has(part)
    ]
    if bundle.has("ip_adapter"):
        header = read_header(bundle.place("ip_adapter"))
        for part, prefix in (("image_projector", "image_proj."), ("image_keys_values", "ip_adapter.")):
            numbers = [int(np.prod(shape)) for key, (_, shape) in header.items() if key.startswith(prefix)]
            found.append(Count(part, sum(numbers)))
    if bundle.has("depth"):
        found.append(Count("depth", _parameters(bundle, "depth")))
    return tuple(found)


def _parameters(bundle: Bundle, part: str) -> int:
    model = parts.skeleton(part, bundle.config(part), bundle.place(part))
    return sum(p.numel() for p in model.parameters())


# -- the mask


def mask_places(scene: Scene, bundle: Bundle, settings: Settings, side_multiple: int) -> tuple[MaskPlace, ...]:
    """What becomes of a scene's mask on its ways, each by the code that does it."""
    alpha = alpha_of(scene, tuple(scene.walls))
    window = masks.crop_with_context(alpha, settings.context, bundle.native_px**2, side_multiple)
    small = pictures.model_mask(alpha, window, 0.0)
    model = pictures.model_mask(alpha, window, settings.mask_dilation_px)
    eroded = cv2.erode(small.astype(np.uint8), np.ones((DOCUMENT_KERNEL, DOCUMENT_KERNEL), np.uint8)) > 0
    core = sum(int(np.count_nonzero(wall.canvas.matte.core)) for wall in scene.walls.values()) / alpha.size
    longest = max(alpha.shape)
    measured = max(1.0, metrics.EROSION_PX * longest / metrics.EROSION_AT_PX)
    return (
        MaskPlace("given", 0.0, _share(alpha >= 0.5)),
        MaskPlace("wall_core", -float(mattes.INSIDE_PX), rounded(core)),
        MaskPlace("untouched", float(mattes.OUTSIDE_PX), rounded(1 - _share(scene.outside))),
        MaskPlace("seen", 0.0, _share(small)),
        MaskPlace("model", settings.mask_dilation_px, _share(model)),
        MaskPlace("document", -float(masks.radius_of_kernel(DOCUMENT_KERNEL)), _share(eroded)),
        MaskPlace("painted", -float(EDGE_PX), None),
        MaskPlace("measured", -rounded(measured), _share(metrics.core(alpha))),
    )


def _share(mask: Array) -> float:
    return rounded(float(np.mean(mask)))
