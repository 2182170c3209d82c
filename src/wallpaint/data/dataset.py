"""Samples to train on: a photo, its wall, a reference, and the photo with the wall in the reference's colour.

    pictures -> crop, mirror -> jitter -> colour -> target, reference -> tensors

Jitter comes before the colour is taken, or the reference would not match. A random colour comes with a target that
has it, or the model would learn to ignore the reference: a true repaint if the sample has one, else an analytic one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import numpy as np
import torch
from torch import Tensor

from wallpaint import threads
from wallpaint.bundles.prompts import tokenize
from wallpaint.data import augment, listing, loading
from wallpaint.data import target_colors as colors
from wallpaint.data.augment import Jitter
from wallpaint.data.listing import SPLITS, Item, RoomItem
from wallpaint.data.loading import Pictures
from wallpaint.data.metadata import Rgb
from wallpaint.data.settings import DataSettings
from wallpaint.data.shards import Member
from wallpaint.diffusion import image_tensors as pictures
from wallpaint.errors import ConfigError, InputError
from wallpaint.imaging.photo import Photo
from wallpaint.paints.reference import REFERENCE_PX, solid_reference
from wallpaint.scene import mask as masks
from wallpaint.scene.mask import Window
from wallpaint.typing import Array

FORMAT = "wallpaint.samples/1"  # raised when the same settings come to make other samples
_COLOR, _CROP, _FLIP, _JITTER, _REFERENCE, _ROOM = range(6)  # streams of random numbers within a sample


class Sample(TypedDict):
    """One sample.

    pixel_values: [3, H, W], -1..1, the photo. mask: [1, H, W], 0 or 1, what the model is to fill: the wall, dilated.
    color_mask: [1, H, W], 0 or 1, the wall without its edge, for colours and losses. reference_image: [3, S, S],
    normalised as the image encoder wants it. dominant_color: [3], sRGB 0..255. target_values: [3, H, W], -1..1, the
    photo with its wall in that colour; equal to pixel_values where the colour is the photo's own. All float32.
    """

    pixel_values: Tensor
    mask: Tensor
    color_mask: Tensor
    reference_image: Tensor
    dominant_color: Tensor
    target_values: Tensor
    caption: str
    key: str


class Batch(TypedDict):
    """Samples stacked: [B, ...] of each. input_ids: [B, 77] int64, where a tokenizer was given."""

    pixel_values: Tensor
    masks: Tensor
    color_masks: Tensor
    reference_images: Tensor
    dominant_colors: Tensor
    target_values: Tensor
    captions: list[str]
    keys: list[str]
    input_ids: NotRequired[Tensor]


class WallInpaintingDataset(torch.utils.data.Dataset[Sample]):
    """The samples of a split of a data set, see `listing` for its layout.

    Each random choice depends on seed, epoch and index alone, so any number of workers gives the same samples. Splits
    other than "train" know no randomness but the reference's noise: no random colour, mirror, jitter or random crop.
    """

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        settings: DataSettings | None = None,
        seed: int = 0,
        *,
        part: tuple[int, int] = (0, 1),
    ) -> None:
        """List the samples; no picture is read yet.

        root: a folder. part: (n, of) for every of-th sample from the n-th on, which keep the random numbers that they
        have in the whole: for processes that no sampler shares the work between. Raises InputError for a set that is
        missing or broken, naming file and line; ConfigError for what cannot be asked for.
        """
        if split not in SPLITS:
            raise ConfigError(f'split must be one of {", ".join(SPLITS)}, not "{split}"')
        if seed < 0 or not 0 <= part[0] < part[1]:
            raise ConfigError(f"seed must be 0 or more, part (n, of) with n below of, not {seed} and {part}")
        self.settings, self.split, self.seed = settings or DataSettings(), split, seed
        found = listing.samples(Path(root), split)
        good = [item for item in found if _quality(item) >= self.settings.quality_threshold]
        self.left_out = len(found) - len(good)
        if not good:
            threshold = self.settings.quality_threshold
            raise InputError(f"{root}: all {len(found)} samples have a quality_score below {threshold:g}: lower it")
        self._numbered = list(enumerate(good))[part[0] :: part[1]]
        # In shared memory, so that workers that outlive an epoch hear of the next.
        self._epoch: Tensor = torch.zeros((), dtype=torch.int64)
        self._epoch.share_memory_()  # type: ignore[no-untyped-call]

    @property
    def epoch(self) -> int:
        """The epoch whose random numbers are drawn."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Draw other random numbers from now on, in running workers too. epoch: 0 or more."""
        if epoch < 0:
            raise ConfigError(f"an epoch is 0 or more, not {epoch}")
        self._epoch.fill_(epoch)

    @property
    def keys(self) -> list[str]:
        """The samples' keys, in order."""
        return [item.key for _, item in self._numbered]

    def __len__(self) -> int:
        return len(self._numbered)

    def __getitem__(self, index: int) -> Sample:
        """Raises InputError for pictures that cannot be read or do not fit together, naming file and line."""
        return self.get(index, self.epoch)

    def get(self, index: int, epoch: int) -> Sample:
        """A sample as it is in an epoch, whichever has been set."""
        number, item = self._numbered[index]
        training = self.split == "train"
        streams = [
            np.random.default_rng([self.seed, epoch if training else 0, number, stream]) for stream in range(_ROOM + 1)
        ]
        with threads.single():
            return make_sample(item, self.settings, streams, training=training)

    def item(self, index: int) -> Item | RoomItem:
        """Where a sample comes from."""
        return self._numbered[index][1]

    def whole(self, index: int) -> Pictures:
        """What a sample is made of: the photo at its own size, its wall, and the true repaint if there is one.

        For judging results: a rendered room is in one paint, and in another in its target. Raises InputError.
        """
        number, item = self._numbered[index]
        with threads.single():
            if isinstance(item, RoomItem):
                return loading.load_room(item, np.random.default_rng([self.seed, 0, number, _ROOM]), dressed_share=0.0)
            return loading.load(item, with_target=True)

    def content(self, index: int) -> str:
        """A sum over all that a sample is made of: its files, what is said of it, and its place. Hexadecimal."""
        number, item = self._numbered[index]
        total = hashlib.sha256(repr((number, item.entry if isinstance(item, Item) else None)).encode())
        files = (item.image, item.mask, item.target, item.reference) if isinstance(item, Item) else (item.path,)
        for file in files:
            data = b"" if file is None else file.read() if isinstance(file, Member) else file.read_bytes()
            total.update(hashlib.sha256(data).digest())
        return total.hexdigest()

    def listing_digest(self) -> str:
        """A sum over which samples there are: their keys, what is said of them, and the sizes of their files.

        Quick, so that a run can tell at its start that a set has changed; `content` reads the files. Hexadecimal.
        """
        total = hashlib.sha256()
        for number, item in self._numbered:
            files = (item.image, item.mask, item.target, item.reference) if isinstance(item, Item) else (item.path,)
            sizes = [None if f is None else f.size if isinstance(f, Member) else f.stat().st_size for f in files]
            total.update(repr((number, item.key, item.entry if isinstance(item, Item) else None, sizes)).encode())
        return total.hexdigest()

    def digest(self) -> str:
        """A sum over all that its samples depend on beside their content: settings, seed and split. Hexadecimal."""
        told = [FORMAT, self.settings.to_dict(), self.seed, self.split]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _quality(item: Item | RoomItem) -> float:
    return item.entry.quality if isinstance(item, Item) else 1.0


def make_sample(
    item: Item | RoomItem, settings: DataSettings, streams: Sequence[np.random.Generator], *, training: bool
) -> Sample:
    """One sample from its files. streams: generators of colour, crop, mirror, jitter, reference and room."""
    other_color = training and bool(streams[_COLOR].random() < settings.random_color_prob)
    if isinstance(item, RoomItem):
        found = loading.load_room(item, streams[_ROOM], dressed_share=settings.dressed_share if training else 0.0)
    else:
        found = loading.load(item, with_target=other_color)
    place = augment.window(found.alpha, settings, streams[_CROP] if training else None)
    hard, soft = augment.crop_mask(found.alpha, place)
    wants_target = found.target is not None and (other_color or (training and found.is_dressed))
    target = pictures.crop(found.target, place) if found.target is not None and wants_target else None
    photo = pictures.crop(found.photo, place)
    if training and streams[_FLIP].random() < settings.flip_prob:
        photo, hard, soft = (np.ascontiguousarray(array[:, ::-1]) for array in (photo, hard, soft))
        target = None if target is None else np.ascontiguousarray(target[:, ::-1])
    change = augment.jitter(photo, settings, streams[_JITTER]) if training else Jitter(np.eye(3))
    photo, target = change(photo), None if target is None else change(target)
    inner = core(hard, settings.erosion_radius_px)
    if not inner.any():
        raise InputError(f"{item.where}: no wall is left of the mask at {settings.size} pixels: leave the sample out")
    rgb: Array
    if target is not None:
        rgb = _color_of(target, inner, found.target_rgb, change, settings)
    elif other_color:
        paint = colors.random_color(settings, streams[_COLOR])
        target = colors.repainted(photo, soft, paint, settings.match)
        rgb = np.asarray(paint, np.float32)
    if target is None:
        rgb = _color_of(photo, inner, found.own_rgb, change, settings)
    has_target = isinstance(item, Item) and item.target is not None
    as_described = isinstance(item, Item) and (target is not None) == has_target
    processor = {"image_mean": settings.image_mean, "image_std": settings.image_std}
    prompt = _reference(rgb, found.reference, settings, streams[_REFERENCE])
    values = pictures.to_tensor(photo)[0].contiguous()
    return {
        "pixel_values": values,
        "mask": _plane(masks.dilate(hard, settings.dilation_px)),
        "color_mask": _plane(inner),
        "reference_image": pictures.image_prompt_pixels(prompt, processor, settings.reference_px)[0],
        "dominant_color": torch.from_numpy(np.array(rgb, np.float32)),
        "target_values": values.clone() if target is None else pictures.to_tensor(target)[0].contiguous(),
        "caption": found.caption if as_described else colors.renamed(found.caption, found.color_name, rgb),
        "key": item.key,
    }


def core(wall: Array, radius_px: float) -> Array:
    """The wall without its edge, (H, W) bool; the whole of a wall that is too narrow to have anything else."""
    inner = masks.erode(wall, radius_px)
    return inner if inner.any() else wall


def _color_of(rgb: Array, wall: Array, albedo: Rgb | None, change: Jitter, settings: DataSettings) -> Array:
    """The colour that stands for a wall, (3,), 0..255: as it is seen, or the albedo where that is meant and known."""
    if settings.match == "room" and albedo is not None:
        return change.of_paint(np.asarray(albedo))
    return colors.shown_color(rgb, wall, settings.color_method)


def _reference(rgb: Array, texture: Photo | None, settings: DataSettings, rng: np.random.Generator) -> Array:
    """The picture that prompts for a wall, (h, w, 3) uint8: a texture's own, or a swatch with noise and a gradient."""
    if texture is not None:
        height, width = texture.size
        return pictures.crop(texture, Window(0, 0, height, width, height, width))
    red, green, blue = (round(float(v)) for v in rgb)
    return solid_reference((red, green, blue), rng, REFERENCE_PX, settings.reference_noise, settings.reference_gradient)


def _plane(mask: Array) -> Tensor:
    return torch.from_numpy(mask.astype(np.float32))[None]


def collate(samples: Sequence[Sample], tokenizer: Any = None) -> Batch:
    """Samples as a batch. tokenizer: of the bundle; without it there are no input_ids. Raises InputError for none."""
    if not samples:
        raise InputError("a batch of no samples: give at least one")
    batch: Batch = {
        "pixel_values": torch.stack([sample["pixel_values"] for sample in samples]),
        "masks": torch.stack([sample["mask"] for sample in samples]),
        "color_masks": torch.stack([sample["color_mask"] for sample in samples]),
        "reference_images": torch.stack([sample["reference_image"] for sample in samples]),
        "dominant_colors": torch.stack([sample["dominant_color"] for sample in samples]),
        "target_values": torch.stack([sample["target_values"] for sample in samples]),
        "captions": [sample["caption"] for sample in samples],
        "keys": [sample["key"] for sample in samples],
    }
    if tokenizer is not None:
        batch["input_ids"] = tokenize(tokenizer, batch["captions"])
    return batch
