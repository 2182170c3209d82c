"""What the frozen networks make of samples: all that a training step needs of a picture, a reference and a caption.

    photo, or target   -> VAE -> moments of what is noised      caption   -> text encoder  -> text embedding
    context, masked    -> VAE -> moments of the masked image    reference -> image encoder -> image tokens
    context            -> depth estimator -> depth picture

Which picture is noised and which is the context depends on the mode. It all can be kept in a latent cache, for nothing
here depends on what learns; moments are kept and not samples, so latents are drawn anew at every step.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from wallpaint.bundles.bundle import Bundle
from wallpaint.bundles.manifest import MODULES
from wallpaint.bundles.prompts import tokenize
from wallpaint.data.latent_cache import digest_of
from wallpaint.diffusion import image_tensors as pictures
from wallpaint.diffusion.networks import image_embeddings
from wallpaint.errors import ConfigError
from wallpaint.train.engine.config import TrainConfig
from wallpaint.train.lora import objective

FORMAT = "wallpaint.encoded/2"  # raised when the same samples and weights come to give other tensors
_TOLD = (".safetensors", ".json", ".txt", ".model")
MOMENTS = ("latent_mean", "latent_std", "masked_mean", "masked_std")
TENSORS = (*MOMENTS, "mask", "text", "image_tokens", "depth", "target", "color_mask", "color")


class Encoder:
    """Frozen networks, each loaded when first needed. Counts how often each was called."""

    def __init__(self, bundle: Bundle, config: TrainConfig, device: torch.device, projector: nn.Module | None) -> None:
        """projector: the IP-Adapter's, float32, from image embeddings to image tokens; None without references."""
        self.bundle, self.config, self.device, self.projector = bundle, config, device, projector
        self.calls = {"vae": 0, "text_encoder": 0, "image_encoder": 0, "depth": 0}
        self.parts = ["vae"]
        if config.conditioning.captions:
            self.parts += ["text_encoder", "tokenizer"]
        if config.takes_references:
            self.parts += ["image_encoder", "ip_adapter"]
        if config.conditioning.depth:
            self.parts.append("depth")
        wanted = [*self.parts, "controlnet"] if config.conditioning.depth else self.parts
        missing = [part for part in wanted if not bundle.has(part)]
        if missing:
            raise ConfigError(
                f"bundle {bundle.name} has no {', '.join(missing)}, which mode {config.mode} with these settings needs"
            )
        if config.takes_references:
            self._check_references()

    def _check_references(self) -> None:
        """The samples' references are made ready as at inference, or the networks would learn from other pictures."""
        processor, side = self.bundle.processor("image_encoder"), self.bundle.config("image_encoder")["image_size"]
        told = self.config.samples
        for name, ours, theirs in (
            ("reference_px", told.reference_px, side),
            ("image_mean", list(told.image_mean), list(processor["image_mean"])),
            ("image_std", list(told.image_std), list(processor["image_std"])),
        ):
            if ours != theirs:
                raise ConfigError(
                    f"samples.{name} is {ours}, the image encoder of {self.bundle.name} takes {theirs}: set it to that"
                )

    def digest(self, samples: str) -> str:
        """A sum over all that its tensors depend on beside the samples' content. samples: `Samples.digest`."""
        told = (FORMAT, self.config.mode, ",".join(self.names))
        return digest_of(*told, samples, *(part_sum(self.bundle, part) for part in self.parts))

    @property
    def names(self) -> tuple[str, ...]:
        """The tensors of a sample that this run needs."""
        config, left_out = self.config, set()
        left_out |= set() if config.conditioning.captions else {"text"}
        left_out |= set() if config.takes_references else {"image_tokens"}
        left_out |= set() if config.conditioning.depth else {"depth"}
        left_out |= set() if config.objective.looks_at_pictures else {"target", "color_mask", "color"}
        return tuple(name for name in TENSORS if name not in left_out)

    def __call__(self, samples: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        """`names` of samples, [B, ...] on the CPU.

        latent_mean, latent_std, masked_mean, masked_std: [B, 4, h, w] float32, before scaling. mask: [B, 1, h, w]
        float32. text: [B, 77, C] float32. image_tokens: [B, n, C] float32. depth: [B, 1, H, W] float16, 0..1. target:
        [B, 3, H, W] uint8, the codes of what is noised. color_mask: [B, 1, H, W] bool. color: [B, 3] float32, sRGB
        0..255. Computed in float32, also where training is not.
        """
        with torch.autocast(self.device.type, enabled=False):
            return self._encode(samples)

    def _encode(self, samples: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        noised = torch.stack([self.noised(sample) for sample in samples])
        context = torch.stack([self.context(sample) for sample in samples])
        masks = torch.stack([sample["mask"] for sample in samples])
        found = self._moments("latent", noised) | self._moments("masked", context * (1 - masks))
        size = found["latent_mean"].shape[-2:]
        found["mask"] = functional.interpolate(masks, size=size, mode="nearest")
        if self.config.conditioning.captions:
            found["text"] = self._text([sample["caption"] for sample in samples])
        if self.config.takes_references:
            found["image_tokens"] = self._image_tokens(torch.stack([s["reference_image"] for s in samples]))
        if self.config.conditioning.depth:
            found["depth"] = torch.cat([self._depth(picture) for picture in context])
        if self.config.objective.looks_at_pictures:
            found["target"] = codes(noised)
            found["color_mask"] = torch.stack([sample["color_mask"] for sample in samples]) > 0.5
            found["color"] = torch.stack([sample["dominant_color"] for sample in samples])
        return {name: value.cpu() for name, value in found.items()}

    # -- which picture is what

    def noised(self, sample: Mapping[str, Any]) -> Tensor:
        """What the UNet learns to paint, [3, H, W]: the photo in the document's mode, else the reference's colour."""
        picture: Tensor = sample["pixel_values" if self.config.mode == "document" else "target_values"]
        return picture

    def context(self, sample: Mapping[str, Any]) -> Tensor:
        """What the UNet sees round the wall, [3, H, W]: in pairs it is the photo with its old paint's light."""
        picture: Tensor = sample["target_values" if self.config.mode == "image_prompt" else "pixel_values"]
        return picture

    # -- networks

    def release(self) -> None:
        """Let go of the networks, once a cache is full. They are loaded again if they are called again."""
        for name in ("vae", "_text_encoder", "image_encoder", "depth_estimator"):
            self.__dict__.pop(name, None)

    @cached_property
    def vae(self) -> Any:
        """AutoencoderKL, float32."""
        return self.bundle.load("vae").to(self.device)

    @cached_property
    def image_encoder(self) -> Any:
        """CLIPVisionModelWithProjection, float32."""
        return self.bundle.load("image_encoder").to(self.device)

    @cached_property
    def depth_estimator(self) -> Any:
        """DPTForDepthEstimation, float32."""
        return self.bundle.load("depth").to(self.device)

    @cached_property
    def _text_encoder(self) -> tuple[Any, Any]:
        return self.bundle.load("text_encoder").to(self.device), self.bundle.tokenizer()

    def _moments(self, name: str, picture: Tensor) -> dict[str, Tensor]:
        self.calls["vae"] += 1
        mean, std = objective.moments(self.vae, picture.to(self.device))
        return {f"{name}_mean": mean, f"{name}_std": std}

    def _text(self, captions: Sequence[str]) -> Tensor:
        self.calls["text_encoder"] += 1
        encoder, tokenizer = self._text_encoder
        with torch.no_grad():
            embedded: Tensor = encoder(tokenize(tokenizer, captions).to(self.device))[0]
        return embedded.float()

    def _image_tokens(self, references: Tensor) -> Tensor:
        self.calls["image_encoder"] += 1
        assert self.projector is not None
        with torch.no_grad():
            embedded, _ = image_embeddings(self.image_encoder, self.projector, references.to(self.device))
            tokens: Tensor = self.projector(embedded)
        return tokens

    @cached_property
    def no_reference(self) -> Tensor:
        """[n, C] float32 on the device: the image tokens of no picture, as guidance takes them too."""
        assert self.projector is not None
        side = self.config.samples.reference_px
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            if hasattr(self.projector, "latents"):
                self.calls["image_encoder"] += 1
                blank = torch.zeros(1, 3, side, side, device=self.device)
                _, nothing = image_embeddings(self.image_encoder, self.projector, blank)
            else:
                width = self.bundle.config("image_encoder")["projection_dim"]
                nothing = torch.zeros(1, width, device=self.device)
            tokens: Tensor = self.projector(nothing)
        return tokens[0]

    def _depth(self, picture: Tensor) -> Tensor:
        """[1, 1, H, W] float16, as the painter shows a photo's depth to the ControlNet. picture: [3, H, W]."""
        self.calls["depth"] += 1
        size = self.depth_estimator.config.image_size
        side = int(size if isinstance(size, int) else size[0])
        rgb = codes(picture).permute(1, 2, 0).cpu().numpy()
        pixels = pictures.depth_pixels(rgb, self.bundle.processor("depth"), side).to(self.device)
        with torch.no_grad():
            inverse_depth = self.depth_estimator(pixels).predicted_depth
        return pictures.depth_picture(inverse_depth, (rgb.shape[0], rgb.shape[1]))[:, :1].half()


def codes(picture: Tensor) -> Tensor:
    """-1..1 -> uint8 0..255; exact for pictures that came from such codes."""
    return ((picture + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def part_sum(bundle: Bundle, part: str) -> str:
    """A sum over a part's weights, and over what is said of them: configuration, processor, vocabulary. Hexadecimal."""
    place = bundle.place(part)
    total = hashlib.sha256()
    files = [place] if place.is_file() else sorted(p for p in place.iterdir() if p.suffix in _TOLD)
    for path in files:
        with path.open("rb") as file:
            total.update(
                f"{path.name if path != place else part} ".encode() + hashlib.file_digest(file, "sha256").digest()
            )
    if place.is_file() and part in MODULES:  # all of a checkpoint lies in one file
        total.update(json.dumps(bundle.config(part), sort_keys=True).encode())
    return total.hexdigest()
