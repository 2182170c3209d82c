"""The text side: a tokenizer of 77 tokens, and the one constant embedding of the empty prompt."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wallpaint.bundles import lock
from wallpaint.bundles.components import KINDS, quiet
from wallpaint.bundles.configurations import TOKENS
from wallpaint.bundles.paths import prompt_cache
from wallpaint.bundles.weights import find, read_header
from wallpaint.errors import InputError, ModelError
from wallpaint.files.atomic import put

if TYPE_CHECKING:
    import torch

    from wallpaint.bundles.bundle import Bundle

EMPTY_NAME = "empty_prompt.safetensors"
_KEY = "empty_prompt"
_ORIGIN = "text_encoder_sha256"
_STATE = "weights"  # paths, sizes and times, where a sum of the file would take too long


def load_tokenizer(folder: Path, words: int | None) -> Any:
    """The CLIPTokenizer of a folder. words: size of the text encoder's vocabulary, to be met exactly.

    Raises ModelError for a tokenizer that is missing, damaged, of another length or another vocabulary.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder}: the folder of part 'tokenizer' is missing: fetch the bundle again")
    from transformers import CLIPTokenizer

    if not (folder / "tokenizer.json").is_file():
        for name in ("vocab.json", "merges.txt"):
            if not (folder / name).is_file():
                raise ModelError(f"{folder / name}: is missing: fetch the bundle again")
    try:
        with quiet():
            tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        last = max(tokenizer.get_vocab().values())
    except Exception as error:
        raise ModelError(f"{folder}: no CLIP tokenizer can be read from it ({error}): fetch it again") from error
    if tokenizer.model_max_length != TOKENS:
        raise ModelError(
            f"{folder / 'tokenizer_config.json'}: model_max_length should be {TOKENS}, is "
            f"{tokenizer.model_max_length}: this is another model's tokenizer"
        )
    if words is not None and last + 1 != words:
        raise ModelError(
            f"{folder}: the tokenizer has {last + 1} tokens, the text encoder {words}: they are not of one model"
        )
    return tokenizer


def kept_empty(bundle: Bundle, width: int | None) -> torch.Tensor | None:
    """The kept embedding, [1, 77, width] float32, or None where there is none or it is out of date.

    width: the UNet's. Raises ModelError for a wrong one that lies in the bundle's folder.
    """
    if in_folder(bundle):
        path = bundle.folder / EMPTY_NAME
        return None if not path.is_file() or _is_outdated(bundle, path) else read_empty(path, width)
    path = _cached(bundle)
    try:
        if not path.is_file() or _said(path, _STATE) != _state(bundle):
            return None
        return read_empty(path, width)
    except (ModelError, OSError):  # nobody's but ours, so made anew
        return None


def in_folder(bundle: Bundle) -> bool:
    """Whether a bundle's embedding lies in its own folder: not if that is no bundle's, nor with a checkpoint."""
    parts = bundle.manifest.places
    return not bundle.has("text_encoder") or ("text_encoder" in parts and not bundle.manifest.foreign)


def _cached(bundle: Bundle) -> Path:
    """Where the embedding of a checkpoint or of a plain folder is kept: by the places of what it is made of."""
    places = [bundle.place(part).resolve() for part in ("text_encoder", "tokenizer") if bundle.has(part)]
    key = hashlib.sha256("\n".join([*map(str, places), bundle.manifest.configuration]).encode()).hexdigest()
    return prompt_cache() / f"{key[:32]}.safetensors"


def _weights(bundle: Bundle) -> tuple[Path, ...]:
    place = bundle.place("text_encoder")
    return find(place, KINDS["text_encoder"].stem).paths if place.is_dir() else (place,)


def _state(bundle: Bundle) -> str:
    """What tells that the weights are still those that an embedding was made with. Raises OSError, ModelError."""
    states = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in _weights(bundle)]
    return json.dumps(states)


def _is_outdated(bundle: Bundle, path: Path) -> bool:
    """Whether the text encoder has other weights than `path` came from; not where it is not there at all."""
    if not bundle.has("text_encoder") or not bundle.place("text_encoder").exists():
        return False
    try:
        sums = [lock.digest(bundle.folder, weights) for weights in _weights(bundle)]
    except OSError as error:
        raise ModelError(f"{bundle.place('text_encoder')}: cannot be read ({error.strerror})") from error
    return _said(path, _ORIGIN) != _joined(sums)


def _said(path: Path, key: str) -> str | None:
    """A word of a file's metadata. Raises ModelError for a damaged file."""
    from safetensors import safe_open

    read_header(path)
    with safe_open(str(path), framework="pt") as file:
        return (file.metadata() or {}).get(key)


def read_empty(path: Path, width: int | None) -> torch.Tensor:
    """The embedding of a file, [1, 77, width] float32. Raises ModelError for a wrong one."""
    header = read_header(path)
    shape = header.get(_KEY, ("", ()))[1]
    if len(shape) != 3 or shape[:2] != (1, TOKENS) or (width is not None and shape[2] != width):
        wanted = f"[1, {TOKENS}, {width or 'width'}]"
        raise ModelError(f"{path}: key {_KEY} should be {wanted}, is {list(shape)}: delete the file, it is made anew")
    import torch
    from safetensors.torch import load_file

    return load_file(path)[_KEY].to(torch.float32)


def make_empty(bundle: Bundle, width: int | None) -> torch.Tensor:
    """Compute the embedding of "" and keep it: beside the bundle, or in our cache, where that can be written to."""
    import torch

    tokenizer = bundle.tokenizer()
    state = None if in_folder(bundle) else _state(bundle)
    encoder = bundle.load("text_encoder", torch.float32)
    ids = tokenize(tokenizer, [""])
    with torch.no_grad():
        embedding = encoder(ids)[0].float().contiguous()  # [1, 77, width]
    if width is not None and embedding.shape[-1] != width:
        raise ModelError(
            f"{bundle.place('text_encoder')}: is {embedding.shape[-1]} wide, the UNet takes {width}: "
            "they are not of one model"
        )
    with contextlib.suppress(InputError, OSError):
        if state is None:
            _keep(bundle.folder / EMPTY_NAME, embedding, {_ORIGIN: encoder_digest(bundle.place("text_encoder"))})
        else:
            path = _cached(bundle)
            path.parent.mkdir(parents=True, exist_ok=True)
            _keep(path, embedding, {_STATE: state})
    return embedding


def tokenize(tokenizer: Any, prompts: Sequence[str]) -> torch.Tensor:
    """Prompts as a text encoder takes them: [B, 77] int64, padded, cut off where there is no room."""
    options = {"padding": "max_length", "max_length": TOKENS, "truncation": True, "return_tensors": "pt"}
    ids: torch.Tensor = tokenizer(list(prompts), **options).input_ids
    return ids


def _keep(path: Path, embedding: torch.Tensor, origin: dict[str, str]) -> None:
    """Write an embedding with what it came from. Raises InputError."""
    from safetensors.torch import save

    put(path, save({_KEY: embedding}, metadata=origin))


def is_stale(folder: Path, encoder: Path) -> bool:
    """Whether the kept embedding came from other weights than the text encoder's. Reads those whole."""
    return _said(folder / EMPTY_NAME, _ORIGIN) != encoder_digest(encoder)


def encoder_digest(folder: Path) -> str:
    """Sum of the text encoder's weights: of its one file, or of the sums of its shards in the order of their names."""
    return _joined([lock.sha256(path) for path in find(folder, KINDS["text_encoder"].stem).paths])


def _joined(sums: list[str]) -> str:
    return sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest()
