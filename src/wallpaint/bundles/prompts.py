"""The text side: a tokenizer of 77 tokens, and the one constant embedding of the empty prompt."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wallpaint.bundles.configurations import TOKENS
from wallpaint.bundles.parts import KINDS, quiet
from wallpaint.bundles.weights import find, read_header
from wallpaint.errors import InputError, ModelError
from wallpaint.files.atomic import put

if TYPE_CHECKING:
    import torch

    from wallpaint.bundles.bundle import Bundle

EMPTY_NAME = "empty_prompt.safetensors"
_KEY = "empty_prompt"
_ORIGIN = "text_encoder_sha256"


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


def read_empty(folder: Path, width: int | None) -> torch.Tensor | None:
    """The kept embedding, [1, 77, width] float32, or None where there is none. Raises ModelError for a wrong one."""
    path = folder / EMPTY_NAME
    if not path.is_file():
        return None
    header = read_header(path)
    shape = header.get(_KEY, ("", ()))[1]
    if len(shape) != 3 or shape[:2] != (1, TOKENS) or (width is not None and shape[2] != width):
        wanted = f"[1, {TOKENS}, {width or 'width'}]"
        raise ModelError(f"{path}: key {_KEY} should be {wanted}, is {list(shape)}: delete the file, it is made anew")
    import torch
    from safetensors.torch import load_file

    return load_file(path)[_KEY].to(torch.float32)


def make_empty(bundle: Bundle, width: int | None) -> torch.Tensor:
    """Compute the embedding of "" and keep it beside the bundle where that can be written to."""
    import torch

    tokenizer = bundle.tokenizer()
    encoder = bundle.load("text_encoder", torch.float32)
    ids = tokenizer("", padding="max_length", max_length=TOKENS, truncation=True, return_tensors="pt").input_ids
    with torch.no_grad():
        embedding = encoder(ids)[0].float().contiguous()  # [1, 77, width]
    if width is not None and embedding.shape[-1] != width:
        raise ModelError(
            f"{bundle.place('text_encoder')}: is {embedding.shape[-1]} wide, the UNet takes {width}: "
            "they are not of one model"
        )
    if "text_encoder" in bundle.manifest.places:
        with contextlib.suppress(InputError):
            keep_empty(bundle.folder, embedding, encoder_digest(bundle.place("text_encoder")))
    return embedding


def keep_empty(folder: Path, embedding: torch.Tensor, digest: str) -> None:
    """Write empty_prompt.safetensors with the sum of the weights that it came from. Raises InputError."""
    from safetensors.torch import save

    put(folder / EMPTY_NAME, save({_KEY: embedding}, metadata={_ORIGIN: digest}))


def is_stale(folder: Path, encoder: Path) -> bool:
    """Whether the kept embedding came from other weights than the text encoder's. Reads those whole."""
    from safetensors import safe_open

    with safe_open(str(folder / EMPTY_NAME), framework="pt") as file:
        origin = (file.metadata() or {}).get(_ORIGIN)
    return origin != encoder_digest(encoder)


def encoder_digest(folder: Path) -> str:
    """sha256 over the text encoder's files of weights, in the order of their names."""
    digest = hashlib.sha256()
    for path in find(folder, KINDS["text_encoder"].stem).paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
