"""Stock pipelines of diffusers with a bundle's weights, the reference for the painter."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wallpaint.bundles.bundle import Bundle
from wallpaint.diffusion import image_tensors, schedulers
from wallpaint.diffusion.settings import DiffusionSettings
from wallpaint.painters.diffusion.painter import DiffusionPainter
from wallpaint.scene.mask import Window

Array = np.ndarray
ADAPTER = "tested"


@dataclass(frozen=True)
class Case:
    """Inputs of one image. image, init_image: (H, W, 3) uint8. mask: (H, W) bool. reference: (h, w, 3) uint8."""

    image: Array
    mask: Array
    reference: Array
    init_image: Array | None = None
    seed: int = 5

    @property
    def window(self) -> Window:
        height, width = self.mask.shape
        return Window(0, 0, height, width, height, width)


def make_case(height: int = 64, width: int = 128) -> Case:
    """A blocky image, a rectangular wall, and a reference of two colours."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    mask = np.zeros((height, width), bool)
    mask[9 : height - 13, 21 : width - 30] = True
    reference = np.zeros((96, 64, 3), np.uint8)
    reference[:40], reference[40:] = (190, 70, 50), (60, 90, 170)
    init_blocks = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    return Case(
        np.kron(blocks, np.ones((8, 8, 1), np.uint8)),
        mask,
        reference,
        np.kron(init_blocks, np.ones((8, 8, 1), np.uint8)),
    )


def ours(bundle: Bundle, settings: DiffusionSettings, case: Case) -> Tensor:
    """Image by the diffusion painter: [1, 3, H, W] float32, 0..1."""
    painter = DiffusionPainter(bundle, settings)
    view = painter.encode_view(case.image, case.mask, case.window)
    init_images = [case.init_image] if settings.strength < 1 else None
    return torch.from_numpy(painter.inpaint(view, [case.reference], case.seed, init_images)).permute(0, 3, 1, 2)


def stock(
    bundle: Bundle, settings: DiffusionSettings, case: Case, *, with_controlnet: bool, with_ip_adapter: bool
) -> Tensor:
    """Image by the stock pipeline with the same inputs: [1, 3, H, W] float32, 0..1."""
    pipeline = make_pipeline(bundle, settings, with_controlnet=with_controlnet, with_ip_adapter=with_ip_adapter)
    source = case.image if settings.strength == 1 else case.init_image
    arguments: dict[str, Any] = {
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
        arguments["negative_prompt"] = settings.negative_prompt
    if with_controlnet:
        arguments |= {
            "control_image": depth_of(bundle, case),
            "controlnet_conditioning_scale": settings.controlnet_scale,
        }
    if with_ip_adapter:
        side = bundle.config("image_encoder")["image_size"]
        arguments["ip_adapter_image"] = image_tensors.image_prompt_pixels(
            case.reference, bundle.processor("image_encoder"), side
        )
    with torch.inference_mode():
        return pipeline(**arguments).images


def make_pipeline(bundle: Bundle, settings: DiffusionSettings, *, with_controlnet: bool, with_ip_adapter: bool) -> Any:
    """Make a stock inpainting pipeline with newly loaded weights."""
    from diffusers import StableDiffusionControlNetInpaintPipeline, StableDiffusionInpaintPipeline

    components = {name: bundle.load(name) for name in ("unet", "vae", "text_encoder")}
    components |= {"tokenizer": bundle.tokenizer(), "safety_checker": None, "feature_extractor": None}
    components |= {"scheduler": schedulers.make_scheduler(settings.scheduler, bundle.scheduler_config())}
    if with_ip_adapter:
        components["image_encoder"] = bundle.load("image_encoder")
    if with_controlnet:
        pipeline = StableDiffusionControlNetInpaintPipeline(
            **components, controlnet=bundle.load("controlnet"), requires_safety_checker=False
        )
    else:
        pipeline = StableDiffusionInpaintPipeline(**components, requires_safety_checker=False)
    if with_ip_adapter:
        pipeline.unet._load_ip_adapter_weights([bundle.ip_adapter()])
        pipeline.set_ip_adapter_scale(settings.ip_adapter_scale)
    for index, lora in enumerate(settings.loras):
        pipeline.load_lora_weights(str(lora.path.parent), weight_name=lora.path.name, adapter_name=f"{ADAPTER}{index}")
    if settings.loras:
        pipeline.set_adapters(
            [f"{ADAPTER}{index}" for index in range(len(settings.loras))], [lora.scale for lora in settings.loras]
        )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def depth_of(bundle: Bundle, case: Case) -> Tensor:
    """Control image of the painter's ControlNet: [1, 3, H, W], 0..1."""
    observed: dict[str, Tensor] = {}
    painter = DiffusionPainter(bundle, observe=observed.__setitem__)
    painter.encode_view(case.image, case.mask, case.window)
    return observed["depth"]


def to_unit(rgb: Array) -> Tensor:
    """Convert (H, W, 3) uint8 to [1, 3, H, W] float32, 0..1."""
    return torch.from_numpy(rgb.astype(np.float32)).permute(2, 0, 1)[None] / 255


def write_lora(
    bundle: Bundle, folder: Path, *, seed: int = 0, rank: int = 4, alpha: int = 8, text: bool = False
) -> Path:
    """Write a LoRA of random weights in diffusers' format; returns its file."""
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
    for component, names in targets.items():
        model = bundle.load(component)
        model.add_adapter(LoraConfig(r=rank, lora_alpha=alpha, target_modules=names))
        for name, weight in model.named_parameters():
            if "lora_" in name:
                weight.data = 0.3 * torch.randn(weight.shape, generator=generator) / weight.shape[1] ** 0.5
        layers[f"{component}_lora_layers"] = convert_state_dict_to_diffusers(get_peft_model_state_dict(model))
        trained[component] = model
    StableDiffusionInpaintPipeline.save_lora_weights(str(folder), **layers, **_collate_lora_metadata(trained))
    return folder / "pytorch_lora_weights.safetensors"
