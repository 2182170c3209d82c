"""A bundle: one complete set of models in one layout, whatever its name and size.

bundle = load_bundle("sd15")
unet = bundle.load("unet", torch.bfloat16)
prompt = bundle.empty_prompt()  # [1, 77, 768]
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wallpaint.bundles import components as parts
from wallpaint.bundles import image_prompt, lock, prompts, single_file
from wallpaint.bundles import paths as places
from wallpaint.bundles.configurations import SCHEDULER, configuration
from wallpaint.bundles.manifest import (
    FILE_NAME,
    IN_CHECKPOINT,
    INDEX_NAME,
    MODULES,
    Manifest,
    of_checkpoint,
    of_folder,
    read,
    read_json,
)
from wallpaint.errors import ModelError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Bundle:
    """A set of models on disk. Nothing is kept in memory: each call reads anew, so keep what you load."""

    manifest: Manifest

    @property
    def name(self) -> str:
        """What it is called; nothing depends on it."""
        return self.manifest.name

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.manifest.folder

    @property
    def description(self) -> str:
        """One line for people."""
        return self.manifest.description

    @property
    def random(self) -> bool:
        """True where the weights were never trained."""
        return self.manifest.random

    @property
    def native_px(self) -> int:
        """Side of the square area that the models are used at."""
        return self.manifest.native_px

    def has(self, part: str) -> bool:
        """Whether the bundle has a part: one of `load`'s, or tokenizer, scheduler, ip_adapter."""
        places_of = self.manifest.places
        return part in places_of or ("checkpoint" in places_of and part in (*IN_CHECKPOINT, "scheduler"))

    def place(self, part: str) -> Path:
        """File or folder of a part. Raises ModelError where the bundle has none."""
        places_of = self.manifest.places
        if part in places_of:
            return places_of[part]
        if "checkpoint" in places_of and part in IN_CHECKPOINT:
            return places_of["checkpoint"]
        raise ModelError(f"bundle {self.name!r} at {self.folder} has no {part}: choose a bundle that has one")

    def load(self, part: str, dtype: torch.dtype | None = None) -> Any:
        """The model of a part: on the CPU, in eval mode, without gradients, a fresh one at each call.

        part: unet (9 input channels), vae, text_encoder, controlnet, image_encoder, depth or segmenter.
        dtype: of its weights; float32 if not given. Returns diffusers' or transformers' own nn.Module.
        Raises ModelError where the part is absent, damaged or of another architecture.
        """
        import torch

        if part not in MODULES:
            raise ModelError(f"{part!r} is no model of a bundle: choose one of {', '.join(MODULES)}")
        place = self.place(part)
        lock.check(self.folder, place)
        if part not in self.manifest.places:
            return single_file.load(part, place, self.config(part), dtype or torch.float32)
        if part in ("controlnet", "text_encoder") and self.has("unet"):
            parts.check_family(part, self.config(part), self.config("unet"), place / "config.json")
        return parts.load(part, place, dtype or torch.float32)

    def config(self, part: str) -> dict[str, Any]:
        """config.json of a part of `load`, checked to be of its class."""
        place = self.place(part)
        if part not in self.manifest.places:
            return dict(configuration(self.manifest.configuration)[part])
        return parts.read_config(part, place)

    def tokenizer(self) -> Any:
        """The CLIPTokenizer, of 77 tokens. Raises ModelError where it does not go with the text encoder."""
        words = self.config("text_encoder").get("vocab_size") if self.has("text_encoder") else None
        lock.check(self.folder, self.place("tokenizer"))
        return prompts.load_tokenizer(self.place("tokenizer"), words)

    def scheduler_config(self) -> dict[str, Any]:
        """scheduler_config.json; of a single file, what the published models have."""
        if "scheduler" not in self.manifest.places and "checkpoint" in self.manifest.places:
            return dict(SCHEDULER)
        path = self.place("scheduler")
        lock.check(self.folder, path)
        return read_json(path / "scheduler_config.json" if path.suffix != ".json" else path)

    def ip_adapter(self, dtype: torch.dtype | None = None) -> dict[str, dict[str, torch.Tensor]]:
        """{"image_proj": …, "ip_adapter": …}: what diffusers' unet._load_ip_adapter_weights takes.

        Base and Plus are told apart by their keys. dtype: float32 if not given. Raises ModelError where it does not
        fit the UNet or the image encoder.
        """
        place = self.place("ip_adapter")
        lock.check(self.folder, place)
        vision = self.config("image_encoder") if self.has("image_encoder") else None
        return image_prompt.load(place, self.config("unet"), vision, dtype)

    def processor(self, part: str) -> dict[str, Any]:
        """How pictures are made ready for image_encoder, depth or segmenter.

        image_mean, image_std: three floats of RGB in 0..1; size: {"height", "width"} in pixels. Published values where
        the folder has no preprocessor_config.json.
        """
        return image_prompt.processor(part, self.place(part), self.config(part))

    def empty_prompt(self) -> torch.Tensor:
        """The text encoder's output for "": [1, 77, width] float32.

        Computed once and kept: in empty_prompt.safetensors of a folder with bundle.toml, else in our own cache. Made
        anew where the text encoder's weights are no longer those that it came from.
        """
        width = self.config("unet").get("cross_attention_dim") if self.has("unet") else None
        kept = prompts.kept_empty(self, width)
        return prompts.make_empty(self, width) if kept is None else kept


def load_bundle(which: str | Path) -> Bundle:
    """Open a bundle by a name ("sd15"), a folder, or a single .safetensors checkpoint.

    A folder may have a bundle.toml, or be a plain diffusers folder. Nothing is loaded yet. Raises ModelError.
    """
    path = places.resolve(which)
    if path.is_file():
        if path.suffix != ".safetensors":
            raise ModelError(f"{path}: a checkpoint should be a .safetensors file: convert it, pickles could run code")
        return Bundle(of_checkpoint(path))
    if not path.is_dir():
        raise ModelError(f"{path}: there is no such bundle: {places.advice(which)}")
    if (path / FILE_NAME).is_file():
        return Bundle(read(path))
    if (path / INDEX_NAME).is_file():
        return Bundle(of_folder(path))
    raise ModelError(f"{path}: is no bundle (no {FILE_NAME}, no {INDEX_NAME}): {places.advice(which)}")
