"""Key names of LoRA files, converted to one naming: "unet." or "text_encoder." before the layer's name in diffusers.

base_model.model.down_blocks...   peft's own files; also without prefix, as unet.save_lora_adapter writes
unet.unet.down_blocks...          a pipeline wrapped twice
input_blocks.1.1...               the block names of the original code (LDM), also in kohya's underscores
lora_unet_down_blocks_0_...       kohya, which diffusers converts
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_WRAPPERS = ("base_model.model.", "module.", "unet.", "model.diffusion_model.", "diffusion_model.")
_UNET_BLOCKS = (
    "down_blocks.",
    "mid_block.",
    "up_blocks.",
    "conv_in.",
    "conv_norm_out.",
    "conv_out.",
    "time_embedding.",
)
_LDM_BLOCKS = ("input_blocks", "middle_block", "output_blocks", "time_embed", "out")
_TEXT_BLOCKS = ("text_model.", "text_encoder.")
_KOHYA_PREFIX = "lora_unet_"
_OTHER_ARCHITECTURES = {
    "lora_te1_": "Stable Diffusion XL",
    "lora_te2_": "Stable Diffusion XL",
    "text_encoder_2.": "Stable Diffusion XL",
    "text_encoder_3.": "Stable Diffusion 3",
    "lora_unet_joint_blocks": "Stable Diffusion 3",
    "lora_unet_double_blocks": "Flux",
    "lora_unet_single_blocks": "Flux",
    "double_blocks.": "Flux",
    "single_blocks.": "Flux",
    "transformer.": "a diffusion transformer",
    "lora_transformer_": "a diffusion transformer",
}
_UNSUPPORTED = {
    "dora_scale": "DoRA",
    "lora_magnitude_vector": "DoRA",
    "hada_": "LoHa",
    "lokr_": "LoKr",
    "lora_mid": "LoCon with Tucker decomposition",
    "oft_": "OFT",
    "vera_lambda": "VeRA",
    "ia3_": "IA3",
    ".on_input": "IA3",
    "lora_B.bias": "LoRA with bias",
}
_RESNET = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "emb_layers.1": "time_emb_proj",
    "skip_connection": "conv_shortcut",
}
_ENDS = {
    "time_embed.0": "time_embedding.linear_1",
    "time_embed.2": "time_embedding.linear_2",
    "input_blocks.0.0": "conv_in",
    "out.0": "conv_norm_out",
    "out.2": "conv_out",
}


def unsupported_kind(name: str) -> str | None:
    """Return the kind of adapter that a key name belongs to, such as "DoRA"; None for LoRA."""
    return next((kind for key, kind in _UNSUPPORTED.items() if key in name), None)


def other_architecture(name: str) -> str | None:
    """Return the other architecture that a key name is of, if it is known; else None."""
    inner = _unwrapped(name)
    starts = ((start, kind) for start, kind in _OTHER_ARCHITECTURES.items() if inner.startswith(start))
    return next((kind for _, kind in starts), None)


def is_lora_key(name: str) -> bool:
    """Return whether a key name is one of a LoRA, in any naming."""
    return "lora" in name.lower() or name.endswith(".alpha")


def is_known(name: str) -> bool:
    """Return whether `canonical` knows the naming of a key."""
    new = canonical(name, 2)
    return new.startswith(("unet.", "text_encoder.", _KOHYA_PREFIX, "lora_te_"))


def is_of_unet(name: str) -> bool:
    """Return whether a key is one of the UNet, in any known naming."""
    return canonical(name, 2).startswith(("unet.", _KOHYA_PREFIX))


def duplicates(all_names: Iterable[str], layers_per_block: int) -> list[str]:
    """Return the key names that `canonical` maps to the name of another."""
    first_of: dict[str, str] = {}
    return [name for name in all_names if first_of.setdefault(canonical(name, layers_per_block), name) != name]


def canonical(name: str, layers_per_block: int) -> str:
    """Return a key with "unet." or "text_encoder." before diffusers' layer name, or in kohya's naming of diffusers.

    layers_per_block: of the UNet's config; LDM numbers the blocks of all levels. A key of an unknown naming is returned
    unchanged.
    """
    if name.startswith(_KOHYA_PREFIX):
        return _KOHYA_PREFIX + _from_ldm(name.removeprefix(_KOHYA_PREFIX), "_", layers_per_block)
    if name.startswith("lora_te_"):
        return name
    inner = re.sub(r"\.(lora_[AB])\.(?!weight$)[^.]+\.weight$", r".\1.weight", _unwrapped(name))  # peft's adapter name
    if inner.startswith(_TEXT_BLOCKS):
        return inner if inner.startswith("text_encoder.") else f"text_encoder.{inner}"
    inner = _from_ldm(inner, ".", layers_per_block)
    return f"unet.{inner}" if inner.startswith(_UNET_BLOCKS) or name.startswith("unet.") else name


def _unwrapped(name: str) -> str:
    while prefix := next((prefix for prefix in _WRAPPERS if name.startswith(prefix)), None):
        name = name.removeprefix(prefix)
    return name


def _from_ldm(name: str, dot: str, layers_per_block: int) -> str:
    """Convert the layer name of a key from LDM's; others are unchanged. dot: "." or kohya's "_"."""
    if not name.startswith(_LDM_BLOCKS):
        return name
    for theirs, ours in _ENDS.items():
        if name.startswith(theirs.replace(".", dot) + "."):
            return ours.replace(".", dot) + name.removeprefix(theirs.replace(".", dot))
    d, level = re.escape(dot), layers_per_block + 1
    if match := re.match(rf"input_blocks{d}(\d+){d}(\d+){d}", name):
        block, layer = divmod(int(match[1]) - 1, level)
        if layer == layers_per_block:
            return _resized(name, match, f"down_blocks.{block}.downsamplers.0.conv", "op", dot)
        return _in_block(name, match, f"down_blocks.{block}", layer, int(match[2]), dot)
    if match := re.match(rf"output_blocks{d}(\d+){d}(\d+){d}", name):
        block, layer = divmod(int(match[1]), level)
        if name[match.end() :].startswith("conv"):
            return _resized(name, match, f"up_blocks.{block}.upsamplers.0.conv", "conv", dot)
        return _in_block(name, match, f"up_blocks.{block}", layer, int(match[2]), dot)
    if match := re.match(rf"middle_block{d}(\d+){d}", name):
        return _in_block(name, match, "mid_block", int(match[1]) // 2, int(match[1]) % 2, dot)
    return name


def _in_block(name: str, match: re.Match[str], block: str, layer: int, kind: int, dot: str) -> str:
    """A layer of a resnet (kind 0) or of an attention (kind 1)."""
    rest = name[match.end() :]
    if kind == 0:
        for theirs, ours in _RESNET.items():
            if rest.startswith(theirs.replace(".", dot)):
                rest = ours + rest.removeprefix(theirs.replace(".", dot))
    return f"{block}.{'attentions' if kind else 'resnets'}.{layer}.".replace(".", dot) + rest


def _resized(name: str, match: re.Match[str], new: str, old: str, dot: str) -> str:
    return new.replace(".", dot) + name[match.end() :].removeprefix(old)
