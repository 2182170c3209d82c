"""The diffusion painter: Stable Diffusion inpainting, prompted by the paint's picture and held by the room's depth.

    once a scene   crop -> masked image -> VAE -> masked-image latents; depth -> the ControlNet's stem
    once a paint   reference -> image encoder -> image tokens
    then           noise (or the analytic repaint, noised) -> denoise, all paints of a batch at once -> VAE -> picture

What comes out is `lit`: the networks speak of albedo in and light out. For `literal` the picture is taken for a photo
of that wall and repainted to the swatch by the analytic painter's formula.
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
from wallpaint.diffusion import image_tensors as pictures
from wallpaint.diffusion import schedulers
from wallpaint.diffusion.denoise import Conditioning, Observer, denoise, unobserved
from wallpaint.diffusion.networks import Networks, image_embeddings
from wallpaint.diffusion.profile import Profile
from wallpaint.diffusion.settings import Settings
from wallpaint.errors import ModelError
from wallpaint.painters.diffusion import placement
from wallpaint.painters.protocol import Choice, Painted
from wallpaint.paints.paint import Paint
from wallpaint.paints.reference import reference_pixels
from wallpaint.scene.mask import Window
from wallpaint.scene.scene import Scene
from wallpaint.typing import Array

UNTRAINED = (
    "the bundle's weights are random and were never trained: this picture shows that the program runs, and nothing else"
)


@dataclass(frozen=True, eq=False)
class View:
    """What the networks see of a scene: one crop round walls that get one paint. Depends on no paint.

    window: where in the photo, and at what size. image: (H, W, 3) uint8 sRGB. mask: [1, 1, H, W] float32, 1 is wall, a
    little dilated. latent_mask: [1, 1, h, w]. masked_mean, masked_std: [1, 4, h, w], of the masked image's latents
    before scaling. control: [1, c, h, w], depth after the ControlNet's stem, or None.
    """

    window: Window
    image: Array
    mask: Tensor
    latent_mask: Tensor
    masked_mean: Tensor
    masked_std: Tensor
    control: Tensor | None


class DiffusionPainter:
    """Paints through a bundle's networks. They are loaded when first needed and kept; so are the views of a scene."""

    name = "diffusion"

    def __init__(
        self,
        bundle: Bundle,
        settings: Settings | None = None,
        *,
        profile: Profile | None = None,
        observe: Observer = unobserved,
    ) -> None:
        """observe: told every tensor on the way. Raises ConfigError or ModelError."""
        self.settings = settings or Settings()
        self.networks = Networks(bundle, self.settings)
        self.profile, self.observe = profile or Profile(), observe
        self._views: WeakKeyDictionary[Scene, dict[tuple[str, ...], View]] = WeakKeyDictionary()

    def describe(self) -> dict[str, Any]:
        """See `Painter`. What stages cost is of the last call of `paint`, and only told if operations were counted."""
        bundle, networks = self.networks.bundle, self.networks
        warnings = [UNTRAINED] if bundle.random else []
        if not networks.takes_references:
            warnings.append("without an image prompt the networks are not told the colour: the lock alone brings it")
        if self.settings.control_scale > 0 and not networks.takes_depth:
            warnings.append(f"bundle {bundle.name} has no depth control: only the surroundings hold the room's shape")
        settings: dict[str, Any] = self.settings.to_dict()
        settings["loras"] = [{"name": lora.path.name, "scale": lora.scale} for lora in self.settings.loras]
        told: dict[str, Any] = {"bundle": bundle.name, "diffusion": {**settings, **networks.to_dict()}}
        if self.profile.count_flops:
            told["profile"] = self.profile.rows()
        return {**told, "warnings": [*warnings, *networks.notes]}

    def paint(self, scene: Scene, choices: Sequence[Choice], match: str, seed: int) -> Iterator[dict[str, Painted]]:
        """See `Painter`. Walls that get one paint are painted together; paints of one view go in one batch."""
        self.profile.reset()
        for first in range(0, len(choices), self.settings.batch):
            yield from self._paint_batch(scene, choices[first : first + self.settings.batch], match, seed)

    def _paint_batch(self, scene: Scene, choices: Sequence[Choice], match: str, seed: int) -> list[dict[str, Painted]]:
        wanted: dict[tuple[str, ...], dict[Paint, list[int]]] = {}
        for index, choice in enumerate(choices):
            for paint in dict.fromkeys(choice.values()):
                names = tuple(name for name in scene.walls if choice[name] == paint)
                wanted.setdefault(names, {}).setdefault(paint, []).append(index)
        done: list[dict[str, Painted]] = [{} for _ in choices]
        for names, paints in wanted.items():
            view = self._view(scene, names)
            for (paint, indices), picture in zip(
                paints.items(), self._paint_view(scene, names, view, list(paints), seed), strict=True
            ):
                for name in names:
                    painted = placement.finish(
                        scene.walls[name], picture, view.window, paint, match, textured=self._follows(paint)
                    )
                    for index in indices:
                        done[index][name] = painted
        return done

    def _follows(self, paint: Paint) -> bool:
        """Whether the networks see a picture of this paint, so that what they paint is its texture."""
        return paint.reference is not None and self.networks.takes_references

    # -- once a scene

    def _view(self, scene: Scene, names: tuple[str, ...]) -> View:
        """The view of some walls; kept as long as the scene lives, so that a further paint costs no encoding."""
        views = self._views.setdefault(scene, {})
        if names not in views:
            window, image, mask = placement.see(
                scene, names, self.networks.bundle.native_px, self.networks.side_multiple, self.settings
            )
            views[names] = self.look(image, mask, window)
        return views[names]

    def look(self, image: Array, mask: Array, window: Window) -> View:
        """Encode what the networks see of a room. image: (H, W, 3) uint8 sRGB. mask: (H, W) bool."""
        networks, device = self.networks, self.networks.device
        pixels = pictures.to_tensor(image).to(device)
        wall = torch.from_numpy(mask.astype(np.float32))[None, None].to(device)
        self.observe("image", pixels)
        self.observe("mask", wall)
        masked = pixels * (1 - wall)
        self.observe("masked_image", masked)
        with self.profile.stage("vae encode"), networks.running(networks.vae):
            moments = networks.vae.encode(masked.to(networks.dtype)).latent_dist
        size = tuple(moments.mean.shape[-2:])
        latent_mask = torch.nn.functional.interpolate(wall, size=size, mode="nearest")
        self.observe("latent_mask", latent_mask)
        control = self._control(image) if networks.takes_depth else None
        return View(window, image, wall, latent_mask, moments.mean.float(), moments.std.float(), control)

    def _control(self, image: Array) -> Tensor:
        networks, estimator = self.networks, self.networks.depth_estimator
        size = estimator.config.image_size
        side = int(size if isinstance(size, int) else size[0])
        pixels = pictures.depth_pixels(image, networks.bundle.processor("depth"), side).to(networks.device)
        self.observe("depth_pixels", pixels)
        with self.profile.stage("depth"), networks.running(estimator):
            inverse_depth = estimator(pixels).predicted_depth  # [1, side, side]
        self.observe("inverse_depth", inverse_depth)
        picture = pictures.depth_picture(inverse_depth, (image.shape[0], image.shape[1]))
        self.observe("depth", picture)
        with self.profile.stage("control stem"), networks.running(networks.control_stem):
            control = networks.control_stem(picture.to(networks.dtype))
        self.observe("control", control)
        return control

    # -- once a paint

    def image_tokens(self, references: Sequence[Array]) -> tuple[Tensor, Tensor]:
        """Image tokens of references, and those of nothing, which guidance leads away from: both [B, 1, n, C].

        references: (H, W, 3) uint8 sRGB each.
        """
        networks = self.networks
        encoder, projector = networks.image_encoder, networks.image_projector
        processor = networks.bundle.processor("image_encoder")
        side = int(encoder.config.image_size)
        pixels = torch.cat([pictures.image_prompt_pixels(rgb, processor, side) for rgb in references])
        self.observe("reference", pixels)
        pixels = pixels.to(networks.device, networks.dtype)
        with self.profile.stage("image encode"), networks.running(encoder, projector):
            embeddings, nothing = image_embeddings(encoder, projector, pixels)
            self.observe("image_embedding", embeddings)
            tokens = projector(torch.cat([embeddings, nothing]))[:, None]
        self.observe("image_tokens", tokens[:-1, 0])
        return tokens[:-1], tokens[-1:].expand(len(references), *tokens.shape[1:])

    # -- a batch

    def _paint_view(
        self, scene: Scene, names: tuple[str, ...], view: View, paints: Sequence[Paint], seed: int
    ) -> Iterator[Array]:
        """The view in each paint: (H, W, 3) float32 sRGB, 0..1."""
        references = [reference_pixels(paint, np.random.default_rng(seed)) for paint in paints]
        start = (
            [placement.first_guess(scene, names, view.image, view.window, paint) for paint in paints]
            if self.settings.strength < 1
            else None
        )
        yield from self.generate(view, references, seed, start)

    def generate(
        self, view: View, references: Sequence[Array], seed: int, start: Sequence[Array] | None = None
    ) -> Array:
        """The view repainted by references, one batch.

        references: B pictures (H, W, 3) uint8 sRGB. seed: of every picture's noise, drawn on the CPU, so that paints
        can be compared and no picture depends on its neighbours in the batch. start: B pictures (H, W, 3) uint8 sRGB
        to begin with, where strength is under 1. Returns (B, H, W, 3) float32 sRGB, 0..1.
        """
        settings, networks = self.settings, self.networks
        generators = [torch.Generator().manual_seed(seed) for _ in references]
        scheduler = schedulers.make(settings.scheduler, networks.scheduler_config())
        timesteps = schedulers.timesteps(scheduler, settings.steps, settings.strength)
        # Drawn in the order of the stock pipelines: what to start from, its noise, the masked image.
        encoded = self._encode_start(start, generators) if start is not None else None
        noise = self._draw(view.masked_mean, generators)
        self.observe("noise", noise)
        if encoded is None:
            latents = noise * scheduler.init_noise_sigma
        else:
            latents = scheduler.add_noise(encoded, noise, timesteps[:1].repeat(len(generators)))
        cond = self._condition(view, references, self._draw(view.masked_mean, generators))
        with networks.running(*filter(None, networks.denoisers)):
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

    def _draw(self, like: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        drawn = [torch.randn(like.shape, generator=generator) for generator in generators]
        return torch.cat(drawn).to(self.networks.device)  # [B, 4, h, w] float32

    def _encode_start(self, start: Sequence[Array], generators: Sequence[torch.Generator]) -> Tensor:
        networks = self.networks
        found = []
        with networks.running(networks.vae):
            for rgb, generator in zip(start, generators, strict=True):
                pixels = pictures.to_tensor(rgb).to(networks.device, networks.dtype)
                with self.profile.stage("vae encode"):
                    moments = networks.vae.encode(pixels).latent_dist
                found.append(moments.mean.float() + moments.std.float() * self._draw(moments.mean, [generator]))
        return torch.cat(found) * self._scaling

    @property
    def _scaling(self) -> float:
        return float(self.networks.vae.config.scaling_factor)

    def _condition(self, view: View, references: Sequence[Array], masked_noise: Tensor) -> Conditioning:
        settings, networks, count = self.settings, self.networks, len(references)
        kind = networks.dtype
        masked_latents = (view.masked_mean + view.masked_std * masked_noise) * self._scaling
        self.observe("masked_image_latents", masked_latents)
        with self.profile.stage("text"):
            text = networks.embed(settings.prompt).expand(count, -1, -1)
        self.observe("text_embedding", text)
        tokens = self.image_tokens(references) if networks.takes_references else (None, None)
        cond = Conditioning(
            view.latent_mask.expand(count, -1, -1, -1).to(kind),
            masked_latents.to(kind),
            text,
            tokens[0],
            None if view.control is None else view.control.expand(count, -1, -1, -1),
            settings.control_scale,
        )
        if settings.guidance > 1:
            away = networks.embed(settings.negative_prompt).expand(count, -1, -1)
            cond = cond.guided(away, tokens[1])
        return cond

    def _decode(self, latents: Tensor) -> Array:
        networks, scaled = self.networks, (latents / self._scaling).to(self.networks.dtype)
        found = []
        with networks.running(networks.vae):
            for one in torch.split(scaled, 1):  # in turn: decoding is what takes most memory
                with self.profile.stage("vae decode"):
                    found.append(networks.vae.decode(one, return_dict=False)[0])
        image = torch.cat(found)
        self.observe("decoded_image", image)
        if not bool(torch.isfinite(image).all()):
            raise ModelError(
                "the networks gave no numbers: try --dtype float32, a lower LoRA scale, or verify the bundle"
            )
        return pictures.from_tensor(image)
