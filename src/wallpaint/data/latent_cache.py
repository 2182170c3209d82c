"""What the frozen networks make of each sample, encoded once and kept: a run that reads it calls none of them.

Kept are the moments of the VAE's posterior, not a sample of it, so training still draws latents at every step. One
safetensors file for each version of a sample, named by a sum over the files' content, the data settings and the
networks' weights: what changes is encoded again, and nothing stale is ever read. Files appear whole, so several
processes can fill one folder, and carry their own sum, which is checked on reading.
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

SUM = "sha256"


class Samples(Protocol):
    """A data set whose samples are functions of index and epoch."""

    def __len__(self) -> int: ...

    def get(self, index: int, epoch: int) -> Mapping[str, Any]:
        """What `data.dataset.Sample` says."""
        ...

    def content(self, index: int) -> str:
        """A sum over the files of a sample."""
        ...

    def digest(self) -> str:
        """A sum over all settings that its samples depend on."""
        ...


@dataclass(frozen=True)
class LatentCache:
    """A folder of encoded samples. digest: of all that they depend on beside the samples' content. variants: versions
    of a sample."""

    folder: Path
    digest: str
    variants: int

    def key(self, content: str, epoch: int) -> str:
        """The name of a sample's version: epochs repeat after `variants` of them."""
        return hashlib.sha256(f"{content}/{epoch % self.variants}/{self.digest}".encode()).hexdigest()

    def read(self, key: str) -> dict[str, Tensor] | None:
        """Tensors by name, as they were written; None where they are not there, or not as they were written."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            data = self._path(key).read_bytes()
            length = int.from_bytes(data[:8], "little")
            summed = json.loads(data[8 : 8 + length])["__metadata__"][SUM]
            tensors = load(data)
        except (OSError, SafetensorError, ValueError, KeyError, TypeError):
            return None
        return tensors if _sum(tensors) == summed else None

    def write(self, key: str, tensors: Mapping[str, Tensor]) -> None:
        """Keep a sample's version. Raises InputError where the folder cannot be written to."""
        from safetensors.torch import save

        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = {name: value.contiguous() for name, value in tensors.items()}
        atomic.put(path, save(whole, metadata={SUM: _sum(whole)}), durable=False)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.safetensors"


def _sum(tensors: Mapping[str, Tensor]) -> str:
    total = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        total.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        total.update(value.numpy().tobytes())
    return total.hexdigest()


def fill(
    cache: LatentCache,
    samples: Samples,
    encode: Callable[[Sequence[Mapping[str, Any]]], Mapping[str, Tensor]],
    *,
    share: tuple[int, int] = (0, 1),
    step: Callable[[int], None] = lambda count: None,
) -> int:
    """Encode what the cache lacks; returns how many versions were encoded.

    encode: samples -> tensors by name, [B, ...] each; it is given one sample at a time, so that what it makes of it
    depends on no other. share: (this process, processes). step: told how many versions are done.
    """
    encoded = 0
    for index in range(share[0], len(samples), share[1]):
        content = samples.content(index)
        for epoch in range(cache.variants):
            key = cache.key(content, epoch)
            if cache.read(key) is None:
                cache.write(key, {name: value[0] for name, value in encode([samples.get(index, epoch)]).items()})
                encoded += 1
            step(1)
    return encoded


def digest_of(*parts: str | Sequence[str]) -> str:
    """One sum over several."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()
