"""The latent cache: each sample is encoded by the frozen networks once, so a cached run calls none of them.

It holds the moments of the VAE's posterior, not samples of it, so training still samples latents at every step. Each
version of a sample is one safetensors file, named by a sha256 of the sample's files, the settings and the networks'
weights, so a change of any of them is encoded again. Files are written atomically, so several processes can fill one
folder, and carry a checksum that is verified on reading.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from wallpaint.files import atomic

if TYPE_CHECKING:
    from torch import Tensor

CHECKSUM_KEY = "sha256"


class SampleSource(Protocol):
    """A data set whose samples are functions of index and epoch."""

    def __len__(self) -> int: ...

    def get(self, index: int, epoch: int) -> Mapping[str, Any]:
        """Return a sample, see `data.dataset.InpaintingSample`."""
        ...

    def content(self, index: int) -> str:
        """Return a sha256 of a sample's files."""
        ...

    def digest(self) -> str:
        """Return a sha256 of all settings that the samples depend on."""
        ...


@dataclass(frozen=True)
class LatentCache:
    """A folder of encoded samples. digest: of everything they depend on besides the samples' content. variants: number
    of versions of each sample."""

    folder: Path
    digest: str
    variants: int

    def key(self, content: str, epoch: int) -> str:
        """Return the file name of a sample's version; epochs repeat after `variants`."""
        return hashlib.sha256(f"{content}/{epoch % self.variants}/{self.digest}".encode()).hexdigest()

    def read(self, key: str) -> dict[str, Tensor] | None:
        """Return tensors by name; None if the file is missing or damaged."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            data = self._path(key).read_bytes()
            length = int.from_bytes(data[:8], "little")
            checksum = json.loads(data[8 : 8 + length])["__metadata__"][CHECKSUM_KEY]
            tensors = load(data)
        except (OSError, SafetensorError, ValueError, KeyError, TypeError):
            return None
        return tensors if _checksum(tensors) == checksum else None

    def write(self, key: str, tensors: Mapping[str, Tensor]) -> None:
        """Write a sample's version. Raises InputError if the folder is not writable."""
        from safetensors.torch import save

        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        contiguous = {name: value.contiguous() for name, value in tensors.items()}
        atomic.put(path, save(contiguous, metadata={CHECKSUM_KEY: _checksum(contiguous)}), durable=False)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.safetensors"


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    total = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        total.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        total.update(value.numpy().tobytes())
    return total.hexdigest()


def fill(
    cache: LatentCache,
    samples: SampleSource,
    encode: Callable[[Sequence[Mapping[str, Any]]], Mapping[str, Tensor]],
    *,
    share: tuple[int, int] = (0, 1),
    on_progress: Callable[[bool], None] = lambda is_new: None,
) -> int:
    """Encode the versions that the cache lacks, and return how many were encoded.

    encode: samples -> tensors by name, [B, ...] each; called with one sample at a time, so that the result depends on
    no other. share: (rank of this process, number of processes). on_progress: called after each version, with
    whether it was encoded.
    """
    encoded = 0
    for index in range(share[0], len(samples), share[1]):
        content = samples.content(index)
        for epoch in range(cache.variants):
            key = cache.key(content, epoch)
            is_new = cache.read(key) is None
            if is_new:
                cache.write(key, {name: value[0] for name, value in encode([samples.get(index, epoch)]).items()})
                encoded += 1
            on_progress(is_new)
    return encoded


def digest_of(*values: str | Sequence[str]) -> str:
    """Return one sha256 of several values. Hexadecimal."""
    return hashlib.sha256(repr(values).encode()).hexdigest()
