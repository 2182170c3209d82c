"""Facts of a trace that explain the tensors: network sizes, parameter counts, and the stages of the mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from wallpaint.bundles import components
from wallpaint.bundles.bundle import Bundle
from wallpaint.bundles.weights import read_header
from wallpaint.diffusion import image_tensors
from wallpaint.diffusion.settings import DiffusionSettings
from wallpaint.evaluation import metrics
from wallpaint.painters.diffusion.placement import EDGE_MARGIN_PX, alpha_of, crop_window
from wallpaint.scene import mask as masks
from wallpaint.scene import matting as mattes
from wallpaint.scene.scene import PreparedScene
from wallpaint.tensor_report.record import MaskStage, ParameterCount, TensorRow, rounded
from wallpaint.train.lora.adapter import RANK
from wallpaint.train.lora.objective import noise_schedule
from wallpaint.typing import Array

DOCUMENT_KERNEL = 5  # of the erosion in the source document's section 2.1.2


def trace_facts(bundle: Bundle, rows: Sequence[TensorRow], settings: DiffusionSettings) -> dict[str, Any]:
    """Collect the facts that explanations refer to, by placeholder name."""
    shapes = {(row.flow, row.name): row.shape for row in rows}
    batch, _, height, width = shapes["training", "image"]
    _, channels, latent_height, latent_width = shapes["training", "latents"]
    schedule = noise_schedule(bundle.scheduler_config())
    unet, vae = bundle.config("unet"), bundle.config("vae")
    facts: dict[str, Any] = {
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
    return facts | _image_prompt_facts(bundle, shapes) | _depth_facts(bundle, shapes)


def _image_prompt_facts(bundle: Bundle, shapes: dict[tuple[str, str], tuple[int, ...]]) -> dict[str, Any]:
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
        "vision_tokens": grid * grid + 1,
        "vision_width": vision["hidden_size"],
        "projection": vision["projection_dim"],
        "image_tokens": shapes["inference", "image_tokens"][1],
        "mean": ", ".join(f"{value:.3f}" for value in processor["image_mean"]),
        "std": ", ".join(f"{value:.3f}" for value in processor["image_std"]),
    }


def _depth_facts(bundle: Bundle, shapes: dict[tuple[str, str], tuple[int, ...]]) -> dict[str, Any]:
    if ("inference", "control") not in shapes:
        return {}
    config = bundle.config("controlnet")
    levels, layers = len(config["block_out_channels"]), config["layers_per_block"]
    return {
        "depth_px": shapes["inference", "depth_pixels"][-1],
        "skips": 1 + levels * layers + levels - 1,  # conv_in, every layer, every downsampler
    }


# -- parameters


def parameter_counts(bundle: Bundle, lora: int) -> tuple[ParameterCount, ...]:
    """Count the parameters of every component of the bundle. lora: those of the LoRA."""
    unet = _count_parameters(bundle, "unet")
    counts = [ParameterCount("unet", unet), ParameterCount("lora", lora, rounded(lora / unet))]
    counts += [
        ParameterCount(component, _count_parameters(bundle, component))
        for component in ("vae", "text_encoder", "controlnet", "image_encoder")
        if bundle.has(component)
    ]
    if bundle.has("ip_adapter"):
        header = read_header(bundle.path("ip_adapter"))
        for component, prefix in (("image_projector", "image_proj."), ("image_keys_values", "ip_adapter.")):
            sizes = [int(np.prod(shape)) for key, (_, shape) in header.items() if key.startswith(prefix)]
            counts.append(ParameterCount(component, sum(sizes)))
    if bundle.has("depth"):
        counts.append(ParameterCount("depth", _count_parameters(bundle, "depth")))
    return tuple(counts)


def _count_parameters(bundle: Bundle, component: str) -> int:
    model = components.meta_model(component, bundle.config(component), bundle.path(component))
    return sum(p.numel() for p in model.parameters())


# -- the mask


def mask_stages(
    scene: PreparedScene, bundle: Bundle, settings: DiffusionSettings, side_multiple: int
) -> tuple[MaskStage, ...]:
    """Measure the mask of a scene where the pipeline erodes or dilates it, with the pipeline's own code."""
    alpha = alpha_of(scene, tuple(scene.walls))
    window = crop_window(scene, tuple(scene.walls), bundle.native_px, side_multiple, settings)
    small = image_tensors.model_mask(alpha, window, 0.0)
    model = image_tensors.model_mask(alpha, window, settings.mask_dilation_px)
    eroded = cv2.erode(small.astype(np.uint8), np.ones((DOCUMENT_KERNEL, DOCUMENT_KERNEL), np.uint8)) > 0
    core = sum(int(np.count_nonzero(wall.canvas.matte.core)) for wall in scene.walls.values()) / alpha.size
    longest_side = max(alpha.shape)
    metric_erosion = max(1.0, metrics.EROSION_PX * longest_side / metrics.EROSION_REFERENCE_PX)
    return (
        MaskStage("given", 0.0, _share(alpha >= 0.5)),
        MaskStage("wall_core", -float(mattes.INSIDE_PX), rounded(core)),
        MaskStage("untouched", float(mattes.OUTSIDE_PX), rounded(1 - _share(scene.outside))),
        MaskStage("resized", 0.0, _share(small)),
        MaskStage("model", settings.mask_dilation_px, _share(model)),
        MaskStage("document", -float(masks.radius_of_kernel(DOCUMENT_KERNEL)), _share(eroded)),
        MaskStage("painted", -float(EDGE_MARGIN_PX), None),
        MaskStage("measured", -rounded(metric_erosion), _share(metrics.eroded_wall(alpha))),
    )


def _share(mask: Array) -> float:
    return rounded(float(np.mean(mask)))
