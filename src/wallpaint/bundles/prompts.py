"""Tokenizer and the cached text embedding of the empty prompt."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wallpaint.bundles import lock
from wallpaint.bundles.components import COMPONENTS, suppress_library_logging
from wallpaint.bundles.configurations import PROMPT_TOKENS
from wallpaint.bundles.paths import prompt_cache_dir
from wallpaint.bundles.weights import find_weights, read_header
from wallpaint.errors import InputError, ModelError
from wallpaint.files.atomic import put

if TYPE_CHECKING:
    import torch

    from wallpaint.bundles.bundle import Bundle

EMPTY_PROMPT_NAME = "empty_prompt.safetensors"
_KEY = "empty_prompt"
_DIGEST_KEY = "text_encoder_sha256"
_STATE_KEY = "weights"  # paths, sizes and times, where a checksum of the file would take too long


def load_tokenizer(folder: Path, vocab_size: int | None) -> Any:
    """Load the CLIPTokenizer of a folder. vocab_size: of the text encoder, which it must match.

    Raises ModelError for a tokenizer that is missing, damaged, or of another length or vocabulary.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder}: the folder of component 'tokenizer' is missing: fetch the bundle again")
    from transformers import CLIPTokenizer

    if not (folder / "tokenizer.json").is_file():
        for name in ("vocab.json", "merges.txt"):
            if not (folder / name).is_file():
                raise ModelError(f"{folder / name}: is missing: fetch the bundle again")
    try:
        with suppress_library_logging():
            tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        last = max(tokenizer.get_vocab().values())
    except Exception as error:
        raise ModelError(f"{folder}: no CLIP tokenizer can be read from it ({error}): fetch it again") from error
    if tokenizer.model_max_length != PROMPT_TOKENS:
        raise ModelError(
            f"{folder / 'tokenizer_config.json'}: model_max_length should be {PROMPT_TOKENS}, is "
            f"{tokenizer.model_max_length}: this is another model's tokenizer"
        )
    if vocab_size is not None and last + 1 != vocab_size:
        raise ModelError(
            f"{folder}: the tokenizer has {last + 1} tokens, the text encoder {vocab_size}: they are not of one model"
        )
    return tokenizer


def read_cached_prompt(bundle: Bundle, width: int | None) -> torch.Tensor | None:
    """Read the cached embedding, [1, 77, width] float32; None where there is none or it is out of date.

    width: of the UNet's context. Raises ModelError for a wrong file in the bundle's folder.
    """
    if is_cached_in_folder(bundle):
        path = bundle.folder / EMPTY_PROMPT_NAME
        return None if not path.is_file() or _is_outdated(bundle, path) else read_empty_prompt(path, width)
    path = _cache_path(bundle)
    try:
        if not path.is_file() or _read_metadata(path, _STATE_KEY) != _state(bundle):
            return None
        return read_empty_prompt(path, width)
    except (ModelError, OSError):  # a damaged cache file is recomputed
        return None


def is_cached_in_folder(bundle: Bundle) -> bool:
    """Whether the embedding is cached in the bundle's folder: not for a plain diffusers folder or a checkpoint."""
    return not bundle.has("text_encoder") or ("text_encoder" in bundle.manifest.paths and not bundle.manifest.read_only)


def _cache_path(bundle: Bundle) -> Path:
    """Cache file of a checkpoint or plain folder; its name is a hash of the paths that the embedding depends on."""
    paths = [bundle.path(component).resolve() for component in ("text_encoder", "tokenizer") if bundle.has(component)]
    key = hashlib.sha256("\n".join([*map(str, paths), bundle.manifest.configuration]).encode()).hexdigest()
    return prompt_cache_dir() / f"{key[:32]}.safetensors"


def _weight_paths(bundle: Bundle) -> tuple[Path, ...]:
    path = bundle.path("text_encoder")
    return find_weights(path, COMPONENTS["text_encoder"].stem).paths if path.is_dir() else (path,)


def _state(bundle: Bundle) -> str:
    """Names, sizes and times of the weights that an embedding was computed from. Raises OSError, ModelError."""
    states = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in _weight_paths(bundle)]
    return json.dumps(states)


def _is_outdated(bundle: Bundle, path: Path) -> bool:
    """Whether the weights of the text encoder have changed since `path` was computed. False without a text encoder."""
    if not bundle.has("text_encoder") or not bundle.path("text_encoder").exists():
        return False
    try:
        digests = [lock.digest(bundle.folder, weights) for weights in _weight_paths(bundle)]
    except OSError as error:
        raise ModelError(f"{bundle.path('text_encoder')}: cannot be read ({error.strerror})") from error
    return _read_metadata(path, _DIGEST_KEY) != _combined_digest(digests)


def _read_metadata(path: Path, key: str) -> str | None:
    """Read a metadata value of a safetensors file. Raises ModelError for a damaged file."""
    from safetensors import safe_open

    read_header(path)
    with safe_open(str(path), framework="pt") as file:
        return (file.metadata() or {}).get(key)


def read_empty_prompt(path: Path, width: int | None) -> torch.Tensor:
    """Read the embedding of a file, [1, 77, width] float32. Raises ModelError for a wrong one."""
    header = read_header(path)
    shape = header.get(_KEY, ("", ()))[1]
    if len(shape) != 3 or shape[:2] != (1, PROMPT_TOKENS) or (width is not None and shape[2] != width):
        expected = f"[1, {PROMPT_TOKENS}, {width or 'width'}]"
        raise ModelError(
            f"{path}: key {_KEY} should be {expected}, is {list(shape)}: delete the file, it is recomputed"
        )
    import torch
    from safetensors.torch import load_file

    return load_file(path)[_KEY].to(torch.float32)


def compute_empty_prompt(bundle: Bundle, width: int | None) -> torch.Tensor:
    """Compute the embedding of "" and cache it in the bundle's folder or the prompt cache, where that is writable."""
    import torch

    tokenizer = bundle.tokenizer()
    state = None if is_cached_in_folder(bundle) else _state(bundle)
    encoder = bundle.load("text_encoder", torch.float32)
    ids = tokenize(tokenizer, [""])
    with torch.no_grad():
        embedding = encoder(ids)[0].float().contiguous()  # [1, 77, width]
    if width is not None and embedding.shape[-1] != width:
        raise ModelError(
            f"{bundle.path('text_encoder')}: is {embedding.shape[-1]} wide, the UNet takes {width}: "
            "they are not of one model"
        )
    with contextlib.suppress(InputError, OSError):
        if state is None:
            digest = encoder_digest(bundle.path("text_encoder"))
            _write_embedding(bundle.folder / EMPTY_PROMPT_NAME, embedding, {_DIGEST_KEY: digest})
        else:
            path = _cache_path(bundle)
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_embedding(path, embedding, {_STATE_KEY: state})
    return embedding


def tokenize(tokenizer: Any, prompts: Sequence[str]) -> torch.Tensor:
    """Token ids of prompts: [B, 77] int64, padded and truncated."""
    options = {"padding": "max_length", "max_length": PROMPT_TOKENS, "truncation": True, "return_tensors": "pt"}
    ids: torch.Tensor = tokenizer(list(prompts), **options).input_ids
    return ids


def _write_embedding(path: Path, embedding: torch.Tensor, metadata: dict[str, str]) -> None:
    """Write an embedding with metadata on its source. Raises InputError."""
    from safetensors.torch import save

    put(path, save({_KEY: embedding}, metadata=metadata))


def is_stale(folder: Path, encoder: Path) -> bool:
    """Whether the cached embedding was computed from other weights than the text encoder's. Reads all weights."""
    return _read_metadata(folder / EMPTY_PROMPT_NAME, _DIGEST_KEY) != encoder_digest(encoder)


def encoder_digest(folder: Path) -> str:
    """SHA-256 of the text encoder's weights: of its one file, or over the checksums of its shards in name order."""
    return _combined_digest([lock.sha256(path) for path in find_weights(folder, COMPONENTS["text_encoder"].stem).paths])


def _combined_digest(digests: list[str]) -> str:
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
