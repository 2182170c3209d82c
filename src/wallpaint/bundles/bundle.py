"""A bundle: one complete set of models in one layout, whatever its name and size.

bundle = load_bundle("sd15")
unet = bundle.load("unet", torch.bfloat16)
prompt = bundle.empty_prompt()  # [1, 77, 768]
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wallpaint.bundles import components, image_prompt, lock, paths, prompts, single_file
from wallpaint.bundles.configurations import SCHEDULER, configuration
from wallpaint.bundles.manifest import (
    CHECKPOINT_COMPONENTS,
    FILE_NAME,
    INDEX_NAME,
    MODEL_NAMES,
    Manifest,
    from_checkpoint,
    from_diffusers_folder,
    read,
    read_json,
)
from wallpaint.errors import ModelError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Bundle:
    """A set of models on disk. Nothing is cached in memory: each call reads the files again."""

    manifest: Manifest

    @property
    def name(self) -> str:
        """Display name; nothing depends on it."""
        return self.manifest.name

    @property
    def folder(self) -> Path:
        """Folder of the bundle, or of its checkpoint file."""
        return self.manifest.folder

    @property
    def description(self) -> str:
        """One-line description."""
        return self.manifest.description

    @property
    def random(self) -> bool:
        """Whether the weights are random and were never trained."""
        return self.manifest.random

    @property
    def native_px(self) -> int:
        """Side of the square area that the models were trained at, in pixels."""
        return self.manifest.native_px

    def has(self, component: str) -> bool:
        """Whether the bundle has a component: one of `load`'s, or tokenizer, scheduler, ip_adapter."""
        listed = self.manifest.paths
        return component in listed or ("checkpoint" in listed and component in (*CHECKPOINT_COMPONENTS, "scheduler"))

    def path(self, component: str) -> Path:
        """File or folder of a component. Raises ModelError where the bundle has none."""
        listed = self.manifest.paths
        if component in listed:
            return listed[component]
        if "checkpoint" in listed and component in CHECKPOINT_COMPONENTS:
            return listed["checkpoint"]
        raise ModelError(f"bundle {self.name!r} at {self.folder} has no {component}: choose a bundle that has one")

    def load(self, component: str, dtype: torch.dtype | None = None) -> Any:
        """Load a model: on the CPU, in eval mode, without gradients, a new instance at each call.

        component: unet (9 input channels), vae, text_encoder, controlnet, image_encoder, depth or segmenter.
        dtype: of its weights, float32 by default. Returns an nn.Module of diffusers or transformers.
        Raises ModelError where the component is absent, damaged or of another architecture.
        """
        import torch

        if component not in MODEL_NAMES:
            raise ModelError(f"{component!r} is no model of a bundle: choose one of {', '.join(MODEL_NAMES)}")
        path = self.path(component)
        lock.check(self.folder, path)
        if component not in self.manifest.paths:
            return single_file.load(component, path, self.config(component), dtype or torch.float32)
        if component in ("controlnet", "text_encoder") and self.has("unet"):
            components.check_compatible(component, self.config(component), self.config("unet"), path / "config.json")
        return components.load(component, path, dtype or torch.float32)

    def config(self, component: str) -> dict[str, Any]:
        """Read config.json of a model, checked against the model's class. Raises ModelError."""
        path = self.path(component)
        if component not in self.manifest.paths:
            return dict(configuration(self.manifest.configuration)[component])
        return components.read_config(component, path)

    def tokenizer(self) -> Any:
        """Load the CLIPTokenizer (77 tokens). Raises ModelError where it does not match the text encoder."""
        vocab_size = self.config("text_encoder").get("vocab_size") if self.has("text_encoder") else None
        lock.check(self.folder, self.path("tokenizer"))
        return prompts.load_tokenizer(self.path("tokenizer"), vocab_size)

    def scheduler_config(self) -> dict[str, Any]:
        """Read scheduler_config.json; for a single-file checkpoint, the config of the published models."""
        if "scheduler" not in self.manifest.paths and "checkpoint" in self.manifest.paths:
            return dict(SCHEDULER)
        path = self.path("scheduler")
        lock.check(self.folder, path)
        return read_json(path / "scheduler_config.json" if path.suffix != ".json" else path)

    def ip_adapter(self, dtype: torch.dtype | None = None) -> dict[str, dict[str, torch.Tensor]]:
        """Load {"image_proj": …, "ip_adapter": …}, the input of diffusers' unet._load_ip_adapter_weights.

        The keys distinguish base and Plus. dtype: float32 by default. Raises ModelError where the weights do not fit
        the UNet or the image encoder.
        """
        path = self.path("ip_adapter")
        lock.check(self.folder, path)
        vision = self.config("image_encoder") if self.has("image_encoder") else None
        return image_prompt.load(path, self.config("unet"), vision, dtype)

    def processor(self, component: str) -> dict[str, Any]:
        """Image processor config of image_encoder, depth or segmenter.

        image_mean, image_std: three floats, RGB in 0..1. size: {"height", "width"} in pixels. Published values where
        the folder has no preprocessor_config.json.
        """
        return image_prompt.processor(component, self.path(component), self.config(component))

    def empty_prompt(self) -> torch.Tensor:
        """Text encoder output for "": [1, 77, width] float32.

        Computed once and cached: in empty_prompt.safetensors of a folder with bundle.toml, else in the prompt cache.
        Recomputed when the weights of the text encoder have changed.
        """
        width = self.config("unet").get("cross_attention_dim") if self.has("unet") else None
        cached = prompts.read_cached_prompt(self, width)
        return prompts.compute_empty_prompt(self, width) if cached is None else cached


def load_bundle(which: str | Path) -> Bundle:
    """Open a bundle by a name ("sd15"), a folder, or a single .safetensors checkpoint.

    A folder may have a bundle.toml, or be a plain diffusers folder. No weights are loaded yet. Raises ModelError.
    """
    path = paths.resolve(which)
    if path.is_file():
        if path.suffix != ".safetensors":
            raise ModelError(f"{path}: a checkpoint should be a .safetensors file: convert it, pickles can run code")
        return Bundle(from_checkpoint(path))
    if not path.is_dir():
        raise ModelError(f"{path}: there is no such bundle: {paths.hint(which)}")
    if (path / FILE_NAME).is_file():
        return Bundle(read(path))
    if (path / INDEX_NAME).is_file():
        return Bundle(from_diffusers_folder(path))
    raise ModelError(f"{path}: is no bundle (no {FILE_NAME}, no {INDEX_NAME}): {paths.hint(which)}")
