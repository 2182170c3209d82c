"""Training samples: photo, wall mask, reference, and target, the photo with its wall in the reference's colour.

    images -> crop, flip -> colour jitter -> colour -> target, reference -> tensors

The colour is extracted after the jitter, so that the reference matches the photo. A sample with a random colour has a
target in that colour, or the model would learn to ignore the reference: a true repaint if there is one, else an
analytic one.
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
from wallpaint.data import augment, listing, loading, unread
from wallpaint.data import target_colors as colors
from wallpaint.data.augment import ColorJitter
from wallpaint.data.listing import SPLITS, File, PhotoItem, RoomItem
from wallpaint.data.loading import SampleImages
from wallpaint.data.metadata import Rgb
from wallpaint.data.settings import SampleSettings
from wallpaint.data.shards import ShardMember
from wallpaint.diffusion import image_tensors as pictures
from wallpaint.errors import ConfigError, InputError
from wallpaint.imaging.photo import Photo
from wallpaint.options import Constraint, raise_errors
from wallpaint.paints.reference import REFERENCE_PX, solid_reference
from wallpaint.scene import mask as masks
from wallpaint.scene.mask import Window
from wallpaint.typing import Array

FORMAT = "wallpaint.samples/1"  # increment when the same settings give other samples
_COLOR, _CROP, _FLIP, _JITTER, _REFERENCE, _ROOM = range(6)  # random streams of a sample


class InpaintingSample(TypedDict):
    """One sample, all tensors float32. H and W are settings.size; of the crop "wall" they follow the wall.

    pixel_values: [3, H, W], -1..1, the photo. mask: [1, H, W], 0 or 1, the area to inpaint: the wall, dilated (or
    eroded). color_mask: [1, H, W], 0 or 1, the wall, eroded, for colours and losses. reference_image: [3, S, S],
    normalized for the image encoder. dominant_color: [3], sRGB 0..255. target_values: [3, H, W], -1..1, the photo with
    its wall in that colour; equal to pixel_values if the colour is the photo's own.
    """

    pixel_values: Tensor
    mask: Tensor
    color_mask: Tensor
    reference_image: Tensor
    dominant_color: Tensor
    target_values: Tensor
    caption: str
    key: str


class InpaintingBatch(TypedDict):
    """Stacked samples, [B, ...]. input_ids: [B, 77] int64, if a tokenizer was given."""

    pixel_values: Tensor
    masks: Tensor
    color_masks: Tensor
    reference_images: Tensor
    dominant_colors: Tensor
    target_values: Tensor
    captions: list[str]
    keys: list[str]
    input_ids: NotRequired[Tensor]


class WallInpaintingDataset(torch.utils.data.Dataset[InpaintingSample]):
    """The samples of a split of a data set; see `listing` for its layout.

    Random numbers depend on seed, epoch and index only, so any number of workers gives the same samples. In splits
    other than "train" only the noise of the reference is random: no random colour, flip, jitter or random crop.
    """

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        settings: SampleSettings | None = None,
        seed: int = 0,
        *,
        partition: tuple[int, int] = (0, 1),
        repaint: bool = True,
        side_multiple: int = 1,
    ) -> None:
        """List the samples; no image is read yet.

        root: a folder. partition: (index, count) selects every count-th sample from the given index on, with the random
        numbers it has in the full set; for processes without a distributed sampler. repaint: False makes no target:
        `target_values` equals `pixel_values`, and the colour is the photo's own. side_multiple: of the sides of wall
        crops, see `augment.crop_window`; that of the networks. Raises InputError for a missing or
        invalid data set, naming file and line; ConfigError for invalid arguments.
        """
        raise_errors(Constraint(choices=SPLITS).errors("split", split))
        if seed < 0 or not 0 <= partition[0] < partition[1]:
            raise ConfigError(
                "`seed` must be at least 0, and `partition` (index, count) with 0 <= index < count, "
                f"not {seed} and {partition}"
            )
        self.settings, self.split, self.seed, self.repaint = settings or SampleSettings(), split, seed, repaint
        self.side_multiple = side_multiple
        self.root = Path(root)
        items = listing.list_samples(self.root, split)
        selected = [item for item in items if _quality(item) >= self.settings.quality_threshold]
        self._items = selected
        self.excluded = len(items) - len(selected)
        if not selected:
            threshold = self.settings.quality_threshold
            raise InputError(f"{root}: all {len(items)} samples have a quality_score below {threshold:g}: lower it")
        repeated = [item for item in selected for _ in range(_repeats(item) if split == "train" else 1)]
        self._numbered_items = list(enumerate(repeated))[partition[0] :: partition[1]]
        # In shared memory, so that persistent workers see a new epoch.
        self._epoch: Tensor = torch.zeros((), dtype=torch.int64)
        self._epoch.share_memory_()  # type: ignore[no-untyped-call]

    @property
    def epoch(self) -> int:
        """The epoch, which seeds the random numbers."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, in running workers too. epoch: 0 or more."""
        if epoch < 0:
            raise ConfigError(f"an epoch is 0 or more, not {epoch}")
        self._epoch.fill_(epoch)

    def notes(self, *, captions: bool = False) -> list[str]:
        """Return notes on files that no sample uses and on photos with an alpha channel; reads headers only.

        captions: also on samples without a caption.
        """
        folder = listing.split_folders(self.root)
        split_folder = folder.get(self.split, self.root)
        lines = [*unread.notes_of_root(self.root)]
        lines += unread.notes_of_folder(split_folder, list(listing.list_folder(split_folder, self.split)))
        if self.excluded:
            lines.append(
                f"{self.excluded} of {self.excluded + len(self._items)} samples are left out: their quality_score is "
                f"below samples.quality_threshold {self.settings.quality_threshold:g}"
            )
        lines += unread.notes_on_alpha(self._items)
        return lines + (unread.notes_on_captions(self._items) if captions else [])

    @property
    def keys(self) -> list[str]:
        """The samples' keys, in order."""
        return [item.key for _, item in self._numbered_items]

    def __len__(self) -> int:
        return len(self._numbered_items)

    def __getitem__(self, index: int) -> InpaintingSample:
        """Raises InputError for images that cannot be read or do not fit together, naming file and line."""
        return self.get(index, self.epoch)

    def get(self, index: int, epoch: int) -> InpaintingSample:
        """Return a sample of a given epoch, whatever `set_epoch` was called with."""
        number, item = self._numbered_items[index]
        training = self.split == "train"
        streams = [
            np.random.default_rng([self.seed, epoch if training else 0, number, stream]) for stream in range(_ROOM + 1)
        ]
        with threads.single_threaded():
            return make_sample(
                item,
                self.settings,
                streams,
                training=training,
                repaint=self.repaint,
                side_multiple=self.side_multiple,
            )

    def item(self, index: int) -> PhotoItem | RoomItem:
        """Return the files of a sample."""
        return self._numbered_items[index][1]

    def load_images(self, index: int) -> SampleImages:
        """Load a sample's photo at its own size, its mask, and the true repaint if there is one.

        For evaluation: a rendered room has one paint in the photo and another in the target. Raises InputError.
        """
        number, item = self._numbered_items[index]
        with threads.single_threaded():
            if isinstance(item, RoomItem):
                return loading.load_room(item, np.random.default_rng([self.seed, 0, number, _ROOM]), dressed_share=0.0)
            return loading.load(item, with_target=True)

    def content(self, index: int) -> str:
        """Return a sha256 of a sample: its files, metadata and number. Hexadecimal."""
        number, item = self._numbered_items[index]
        total = hashlib.sha256(f"({number!r}, {_metadata_text(item)})".encode())
        for file in _files(item):
            data = b"" if file is None else file.read() if isinstance(file, ShardMember) else file.read_bytes()
            total.update(hashlib.sha256(data).digest())
        return total.hexdigest()

    def listing_digest(self) -> str:
        """Return a sha256 of the list of samples: keys, metadata, and file sizes. Hexadecimal.

        Fast, so that a run can check at its start that the data set is unchanged; `content` reads the files.
        """
        total = hashlib.sha256()
        for number, item in self._numbered_items:
            sizes = [
                None if file is None else file.size if isinstance(file, ShardMember) else file.stat().st_size
                for file in _files(item)
            ]
            total.update(f"({number!r}, {item.key!r}, {_metadata_text(item)}, {sizes!r})".encode())
        return total.hexdigest()

    def digest(self) -> str:
        """Return a sha256 of everything the samples depend on besides their content: settings, seed and split.
        Hexadecimal."""
        values = [FORMAT, self.settings.to_dict(), self.seed, self.split, *([] if self.repaint else ["no repaint"])]
        values += [f"painter's crop, {self.side_multiple}"] if self.settings.crop == "wall" else []
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _quality(item: PhotoItem | RoomItem) -> float:
    return item.metadata.quality if isinstance(item, PhotoItem) else 1.0


def _repeats(item: PhotoItem | RoomItem) -> int:
    return item.repeats if isinstance(item, PhotoItem) else 1


def _files(item: PhotoItem | RoomItem) -> tuple[File | None, ...]:
    return (item.image, item.mask, item.target, item.reference) if isinstance(item, PhotoItem) else (item.path,)


def _metadata_text(item: PhotoItem | RoomItem) -> str:
    return item.metadata.hash_text() if isinstance(item, PhotoItem) else "None"


def make_sample(
    item: PhotoItem | RoomItem,
    settings: SampleSettings,
    streams: Sequence[np.random.Generator],
    *,
    training: bool,
    repaint: bool = True,
    side_multiple: int = 1,
) -> InpaintingSample:
    """Make a sample from its files.

    streams: generators of colour, crop, flip, jitter, reference and room. repaint: False makes no target.
    side_multiple: of a wall crop; both see `WallInpaintingDataset`. Raises InputError or ShapeError.
    """
    has_random_color = training and repaint and bool(streams[_COLOR].random() < settings.random_color_prob)
    if isinstance(item, RoomItem):
        images = loading.load_room(item, streams[_ROOM], dressed_share=settings.dressed_share if training else 0.0)
    else:
        images = loading.load(item, with_target=has_random_color)
    window = augment.crop_window(images.alpha, settings, streams[_CROP] if training else None, side_multiple)
    hard, soft = augment.crop_mask(images.alpha, window)
    uses_target = images.target is not None and (has_random_color or (training and repaint and images.is_dressed))
    target = pictures.crop(images.target, window) if images.target is not None and uses_target else None
    photo = pictures.crop(images.photo, window)
    if training and streams[_FLIP].random() < settings.flip_prob:
        photo, hard, soft = (np.ascontiguousarray(array[:, ::-1]) for array in (photo, hard, soft))
        target = None if target is None else np.ascontiguousarray(target[:, ::-1])
    jitter = augment.sample_jitter(photo, settings, streams[_JITTER]) if training else ColorJitter(np.eye(3))
    photo, target = jitter(photo), None if target is None else jitter(target)
    inner = eroded_wall(hard, settings.erosion_radius_px)
    if not inner.any():
        raise InputError(f"{item.location}: no wall is left of the mask at {settings.size} pixels: exclude the sample")
    rgb: Array
    if target is not None:
        rgb = _reference_color(target, inner, images.target_rgb, jitter, settings)
    elif has_random_color:
        paint = colors.sample_color(settings, streams[_COLOR])
        target = colors.repaint_wall(photo, soft, paint, settings.match)
        rgb = np.asarray(paint, np.float32)
    if target is None:
        rgb = _reference_color(photo, inner, images.photo_rgb, jitter, settings)
    caption = images.caption
    if not _caption_fits(item, uses_target=target is not None):
        caption = colors.replace_color_name(caption, images.color_name, rgb)
    processor = {"image_mean": settings.image_mean, "image_std": settings.image_std}
    reference = _reference_image(rgb, images.reference, settings, streams[_REFERENCE])
    values = pictures.to_tensor(photo)[0].contiguous()  # [3, H, W]
    return {
        "pixel_values": values,
        "mask": _to_plane(masks.dilate_or_erode(hard, settings.dilation_px)),
        "color_mask": _to_plane(inner),
        "reference_image": pictures.image_prompt_pixels(reference, processor, settings.reference_px)[0],
        "dominant_color": torch.from_numpy(np.array(rgb, np.float32)),
        "target_values": values.clone() if target is None else pictures.to_tensor(target)[0].contiguous(),
        "caption": caption,
        "key": item.key,
    }


def _caption_fits(item: PhotoItem | RoomItem, *, uses_target: bool) -> bool:
    """Whether the caption describes the sample's colour: that of the target, or of the photo if there is no target."""
    return isinstance(item, PhotoItem) and uses_target == (item.target is not None)


def eroded_wall(wall: Array, radius_px: float) -> Array:
    """Erode a wall, (H, W) bool; a wall too narrow for that is returned unchanged."""
    inner = masks.erode(wall, radius_px)
    return inner if inner.any() else wall


def _reference_color(
    rgb: Array, wall: Array, albedo: Rgb | None, jitter: ColorJitter, settings: SampleSettings
) -> Array:
    """The reference's colour (3,), 0..255: the wall's colour in the image, or for `room` match its albedo if known."""
    if settings.match == "room" and albedo is not None:
        return jitter.apply_to_albedo(np.asarray(albedo))
    return colors.wall_color(rgb, wall, settings.color_method)


def _reference_image(rgb: Array, texture: Photo | None, settings: SampleSettings, rng: np.random.Generator) -> Array:
    """The reference image, (h, w, 3) uint8: the given texture, or a swatch with noise and a gradient."""
    if texture is not None:
        height, width = texture.size
        return pictures.crop(texture, Window(0, 0, height, width, height, width))
    red, green, blue = (round(float(v)) for v in rgb)
    return solid_reference((red, green, blue), rng, REFERENCE_PX, settings.reference_noise, settings.reference_gradient)


def _to_plane(mask: Array) -> Tensor:
    return torch.from_numpy(mask.astype(np.float32))[None]


def collate(samples: Sequence[InpaintingSample], tokenizer: Any = None) -> InpaintingBatch:
    """Stack samples into a batch. tokenizer: of the bundle; without it there are no input_ids.

    Raises InputError for an empty list.
    """
    if not samples:
        raise InputError("a batch of no samples: give at least one")
    sizes = {tuple(sample["mask"].shape[1:]) for sample in samples}
    if len(sizes) > 1:
        listed = ", ".join(f"{height}x{width}" for height, width in sorted(sizes))
        raise InputError(f"samples of a batch must have one size, not {listed}: wall crops vary, batch them by size")
    batch: InpaintingBatch = {
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
