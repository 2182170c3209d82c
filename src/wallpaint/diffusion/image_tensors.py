"""Pictures as the networks take them: crops of the photo, references, depth. One resampling filter throughout."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from wallpaint.imaging import color
from wallpaint.imaging.photo import Photo
from wallpaint.scene import mask as masks
from wallpaint.scene.mask import Window
from wallpaint.typing import Array

FILTER = Image.Resampling.BICUBIC  # anti-aliased; training and inference alike
REDUCED = 2  # a crop this many times too large is averaged down by whole numbers first, which is quicker
NEAR_FAR = (0.02, 0.98)  # quantiles of inverse depth that become white and black


def crop(photo: Photo, window: Window) -> Array:
    """The window of a photo at the model's size: (out_height, out_width, 3) uint8 sRGB."""
    codes = photo.codes[window.slices]
    factor = int(min(window.height / window.out_height, window.width / window.out_width) / REDUCED)
    if factor > 1:
        size = (max(1, window.width // factor), max(1, window.height // factor))
        codes = cv2.resize(codes, size, interpolation=cv2.INTER_AREA)
    if photo.space.is_srgb and codes.dtype == np.uint8:
        rgb = np.ascontiguousarray(codes)
    else:
        linear = photo.space.to_linear(np.ascontiguousarray(codes))
        rgb = np.round(255 * color.linear_to_srgb(np.clip(linear, 0, 1))).astype(np.uint8)
    return resize(rgb, (window.out_height, window.out_width))


def resize(rgb: Array, size: tuple[int, int]) -> Array:
    """(H, W, 3) uint8 -> (*size, 3) uint8."""
    if rgb.shape[:2] == size:
        return rgb
    return np.asarray(Image.fromarray(rgb).resize((size[1], size[0]), FILTER))


def to_tensor(rgb: Array) -> Tensor:
    """(H, W, 3) uint8 -> [1, 3, H, W] float32, -1..1."""
    return torch.from_numpy(np.array(rgb, np.float32)).permute(2, 0, 1)[None] / 127.5 - 1


def from_tensor(image: Tensor) -> Array:
    """[B, 3, H, W], -1..1 -> (B, H, W, 3) float32 sRGB, 0..1, not rounded."""
    return ((image.float() + 1) / 2).clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy()


def model_mask(alpha: Array, window: Window, dilation_px: float) -> Array:
    """What the model is told to fill: (out_height, out_width) bool.

    alpha: (H, W), the wall in the whole photo. dilation_px: in the model's pixels. A little more than the wall, so that
    no ring of the old paint is left in the masked image to be copied, and hardly a latent that holds wall is missed.
    """
    size = (window.out_width, window.out_height)
    small = cv2.resize(np.ascontiguousarray(alpha[window.slices]), size, interpolation=cv2.INTER_AREA)
    enough = min(0.5, 0.5 * float(small.max()))  # a wall thinner than the model's pixels must not vanish
    return masks.dilate(small >= enough, dilation_px)


def image_prompt_pixels(rgb: Array, processor: dict[str, Any], side: int) -> Tensor:
    """A reference as the image encoder takes it: shorter side to `side`, the middle square, the encoder's statistics.

    rgb: (H, W, 3) uint8 sRGB. processor: `image_mean` and `image_std`. Returns [1, 3, side, side] float32.
    """
    height, width = rgb.shape[:2]
    scale = side / min(height, width)
    rgb = resize(rgb, (max(side, int(height * scale)), max(side, int(width * scale))))  # cut off, as CLIP's own does
    top, left = (rgb.shape[0] - side) // 2, (rgb.shape[1] - side) // 2
    return _normalised(rgb[top : top + side, left : left + side], processor)


def depth_pixels(rgb: Array, processor: dict[str, Any], side: int) -> Tensor:
    """A picture as the depth estimator takes it: [1, 3, side, side] float32, squeezed to a square as it was trained."""
    return _normalised(resize(rgb, (side, side)), processor)


def _normalised(rgb: Array, processor: dict[str, Any]) -> Tensor:
    mean, std = (np.asarray(processor[key], np.float32) for key in ("image_mean", "image_std"))
    values = (np.asarray(rgb, np.float32) / 255 - mean) / std
    return torch.from_numpy(values).permute(2, 0, 1)[None]


def depth_picture(inverse_depth: Tensor, size: tuple[int, int]) -> Tensor:
    """What a depth ControlNet is shown: near is white, far is black.

    inverse_depth: [1, h, w], any scale. Returns [1, 3, *size] float32, 0..1. A few odd pixels do not squeeze the rest:
    the range is taken between quantiles; a picture of one depth is mid-grey.
    """
    big = torch.nn.functional.interpolate(inverse_depth[None].float(), size, mode="bicubic", align_corners=False)[0]
    far, near = torch.quantile(big.flatten(), torch.tensor(NEAR_FAR, device=big.device)).tolist()
    if not np.isfinite([far, near]).all() or near - far <= 1e-6 * max(1.0, abs(near)):
        return torch.full((1, 3, *size), 0.5, device=big.device)
    return ((big - far) / (near - far)).clamp(0, 1)[None].expand(1, 3, *size)
