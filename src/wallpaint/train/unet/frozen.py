"""The frozen networks that a UNet is trained with: VAE and text encoder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wallpaint.bundles import components
from wallpaint.bundles.prompts import load_tokenizer
from wallpaint.diffusion import encoders


class FrozenNetworks:
    """VAE and text encoder from the folders of a recipe. Raises ModelError if a folder holds another model."""

    def __init__(self, vae: Path, text_encoder: Path, tokenizer: Path) -> None:
        self.vae = components.load("vae", vae, torch.float32)
        self.scaling_factor = float(self.vae.config.scaling_factor)
        self.text_encoder = components.load("text_encoder", text_encoder, torch.float32)
        self.tokenizer = load_tokenizer(tokenizer, int(self.text_encoder.config.vocab_size))
        self._embed = cache(self._embed_caption)

    def moments(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of the latents before scaling, see `encoders.posterior_moments`."""
        return encoders.posterior_moments(self.vae, image)

    def decode(self, latents: Tensor) -> Tensor:
        """Decode scaled latents, [B, 4, h, w], to images, [B, 3, H, W] in about -1..1."""
        with torch.no_grad():
            image: Tensor = self.vae.decode(latents / self.scaling_factor, return_dict=False)[0]
        return image

    def embed(self, captions: Sequence[str]) -> Tensor:
        """Return text embeddings, [B, 77, C]. Each caption is encoded once."""
        return torch.cat([self._embed(caption) for caption in captions])

    def _embed_caption(self, caption: str) -> Any:
        return encoders.encode_prompts(self.text_encoder, self.tokenizer, [caption])
