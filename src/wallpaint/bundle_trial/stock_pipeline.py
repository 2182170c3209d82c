"""The stock inpainting pipeline of diffusers with a bundle's weights, given the painter's inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from wallpaint.bundles.components import suppress_library_logging
from wallpaint.diffusion import image_tensors, schedulers
from wallpaint.diffusion.networks import Networks
from wallpaint.painters.diffusion.painter import DiffusionView
from wallpaint.typing import Array


class StockPipeline:
    """StableDiffusionInpaintPipeline, with IP-Adapter and depth ControlNet where the painter uses them."""

    def __init__(self, networks: Networks) -> None:
        """networks: the painter's, whose bundle, settings, device and dtype are used. Its weights are loaded anew."""
        import diffusers

        self.bundle, self.settings = networks.bundle, networks.settings
        self.device, self.dtype = networks.device, networks.dtype
        self.uses_ip_adapter, self.uses_controlnet = networks.uses_ip_adapter, networks.uses_controlnet
        models = ["unet", "vae", "text_encoder"]
        models += ["image_encoder"] if self.uses_ip_adapter else []
        models += ["controlnet"] if self.uses_controlnet else []
        components = {name: self.bundle.load(name, self.dtype) for name in models}
        components |= {
            "tokenizer": self.bundle.tokenizer(),
            "scheduler": schedulers.make_scheduler(self.settings.scheduler, self.bundle.scheduler_config()),
            "safety_checker": None,
            "feature_extractor": None,
        }
        with suppress_library_logging():  # the first access imports the class, with notes on optional packages
            pipeline_class: Any = (
                diffusers.StableDiffusionControlNetInpaintPipeline
                if self.uses_controlnet
                else diffusers.StableDiffusionInpaintPipeline
            )
            self._pipeline = pipeline_class(**components, requires_safety_checker=False)
            if self.uses_ip_adapter:
                self._pipeline.unet._load_ip_adapter_weights([self.bundle.ip_adapter()])
                self._pipeline.set_ip_adapter_scale(self.settings.ip_adapter_scale)
            self._pipeline.to(self.device, self.dtype)
        self._pipeline.set_progress_bar_config(disable=True)

    def inpaint(self, view: DiffusionView, depth: Tensor | None, reference: Array, seed: int) -> Array:
        """Inpaint a view with a reference: (H, W, 3) float32 sRGB, 0..1.

        depth: [1, 3, H, W], 0..1, the painter's control image. reference: (h, w, 3) uint8 sRGB. The noise is the
        painter's: it is sampled in float32 whatever the dtype, where the pipeline would sample it in its own.
        """
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(view.masked_mean.shape, generator=generator)  # [1, 4, h, w]
        image = torch.from_numpy(view.image.astype(np.float32)).permute(2, 0, 1)[None] / 255
        arguments: dict[str, Any] = {
            "prompt": self.settings.prompt,
            "image": image,
            "mask_image": view.mask.float().cpu(),
            "height": view.image.shape[0],
            "width": view.image.shape[1],
            "num_inference_steps": self.settings.steps,
            "guidance_scale": self.settings.guidance,
            "strength": 1.0,
            "latents": noise.to(self.device, self.dtype),
            "generator": generator,
            "output_type": "pt",
        }
        if self.uses_controlnet:
            arguments["control_image"] = depth
            arguments["controlnet_conditioning_scale"] = self.settings.controlnet_scale
        if self.uses_ip_adapter:
            side = int(self.bundle.config("image_encoder")["image_size"])
            processor = self.bundle.processor("image_encoder")
            arguments["ip_adapter_image"] = image_tensors.image_prompt_pixels(reference, processor, side)
        with torch.inference_mode(), suppress_library_logging():
            images: Tensor = self._pipeline(**arguments).images
        return images[0].permute(1, 2, 0).float().cpu().numpy()
