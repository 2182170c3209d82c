"""Write a bundle of random weights in the layout of the published ones.

For tests, for benchmarks, and as a starting point of training. Its images are meaningless.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wallpaint.bundles import image_prompt
from wallpaint.bundles.bundle import load_bundle
from wallpaint.bundles.components import meta_model, suppress_library_logging
from wallpaint.bundles.configurations import PROMPT_TOKENS, configuration
from wallpaint.bundles.layout import COMPONENT_PATHS, ip_adapter_path, model_index, write_json
from wallpaint.bundles.manifest import INDEX_NAME, MODEL_NAMES, Manifest, write
from wallpaint.bundles.weights import Shape
from wallpaint.errors import InputError
from wallpaint.files.atomic import put

if TYPE_CHECKING:
    import torch

_ZERO_INIT_SCALE = 0.1  # of layers that training initializes to zero
_BOS, _EOS = "<|startoftext|>", "<|endoftext|>"


def write_random(name: str, folder: Path, *, seed: int = 0, dtype: torch.dtype | None = None) -> Path:
    """Write a bundle of a configuration with random weights into a new or empty folder; returns the folder.

    Weights are scaled by fan-in, so that activations keep their scale through the network. The same name, seed and
    dtype give the same bytes. dtype: of the weights, float32 by default. Holds one component in memory at a time.
    Raises InputError where the folder is not empty or cannot be written.
    """
    import torch
    from safetensors import SafetensorError

    config = configuration(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InputError(f"{folder}: is not empty: give a new or an empty folder")
        adapter = _write_components(name, config, folder, seed, dtype or torch.float32)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{folder}: cannot be written ({error}): check the folder and its space") from error
    manifest = Manifest(
        folder=folder,
        name=name,
        description=f"random weights: {config['description']}",
        random=True,
        native_px=config["native_px"],
        paths={},
        raw_paths={**COMPONENT_PATHS, "ip_adapter": adapter},
    )
    write(manifest)
    load_bundle(folder).empty_prompt()
    return folder


def _write_components(name: str, config: Mapping[str, Any], folder: Path, seed: int, dtype: torch.dtype) -> str:
    """Write all but bundle.toml; returns the path of the IP-Adapter."""
    for component in MODEL_NAMES:
        path = folder / COMPONENT_PATHS[component]
        _write_model(component, config[component], path, dtype, f"{name}/{seed}/{component}")
    for component, processor in config["processors"].items():
        write_json(folder / COMPONENT_PATHS[component] / "preprocessor_config.json", processor)
    adapter = ip_adapter_path(name.removesuffix("-plus"), plus=config["ip_adapter"]["variant"] == "plus")
    _write_ip_adapter(config, folder / adapter, dtype, f"{name}/{seed}/ip_adapter")
    write_tokenizer(folder / COMPONENT_PATHS["tokenizer"], config["text_encoder"]["vocab_size"])
    scheduler_path = folder / COMPONENT_PATHS["scheduler"] / "scheduler_config.json"
    write_json(scheduler_path, config["scheduler"])
    (folder / adapter).chmod(scheduler_path.stat().st_mode)
    write_json(folder / INDEX_NAME, model_index(config["scheduler"]["_class_name"]))
    return adapter


def _write_model(component: str, config: Mapping[str, Any], folder: Path, dtype: torch.dtype, seed: str) -> None:
    """Save one model with its own class, so that the key names are those of published files."""
    import torch
    from safetensors.torch import load_file

    with suppress_library_logging():
        model = meta_model(component, config, folder).to(dtype).to_empty(device="cpu")
    with torch.no_grad():
        for key, value in model.state_dict().items():
            if value.is_floating_point():
                value.copy_(random_tensor(key, tuple(value.shape), f"{seed}/{key}"))
            else:
                value.zero_()
    with suppress_library_logging():
        model.save_pretrained(folder)
    for file in folder.glob("*.safetensors"):
        if component == "text_encoder":  # published files have this prefix, which the current class omits
            _save({f"text_model.{key}": value for key, value in load_file(file).items()}, file)
        file.chmod((folder / "config.json").stat().st_mode)


def _write_ip_adapter(config: Mapping[str, Any], file: Path, dtype: torch.dtype, seed: str) -> None:
    unet, vision, adapter = config["unet"], config["image_encoder"], config["ip_adapter"]
    attentions = image_prompt.attention_shapes(unet, file)
    context = unet["cross_attention_dim"]
    if adapter["variant"] == "plus":
        shapes = image_prompt.resampler_shapes(
            context, vision["hidden_size"], adapter["width"], adapter["inner_dim"], adapter["tokens"]
        )
    else:
        shapes = image_prompt.projector_shapes(context, vision["projection_dim"])
    shapes |= image_prompt.key_value_shapes(attentions)
    _save({key: random_tensor(key, shape, f"{seed}/{key}").to(dtype) for key, shape in shapes.items()}, file)


def _save(tensors: dict[str, torch.Tensor], file: Path) -> None:
    """Save through a temporary file, since the tensors may be memory-mapped from the target."""
    from safetensors.torch import save_file

    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".part")
    save_file(tensors, temporary, metadata={"format": "pt"})
    temporary.replace(file)


def random_tensor(key: str, shape: Shape, seed: str) -> torch.Tensor:
    """Initialize a float32 tensor by its key and shape.

    Biases are 0, norm weights 1, others uniform with standard deviation 1/sqrt(fan-in). Layers that training
    initializes to zero get small nonzero weights, so that tests see their effect.
    """
    import torch

    last = key.rsplit(".", 1)[-1]
    if last in ("bias", "running_mean"):
        return torch.zeros(shape)
    if len(shape) == 1 and last in ("weight", "running_var"):
        return torch.ones(shape)
    has_fan_in = last == "weight" and len(shape) > 1
    std = 1 / math.sqrt(math.prod(shape[1:]) if has_fan_in else shape[-1])
    if key.startswith(("controlnet_down_blocks", "controlnet_mid_block", "controlnet_cond_embedding.conv_out")):
        std *= _ZERO_INIT_SCALE
    generator = torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "little") >> 1)
    weights = torch.empty(shape).uniform_(-1, 1, generator=generator).mul_(std * math.sqrt(3))
    # DPT ends in a ReLU: with weights of both signs large regions of its output would be 0.
    return weights.abs_() if key == "head.head.4.weight" else weights


def write_tokenizer(folder: Path, vocab_size: int) -> None:
    """Write a byte-level CLIP tokenizer: 512 tokens, each byte alone and at a word's end, no merges.

    vocab_size: the start and end tokens are the last two of the vocabulary, as published.
    """
    folder.mkdir(parents=True, exist_ok=True)
    letters = _byte_letters()
    vocabulary = {letter: n for n, letter in enumerate([*letters, *(f"{letter}</w>" for letter in letters)])}
    if vocab_size < len(vocabulary) + 2:
        raise InputError(f"a vocabulary of {vocab_size} is too small: give {len(vocabulary) + 2} or more")
    vocabulary |= {_BOS: vocab_size - 2, _EOS: vocab_size - 1}
    special_tokens = {"bos_token": _BOS, "eos_token": _EOS, "unk_token": _EOS, "pad_token": _EOS}
    write_json(folder / "vocab.json", vocabulary)
    put(folder / "merges.txt", b"#version: 0.2\n")
    write_json(folder / "special_tokens_map.json", special_tokens)
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "CLIPTokenizer",
            "model_max_length": PROMPT_TOKENS,
            "do_lower_case": True,
            **special_tokens,
        },
    )


def _byte_letters() -> list[str]:
    """A printable character for each byte, in the order of the published vocabulary. Source: GPT-2's byte-level BPE."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(n) for n in printable] + [chr(256 + n) for n in range(256 - len(printable))]
