"""The published models that a bundle is put together from: hub ids and folders. No sums: they are computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wallpaint.bundles.layout import PLACES, adapter_place
from wallpaint.errors import InputError


@dataclass(frozen=True)
class Source:
    """One repository of the hub, and which of its folders is which part. "" is its root."""

    repo: str
    folders: Mapping[str, str] = field(default_factory=dict)
    adapter: str | None = None  # the IP-Adapter's file


@dataclass(frozen=True)
class Published:
    """A bundle by its sources; the first one is the main one."""

    name: str
    description: str
    native_px: int
    sources: tuple[Source, ...]
    parameters: Mapping[str, int]

    @property
    def places(self) -> dict[str, str]:
        """Where each part goes in the bundle's folder."""
        written = {part: PLACES[part] for source in self.sources for part in source.folders}
        if any(source.adapter for source in self.sources):
            written["ip_adapter"] = adapter_place("sd15", plus=self.name.endswith("-plus"))
        return written


_PARAMETERS = {
    "unet": 859_535_364,
    "vae": 83_653_863,
    "text_encoder": 123_060_480,
    "controlnet": 361_279_120,
    "image_encoder": 632_076_800,
    "depth": 343_030_465,
}
# Its licence allows research only, so it is fetched when asked for.
SEGMENTER = Source("nvidia/segformer-b0-finetuned-ade-512-512", {"segmenter": ""})


def _sd15(*, plus: bool) -> Published:
    main = {part: part for part in ("unet", "vae", "text_encoder", "tokenizer", "scheduler")}
    adapter = Source(
        "h94/IP-Adapter", {"image_encoder": "models/image_encoder"}, adapter=adapter_place("sd15", plus=plus)
    )
    return Published(
        name="sd15-plus" if plus else "sd15",
        description="Stable Diffusion 1.5 inpainting, depth ControlNet, IP-Adapter"
        + (" Plus" if plus else "")
        + ", DPT-large",
        native_px=512,
        sources=(
            Source("stable-diffusion-v1-5/stable-diffusion-inpainting", main),
            Source("lllyasviel/control_v11f1p_sd15_depth", {"controlnet": ""}),
            adapter,
            Source("Intel/dpt-large", {"depth": ""}),
        ),
        parameters={**_PARAMETERS, "ip_adapter": 49_087_488 if plus else 22_319_616},
    )


PUBLISHED = {spec.name: spec for spec in (_sd15(plus=False), _sd15(plus=True))}


def published(name: str, *, plus: bool = False) -> Published:
    """A published bundle by name; plus: its variant with the IP-Adapter Plus. Raises InputError."""
    if name not in PUBLISHED:
        raise InputError(f"{name!r} is not to be fetched: choose one of {', '.join(PUBLISHED)}")
    return PUBLISHED[f"{name}-plus"] if plus and not name.endswith("-plus") else PUBLISHED[name]
