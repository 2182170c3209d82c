"""The stock pipelines of diffusers on a bundle's own weights: what the painter's loop is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wallpaint.bundles.bundle import Bundle
from wallpaint.diffusion import image_tensors as pictures
from wallpaint.diffusion import schedulers
from wallpaint.diffusion.settings import Settings
from wallpaint.painters.diffusion.painter import DiffusionPainter
from wallpaint.scene.mask import Window

Array = np.ndarray
ADAPTER = "tested"


@dataclass(frozen=True)
class Case:
    """One picture to be made. image: (H, W, 3) uint8. mask: (H, W) bool. reference: (h, w, 3) uint8."""

    image: Array
    mask: Array
    reference: Array
    start: Array | None = None
    seed: int = 5

    @property
    def window(self) -> Window:
        height, width = self.mask.shape
        return Window(0, 0, height, width, height, width)


def make_case(height: int = 64, width: int = 128) -> Case:
    """A blocky picture, a rectangle of wall, a two-coloured reference."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    mask = np.zeros((height, width), bool)
    mask[9 : height - 13, 21 : width - 30] = True
    reference = np.zeros((96, 64, 3), np.uint8)
    reference[:40], reference[40:] = (190, 70, 50), (60, 90, 170)
    start = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    return Case(
        np.kron(blocks, np.ones((8, 8, 1), np.uint8)), mask, reference, np.kron(start, np.ones((8, 8, 1), np.uint8))
    )


def ours(bundle: Bundle, settings: Settings, case: Case) -> Tensor:
    """[1, 3, H, W] float32, 0..1."""
    painter = DiffusionPainter(bundle, settings)
    view = painter.look(case.image, case.mask, case.window)
    start = [case.start] if settings.strength < 1 else None
    return torch.from_numpy(painter.generate(view, [case.reference], case.seed, start)).permute(0, 3, 1, 2)


def stock(bundle: Bundle, settings: Settings, case: Case, *, controlled: bool, referenced: bool) -> Tensor:
    """The same by the stock pipeline, told the same things: [1, 3, H, W] float32, 0..1."""
    pipeline = make_pipeline(bundle, settings, controlled=controlled, referenced=referenced)
    source = case.image if settings.strength == 1 else case.start
    told: dict[str, Any] = {
        "prompt": settings.prompt,
        "image": to_unit(source),
        "mask_image": torch.from_numpy(case.mask.astype(np.float32))[None, None],
        "height": case.mask.shape[0],
        "width": case.mask.shape[1],
        "num_inference_steps": settings.steps,
        "guidance_scale": settings.guidance,
        "strength": settings.strength,
        "generator": torch.Generator().manual_seed(case.seed),
        "output_type": "pt",
    }
    if settings.guidance > 1:
        told["negative_prompt"] = settings.negative_prompt
    if controlled:
        told |= {"control_image": depth_of(bundle, case), "controlnet_conditioning_scale": settings.control_scale}
    if referenced:
        side = bundle.config("image_encoder")["image_size"]
        told["ip_adapter_image"] = pictures.image_prompt_pixels(case.reference, bundle.processor("image_encoder"), side)
    with torch.inference_mode():
        return pipeline(**told).images


def make_pipeline(bundle: Bundle, settings: Settings, *, controlled: bool, referenced: bool) -> Any:
    """A stock inpainting pipeline on freshly loaded weights."""
    from diffusers import StableDiffusionControlNetInpaintPipeline, StableDiffusionInpaintPipeline

    parts = {name: bundle.load(name) for name in ("unet", "vae", "text_encoder")}
    parts |= {"tokenizer": bundle.tokenizer(), "safety_checker": None, "feature_extractor": None}
    parts |= {"scheduler": schedulers.make(settings.scheduler, bundle.scheduler_config())}
    if referenced:
        parts["image_encoder"] = bundle.load("image_encoder")
    if controlled:
        pipeline = StableDiffusionControlNetInpaintPipeline(
            **parts, controlnet=bundle.load("controlnet"), requires_safety_checker=False
        )
    else:
        pipeline = StableDiffusionInpaintPipeline(**parts, requires_safety_checker=False)
    if referenced:
        pipeline.unet._load_ip_adapter_weights([bundle.ip_adapter()])
        pipeline.set_ip_adapter_scale(settings.image_scale)
    for index, lora in enumerate(settings.loras):
        pipeline.load_lora_weights(str(lora.path.parent), weight_name=lora.path.name, adapter_name=f"{ADAPTER}{index}")
    if settings.loras:
        pipeline.set_adapters(
            [f"{ADAPTER}{index}" for index in range(len(settings.loras))], [lora.scale for lora in settings.loras]
        )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def depth_of(bundle: Bundle, case: Case) -> Tensor:
    """The depth picture that the painter shows its ControlNet: [1, 3, H, W], 0..1."""
    seen: dict[str, Tensor] = {}
    painter = DiffusionPainter(bundle, observe=seen.__setitem__)
    painter.look(case.image, case.mask, case.window)
    return seen["depth"]


def to_unit(rgb: Array) -> Tensor:
    """(H, W, 3) uint8 -> [1, 3, H, W] float32, 0..1."""
    return torch.from_numpy(rgb.astype(np.float32)).permute(2, 0, 1)[None] / 255


def write_lora(
    bundle: Bundle, folder: Path, *, seed: int = 0, rank: int = 4, alpha: int = 8, text: bool = False
) -> Path:
    """A LoRA of random weights in diffusers' own format; returns its file."""
    from diffusers import StableDiffusionInpaintPipeline
    from diffusers.training_utils import _collate_lora_metadata
    from diffusers.utils import convert_state_dict_to_diffusers
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    generator = torch.Generator().manual_seed(seed)
    layers, trained = {}, {}
    targets = {"unet": ["to_q", "to_k", "to_v", "to_out.0"]}
    if text:
        targets["text_encoder"] = ["q_proj", "k_proj", "v_proj", "out_proj"]
    for part, names in targets.items():
        model = bundle.load(part)
        model.add_adapter(LoraConfig(r=rank, lora_alpha=alpha, target_modules=names))
        for name, weight in model.named_parameters():
            if "lora_" in name:
                weight.data = 0.3 * torch.randn(weight.shape, generator=generator) / weight.shape[1] ** 0.5
        layers[f"{part}_lora_layers"] = convert_state_dict_to_diffusers(get_peft_model_state_dict(model))
        trained[part] = model
    StableDiffusionInpaintPipeline.save_lora_weights(str(folder), **layers, **_collate_lora_metadata(trained))
    return folder / "pytorch_lora_weights.safetensors"
