"""Published models that make up a bundle: hub repositories, their folders, licences and sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wallpaint.bundles.layout import COMPONENT_PATHS, ip_adapter_path
from wallpaint.errors import InputError


@dataclass(frozen=True)
class HubRepository:
    """A hub repository. folders: its folder of each component, "" for the root. ip_adapter: the IP-Adapter file.

    license: of its weights. fallback_revisions: searched in order where the default branch has no safetensors files.
    """

    repo: str
    license: str
    folders: Mapping[str, str] = field(default_factory=dict)
    ip_adapter: str | None = None
    fallback_revisions: tuple[str, ...] = ()

    def component_of(self, name: str) -> str:
        """Return the component that a selected file belongs to. name: path of the file in the repository."""
        if name == self.ip_adapter:
            return "ip_adapter"
        parent = name.rpartition("/")[0]
        return next(component for component, folder in self.folders.items() if folder == parent)


@dataclass(frozen=True)
class PublishedBundle:
    """Sources of a bundle, the main repository first. parameters: number of parameters by component."""

    name: str
    description: str
    native_px: int
    sources: tuple[HubRepository, ...]
    parameters: Mapping[str, int]

    @property
    def paths(self) -> dict[str, str]:
        """Path of each component in the bundle's folder."""
        paths = {component: COMPONENT_PATHS[component] for source in self.sources for component in source.folders}
        if any(source.ip_adapter for source in self.sources):
            paths["ip_adapter"] = ip_adapter_path("sd15", plus=self.name.endswith("-plus"))
        return paths

    @property
    def download_bytes(self) -> int:
        """Size of the published weights in bytes."""
        return sum(count * (2 if name in _HALF_PRECISION else 4) for name, count in self.parameters.items())


_HALF_PRECISION = ("unet", "vae", "text_encoder", "ip_adapter")  # published in float16, the others in float32
_PARAMETERS = {
    "unet": 859_535_364,
    "vae": 83_653_863,
    "text_encoder": 123_060_480,
    "controlnet": 361_279_120,
    "image_encoder": 632_076_800,
    "depth": 341_850_305,  # without the layer that no output depends on
}
# The licence allows research only, so it is fetched on request. The default branch has pickles only; the pull request
# is that of the hub's conversion to safetensors.
SEGMENTER = HubRepository(
    "nvidia/segformer-b0-finetuned-ade-512-512",
    "other (NVIDIA: research only)",
    {"segmenter": ""},
    fallback_revisions=("refs/pr/5",),
)


def _sd15(*, plus: bool) -> PublishedBundle:
    main = {component: component for component in ("unet", "vae", "text_encoder", "tokenizer", "scheduler")}
    adapter = HubRepository(
        "h94/IP-Adapter",
        "apache-2.0",
        {"image_encoder": "models/image_encoder"},
        ip_adapter=ip_adapter_path("sd15", plus=plus),
    )
    return PublishedBundle(
        name="sd15-plus" if plus else "sd15",
        description="Stable Diffusion 1.5 inpainting, depth ControlNet, IP-Adapter"
        + (" Plus" if plus else "")
        + ", DPT-large",
        native_px=512,
        sources=(
            HubRepository("stable-diffusion-v1-5/stable-diffusion-inpainting", "creativeml-openrail-m", main),
            HubRepository("lllyasviel/control_v11f1p_sd15_depth", "openrail", {"controlnet": ""}),
            adapter,
            HubRepository("Intel/dpt-large", "apache-2.0", {"depth": ""}),
        ),
        parameters={**_PARAMETERS, "ip_adapter": 49_087_488 if plus else 22_319_616},
    )


PUBLISHED = {bundle.name: bundle for bundle in (_sd15(plus=False), _sd15(plus=True))}


def published(name: str, *, plus: bool = False) -> PublishedBundle:
    """Return a published bundle by name. plus: the variant with IP-Adapter Plus. Raises InputError."""
    if name not in PUBLISHED:
        raise InputError(f"{name!r} is not a published bundle: choose one of {', '.join(PUBLISHED)}")
    return PUBLISHED[f"{name}-plus"] if plus and not name.endswith("-plus") else PUBLISHED[name]
