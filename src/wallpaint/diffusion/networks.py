"""A bundle's networks on a device: each loaded once, when first needed, with its adapters in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor, nn

from wallpaint.bundles.bundle import Bundle
from wallpaint.bundles.components import quiet
from wallpaint.bundles.configurations import TOKENS
from wallpaint.bundles.prompts import tokenize
from wallpaint.diffusion import loras
from wallpaint.diffusion.denoise import predict_noise, unobserved
from wallpaint.diffusion.settings import Settings
from wallpaint.errors import ConfigError, ModelError

TILED_PX = 512  # side of the pieces that a tiled VAE works on


class Networks:
    """The networks of a bundle, ready to run.

    What depends on no picture is made once: LoRAs are merged into the weights in float32, the IP-Adapter's attention is
    put into the UNet, the ControlNet's stem (which sees only the depth picture) is taken out of it.
    """

    def __init__(self, bundle: Bundle, settings: Settings) -> None:
        """Loads nothing yet. Raises ConfigError where the machine lacks the device."""
        self.bundle, self.settings = bundle, settings
        self.device = pick_device(settings.device)
        self.dtype = pick_dtype(settings.dtype, self.device)
        self.notes: list[str] = []
        for lora in settings.loras:
            loras.check(lora.path)
        self._loras = [loras.read(lora.path, lora.scale) for lora in settings.loras if lora.scale]

    # -- what the bundle can do

    @property
    def takes_references(self) -> bool:
        """Whether a picture can prompt: IP-Adapter and image encoder are there and turned on."""
        return self.settings.image_scale > 0 and self.bundle.has("ip_adapter") and self.bundle.has("image_encoder")

    @property
    def takes_depth(self) -> bool:
        """Whether depth can steer: ControlNet and depth estimator are there and turned on."""
        return self.settings.control_scale > 0 and self.bundle.has("controlnet") and self.bundle.has("depth")

    @cached_property
    def pixels_per_latent(self) -> int:
        """Side of the square of pixels that one latent stands for: 8."""
        return int(2 ** (len(self.vae.config["block_out_channels"]) - 1))

    @cached_property
    def side_multiple(self) -> int:
        """What the sides of a picture must be multiples of: 64 for sd15."""
        return int(self.pixels_per_latent * 2 ** (len(self.unet.config["block_out_channels"]) - 1))

    def scheduler_config(self) -> dict[str, Any]:
        """The bundle's noise schedule, as the LoRAs were trained with it."""
        return loras.schedule(self._loras, self.bundle.scheduler_config())

    # -- networks

    @contextmanager
    def running(self, *networks: nn.Module) -> Iterator[None]:
        """Have networks on the device while the body runs, and without gradients; with `offload` only then."""
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

    def _placed(self, network: nn.Module, dtype: torch.dtype | None = None) -> Any:
        """A network in its number format and memory layout, and on its device unless that waits for `running`."""
        wanted = dtype or self.dtype
        if any(p.dtype != wanted for p in network.parameters()):
            network = network.to(wanted)
        if any(p.ndim == 4 for p in network.parameters()):
            network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network if self.settings.offload else network.to(self.device)

    @cached_property
    def unet(self) -> Any:
        """UNet2DConditionModel, LoRAs merged, IP-Adapter's attention in place. Its text input is then a pair."""
        unet = self.bundle.load("unet", dtype=torch.float32 if self._loras else self.dtype)
        loras.merge_into_unet(unet, self._loras)
        if self.takes_references:
            self._projector = attach_ip_adapter(unet, self.bundle.ip_adapter(), self.settings.image_scale)
        return self._placed(unet)

    @cached_property
    def image_projector(self) -> Any:
        """From image embeddings to image tokens [B, n, C]. Only where `takes_references`."""
        _ = self.unet
        return self._placed(self._projector)

    @cached_property
    def controlnet(self) -> Any:
        """ControlNetModel without its stem: feed it `control_stem`'s output."""
        controlnet = self.bundle.load("controlnet", dtype=self.dtype)
        self._stem = take_stem(controlnet)
        return self._placed(controlnet)

    @cached_property
    def control_stem(self) -> Any:
        """The first layers of the ControlNet, which see the depth picture and neither noise nor time."""
        _ = self.controlnet
        return self._placed(self._stem)

    @cached_property
    def vae(self) -> Any:
        """AutoencoderKL."""
        vae = self.bundle.load("vae", dtype=self.dtype)
        if self.settings.tiling:
            vae.tile_sample_min_size = TILED_PX
            vae.tile_latent_min_size = TILED_PX // 2 ** (len(vae.config["block_out_channels"]) - 1)
            vae.enable_tiling()
        return self._placed(vae)

    @cached_property
    def image_encoder(self) -> Any:
        """CLIPVisionModelWithProjection."""
        return self._placed(self.bundle.load("image_encoder", dtype=self.dtype))

    @cached_property
    def depth_estimator(self) -> Any:
        """DPTForDepthEstimation; in float32, since eight bits of mantissa would show as steps."""
        return self._placed(self.bundle.load("depth", dtype=torch.float32), torch.float32)

    # -- text

    @cached_property
    def _embedded(self) -> dict[str, Tensor]:
        return {}

    def embed(self, prompt: str) -> Tensor:
        """[1, 77, C] on the device. The empty prompt's is the bundle's constant: no text encoder is loaded for it."""
        if prompt not in self._embedded:
            plain = not prompt and not any(lora.has_text for lora in self._loras)
            found = self.bundle.empty_prompt() if plain else self._encode(prompt)
            self._embedded[prompt] = found.to(self.device, self.dtype)
        return self._embedded[prompt]

    def _encode(self, prompt: str) -> Tensor:
        if not self.bundle.has("text_encoder") or not self.bundle.has("tokenizer"):
            raise ModelError(
                f"the bundle {self.bundle.name} has no text encoder: leave out prompts and LoRAs with text"
            )
        encoder = self.bundle.load("text_encoder", dtype=torch.float32)
        loras.add_to_text_encoder(encoder, self._loras)
        tokenizer = self.bundle.tokenizer()
        if len(tokenizer(prompt).input_ids) > TOKENS:
            self.notes.append(f"a prompt was cut off: there is room for {TOKENS - 2} words and parts of words")
        with torch.inference_mode():
            return encoder(tokenize(tokenizer, [prompt]))[0]

    # -- speed

    @property
    def denoisers(self) -> tuple[Any, Any]:
        """The networks that run at each step: UNet, and ControlNet or None."""
        return self.unet, self.controlnet if self.takes_depth else None

    @cached_property
    def predictor(self) -> Callable[..., Tensor]:
        """`predict_noise` with this bundle's networks; if so wished compiled, both networks as one graph."""
        plain = partial(predict_noise, *self.denoisers)
        if not self.settings.compile:
            return plain
        mode = "reduce-overhead" if self.device.type == "cuda" else "default"  # the former makes CUDA graphs
        compiled = torch.compile(plain, mode=mode)
        # A graph writes its next result over the last, and cannot be watched from inside.
        return lambda sample, timestep, cond, observe=unobserved: compiled(sample, timestep, cond).clone()

    def to_dict(self) -> dict[str, Any]:
        """What runs, for the report."""
        return {
            "device": str(self.device),
            "dtype": str(self.dtype).removeprefix("torch."),
            "image_prompt": self.takes_references,
            "depth_control": self.takes_depth,
        }


def attach_ip_adapter(unet: Any, weights: dict[str, dict[str, Tensor]], scale: float) -> nn.Module:
    """Put an IP-Adapter's attention into a UNet, and return its projector.

    The projector is taken out of the UNet again, so that image tokens are made once a paint and not at every step; the
    UNet then takes (text embedding, [image tokens]) for its text.
    """
    with quiet():
        unet._load_ip_adapter_weights([weights])
    projector: nn.Module = unet.encoder_hid_proj.image_projection_layers[0]
    unet.encoder_hid_proj = None
    for processor in unet.attn_processors.values():
        if hasattr(processor, "scale"):
            processor.scale = [scale]
    unet.requires_grad_(False)
    return projector.eval().requires_grad_(False)


def take_stem(controlnet: Any) -> nn.Module:
    """Take out of a ControlNet its first layers, which see the depth picture alone: run once, not at every step."""
    stem: nn.Module = controlnet.controlnet_cond_embedding
    controlnet.controlnet_cond_embedding = nn.Identity()
    return stem


def image_embeddings(encoder: Any, projector: nn.Module, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """What an IP-Adapter's projector takes, of pictures and of no picture: [B, ...] and [1, ...].

    pixels: [B, 3, S, S], with the encoder's statistics. Base: the pooled projection, zeros for nothing. Plus: all
    patches one layer before the last, for nothing those of zeros.
    """
    if hasattr(projector, "latents"):
        both = torch.cat([pixels, torch.zeros_like(pixels[:1])])
        embeddings = encoder(both, output_hidden_states=True).hidden_states[-2]
        return embeddings[:-1], embeddings[-1:]
    found = encoder(pixels).image_embeds
    return found, torch.zeros_like(found[:1])


def pick_device(wanted: str) -> torch.device:
    """The device of that name; "auto" is the best that is here. Raises ConfigError where it is missing."""
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        wanted = next(name for name in ("cuda", "mps", "cpu") if there[name])
    if not there[wanted]:
        raise ConfigError(f"there is no {wanted} device here: pass --device auto")
    return torch.device(wanted)


def pick_dtype(wanted: str, device: torch.device) -> torch.dtype:
    """The number format of that name; "auto" is the quickest that the device has hardware for."""
    if wanted != "auto":
        dtype: torch.dtype = getattr(torch, wanted)
        return dtype
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "mps":
        return torch.float16
    return torch.bfloat16 if torch.cpu._is_amx_tile_supported() else torch.float32
