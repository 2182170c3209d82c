"""A bundle of random weights: every part of an architecture, in the very layout of the published ones.

For tests, for measuring, and as the start of training. Its pictures mean nothing.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wallpaint.bundles import image_prompt
from wallpaint.bundles.bundle import load_bundle
from wallpaint.bundles.configurations import TOKENS, configuration
from wallpaint.bundles.manifest import INDEX_NAME, MODULES, Manifest, write
from wallpaint.bundles.parts import KINDS, quiet, skeleton
from wallpaint.bundles.weights import Shape
from wallpaint.errors import InputError
from wallpaint.files.atomic import put

if TYPE_CHECKING:
    import torch

_PLACES = {
    "unet": "unet",
    "vae": "vae",
    "text_encoder": "text_encoder",
    "tokenizer": "tokenizer",
    "scheduler": "scheduler",
    "controlnet": "controlnet",
    "image_encoder": "models/image_encoder",
    "depth": "depth",
    "segmenter": "segmenter",
}
_SMALL = 0.1  # of layers that training starts at zero
_BEGIN, _END = "<|startoftext|>", "<|endoftext|>"


def write_random(name: str, folder: Path, *, seed: int = 0, dtype: torch.dtype | None = None) -> Path:
    """Write a bundle of a configuration with random weights into a new or empty folder; returns the folder.

    Weights are scaled by fan-in, so that activations keep their size from end to end. The same name, seed and dtype
    give the same bytes. dtype: of the weights, float32 if not given. Needs memory for one part at a time.
    Raises InputError where the folder has something in it.
    """
    import torch

    parts = configuration(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InputError(f"{folder}: has something in it: give a new or an empty folder")
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror or error}): give another folder") from error
    kind = dtype or torch.float32
    for part in MODULES:
        _write_model(part, parts[part], folder / _PLACES[part], kind, f"{name}/{seed}/{part}")
    for part, processor in parts["processors"].items():
        _put_json(folder / _PLACES[part] / "preprocessor_config.json", processor)
    plus = "-plus" if parts["ip_adapter"]["kind"] == "plus" else ""
    adapter = f"models/ip-adapter{plus}_{name.removesuffix('-plus')}.safetensors"
    _write_adapter(parts, folder / adapter, kind, f"{name}/{seed}/ip_adapter")
    write_tokenizer(folder / "tokenizer", parts["text_encoder"]["vocab_size"])
    _put_json(folder / "scheduler" / "scheduler_config.json", parts["scheduler"])
    _put_json(folder / INDEX_NAME, _model_index(parts))
    write(
        Manifest(
            folder=folder,
            name=name,
            description=f"random weights: {parts['description']}",
            random=True,
            native_px=parts["native_px"],
            places={},
            written={**_PLACES, "ip_adapter": adapter},
        )
    )
    load_bundle(folder).empty_prompt()
    return folder


def _write_model(part: str, config: Mapping[str, Any], folder: Path, dtype: torch.dtype, seed: str) -> None:
    """One part through its own class, so that names in the file are those of published ones."""
    import torch

    with quiet():
        model = skeleton(part, config, folder).to(dtype).to_empty(device="cpu")
    with torch.no_grad():
        for key, value in model.state_dict().items():
            if value.is_floating_point():
                value.copy_(random_tensor(key, tuple(value.shape), f"{seed}/{key}"))
            else:
                value.zero_()
    with quiet():
        model.save_pretrained(folder)
    _put_json(folder / "config.json", {**json.loads((folder / "config.json").read_text()), "_name_or_path": ""})


def _write_adapter(parts: Mapping[str, Any], file: Path, dtype: torch.dtype, seed: str) -> None:
    from safetensors.torch import save_file

    unet, vision, own = parts["unet"], parts["image_encoder"], parts["ip_adapter"]
    attentions = image_prompt.attention_shapes(unet, file)
    context = unet["cross_attention_dim"]
    if own["kind"] == "plus":
        shapes = image_prompt.resampler_shapes(
            context, vision["hidden_size"], own["width"], own["inner"], own["tokens"]
        )
    else:
        shapes = image_prompt.projector_shapes(context, vision["projection_dim"])
    shapes |= image_prompt.key_value_shapes(attentions)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: random_tensor(key, shape, f"{seed}/{key}").to(dtype) for key, shape in shapes.items()}, file)


def random_tensor(key: str, shape: Shape, seed: str) -> torch.Tensor:
    """float32 numbers for a tensor, by its name and shape.

    Biases are 0, the weights of norms 1, others even in a band of deviation 1/sqrt(fan-in). Layers that training starts
    at zero are small but not zero, so that they show in tests.
    """
    import torch

    last = key.rsplit(".", 1)[-1]
    if last in ("bias", "running_mean"):
        return torch.zeros(shape)
    if len(shape) == 1 and last in ("weight", "running_var"):
        return torch.ones(shape)
    plain = last == "weight" and len(shape) > 1
    deviation = 1 / math.sqrt(math.prod(shape[1:]) if plain else shape[-1])
    if key.startswith(("controlnet_down_blocks", "controlnet_mid_block", "controlnet_cond_embedding.conv_out")):
        deviation *= _SMALL
    generator = torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "little") >> 1)
    numbers = torch.empty(shape).uniform_(-1, 1, generator=generator).mul_(deviation * math.sqrt(3))
    # DPT ends in a ReLU: with weights of both signs it would be dark in whole regions.
    return numbers.abs_() if key == "head.head.4.weight" else numbers


def write_tokenizer(folder: Path, words: int) -> None:
    """A CLIP tokenizer that knows bytes only: 512 of them, alone and at a word's end, no merges.

    words: size of the vocabulary; the marks of begin and end are its last two, as published.
    """
    folder.mkdir(parents=True, exist_ok=True)
    letters = _byte_letters()
    vocabulary = {letter: n for n, letter in enumerate([*letters, *(f"{letter}</w>" for letter in letters)])}
    if words < len(vocabulary) + 2:
        raise InputError(f"a vocabulary of {words} is too small: give {len(vocabulary) + 2} or more")
    vocabulary |= {_BEGIN: words - 2, _END: words - 1}
    marks = {"bos_token": _BEGIN, "eos_token": _END, "unk_token": _END, "pad_token": _END}
    _put_json(folder / "vocab.json", vocabulary)
    put(folder / "merges.txt", b"#version: 0.2\n")
    _put_json(folder / "special_tokens_map.json", marks)
    _put_json(
        folder / "tokenizer_config.json",
        {"tokenizer_class": "CLIPTokenizer", "model_max_length": TOKENS, "do_lower_case": True, **marks},
    )


def _byte_letters() -> list[str]:
    """A printable letter for each byte, in the order of the published vocabulary. Source: GPT-2's byte-level BPE."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(n) for n in printable] + [chr(256 + n) for n in range(256 - len(printable))]


def _model_index(parts: Mapping[str, Any]) -> dict[str, Any]:
    """What stock pipelines look for: Stable Diffusion inpainting without a safety checker."""
    names = {part: [KINDS[part].library, KINDS[part].class_name] for part in ("unet", "vae", "text_encoder")}
    return {
        "_class_name": "StableDiffusionInpaintPipeline",
        **names,
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "scheduler": ["diffusers", parts["scheduler"]["_class_name"]],
        "safety_checker": [None, None],
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
    }


def _put_json(path: Path, value: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    put(path, json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n", durable=False)
