"""diffusers' and transformers' names of weights -> those of the original latent-diffusion code.

The other way round than the converters under test. Source: the layout of ldm's openaimodel.py and autoencoder modules.
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
    """layers: per block. Blocks are numbered through: `layers` of one level, then its change of size."""
    return {f"model.diffusion_model.{_unet_name(key, layers)}": value for key, value in weights.items()}


def _unet_name(key: str, layers: int) -> str:
    for ours, theirs in _UNET_ENDS.items():
        if key.startswith(f"{ours}."):
            return key.replace(ours, theirs, 1)
    if found := re.fullmatch(r"down_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.(.+)", key):
        number = 1 + int(found[1]) * (layers + 1) + int(found[3])
        return f"input_blocks.{number}.{_inner(found[2], found[4])}"
    if found := re.fullmatch(r"down_blocks\.(\d+)\.downsamplers\.0\.conv\.(.+)", key):
        return f"input_blocks.{(int(found[1]) + 1) * (layers + 1)}.0.op.{found[2]}"
    if found := re.fullmatch(r"up_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.(.+)", key):
        number = int(found[1]) * (layers + 1) + int(found[3])
        return f"output_blocks.{number}.{_inner(found[2], found[4])}"
    if found := re.fullmatch(r"up_blocks\.(\d+)\.upsamplers\.0\.conv\.(.+)", key):
        return f"output_blocks.{int(found[1]) * (layers + 1) + layers}.2.conv.{found[2]}"
    found = re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d+)\.(.+)", key)
    assert found, key
    place = 1 if found[1] == "attentions" else 2 * int(found[2])
    return f"middle_block.{place}.{_inner(found[1], found[3]).split('.', 1)[1]}"


def _inner(kind: str, rest: str) -> str:
    if kind == "attentions":
        return f"1.{rest}"
    layer, _, last = rest.rpartition(".")
    return f"0.{_UNET_RESNET[layer]}.{last}"


def vae(weights: Mapping[str, torch.Tensor], levels: int) -> Tensors:
    """levels: how many. The decoder counts them from the finest; attention is a convolution of one pixel."""
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
    if found := re.fullmatch(r"(\w+)\.mid_block\.attentions\.0\.(.+)\.(\w+)", name):
        return f"{found[1]}.mid.attn_1.{_VAE_ATTENTION[found[2]]}.{found[3]}"
    return name


def text_encoder(weights: Mapping[str, torch.Tensor]) -> Tensors:
    """With the positions that older files hold."""
    start = "cond_stage_model.transformer.text_model."
    named = {start + key.removeprefix("text_model."): value for key, value in weights.items()}
    return {**named, f"{start}embeddings.position_ids": torch.arange(77)[None]}
