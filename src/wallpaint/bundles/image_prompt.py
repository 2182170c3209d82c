"""The IP-Adapter's weights, base or Plus; and how pictures are made ready for the models that look at them."""

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
from wallpaint.bundles.weights import Shape, compare, read_header
from wallpaint.errors import ModelError

if TYPE_CHECKING:
    import torch

_PUBLISHED = {
    "image_encoder": (CLIP_MEAN, CLIP_STD, 224),
    "depth": (DPT_MEAN, DPT_STD, 384),
    "segmenter": (IMAGENET_MEAN, IMAGENET_STD, 512),
}
BASE_TOKENS = 4
PLUS_LAYERS = 4  # both as diffusers takes for granted
HEAD_WIDTH = 64


def attention_shapes(unet: Mapping[str, Any], place: Path) -> list[Shape]:
    """(hidden, context) of each cross-attention of a UNet's config, in the order of its processors."""
    expected = expected_shapes("unet", unet, place)
    return [shape for key, shape in expected.items() if key.endswith("attn2.to_k.weight")]


def key_value_shapes(attentions: list[Shape]) -> dict[str, Shape]:
    """Names and shapes of the IP-Adapter's keys and values: odd numbers, as the published files count."""
    return {
        f"ip_adapter.{2 * n + 1}.to_{letter}_ip.weight": shape
        for n, shape in enumerate(attentions)
        for letter in ("k", "v")
    }


def projector_shapes(context: int, seen: int) -> dict[str, Shape]:
    """The base projector: one picture embedding (width `seen`) -> 4 tokens of width `context`."""
    return {
        "image_proj.proj.weight": (BASE_TOKENS * context, seen),
        "image_proj.proj.bias": (BASE_TOKENS * context,),
        "image_proj.norm.weight": (context,),
        "image_proj.norm.bias": (context,),
    }


def resampler_shapes(context: int, seen: int, width: int, inner: int, tokens: int) -> dict[str, Shape]:
    """The Plus resampler: hidden states [257, seen] -> `tokens` tokens of width `context`."""
    shapes: dict[str, Shape] = {
        "image_proj.latents": (1, tokens, width),
        "image_proj.proj_in.weight": (width, seen),
        "image_proj.proj_in.bias": (width,),
        "image_proj.proj_out.weight": (context, width),
        "image_proj.proj_out.bias": (context,),
        "image_proj.norm_out.weight": (context,),
        "image_proj.norm_out.bias": (context,),
    }
    for n in range(PLUS_LAYERS):
        layer = f"image_proj.layers.{n}"
        shapes |= {f"{layer}.0.{norm}.{kind}": (width,) for norm in ("norm1", "norm2") for kind in ("weight", "bias")}
        shapes |= {
            f"{layer}.0.to_q.weight": (inner, width),
            f"{layer}.0.to_kv.weight": (2 * inner, width),
            f"{layer}.0.to_out.weight": (width, inner),
            f"{layer}.1.0.weight": (width,),
            f"{layer}.1.0.bias": (width,),
            f"{layer}.1.1.weight": (4 * width, width),
            f"{layer}.1.3.weight": (width, 4 * width),
        }
    return shapes


def load(
    file: Path, unet: Mapping[str, Any], vision: Mapping[str, Any] | None, dtype: torch.dtype | None
) -> dict[str, dict[str, torch.Tensor]]:
    """Weights of an IP-Adapter, checked against the configs of UNet and image encoder. Raises ModelError."""
    import torch
    from safetensors.torch import load_file

    check(file, unet, vision)
    groups: dict[str, dict[str, torch.Tensor]] = {"image_proj": {}, "ip_adapter": {}}
    for key, value in load_file(file).items():
        group, rest = key.split(".", 1)
        groups[group][rest] = value.to(dtype or torch.float32)
    return groups


def check(file: Path, unet: Mapping[str, Any], vision: Mapping[str, Any] | None) -> None:
    """Raise ModelError unless an IP-Adapter's file fits both configs; reads only its header."""
    found = {key: shape for key, (_, shape) in read_header(file).items()}
    attentions = attention_shapes(unet, file)
    keys = [key for key in found if key.startswith("ip_adapter.") and key.endswith("to_k_ip.weight")]
    if len(keys) != len(attentions):
        raise ModelError(
            f"{file}: has keys and values for {len(keys)} cross-attentions, the UNet has {len(attentions)}: "
            "take the IP-Adapter of this UNet's family"
        )
    compare({**key_value_shapes(attentions), **_projector(found, attentions, vision, file)}, found, file, "IP-Adapter")


def _projector(
    found: Mapping[str, Shape], attentions: list[Shape], vision: Mapping[str, Any] | None, file: Path
) -> dict[str, Shape]:
    """What the picture's side of this kind of IP-Adapter should look like."""
    context = attentions[0][1] if attentions else 0
    base, latents = found.get("image_proj.proj.weight"), found.get("image_proj.latents")
    if base is not None and len(base) == 2:
        return projector_shapes(context, vision["projection_dim"] if vision else base[1])
    query, width_in = found.get("image_proj.layers.0.0.to_q.weight"), found.get("image_proj.proj_in.weight")
    if latents is None or query is None or width_in is None or (len(latents), len(query), len(width_in)) != (3, 2, 2):
        raise ModelError(f"{file}: is neither an IP-Adapter nor an IP-Adapter Plus by its keys: take one of these")
    if query[0] % HEAD_WIDTH:
        raise ModelError(f"{file}: key image_proj.layers.0.0.to_q.weight: {query[0]} is no multiple of {HEAD_WIDTH}")
    return resampler_shapes(context, vision["hidden_size"] if vision else width_in[1], latents[2], query[0], latents[1])


def processor(part: str, folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """preprocessor_config.json of a part, image_mean, image_std and size made sure of. Raises ModelError."""
    if part not in _PUBLISHED:
        raise ModelError(f"{part!r} takes no prepared pictures: choose one of {', '.join(_PUBLISHED)}")
    path = folder / "preprocessor_config.json"
    raw = read_json(path) if path.is_file() else {}
    mean, std, px = _PUBLISHED[part]
    own = config.get("image_size")
    size = raw.get("crop_size") or raw.get("size") or (own if isinstance(own, int) else px)
    made = {
        **raw,
        "image_mean": raw.get("image_mean", mean),
        "image_std": raw.get("image_std", std),
        "size": _height_width(size),
    }
    if not (_is_rgb(made["image_mean"]) and _is_rgb(made["image_std"]) and made["size"]):
        raise ModelError(f"{path}: image_mean and image_std should be three numbers, size pixels: fetch the file again")
    return made


def _height_width(size: Any) -> dict[str, int] | None:
    """Any of the ways to write a size: 224, [224, 224], {"shortest_edge": 224}, {"height": …, "width": …}."""
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
