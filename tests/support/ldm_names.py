"""Convert weight names of diffusers and transformers to those of the original latent-diffusion code.

The inverse of the converters under test. Source: the layout of ldm's openaimodel.py and autoencoder modules.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch

Tensors = dict[str, torch.Tensor]

_UNET_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
_UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def unet(weights: Mapping[str, torch.Tensor], layers: int) -> Tensors:
    """Rename UNet weights. layers: per block; the original numbers the layers of a level, then its resampler."""
    return {f"model.diffusion_model.{_unet_name(key, layers)}": value for key, value in weights.items()}


def _unet_name(key: str, layers: int) -> str:
    for ours, theirs in _UNET_ENDS.items():
        if key.startswith(f"{ours}."):
            return key.replace(ours, theirs, 1)
    if match := re.fullmatch(r"down_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.(.+)", key):
        number = 1 + int(match[1]) * (layers + 1) + int(match[3])
        return f"input_blocks.{number}.{_layer_name(match[2], match[4])}"
    if match := re.fullmatch(r"down_blocks\.(\d+)\.downsamplers\.0\.conv\.(.+)", key):
        return f"input_blocks.{(int(match[1]) + 1) * (layers + 1)}.0.op.{match[2]}"
    if match := re.fullmatch(r"up_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.(.+)", key):
        number = int(match[1]) * (layers + 1) + int(match[3])
        return f"output_blocks.{number}.{_layer_name(match[2], match[4])}"
    if match := re.fullmatch(r"up_blocks\.(\d+)\.upsamplers\.0\.conv\.(.+)", key):
        return f"output_blocks.{int(match[1]) * (layers + 1) + layers}.2.conv.{match[2]}"
    match = re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d+)\.(.+)", key)
    assert match, key
    index = 1 if match[1] == "attentions" else 2 * int(match[2])
    return f"middle_block.{index}.{_layer_name(match[1], match[3]).split('.', 1)[1]}"


def _layer_name(block_type: str, rest: str) -> str:
    if block_type == "attentions":
        return f"1.{rest}"
    layer, _, last = rest.rpartition(".")
    return f"0.{_UNET_RESNET[layer]}.{last}"


def vae(weights: Mapping[str, torch.Tensor], levels: int) -> Tensors:
    """Rename VAE weights. levels: number of levels, counted from the finest in the decoder; attention is a 1x1 conv."""
    named = {}
    for key, value in weights.items():
        if ".attentions." in key and value.ndim == 2:
            value = value[:, :, None, None]
        named[f"first_stage_model.{_vae_name(key, levels)}"] = value.contiguous()
    return named


def _vae_name(key: str, levels: int) -> str:
    name = key.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    name = re.sub(r"down_blocks\.(\d+)\.resnets", r"down.\1.block", name)
    name = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d+)\.resnets", lambda m: f"up.{levels - 1 - int(m[1])}.block", name)
    name = re.sub(r"up_blocks\.(\d+)\.upsamplers\.0", lambda m: f"up.{levels - 1 - int(m[1])}.upsample", name)
    name = re.sub(r"mid_block\.resnets\.(\d+)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    if match := re.fullmatch(r"(\w+)\.mid_block\.attentions\.0\.(.+)\.(\w+)", name):
        return f"{match[1]}.mid.attn_1.{_VAE_ATTENTION[match[2]]}.{match[3]}"
    return name


def text_encoder(weights: Mapping[str, torch.Tensor]) -> Tensors:
    """Rename text encoder weights, and add the position_ids of older files."""
    start = "cond_stage_model.transformer.text_model."
    named = {start + key.removeprefix("text_model."): value for key, value in weights.items()}
    return {**named, f"{start}embeddings.position_ids": torch.arange(77)[None]}
