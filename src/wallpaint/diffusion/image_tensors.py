"""Convert photos, masks, references and depth to network inputs, with one resampling filter throughout."""

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

RESAMPLING_FILTER = Image.Resampling.BICUBIC  # with antialiasing; the same in training and inference
AREA_DOWNSAMPLE_FACTOR = 2  # crops this many times too large are first area-averaged by an integer, which is faster
DEPTH_QUANTILES = (0.02, 0.98)  # quantiles of inverse depth that map to black and white


def crop(photo: Photo, window: Window) -> Array:
    """Crop a window of a photo and resize it to the model's size: (out_height, out_width, 3) uint8 sRGB."""
    codes = photo.codes[window.slices]
    factor = int(min(window.height / window.out_height, window.width / window.out_width) / AREA_DOWNSAMPLE_FACTOR)
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
    """Resize (H, W, 3) uint8 to (*size, 3) uint8. size: (height, width)."""
    if rgb.shape[:2] == size:
        return rgb
    return np.asarray(Image.fromarray(rgb).resize((size[1], size[0]), RESAMPLING_FILTER))


def to_tensor(rgb: Array) -> Tensor:
    """Convert (H, W, 3) uint8 to [1, 3, H, W] float32, -1..1."""
    return torch.from_numpy(np.array(rgb, np.float32)).permute(2, 0, 1)[None] / 127.5 - 1


def from_tensor(image: Tensor) -> Array:
    """Convert [B, 3, H, W], -1..1, to (B, H, W, 3) float32 sRGB, clipped to 0..1 but not rounded."""
    return ((image.float() + 1) / 2).clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy()


def model_mask(alpha: Array, window: Window, dilation_px: float) -> Array:
    """Inpainting mask at the model's size: (out_height, out_width) bool.

    alpha: (H, W), wall alpha of the full photo. dilation_px: in model pixels; negative: erosion. Dilation removes the
    ring of existing paint from the masked image, which the model would copy, and covers nearly every latent that
    contains wall.
    """
    size = (window.out_width, window.out_height)
    small = cv2.resize(np.ascontiguousarray(alpha[window.slices]), size, interpolation=cv2.INTER_AREA)
    threshold = min(0.5, 0.5 * float(small.max()))  # keeps walls that are thinner than a model pixel
    return masks.dilate_or_erode(small >= threshold, dilation_px)


def image_prompt_pixels(rgb: Array, processor: dict[str, Any], side: int) -> Tensor:
    """Preprocess a reference for the image encoder: resize the shorter side to `side`, center-crop, normalize.

    rgb: (H, W, 3) uint8 sRGB. processor: `image_mean` and `image_std`. Returns [1, 3, side, side] float32.
    """
    height, width = rgb.shape[:2]
    scale = side / min(height, width)
    rgb = resize(rgb, (max(side, int(height * scale)), max(side, int(width * scale))))  # truncated as in CLIP
    top, left = (rgb.shape[0] - side) // 2, (rgb.shape[1] - side) // 2
    return _normalised(rgb[top : top + side, left : left + side], processor)


def depth_pixels(rgb: Array, processor: dict[str, Any], side: int) -> Tensor:
    """Preprocess an image for the depth estimator: [1, 3, side, side] float32, resized to a square as in training."""
    return _normalised(resize(rgb, (side, side)), processor)


def _normalised(rgb: Array, processor: dict[str, Any]) -> Tensor:
    mean, std = (np.asarray(processor[key], np.float32) for key in ("image_mean", "image_std"))
    values = (np.asarray(rgb, np.float32) / 255 - mean) / std
    return torch.from_numpy(values).permute(2, 0, 1)[None]


def depth_to_control_image(inverse_depth: Tensor, size: tuple[int, int]) -> Tensor:
    """Convert inverse depth to the control image of a depth ControlNet: near is white, far is black.

    inverse_depth: [1, h, w], any scale. size: (height, width). Returns [1, 3, *size] float32, 0..1. The range is taken
    between quantiles, so outliers do not compress it; constant depth gives mid-grey.
    """
    resized = torch.nn.functional.interpolate(inverse_depth[None].float(), size, mode="bicubic", align_corners=False)[0]
    quantiles = torch.tensor(DEPTH_QUANTILES, device=resized.device)
    far, near = torch.quantile(resized.flatten(), quantiles).tolist()
    if not np.isfinite([far, near]).all() or near - far <= 1e-6 * max(1.0, abs(near)):
        return torch.full((1, 3, *size), 0.5, device=resized.device)
    return ((resized - far) / (near - far)).clamp(0, 1)[None].expand(1, 3, *size)
