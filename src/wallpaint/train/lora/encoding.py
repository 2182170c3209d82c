"""Encoding of samples by the frozen networks: everything a training step needs of an image, reference and caption.

    photo or target         -> VAE -> posterior moments of the noised image   caption   -> text encoder  -> embedding
    masked photo or target  -> VAE -> posterior moments of the masked image   reference -> image encoder -> tokens
    photo or target         -> depth estimator -> depth map

The mode decides which image is noised and which one is masked. All of it can be cached, since none of it depends on the
trained weights. Moments are cached instead of latents, so latents are sampled anew at every step.
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
from wallpaint.bundles.manifest import MODEL_NAMES
from wallpaint.data import target_colors
from wallpaint.data.latent_cache import digest_of
from wallpaint.diffusion import encoders
from wallpaint.diffusion.denoise import Observer, no_observer
from wallpaint.errors import ConfigError, ShapeError
from wallpaint.files.names import list_content
from wallpaint.train.lora.config import LoraRecipe

FORMAT = "wallpaint.encoded/3"  # increment when the same samples and weights give other tensors
_HASHED_SUFFIXES = (".safetensors", ".json", ".txt", ".model")
INPUTS = ("pixel_values", "mask", "color_mask", "reference_image", "dominant_color", "target_values", "caption")
MOMENTS = ("latent_mean", "latent_std", "masked_mean", "masked_std")
TENSORS = (*MOMENTS, "mask", "text", "image_tokens", "depth", "target", "color_mask", "color")


class SampleEncoder:
    """The frozen networks, each loaded on first use. `calls` counts the calls of each."""

    def __init__(self, bundle: Bundle, config: LoraRecipe, device: torch.device, projector: nn.Module | None) -> None:
        """projector: of the IP-Adapter, float32, image embeddings to image tokens; None without references.

        Raises ConfigError if the bundle lacks a component, or if its image encoder takes other reference images.
        """
        self.bundle, self.config, self.device, self.projector = bundle, config, device, projector
        self.calls = {"vae": 0, "text_encoder": 0, "image_encoder": 0, "depth": 0}
        self.components = ["vae"]
        if config.conditioning.captions:
            self.components += ["text_encoder", "tokenizer"]
        if config.uses_image_prompt:
            self.components += ["image_encoder", "ip_adapter"]
        if config.conditioning.depth:
            self.components.append("depth")
        needed = [*self.components, "controlnet"] if config.conditioning.depth else self.components
        missing = [component for component in needed if not bundle.has(component)]
        if missing:
            raise ConfigError(
                f"bundle {bundle.name} has no {', '.join(missing)}, which mode {config.mode} with these settings needs"
            )
        if config.uses_image_prompt:
            self._check_references()

    def _check_references(self) -> None:
        """Check that references are preprocessed as at inference."""
        processor, side = self.bundle.processor("image_encoder"), self.bundle.config("image_encoder")["image_size"]
        settings = self.config.samples
        for name, actual, expected in (
            ("reference_px", settings.reference_px, side),
            ("image_mean", list(settings.image_mean), list(processor["image_mean"])),
            ("image_std", list(settings.image_std), list(processor["image_std"])),
        ):
            if actual != expected:
                raise ConfigError(
                    f"samples.{name} is {actual}, the image encoder of {self.bundle.name} takes {expected}: set it "
                    "to that"
                )

    def digest(self, samples: str) -> str:
        """Return a sha256 of everything the tensors depend on besides the samples' content.

        samples: `SampleSource.digest`.
        """
        encoding = (FORMAT, self.config.mode, ",".join(self.names))
        networks = (component_sha256(self.bundle, component) for component in self.components)
        return digest_of(*encoding, samples, *networks)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tensors that this run needs."""
        config, unused = self.config, set()
        unused |= set() if config.conditioning.captions else {"text"}
        unused |= set() if config.uses_image_prompt else {"image_tokens"}
        unused |= set() if config.conditioning.depth else {"depth"}
        unused |= set() if config.objective.uses_image_losses else {"target", "color_mask", "color"}
        return tuple(name for name in TENSORS if name not in unused)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the samples' values that this run needs, see `data.dataset.InpaintingSample`."""
        config, unused = self.config, set()
        unused |= {"target_values"} if config.mode == "document" else set()
        unused |= set() if config.conditioning.captions else {"caption"}
        unused |= set() if config.uses_image_prompt else {"reference_image"}
        unused |= set() if config.objective.uses_image_losses else {"color_mask", "dominant_color"}
        return tuple(name for name in INPUTS if name not in unused)

    def __call__(self, samples: Sequence[Mapping[str, Any]], *, observe: Observer = no_observer) -> dict[str, Tensor]:
        """Encode samples into the tensors of `names`, [B, ...] on the CPU.

        latent_mean, latent_std, masked_mean, masked_std: [B, 4, h, w] float32, before scaling. mask: [B, 1, h, w]
        float32. text: [B, 77, C] float32. image_tokens: [B, n, C] float32. depth: [B, 1, H, W] float16, 0..1. target:
        [B, 3, H, W] uint8, the noised image. color_mask: [B, 1, H, W] bool. color: [B, 3] float32, sRGB 0..255.
        Computed in float32 whatever the training precision. Raises ShapeError if a mask does not fit its image.
        """
        with torch.autocast(self.device.type, enabled=False):
            return self._encode(samples, observe)

    def _encode(self, samples: Sequence[Mapping[str, Any]], observe: Observer) -> dict[str, Tensor]:
        noised = torch.stack([self.noised_image(sample) for sample in samples])  # [B, 3, H, W]
        context = torch.stack([self.context_image(sample) for sample in samples])  # [B, 3, H, W]
        masks = torch.stack([sample["mask"] for sample in samples])  # [B, 1, H, W]
        if masks.shape != (context.shape[0], 1, *context.shape[2:]):
            raise ShapeError(
                f"image is {list(context.shape)}, mask {list(masks.shape)}: give one mask channel per image"
            )
        masked = context * (1 - masks)  # [B, 3, H, W]
        for name, value in (("image", noised), ("mask", masks), ("masked_image", masked)):
            observe(name, value)
        encoded = self._moments("latent", noised) | self._moments("masked", masked)
        size = encoded["latent_mean"].shape[-2:]
        encoded["mask"] = functional.interpolate(masks, size=size, mode="nearest")  # [B, 1, h, w]
        if self.config.conditioning.captions:
            encoded["text"] = self._text([sample["caption"] for sample in samples])
        if self.config.uses_image_prompt:
            encoded["image_tokens"] = self._image_tokens(torch.stack([s["reference_image"] for s in samples]))
        if self.config.conditioning.depth:
            encoded["depth"] = torch.cat([self._depth(image) for image in context])
        if self.config.objective.uses_image_losses:
            encoded["target"] = to_uint8(noised)
            encoded["color_mask"] = torch.stack([sample["color_mask"] for sample in samples]) > 0.5
            encoded["color"] = torch.stack([self.wall_color(sample) for sample in samples])
        return {name: value.cpu() for name, value in encoded.items()}

    # -- the images of each mode

    def noised_image(self, sample: Mapping[str, Any]) -> Tensor:
        """Return the image that noise is added to, [3, H, W]: the photo in mode document, else the target."""
        image: Tensor = sample["pixel_values" if self.config.mode == "document" else "target_values"]
        return image

    def wall_color(self, sample: Mapping[str, Any]) -> Tensor:
        """Return the colour that the wall of the noised image has, [3] float32, sRGB 0..255.

        The reference's colour; in mode document, which has no reference, that of the photo itself.
        """
        color: Tensor = sample["dominant_color"]
        if self.config.mode == "document":
            wall = sample["color_mask"][0].numpy() > 0.5
            rgb = to_uint8(sample["pixel_values"]).permute(1, 2, 0).numpy()
            color = torch.from_numpy(target_colors.wall_color(rgb, wall, self.config.samples.color_method))
        return color

    def context_image(self, sample: Mapping[str, Any]) -> Tensor:
        """Return the image that the UNet sees masked, [3, H, W]: the target in mode image_prompt, else the photo."""
        image: Tensor = sample["target_values" if self.config.mode == "image_prompt" else "pixel_values"]
        return image

    # -- networks

    def release(self) -> None:
        """Free the networks once the cache is filled. They are loaded again on the next use."""
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

    def _moments(self, name: str, image: Tensor) -> dict[str, Tensor]:
        self.calls["vae"] += 1
        mean, std = encoders.posterior_moments(self.vae, image.to(self.device))
        return {f"{name}_mean": mean, f"{name}_std": std}

    def _text(self, captions: Sequence[str]) -> Tensor:
        self.calls["text_encoder"] += 1
        encoder, tokenizer = self._text_encoder
        return encoders.encode_prompts(encoder, tokenizer, captions).float()  # [B, 77, C]

    def _image_tokens(self, references: Tensor) -> Tensor:
        self.calls["image_encoder"] += 1
        assert self.projector is not None
        with torch.no_grad():
            embedded, _ = encoders.image_embeddings(self.image_encoder, self.projector, references.to(self.device))
            tokens: Tensor = self.projector(embedded)  # [B, n, C]
        return tokens

    @cached_property
    def null_image_tokens(self) -> Tensor:
        """[n, C] float32 on the device: the unconditional image tokens, as in classifier-free guidance."""
        assert self.projector is not None
        side = self.config.samples.reference_px
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            if encoders.uses_hidden_states(self.projector):
                self.calls["image_encoder"] += 1
                blank = torch.zeros(1, 3, side, side, device=self.device)
                _, null_embedding = encoders.image_embeddings(self.image_encoder, self.projector, blank)
            else:
                width = self.bundle.config("image_encoder")["projection_dim"]
                null_embedding = torch.zeros(1, width, device=self.device)
            tokens: Tensor = self.projector(null_embedding)
        return tokens[0]

    def _depth(self, image: Tensor) -> Tensor:
        """[1, 1, H, W] float16, preprocessed for the ControlNet as the painter does. image: [3, H, W]."""
        self.calls["depth"] += 1
        rgb = to_uint8(image).permute(1, 2, 0).cpu().numpy()
        processor = self.bundle.processor("depth")
        return encoders.depth_control_image(self.depth_estimator, processor, rgb)[:, :1].half()


def to_uint8(image: Tensor) -> Tensor:
    """Convert -1..1 to uint8 0..255; exact for images that came from uint8."""
    return ((image + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def component_sha256(bundle: Bundle, component: str) -> str:
    """Return a sha256 of a component's weights and of its config, processor and vocabulary files. Hexadecimal."""
    path = bundle.path(component)
    total = hashlib.sha256()
    files = [path] if path.is_file() else [p for p in list_content(path) if p.suffix in _HASHED_SUFFIXES]
    for each in files:
        with each.open("rb") as file:
            name = each.name if each != path else component
            total.update(f"{name} ".encode() + hashlib.file_digest(file, "sha256").digest())
    if path.is_file() and component in MODEL_NAMES:  # a checkpoint in one file, whose config is elsewhere
        total.update(json.dumps(bundle.config(component), sort_keys=True).encode())
    return total.hexdigest()
