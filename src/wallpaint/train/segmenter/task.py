"""Learning what is wall: rooms -> pictures drawn anew at every step -> SegFormer -> cross-entropy and overlap."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from wallpaint.bundles.configurations import IMAGENET_MEAN, IMAGENET_STD
from wallpaint.errors import InputError
from wallpaint.segment.refiner import Refiner
from wallpaint.train.engine.loop import Losses
from wallpaint.train.engine.schedule import SampleIndex, stream_seed
from wallpaint.train.segmenter import samples as wall_pictures
from wallpaint.train.segmenter.config import NetworkConfig, SegmenterConfig
from wallpaint.train.segmenter.samples import Cooked, Picture

WALL = 1  # of the two classes, see `bundles.configurations`
_PHOTOS = 3  # stream of random numbers
BAND, FAR = 4, 0.4  # pixels round an edge that count most for the refined map, and what all others count
KEPT_ROOMS = 4096  # in memory, about 3 MB each


class SegmenterTask:
    """See `loop.TrainingTask`. An epoch is every room once, each time another picture of it."""

    def __init__(self, rooms: Sequence[Path], labels: Path, config: SegmenterConfig) -> None:
        """rooms: room files that have labels in the folder `labels`. Raises InputError where there are none."""
        if not rooms:
            raise InputError("there are no rooms to learn from: name sets of rooms in the recipe")
        self.rooms, self.labels, self.config = tuple(rooms), labels, config
        torch.manual_seed(config.seed)
        self.network: nn.Module = WallNetwork(config.network)
        self._photos: dict[int, tuple[int, Picture]] = {}
        self._room = lru_cache(KEPT_ROOMS)(lambda path: wall_pictures.cook(path, labels))

    def __len__(self) -> int:
        return len(self.rooms)

    def room(self, index: int) -> Cooked:
        """A room, kept in memory once it was read."""
        return self._room(self.rooms[index])

    def px(self, sample_index: SampleIndex) -> int:
        """Side of the pictures at a place in the run: all of one step have the same."""
        loop, sizes = self.config.loop, self.config.sizes
        step = sample_index.position // loop.batch_size
        return sizes[min(len(sizes) - 1, step * len(sizes) // loop.steps)]

    def photo(self, sample_index: SampleIndex) -> Picture:
        """The photo that a picture is cut from: another one every `reuse` epochs."""
        version = sample_index.epoch // self.config.reuse
        kept = self._photos.get(sample_index.index)
        if kept is None or kept[0] != version:
            seed = stream_seed(self.config.seed, version * len(self) + sample_index.index, _PHOTOS)
            kept = (version, wall_pictures.draw(self.room(sample_index.index), np.random.default_rng(seed)))
            self._photos[sample_index.index] = kept
        return kept[1]

    def sample(self, sample_index: SampleIndex) -> dict[str, Any]:
        """One picture of a room, a function of its place alone."""
        rng = np.random.default_rng(stream_seed(self.config.seed, sample_index.position))
        picture = wall_pictures.cut(self.photo(sample_index), self.px(sample_index), rng)
        return {"photo": picture.photo, "wall": picture.wall, "counts": np.float32(picture.ignored == 0)}

    def collate(self, samples: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """photo [B, 3, px, px] as the network takes it; wall, counts [B, px, px] float32."""
        return {
            "photo": normalised(np.stack([one["photo"] for one in samples])),
            "wall": torch.from_numpy(np.stack([one["wall"] for one in samples])),
            "counts": torch.from_numpy(np.stack([one["counts"] for one in samples])),
        }

    def losses(self, network: nn.Module, batch: dict[str, Tensor]) -> Losses:
        """Of the coarse map and of the refined one; both compare the soft share of wall in each pixel at the picture's
        full size."""
        device = next(network.parameters()).device
        wall, counts = batch["wall"].to(device), batch["counts"].to(device)
        coarse, fine = network(batch["photo"].to(device))
        with torch.autocast(device.type, enabled=False):
            near = functional.avg_pool2d(wall[:, None], 2 * BAND + 1, 1, BAND, count_include_pad=False)[:, 0]
            at_edges = counts * (FAR + (1 - FAR) * 4 * near * (1 - near))
            maps = {"": (coarse.float(), counts), "fine_": (fine.float(), at_edges)}
            terms = {name: _terms(odds, wall, counts) for name, (odds, counts) in maps.items()}
        parts = [entropy.mean() + self.config.overlap_weight * overlap.mean() for entropy, overlap in terms.values()]
        told = {
            f"{name}{what}": value.mean().detach()
            for name, pair in terms.items()
            for what, value in zip(("entropy", "overlap"), pair, strict=True)
        }
        return Losses(torch.stack(parts).sum(), told)


def _terms(odds: Tensor, wall: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy and what lacks of overlap, (B,) each, of log odds (B, H, W) against the share of wall."""
    entropy = functional.binary_cross_entropy_with_logits(odds, wall, reduction="none")
    return (entropy * counts).mean((1, 2)), 1 - soft_iou(torch.sigmoid(odds), wall, counts)


class WallNetwork(nn.Module):
    """A SegFormer and the refiner of its map: photo (B, 3, h, w), see `normalised`, to the log odds of both, (B, h, w).

    They learn side by side: what the refiner asks for does not reach the SegFormer, which is to be as good alone.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.segformer = make_segformer(config)
        self.refiner = Refiner(config.refiner)

    def forward(self, photo: Tensor) -> tuple[Tensor, Tensor]:
        coarse = wall_logit(self.segformer(pixel_values=photo).logits, photo.shape[-2:])
        return coarse, self.refiner(photo, coarse.detach())


def make_segformer(config: NetworkConfig) -> nn.Module:
    """A SegFormer with two classes and weights drawn from torch's generator.

    Convolutions start as in the authors' own code (He et al. 2015, by fan-out), not as in transformers, where those of
    the mixing layers start so small that next to nothing passes.

    The one batch normalisation, in its head, stays what it is at first, an identity that scale and shift are learnt of:
    the encoder ends in layer normalisation, and statistics that follow the data would be no function of the weights.
    """
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    made = SegformerForSemanticSegmentation(SegformerConfig(**network_values(config)))
    with torch.no_grad():
        for module in made.modules():
            if isinstance(module, nn.Conv2d) and module is not made.decode_head.classifier:
                fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
                module.weight.normal_(0, (2 / fan_out) ** 0.5)
    made.train()
    made.decode_head.batch_norm.eval()
    return made


def network_values(config: NetworkConfig) -> dict[str, Any]:
    """What transformers' SegformerConfig is made of."""
    return {
        "hidden_sizes": list(config.widths),
        "depths": list(config.depths),
        "num_attention_heads": list(config.heads),
        "decoder_hidden_size": config.decoder,
        "sr_ratios": [8, 4, 2, 1],
        "mlp_ratios": [4, 4, 4, 4],
        "drop_path_rate": 0.0,
        "classifier_dropout_prob": 0.0,
        "id2label": {0: "other", WALL: "wall"},
        "label2id": {"other": 0, "wall": WALL},
    }


def normalised(photos: Any) -> Tensor:
    """(B, H, W, 3) uint8 to [B, 3, H, W] float32, with the statistics of the published SegFormers."""
    values = torch.from_numpy(photos).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(three).view(1, 3, 1, 1) for three in (IMAGENET_MEAN, IMAGENET_STD))
    return ((values - mean) / std).contiguous()


def wall_logit(logits: Tensor, size: Sequence[int]) -> Tensor:
    """Logits of both classes, [B, 2, h, w], to one of wall against the other, [B, H, W] float32. size: (H, W)."""
    difference = logits[:, WALL : WALL + 1].float() - logits[:, :1].float()
    return functional.interpolate(difference, tuple(size), mode="bilinear", align_corners=False)[:, 0]


def soft_iou(found: Tensor, wall: Tensor, counts: Tensor) -> Tensor:
    """Intersection over union of two soft masks, [B, H, W] -> [B]. Source: Rahman & Wang 2016."""
    both = (found * wall * counts).sum((1, 2))
    either = ((found + wall - found * wall) * counts).sum((1, 2))
    return (both + 1) / (either + 1)
