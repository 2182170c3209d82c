"""IP-Adapter weights, base or Plus, and the image processor configs of the models that take images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wallpaint.bundles.components import expected_shapes
from wallpaint.bundles.configurations import (
    CLIP_MEAN,
    CLIP_STD,
    DPT_MEAN,
    DPT_STD,
    IMAGENET_MEAN,
    IMAGENET_STD,
)
from wallpaint.bundles.manifest import read_json
from wallpaint.bundles.weights import Shape, check_shapes, read_header
from wallpaint.errors import ModelError

if TYPE_CHECKING:
    import torch

_PUBLISHED_PROCESSORS = {
    "image_encoder": (CLIP_MEAN, CLIP_STD, 224),
    "depth": (DPT_MEAN, DPT_STD, 384),
    "segmenter": (IMAGENET_MEAN, IMAGENET_STD, 512),
}
BASE_TOKENS = 4
PLUS_LAYERS = 4  # both fixed in diffusers
HEAD_DIM = 64


def attention_shapes(unet: Mapping[str, Any], path: Path) -> list[Shape]:
    """Return (hidden, context) of each cross-attention of a UNet config, in the order of its attention processors."""
    expected = expected_shapes("unet", unet, path)
    return [shape for key, shape in expected.items() if key.endswith("attn2.to_k.weight")]


def key_value_shapes(attentions: list[Shape]) -> dict[str, Shape]:
    """Names and shapes of the IP-Adapter's key and value projections; published files number them 1, 3, 5, …."""
    return {
        f"ip_adapter.{2 * n + 1}.to_{letter}_ip.weight": shape
        for n, shape in enumerate(attentions)
        for letter in ("k", "v")
    }


def projector_shapes(context: int, embed_dim: int) -> dict[str, Shape]:
    """Shapes of the base projector: one image embedding of width `embed_dim` -> 4 tokens of width `context`."""
    return {
        "image_proj.proj.weight": (BASE_TOKENS * context, embed_dim),
        "image_proj.proj.bias": (BASE_TOKENS * context,),
        "image_proj.norm.weight": (context,),
        "image_proj.norm.bias": (context,),
    }


def resampler_shapes(context: int, embed_dim: int, width: int, inner_dim: int, tokens: int) -> dict[str, Shape]:
    """Shapes of the Plus resampler: hidden states [257, embed_dim] -> `tokens` tokens of width `context`."""
    shapes: dict[str, Shape] = {
        "image_proj.latents": (1, tokens, width),
        "image_proj.proj_in.weight": (width, embed_dim),
        "image_proj.proj_in.bias": (width,),
        "image_proj.proj_out.weight": (context, width),
        "image_proj.proj_out.bias": (context,),
        "image_proj.norm_out.weight": (context,),
        "image_proj.norm_out.bias": (context,),
    }
    for n in range(PLUS_LAYERS):
        layer = f"image_proj.layers.{n}"
        shapes |= {f"{layer}.0.{norm}.{name}": (width,) for norm in ("norm1", "norm2") for name in ("weight", "bias")}
        shapes |= {
            f"{layer}.0.to_q.weight": (inner_dim, width),
            f"{layer}.0.to_kv.weight": (2 * inner_dim, width),
            f"{layer}.0.to_out.weight": (width, inner_dim),
            f"{layer}.1.0.weight": (width,),
            f"{layer}.1.0.bias": (width,),
            f"{layer}.1.1.weight": (4 * width, width),
            f"{layer}.1.3.weight": (width, 4 * width),
        }
    return shapes


def load(
    file: Path, unet: Mapping[str, Any], vision: Mapping[str, Any] | None, dtype: torch.dtype | None
) -> dict[str, dict[str, torch.Tensor]]:
    """Load the weights of an IP-Adapter, checked against the configs of UNet and image encoder. Raises ModelError."""
    import torch
    from safetensors.torch import load_file

    check(file, unet, vision)
    groups: dict[str, dict[str, torch.Tensor]] = {"image_proj": {}, "ip_adapter": {}}
    for key, value in load_file(file).items():
        group, rest = key.split(".", 1)
        groups[group][rest] = value.to(dtype or torch.float32)
    return groups


def check(file: Path, unet: Mapping[str, Any], vision: Mapping[str, Any] | None) -> None:
    """Raise ModelError unless an IP-Adapter file fits both configs; reads only its header."""
    shapes = {key: shape for key, (_, shape) in read_header(file).items()}
    attentions = attention_shapes(unet, file)
    keys = [key for key in shapes if key.startswith("ip_adapter.") and key.endswith("to_k_ip.weight")]
    if len(keys) != len(attentions):
        raise ModelError(
            f"{file}: has keys and values for {len(keys)} cross-attentions, the UNet has {len(attentions)}: "
            "use the IP-Adapter of this UNet's model family"
        )
    expected = {**key_value_shapes(attentions), **_expected_projector(shapes, attentions, vision, file)}
    check_shapes(expected, shapes, file, "IP-Adapter")


def _expected_projector(
    shapes: Mapping[str, Shape], attentions: list[Shape], vision: Mapping[str, Any] | None, file: Path
) -> dict[str, Shape]:
    """Expected shapes of the image projector, base or Plus."""
    context = attentions[0][1] if attentions else 0
    base, latents = shapes.get("image_proj.proj.weight"), shapes.get("image_proj.latents")
    if base is not None and len(base) == 2:
        return projector_shapes(context, vision["projection_dim"] if vision else base[1])
    query, proj_in = shapes.get("image_proj.layers.0.0.to_q.weight"), shapes.get("image_proj.proj_in.weight")
    if latents is None or query is None or proj_in is None or (len(latents), len(query), len(proj_in)) != (3, 2, 2):
        raise ModelError(f"{file}: is neither an IP-Adapter nor an IP-Adapter Plus by its keys: use one of these")
    if query[0] % HEAD_DIM:
        raise ModelError(f"{file}: key image_proj.layers.0.0.to_q.weight: {query[0]} is no multiple of {HEAD_DIM}")
    return resampler_shapes(context, vision["hidden_size"] if vision else proj_in[1], latents[2], query[0], latents[1])


def processor(component: str, folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """Read preprocessor_config.json; published values replace missing image_mean, image_std and size.

    Raises ModelError.
    """
    if component not in _PUBLISHED_PROCESSORS:
        names = ", ".join(_PUBLISHED_PROCESSORS)
        raise ModelError(f"{component!r} has no image processor: choose one of {names}")
    path = folder / "preprocessor_config.json"
    raw = read_json(path) if path.is_file() else {}
    mean, std, px = _PUBLISHED_PROCESSORS[component]
    image_size = config.get("image_size")
    size = raw.get("crop_size") or raw.get("size") or (image_size if isinstance(image_size, int) else px)
    resolved = {
        **raw,
        "image_mean": raw.get("image_mean", mean),
        "image_std": raw.get("image_std", std),
        "size": _height_width(size),
    }
    if not (_is_rgb(resolved["image_mean"]) and _is_rgb(resolved["image_std"]) and resolved["size"]):
        raise ModelError(f"{path}: image_mean and image_std should be three numbers, size pixels: fetch the file again")
    return resolved


def _height_width(size: Any) -> dict[str, int] | None:
    """Normalize a size: 224, [224, 224], {"shortest_edge": 224} or {"height": …, "width": …}."""
    if isinstance(size, dict):
        edge = size.get("shortest_edge")
        size = [size.get("height", edge), size.get("width", edge)]
    if isinstance(size, int):
        size = [size, size]
    if not isinstance(size, list) or len(size) != 2 or not all(type(n) is int and n > 0 for n in size):
        return None
    return {"height": size[0], "width": size[1]}


def _is_rgb(values: Any) -> bool:
    return isinstance(values, list) and len(values) == 3 and all(isinstance(v, int | float) for v in values)
