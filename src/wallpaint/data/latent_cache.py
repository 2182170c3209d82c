"""What the VAE makes of each sample, encoded once and kept: a run that reads it calls no VAE.

Kept are the moments of the posterior, not a sample of it, so training still draws latents at every step. One file an
item, named by a sum over the files' content, the data settings and the VAE: what changes is encoded again, and nothing
stale is ever read. Files appear whole, so several processes can fill one folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from wallpaint.files import atomic

if TYPE_CHECKING:
    from torch import Tensor

NAMES = ("latent_mean", "latent_std", "masked_mean", "masked_std", "mask")


class Samples(Protocol):
    """A data set whose samples are functions of index and epoch."""

    def __len__(self) -> int: ...

    def get(self, index: int, epoch: int) -> Mapping[str, Any]:
        """pixel_values [3, H, W], mask [1, H, W], and what else there is."""
        ...

    def content(self, index: int) -> str:
        """A sum over the files of a sample."""
        ...

    def digest(self) -> str:
        """A sum over all settings that its samples depend on."""
        ...


@dataclass(frozen=True)
class LatentCache:
    """A folder of encoded samples. digest: of the settings and of the VAE's weights. variants: versions of a sample."""

    folder: Path
    digest: str
    variants: int

    def key(self, content: str, epoch: int) -> str:
        """The name of a sample's version: epochs repeat after `variants` of them."""
        return hashlib.sha256(f"{content}/{epoch % self.variants}/{self.digest}".encode()).hexdigest()

    def read(self, key: str) -> dict[str, Tensor] | None:
        """NAMES -> [4, h, w] float32, mask [1, h, w] float32; None where it is not there, or not as it was written."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            data = self._path(key).read_bytes()
            summed, data = data[:32], data[32:]
            return load(data) if hashlib.sha256(data).digest() == summed else None
        except (OSError, SafetensorError):
            return None

    def write(self, key: str, tensors: dict[str, Tensor]) -> None:
        """Keep a sample's version. Raises InputError where the folder cannot be written to."""
        from safetensors.torch import save

        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        data = save({name: tensors[name].contiguous() for name in NAMES})
        atomic.put(path, hashlib.sha256(data).digest() + data, durable=False)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.latents"


def fill(
    cache: LatentCache,
    samples: Samples,
    encode: Callable[[Tensor, Tensor], dict[str, Tensor]],
    *,
    share: tuple[int, int] = (0, 1),
    batch: int = 1,
    step: Callable[[int], None] = lambda count: None,
) -> int:
    """Encode what the cache lacks; returns how many samples were encoded.

    encode: (pixel_values [B, 3, H, W], masks [B, 1, H, W]) -> NAMES, each [B, ...]. share: (this process, processes).
    step: told how many versions are done.
    """
    import torch

    pending: list[tuple[str, Mapping[str, Any]]] = []
    encoded = 0

    def flush() -> int:
        if not pending:
            return 0
        pixels = torch.stack([sample["pixel_values"] for _, sample in pending])
        found = encode(pixels, torch.stack([sample["mask"] for _, sample in pending]))
        for row, (key, _) in enumerate(pending):
            cache.write(key, {name: found[name][row] for name in NAMES})
        count = len(pending)
        pending.clear()
        return count

    for index in range(share[0], len(samples), share[1]):
        content = samples.content(index)
        for epoch in range(cache.variants):
            key = cache.key(content, epoch)
            if cache.read(key) is None:
                pending.append((key, samples.get(index, epoch)))
                if len(pending) == batch:
                    encoded += flush()
            step(1)
    return encoded + flush()


def digest_of(*parts: str | Sequence[str]) -> str:
    """One sum over several."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()
