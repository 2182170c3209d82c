"""A bundle of random weights: every part of an architecture, in the very layout of the published ones.

For tests, for measuring, and as the start of training. Its pictures mean nothing.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wallpaint.bundles import image_prompt
from wallpaint.bundles.bundle import load_bundle
from wallpaint.bundles.components import quiet, skeleton
from wallpaint.bundles.configurations import TOKENS, configuration
from wallpaint.bundles.layout import PLACES, adapter_place, model_index, put_json
from wallpaint.bundles.manifest import INDEX_NAME, MODULES, Manifest, write
from wallpaint.bundles.weights import Shape
from wallpaint.errors import InputError
from wallpaint.files.atomic import put

if TYPE_CHECKING:
    import torch

_SMALL = 0.1  # of layers that training starts at zero
_BEGIN, _END = "<|startoftext|>", "<|endoftext|>"


def write_random(name: str, folder: Path, *, seed: int = 0, dtype: torch.dtype | None = None) -> Path:
    """Write a bundle of a configuration with random weights into a new or empty folder; returns the folder.

    Weights are scaled by fan-in, so that activations keep their size from end to end. The same name, seed and dtype
    give the same bytes. dtype: of the weights, float32 if not given. Needs memory for one part at a time.
    Raises InputError where the folder has something in it or cannot be written.
    """
    import torch
    from safetensors import SafetensorError

    parts = configuration(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InputError(f"{folder}: has something in it: give a new or an empty folder")
        adapter = _write_parts(name, parts, folder, seed, dtype or torch.float32)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{folder}: cannot be written ({error}): check the folder and its space") from error
    manifest = Manifest(
        folder=folder,
        name=name,
        description=f"random weights: {parts['description']}",
        random=True,
        native_px=parts["native_px"],
        places={},
        written={**PLACES, "ip_adapter": adapter},
    )
    write(manifest)
    load_bundle(folder).empty_prompt()
    return folder


def _write_parts(name: str, parts: Mapping[str, Any], folder: Path, seed: int, dtype: torch.dtype) -> str:
    """All but bundle.toml; returns where the IP-Adapter lies."""
    for part in MODULES:
        _write_model(part, parts[part], folder / PLACES[part], dtype, f"{name}/{seed}/{part}")
    for part, processor in parts["processors"].items():
        put_json(folder / PLACES[part] / "preprocessor_config.json", processor)
    adapter = adapter_place(name.removesuffix("-plus"), plus=parts["ip_adapter"]["kind"] == "plus")
    _write_adapter(parts, folder / adapter, dtype, f"{name}/{seed}/ip_adapter")
    write_tokenizer(folder / PLACES["tokenizer"], parts["text_encoder"]["vocab_size"])
    put_json(folder / PLACES["scheduler"] / "scheduler_config.json", parts["scheduler"])
    (folder / adapter).chmod((folder / PLACES["scheduler"] / "scheduler_config.json").stat().st_mode)
    put_json(folder / INDEX_NAME, model_index(parts["scheduler"]["_class_name"]))
    return adapter


def _write_model(part: str, config: Mapping[str, Any], folder: Path, dtype: torch.dtype, seed: str) -> None:
    """One part through its own class, so that names in the file are those of published ones."""
    import torch
    from safetensors.torch import load_file

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
    for file in folder.glob("*.safetensors"):
        if part == "text_encoder":  # published files have this prefix, which today's class leaves out
            _save({f"text_model.{key}": value for key, value in load_file(file).items()}, file)
        file.chmod((folder / "config.json").stat().st_mode)


def _write_adapter(parts: Mapping[str, Any], file: Path, dtype: torch.dtype, seed: str) -> None:
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
    _save({key: random_tensor(key, shape, f"{seed}/{key}").to(dtype) for key, shape in shapes.items()}, file)


def _save(tensors: dict[str, torch.Tensor], file: Path) -> None:
    """Through another name, since the tensors may be a view of the very file."""
    from safetensors.torch import save_file

    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".part")
    save_file(tensors, temporary, metadata={"format": "pt"})
    temporary.replace(file)


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
    put_json(folder / "vocab.json", vocabulary)
    put(folder / "merges.txt", b"#version: 0.2\n")
    put_json(folder / "special_tokens_map.json", marks)
    put_json(
        folder / "tokenizer_config.json",
        {"tokenizer_class": "CLIPTokenizer", "model_max_length": TOKENS, "do_lower_case": True, **marks},
    )


def _byte_letters() -> list[str]:
    """A printable letter for each byte, in the order of the published vocabulary. Source: GPT-2's byte-level BPE."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(n) for n in printable] + [chr(256 + n) for n in range(256 - len(printable))]
