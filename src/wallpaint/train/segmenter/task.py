"""Training of the wall segmenter: crops of rendered rooms -> SegFormer and refiner -> cross-entropy and soft IoU."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim
from torch.nn import functional

from wallpaint.bundles.configurations import IMAGENET_MEAN, IMAGENET_STD
from wallpaint.errors import InputError
from wallpaint.segment import network as inference
from wallpaint.train.engine import onnx_export
from wallpaint.train.engine.loop import Losses
from wallpaint.train.engine.onnx_export import Precision
from wallpaint.train.engine.schedule import SampleIndex, stream_seed
from wallpaint.train.segmenter import samples as segmenter_samples
from wallpaint.train.segmenter.config import SegmenterConfig, SegmenterNetworkConfig
from wallpaint.train.segmenter.refiner import RefinerNetwork
from wallpaint.train.segmenter.samples import LabelledImage, RoomInMemory

CLASSES = ("other", "wall")
WALL = CLASSES.index("wall")
_PHOTO_STREAM = 3  # of random numbers
BAND_PX = 4  # half width of the band round edges in which the refiner's loss has full weight
OUTSIDE_BAND_WEIGHT = 0.4  # of the refiner's loss
MAX_ROOMS_IN_MEMORY = 4096  # about 3 MB each


class SegmenterTask:
    """See `loop.TrainingTask`. An epoch has each room once, with another crop each time."""

    def __init__(self, rooms: Sequence[Path], labels: Path, config: SegmenterConfig) -> None:
        """rooms: room files with labels in the folder `labels`. Raises InputError if there are none."""
        if not rooms:
            raise InputError("there are no training rooms: add sets of rooms to the recipe")
        self.rooms, self.labels, self.config = tuple(rooms), labels, config
        torch.manual_seed(config.seed)
        self.network: nn.Module = WallNetwork(config.network)
        self._photos: dict[int, tuple[int, LabelledImage]] = {}
        self._load_room = lru_cache(MAX_ROOMS_IN_MEMORY)(lambda path: segmenter_samples.load_room(path, labels))

    def __len__(self) -> int:
        return len(self.rooms)

    def load_room(self, index: int) -> RoomInMemory:
        """Return a room; it stays in memory once it was read."""
        return self._load_room(self.rooms[index])

    def crop_px(self, sample_index: SampleIndex) -> int:
        """Return the side of the crops, the same for all samples of a step."""
        loop, sizes = self.config.loop, self.config.sizes
        step = sample_index.position // loop.batch_size
        return sizes[min(len(sizes) - 1, step * len(sizes) // loop.steps)]

    def photo(self, sample_index: SampleIndex) -> LabelledImage:
        """Return the photo that the sample is a crop of: a new one every `reuse` epochs."""
        version = sample_index.epoch // self.config.reuse
        cached = self._photos.get(sample_index.index)
        if cached is None or cached[0] != version:
            seed = stream_seed(self.config.seed, version * len(self) + sample_index.index, _PHOTO_STREAM)
            room = self.load_room(sample_index.index)
            cached = (version, segmenter_samples.sample_photo(room, np.random.default_rng(seed)))
            self._photos[sample_index.index] = cached
        return cached[1]

    def sample(self, sample_index: SampleIndex) -> dict[str, Any]:
        """Return one crop, a function of its index alone."""
        rng = np.random.default_rng(stream_seed(self.config.seed, sample_index.position))
        crop = segmenter_samples.random_crop(self.photo(sample_index), self.crop_px(sample_index), rng)
        return {"photo": crop.photo, "wall": crop.wall, "valid": np.float32(crop.ignored == 0)}

    def collate(self, samples: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Return photo [B, 3, px, px], normalised; wall, valid [B, px, px] float32."""
        return {
            "photo": normalise(np.stack([sample["photo"] for sample in samples])),
            "wall": torch.from_numpy(np.stack([sample["wall"] for sample in samples])),
            "valid": torch.from_numpy(np.stack([sample["valid"] for sample in samples])),
        }

    def losses(self, network: nn.Module, batch: dict[str, Tensor]) -> Losses:
        """Return the losses of the coarse and of the refined map, against the share of wall per pixel at full size."""
        device = next(network.parameters()).device
        wall, valid = batch["wall"].to(device), batch["valid"].to(device)
        coarse, refined = network(batch["photo"].to(device))
        with torch.autocast(device.type, enabled=False):
            local = functional.avg_pool2d(wall[:, None], 2 * BAND_PX + 1, 1, BAND_PX, count_include_pad=False)[:, 0]
            edge_weight = OUTSIDE_BAND_WEIGHT + (1 - OUTSIDE_BAND_WEIGHT) * 4 * local * (1 - local)
            maps = {"": (coarse.float(), valid), "fine_": (refined.float(), valid * edge_weight)}
            terms = {name: _terms(log_odds, wall, weight) for name, (log_odds, weight) in maps.items()}
        losses = [entropy.mean() + self.config.overlap_weight * overlap.mean() for entropy, overlap in terms.values()]
        logged = {
            f"{prefix}{name}": value.mean().detach()
            for prefix, pair in terms.items()
            for name, value in zip(("entropy", "overlap"), pair, strict=True)
        }
        return Losses(torch.stack(losses).sum(), logged)


def _terms(log_odds: Tensor, wall: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return cross-entropy and 1 - soft IoU, (B,) each, of log odds (B, H, W) against the share of wall."""
    entropy = functional.binary_cross_entropy_with_logits(log_odds, wall, reduction="none")
    return (entropy * weight).mean((1, 2)), 1 - soft_iou(torch.sigmoid(log_odds), wall, weight)


class WallNetwork(nn.Module):
    """A SegFormer and the refiner of its map: photo (B, 3, h, w), see `normalise` -> log odds of both, (B, h, w).

    Both are trained together. The refiner's gradient is stopped, so that the SegFormer works without the refiner too.
    """

    def __init__(self, config: SegmenterNetworkConfig) -> None:
        super().__init__()
        self.segformer = make_segformer(config)
        self.refiner = RefinerNetwork(config.refiner)

    def forward(self, photo: Tensor) -> tuple[Tensor, Tensor]:
        coarse = wall_logit(self.segformer(pixel_values=photo).logits, photo.shape[-2:])
        return coarse, self.refiner(photo, coarse.detach())


def make_segformer(config: SegmenterNetworkConfig) -> nn.Module:
    """Create a SegFormer with two classes and random weights from torch's generator.

    Convolutions are initialised as in the authors' code (He et al. 2015, by fan-out). transformers initialises those of
    the mixing layers with so small weights that hardly any signal passes.

    The one batch normalisation, in the head, keeps its initial running statistics; only its scale and shift are
    trained. The encoder ends in layer normalisation, and running statistics would not be a function of the weights.
    """
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    model = SegformerForSemanticSegmentation(SegformerConfig(**segformer_config(config)))
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Conv2d) and module is not model.decode_head.classifier:
                fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
                module.weight.normal_(0, (2 / fan_out) ** 0.5)
    model.train()
    model.decode_head.batch_norm.eval()
    return model


def segformer_config(config: SegmenterNetworkConfig) -> dict[str, Any]:
    """Return the arguments of transformers' SegformerConfig."""
    return {
        "hidden_sizes": list(config.widths),
        "depths": list(config.depths),
        "num_attention_heads": list(config.heads),
        "decoder_hidden_size": config.decoder,
        "sr_ratios": [8, 4, 2, 1],
        "mlp_ratios": [4, 4, 4, 4],
        "drop_path_rate": 0.0,
        "classifier_dropout_prob": 0.0,
        "id2label": dict(enumerate(CLASSES)),
        "label2id": {name: index for index, name in enumerate(CLASSES)},
    }


def export(network: WallNetwork, input_px: int) -> dict[str, bytes]:
    """Export both networks, uncalibrated, as the bytes of ONNX files with float16 weights, by name. input_px: see
    `segment.network.Calibration`."""
    batch = Dim("batch", min=1, max=64)
    # The refiner gets the SegFormer's stride too.
    height, width = (inference.STRIDE_PX * Dim(name, min=1, max=128) for name in ("height", "width"))
    photo, axes = torch.zeros(2, 3, 96, 128), {0: batch, 2: height, 3: width}
    calibration = {"scale": 1.0, "shift": 0.0, "input_px": input_px}
    metadata = {
        "kind": inference.SEGFORMER_KIND,
        "classes": list(CLASSES),
        "image_mean": list(IMAGENET_MEAN),
        "image_std": list(IMAGENET_STD),
        "calibration": calibration,
    }
    segformer = onnx_export.export(
        network.segformer, {"pixel_values": photo}, {"pixel_values": axes}, "logits", _precision, metadata
    )
    refiner = onnx_export.export(
        network.refiner,
        {"photo": photo, "odds": photo[:, 0]},
        {"photo": axes, "odds": {0: batch, 1: height, 2: width}},
        "refined",
        _precision,
        {"kind": inference.REFINER_KIND},
    )
    return {inference.SEGFORMER: segformer, inference.REFINER: refiner}


def _precision(name: str, weight: Any) -> Precision:
    del name, weight
    return "float16"


def normalise(photos: Any) -> Tensor:
    """Convert (B, H, W, 3) uint8 to [B, 3, H, W] float32, with the statistics of the published SegFormers."""
    values = torch.from_numpy(photos).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(three).view(1, 3, 1, 1) for three in (IMAGENET_MEAN, IMAGENET_STD))
    return ((values - mean) / std).contiguous()


def wall_logit(logits: Tensor, size: Sequence[int]) -> Tensor:
    """Convert logits of both classes, [B, 2, h, w], to the log odds of wall, [B, H, W] float32. size: (H, W)."""
    difference = logits[:, WALL : WALL + 1].float() - logits[:, :1].float()
    return functional.interpolate(difference, tuple(size), mode="bilinear", align_corners=False)[:, 0]


def soft_iou(probability: Tensor, wall: Tensor, weight: Tensor) -> Tensor:
    """Return the soft intersection over union, [B, H, W] -> [B]. Source: Rahman & Wang 2016."""
    intersection = (probability * wall * weight).sum((1, 2))
    union = ((probability + wall - probability * wall) * weight).sum((1, 2))
    return (intersection + 1) / (union + 1)
