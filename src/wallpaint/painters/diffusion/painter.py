"""The diffusion painter: Stable Diffusion inpainting, conditioned on the paint (IP-Adapter) and depth (ControlNet).

    once per scene   crop -> masked image -> VAE -> masked-image latents; depth -> ControlNet conditioning embedding
    once per paint   reference -> image encoder -> image tokens
    then             noise (or the noised analytic repaint) -> denoise, a batch of paints at once -> VAE -> image

The networks take albedo as input and output the `room` match. For the `swatch` match the output is treated as a photo
of that wall and repainted to the swatch by the analytic painter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from wallpaint.bundles.bundle import Bundle
from wallpaint.diffusion import encoders, image_tensors, schedulers
from wallpaint.diffusion.denoise import Conditioning, Observer, denoise, no_observer
from wallpaint.diffusion.networks import Networks
from wallpaint.diffusion.profile import Profile
from wallpaint.diffusion.settings import DiffusionSettings
from wallpaint.errors import ModelError
from wallpaint.painters.diffusion import placement
from wallpaint.painters.protocol import PaintAssignment, PaintedWall
from wallpaint.paints.paint import Paint
from wallpaint.paints.reference import reference_pixels
from wallpaint.scene.mask import Window
from wallpaint.scene.scene import PreparedScene
from wallpaint.typing import Array

RANDOM_WEIGHTS_WARNING = (
    "the bundle's weights are random and were never trained: the image only shows that the program runs"
)


@dataclass(frozen=True, eq=False)
class DiffusionView:
    """Encoded crop of a scene round walls that share one paint. Does not depend on the paint.

    window: the crop and its size at the model. image: (H, W, 3) uint8 sRGB. mask: [1, 1, H, W] float32, 1 is wall,
    dilated. latent_mask: [1, 1, h, w]. masked_mean, masked_std: [1, 4, h, w], posterior of the masked image before
    scaling. controlnet_cond: [1, c, h, w], see `Conditioning.controlnet_cond`, or None.
    """

    window: Window
    image: Array
    mask: Tensor
    latent_mask: Tensor
    masked_mean: Tensor
    masked_std: Tensor
    controlnet_cond: Tensor | None


class DiffusionPainter:
    """Paints with the networks of a bundle. Networks are loaded on first use; views are cached per scene."""

    name = "diffusion"

    def __init__(
        self,
        bundle: Bundle,
        settings: DiffusionSettings | None = None,
        *,
        profile: Profile | None = None,
        observe: Observer = no_observer,
    ) -> None:
        """observe: called with every intermediate tensor. Raises ConfigError or ModelError."""
        self.settings = settings or DiffusionSettings()
        self.networks = Networks(bundle, self.settings)
        self.profile, self.observe = profile or Profile(), observe
        self._views: WeakKeyDictionary[PreparedScene, dict[tuple[str, ...], DiffusionView]] = WeakKeyDictionary()

    def describe(self) -> dict[str, Any]:
        """See `Painter`. Includes the profile of the last call of `paint` if operations were counted."""
        bundle, networks = self.networks.bundle, self.networks
        warnings = [RANDOM_WEIGHTS_WARNING] if bundle.random else []
        if not networks.uses_ip_adapter:
            warnings.append("without an image prompt the networks do not get the colour: only the colour lock sets it")
        if self.settings.controlnet_scale > 0 and not networks.uses_controlnet:
            warnings.append(f"bundle {bundle.name} has no depth control: geometry comes from the surroundings alone")
        settings: dict[str, Any] = self.settings.to_dict()
        settings["loras"] = [{"name": lora.path.name, "scale": lora.scale} for lora in self.settings.loras]
        metadata: dict[str, Any] = {"bundle": bundle.name, "diffusion": {**settings, **networks.to_dict()}}
        if self.profile.count_flops:
            metadata["profile"] = self.profile.rows()
        return {**metadata, "warnings": [*warnings, *networks.warnings]}

    def paint(
        self, scene: PreparedScene, assignments: Sequence[PaintAssignment], match: str, seed: int
    ) -> Iterator[dict[str, PaintedWall]]:
        """See `Painter`. Walls with the same paint share a view; the paints of a view are batched."""
        self.profile.reset()
        for first in range(0, len(assignments), self.settings.batch):
            yield from self._paint_batch(scene, assignments[first : first + self.settings.batch], match, seed)

    def _paint_batch(
        self, scene: PreparedScene, assignments: Sequence[PaintAssignment], match: str, seed: int
    ) -> list[dict[str, PaintedWall]]:
        views_to_paint: dict[tuple[str, ...], dict[Paint, list[int]]] = {}  # wall names -> paint -> assignments
        for index, choice in enumerate(assignments):
            for paint in dict.fromkeys(choice.values()):
                names = tuple(name for name in scene.walls if choice[name] == paint)
                views_to_paint.setdefault(names, {}).setdefault(paint, []).append(index)
        results: list[dict[str, PaintedWall]] = [{} for _ in assignments]
        for names, paints in views_to_paint.items():
            view = self._view(scene, names)
            for (paint, indices), image in zip(
                paints.items(), self._paint_view(scene, names, view, list(paints), seed), strict=True
            ):
                for name in names:
                    painted = placement.wall_from_view(
                        scene.walls[name],
                        image,
                        view.window,
                        paint,
                        match,
                        has_texture=self._uses_reference_image(paint),
                    )
                    for index in indices:
                        results[index][name] = painted
        return results

    def _uses_reference_image(self, paint: Paint) -> bool:
        """Whether the networks get a reference image of the paint, so that the output shows its texture."""
        return paint.reference is not None and self.networks.uses_ip_adapter

    # -- once per scene

    def _view(self, scene: PreparedScene, names: tuple[str, ...]) -> DiffusionView:
        """Return the view of some walls, cached while the scene exists, so that further paints need no encoding."""
        cached = self._views.setdefault(scene, {})
        if names not in cached:
            window, image, mask = placement.crop_view(
                scene, names, self.networks.bundle.native_px, self.networks.side_multiple, self.settings
            )
            cached[names] = self.encode_view(image, mask, window)
        return cached[names]

    def encode_view(self, image: Array, mask: Array, window: Window) -> DiffusionView:
        """Encode a crop of a room. image: (H, W, 3) uint8 sRGB. mask: (H, W) bool, to be inpainted."""
        networks, device = self.networks, self.networks.device
        pixels = image_tensors.to_tensor(image).to(device)
        wall = torch.from_numpy(mask.astype(np.float32))[None, None].to(device)
        self.observe("image", pixels)
        self.observe("mask", wall)
        masked = pixels * (1 - wall)
        self.observe("masked_image", masked)
        with self.profile.stage("vae encode"), networks.on_device(networks.vae):
            mean, std = encoders.posterior_moments(networks.vae, masked)
        size = tuple(mean.shape[-2:])
        latent_mask = torch.nn.functional.interpolate(wall, size=size, mode="nearest")
        self.observe("latent_mask", latent_mask)
        cond = self._controlnet_cond(image) if networks.uses_controlnet else None
        return DiffusionView(window, image, wall, latent_mask, mean, std, cond)

    def _controlnet_cond(self, image: Array) -> Tensor:
        networks, estimator = self.networks, self.networks.depth_estimator
        processor = networks.bundle.processor("depth")
        with self.profile.stage("depth"), networks.on_device(estimator):
            control_image = encoders.depth_control_image(estimator, processor, image, observe=self.observe)
        with self.profile.stage("control stem"), networks.on_device(networks.controlnet_cond_embedding):
            cond = networks.controlnet_cond_embedding(control_image.to(networks.dtype))  # [1, c, h, w]
        self.observe("control", cond)
        return cond

    # -- once per paint

    def image_tokens(self, references: Sequence[Array]) -> tuple[Tensor, Tensor]:
        """Compute image tokens of references, and the negative ones for guidance: both [B, 1, n, C].

        references: (H, W, 3) uint8 sRGB each.
        """
        networks = self.networks
        encoder, projector = networks.image_encoder, networks.image_projector
        processor = networks.bundle.processor("image_encoder")
        side = int(encoder.config.image_size)
        pixels = torch.cat([image_tensors.image_prompt_pixels(rgb, processor, side) for rgb in references])
        self.observe("reference", pixels)
        pixels = pixels.to(networks.device, networks.dtype)
        with self.profile.stage("image encode"), networks.on_device(encoder, projector):
            embeddings, negative = encoders.image_embeddings(encoder, projector, pixels)
            self.observe("image_embedding", embeddings)
            tokens = projector(torch.cat([embeddings, negative]))[:, None]  # [B + 1, 1, n, C]
        self.observe("image_tokens", tokens[:-1, 0])
        return tokens[:-1], tokens[-1:].expand(len(references), *tokens.shape[1:])

    # -- a batch

    def _paint_view(
        self, scene: PreparedScene, names: tuple[str, ...], view: DiffusionView, paints: Sequence[Paint], seed: int
    ) -> Iterator[Array]:
        """Yield the view in each paint: (H, W, 3) float32 sRGB, 0..1."""
        references = [reference_pixels(paint, np.random.default_rng(seed)) for paint in paints]
        init_images = (
            [placement.initial_image(scene, names, view.image, view.window, paint) for paint in paints]
            if self.settings.strength < 1
            else None
        )
        yield from self.inpaint(view, references, seed, init_images)

    def inpaint(
        self, view: DiffusionView, references: Sequence[Array], seed: int, init_images: Sequence[Array] | None = None
    ) -> Array:
        """Inpaint a view with each reference, as one batch.

        references: B images (H, W, 3) uint8 sRGB. seed: of the noise of every image, sampled on the CPU, so that paints
        are comparable and an image does not depend on the rest of the batch. init_images: B images (H, W, 3) uint8
        sRGB to start from, where strength is below 1. Returns (B, H, W, 3) float32 sRGB, 0..1.
        """
        settings, networks = self.settings, self.networks
        generators = [torch.Generator().manual_seed(seed) for _ in references]
        scheduler = schedulers.make_scheduler(settings.scheduler, networks.scheduler_config())
        timesteps = schedulers.get_timesteps(scheduler, settings.steps, settings.strength)
        # Sampling order of the stock pipelines: initial latents, noise, masked-image latents.
        init_latents = self._encode_init_images(init_images, generators) if init_images is not None else None
        noise = self._randn(view.masked_mean, generators)  # [B, 4, h, w]
        self.observe("noise", noise)
        if init_latents is None:
            latents = noise * scheduler.init_noise_sigma
        else:
            latents = scheduler.add_noise(init_latents, noise, timesteps[:1].repeat(len(generators)))
        cond = self._conditioning(view, references, self._randn(view.masked_mean, generators))
        with networks.on_device(*filter(None, networks.denoisers)):
            latents = denoise(
                networks.predictor,
                scheduler,
                latents,
                timesteps,
                cond,
                guidance=settings.guidance,
                generators=generators if settings.scheduler in schedulers.STOCHASTIC else None,
                profile=self.profile,
                observe=self.observe,
            )
        return self._decode(latents)

    def _randn(self, like: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        noise = [torch.randn(like.shape, generator=generator) for generator in generators]
        return torch.cat(noise).to(self.networks.device)  # [B, 4, h, w] float32

    def _encode_init_images(self, init_images: Sequence[Array], generators: Sequence[torch.Generator]) -> Tensor:
        networks = self.networks
        latents = []
        with networks.on_device(networks.vae):
            for rgb, generator in zip(init_images, generators, strict=True):
                with self.profile.stage("vae encode"):
                    moments = encoders.posterior_moments(networks.vae, image_tensors.to_tensor(rgb).to(networks.device))
                noise = self._randn(moments[0], [generator])
                latents.append(encoders.sample_posterior(*moments, noise, self._scaling_factor))
        return torch.cat(latents)  # [B, 4, h, w]

    @property
    def _scaling_factor(self) -> float:
        return float(self.networks.vae.config.scaling_factor)

    def _conditioning(self, view: DiffusionView, references: Sequence[Array], masked_noise: Tensor) -> Conditioning:
        settings, networks, count = self.settings, self.networks, len(references)
        masked_latents = encoders.sample_posterior(
            view.masked_mean, view.masked_std, masked_noise, self._scaling_factor
        )
        self.observe("masked_image_latents", masked_latents)
        with self.profile.stage("text"):
            text = networks.encode_prompt(settings.prompt).expand(count, -1, -1)
        self.observe("text_embedding", text)
        tokens = self.image_tokens(references) if networks.uses_ip_adapter else (None, None)
        cond = Conditioning(
            view.latent_mask.expand(count, -1, -1, -1).to(networks.dtype),
            masked_latents.to(networks.dtype),
            text,
            tokens[0],
            None if view.controlnet_cond is None else view.controlnet_cond.expand(count, -1, -1, -1),
            settings.controlnet_scale,
        )
        if settings.guidance > 1:
            negative_text = networks.encode_prompt(settings.negative_prompt).expand(count, -1, -1)
            cond = cond.for_guidance(negative_text, tokens[1])
        return cond

    def _decode(self, latents: Tensor) -> Array:
        networks, scaled = self.networks, (latents / self._scaling_factor).to(self.networks.dtype)
        decoded = []
        with networks.on_device(networks.vae):
            for latent in torch.split(scaled, 1):  # one at a time, since decoding needs the most memory
                with self.profile.stage("vae decode"):
                    decoded.append(networks.vae.decode(latent, return_dict=False)[0])
        image = torch.cat(decoded)  # [B, 3, H, W]
        self.observe("decoded_image", image)
        if not bool(torch.isfinite(image).all()):
            raise ModelError(
                "the networks returned NaN or infinity: try `dtype=float32`, a lower LoRA scale, or verify the bundle"
            )
        return image_tensors.from_tensor(image)
