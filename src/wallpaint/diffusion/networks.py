"""Networks of a bundle on a device, each loaded on first use, with LoRAs and IP-Adapter applied."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor, nn

from wallpaint.bundles.bundle import Bundle
from wallpaint.bundles.components import suppress_library_logging
from wallpaint.bundles.configurations import PROMPT_TOKENS
from wallpaint.diffusion import encoders, loras
from wallpaint.diffusion.denoise import no_observer, predict_noise
from wallpaint.diffusion.settings import DiffusionSettings
from wallpaint.errors import ConfigError, ModelError

TILE_PX = 512  # tile side of the tiled VAE, in pixels


class Networks:
    """Networks of a bundle, prepared for inference.

    LoRAs are merged into the weights in float32, the IP-Adapter's attention processors are set on the UNet, and the
    ControlNet's conditioning embedding, which depends only on the depth image, is detached to run once per scene.
    """

    def __init__(self, bundle: Bundle, settings: DiffusionSettings) -> None:
        """Load no network yet. Raises ConfigError where the device is not available."""
        self.bundle, self.settings = bundle, settings
        self.device = pick_device(settings.device)
        self.dtype = pick_dtype(settings.dtype, self.device)
        self.warnings: list[str] = []
        for lora in settings.loras:
            loras.check(lora.path)
        layers = bundle.config("unet").get("layers_per_block", 2) if settings.loras else 2
        self._loras = [loras.read(lora.path, lora.scale, layers) for lora in settings.loras if lora.scale]
        self.warnings += [note for lora in self._loras for note in lora.notes]

    # -- capabilities

    @property
    def uses_ip_adapter(self) -> bool:
        """Whether references are used: the bundle has IP-Adapter and image encoder, and the scale is above 0."""
        return self.settings.ip_adapter_scale > 0 and self.bundle.has("ip_adapter") and self.bundle.has("image_encoder")

    @property
    def uses_controlnet(self) -> bool:
        """Whether depth is used: the bundle has ControlNet and depth estimator, and the scale is above 0."""
        return self.settings.controlnet_scale > 0 and self.bundle.has("controlnet") and self.bundle.has("depth")

    @cached_property
    def side_multiple(self) -> int:
        """See `side_multiple`."""
        return side_multiple(self.bundle)

    def scheduler_config(self) -> dict[str, Any]:
        """The bundle's scheduler config with the overrides of the LoRAs."""
        return loras.scheduler_config(self._loras, self.bundle.scheduler_config())

    # -- networks

    @contextmanager
    def on_device(self, *networks: nn.Module) -> Iterator[None]:
        """Run the body in inference mode, with the networks on the device; with `offload` they leave it afterwards."""
        if self.settings.offload:
            for network in networks:
                network.to(self.device)
        try:
            with torch.inference_mode():
                yield
        finally:
            if self.settings.offload:
                for network in networks:
                    network.to("cpu")

    def _prepare(self, network: nn.Module, dtype: torch.dtype | None = None) -> Any:
        """Convert a network to its dtype and channels_last, and move it to the device unless it is offloaded."""
        dtype = dtype or self.dtype
        if any(p.dtype != dtype for p in network.parameters()):
            with suppress_library_logging():  # diffusers advises to load in this dtype
                network = network.to(dtype)
        if any(p.ndim == 4 for p in network.parameters()):
            network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network if self.settings.offload else network.to(self.device)

    @cached_property
    def unet(self) -> Any:
        """UNet2DConditionModel, LoRAs merged. With IP-Adapter its text input is (text embedding, [image tokens])."""
        unet = self.bundle.load("unet", dtype=torch.float32 if self._loras else self.dtype)
        loras.merge_into_unet(unet, self._loras)
        if self.uses_ip_adapter:
            self._projector = attach_ip_adapter(unet, self.bundle.ip_adapter(), self.settings.ip_adapter_scale)
        return self._prepare(unet)

    @cached_property
    def image_projector(self) -> Any:
        """IP-Adapter projector: image embeddings -> image tokens [B, n, C]. Only with `uses_ip_adapter`."""
        _ = self.unet
        return self._prepare(self._projector)

    @cached_property
    def controlnet(self) -> Any:
        """ControlNetModel that takes the output of `controlnet_cond_embedding` as its condition."""
        controlnet = self.bundle.load("controlnet", dtype=self.dtype)
        self._cond_embedding = detach_cond_embedding(controlnet)
        return self._prepare(controlnet)

    @cached_property
    def controlnet_cond_embedding(self) -> Any:
        """Conditioning embedding of the ControlNet: depends on the depth image, not on latents or timestep."""
        _ = self.controlnet
        return self._prepare(self._cond_embedding)

    @cached_property
    def vae(self) -> Any:
        """AutoencoderKL."""
        vae = self.bundle.load("vae", dtype=self.dtype)
        if self.settings.tiling:
            vae.tile_sample_min_size = TILE_PX
            vae.tile_latent_min_size = TILE_PX // 2 ** (len(vae.config["block_out_channels"]) - 1)
            vae.enable_tiling()
        return self._prepare(vae)

    @cached_property
    def image_encoder(self) -> Any:
        """CLIPVisionModelWithProjection."""
        return self._prepare(self.bundle.load("image_encoder", dtype=self.dtype))

    @cached_property
    def depth_estimator(self) -> Any:
        """DPTForDepthEstimation in float32, since bfloat16 would show as banding."""
        return self._prepare(self.bundle.load("depth", dtype=torch.float32), torch.float32)

    # -- text

    @cached_property
    def _prompt_embeddings(self) -> dict[str, Tensor]:
        return {}

    def encode_prompt(self, prompt: str) -> Tensor:
        """Text embedding of a prompt, [1, 77, C] on the device. The empty one is cached in the bundle."""
        if prompt not in self._prompt_embeddings:
            is_cached = not prompt and not any(lora.has_text_encoder for lora in self._loras)
            embedding = self.bundle.empty_prompt() if is_cached else self._run_text_encoder(prompt)
            self._prompt_embeddings[prompt] = embedding.to(self.device, self.dtype)
        return self._prompt_embeddings[prompt]

    def _run_text_encoder(self, prompt: str) -> Tensor:
        if not self.bundle.has("text_encoder") or not self.bundle.has("tokenizer"):
            raise ModelError(
                f"bundle {self.bundle.name} has no text encoder: use no prompts and no LoRAs for the text encoder"
            )
        encoder = self.bundle.load("text_encoder", dtype=torch.float32)
        loras.add_to_text_encoder(encoder, self._loras)
        tokenizer = self.bundle.tokenizer()
        if len(tokenizer(prompt).input_ids) > PROMPT_TOKENS:
            self.warnings.append(f"a prompt was truncated to {PROMPT_TOKENS - 2} tokens")
        with torch.inference_mode():
            return encoders.encode_prompts(encoder, tokenizer, [prompt])

    # -- denoising

    @property
    def denoisers(self) -> tuple[Any, Any]:
        """Networks that run at every step: UNet, and ControlNet or None."""
        return self.unet, self.controlnet if self.uses_controlnet else None

    @cached_property
    def predictor(self) -> Callable[..., Tensor]:
        """`predict_noise` with the bundle's networks; with `compile` both networks are compiled as one graph."""
        eager = partial(predict_noise, *self.denoisers)
        if not self.settings.compile:
            return eager
        mode = "reduce-overhead" if self.device.type == "cuda" else "default"  # reduce-overhead uses CUDA graphs
        compiled = torch.compile(eager, mode=mode)
        # A CUDA graph overwrites its previous output, and tensors inside it cannot be observed.
        return lambda sample, timestep, cond, observe=no_observer: compiled(sample, timestep, cond).clone()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for the report."""
        return {
            "device": str(self.device),
            "dtype": str(self.dtype).removeprefix("torch."),
            "image_prompt": self.uses_ip_adapter,
            "depth_control": self.uses_controlnet,
        }


def side_multiple(bundle: Bundle) -> int:
    """Required divisor of image sides, so that every level of VAE and UNet halves them: 64 for sd15."""
    levels = (bundle.config("vae")["block_out_channels"], bundle.config("unet")["block_out_channels"])
    return int(2 ** sum(len(channels) - 1 for channels in levels))


def attach_ip_adapter(unet: Any, weights: dict[str, dict[str, Tensor]], scale: float) -> nn.Module:
    """Load an IP-Adapter into a UNet, and return its image projector.

    The projector is detached from the UNet, so that image tokens are computed once per paint and not at every step; the
    UNet then takes (text embedding, [image tokens]) as encoder_hidden_states.
    """
    with suppress_library_logging():
        unet._load_ip_adapter_weights([weights])
    projector: nn.Module = unet.encoder_hid_proj.image_projection_layers[0]
    unet.encoder_hid_proj = None
    for processor in unet.attn_processors.values():
        if hasattr(processor, "scale"):
            processor.scale = [scale]
    unet.requires_grad_(False)
    return projector.eval().requires_grad_(False)


def detach_cond_embedding(controlnet: Any) -> nn.Module:
    """Detach the conditioning embedding of a ControlNet, so that it runs once per scene and not at every step."""
    cond_embedding: nn.Module = controlnet.controlnet_cond_embedding
    controlnet.controlnet_cond_embedding = nn.Identity()
    return cond_embedding


def pick_device(name: str) -> torch.device:
    """Return a device by name; "auto" selects cuda, mps or cpu. Raises ConfigError where it is not available."""
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(candidate for candidate in ("cuda", "mps", "cpu") if available[candidate])
    if not available[name]:
        raise ConfigError(f"`device` {name} is not available: pass `device=auto`")
    return torch.device(name)


def pick_dtype(name: str, device: torch.device) -> torch.dtype:
    """Return a dtype by name; "auto" selects the fastest dtype with hardware support on the device."""
    if name != "auto":
        dtype: torch.dtype = getattr(torch, name)
        return dtype
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "mps":
        return torch.float16
    return torch.bfloat16 if torch.cpu._is_amx_tile_supported() else torch.float32
