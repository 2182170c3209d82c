"""Losses on decoded images: compared with the imaging functions and scikit-image, and their gradients."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from wallpaint import ConfigError
from wallpaint.imaging import color
from wallpaint.train.lora import image_losses as losses


def random_images(seed: int, low: float = -1.0, high: float = 1.0, side: int = 24) -> Tensor:
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(seed)) * (high - low) + low


def last(value: Tensor) -> np.ndarray:
    """[B, C, H, W] -> (B, H, W, C)."""
    return value.permute(0, 2, 3, 1).numpy()


def left_half(side: int = 24) -> Tensor:
    mask = torch.zeros(2, 1, side, side, dtype=torch.bool)
    mask[:, :, :, : side // 2] = True
    return mask


def test_color_distance_is_mean_cie76_on_the_wall() -> None:
    one, other, mask = random_images(2), random_images(3), left_half()
    labs = [color.linear_to_lab(color.srgb_to_linear((last(p).astype(np.float64) + 1) / 2)) for p in (one, other)]
    expected = np.linalg.norm(labs[0] - labs[1], axis=-1)[:, :, :12].mean((1, 2)) / 100
    assert losses.color_distance(one, other, mask).numpy() == pytest.approx(expected, rel=1e-3)
    right = one.clone()
    right[:, :, :, 12:] = 0
    assert torch.equal(losses.color_distance(right, other, mask), losses.color_distance(one, other, mask))


def test_swatch_distance_ignores_shading() -> None:
    """A wall whose median is the swatch, darker on one side and brighter on the other by the same factor."""
    swatch = torch.tensor([[125.0, 155.0, 132.0]])
    light = color.srgb_to_linear(swatch.numpy() / 255)
    slope = np.exp(np.linspace(-0.6, 0.6, 25))[None, :, None] * np.ones((25, 1, 1))
    wall = torch.from_numpy(color.linear_to_srgb(slope * light) * 2 - 1).float().permute(2, 0, 1)[None]
    mask = torch.ones(1, 1, 25, 25)
    assert float(losses.swatch_distance(wall, swatch, mask)) < 0.01
    assert float(losses.color_distance(wall, (swatch / 127.5 - 1)[:, :, None, None].expand_as(wall), mask)) > 0.05
    other = torch.tensor([[125.0, 132.0, 155.0]])
    labs = [color.linear_to_lab(color.srgb_to_linear(c[0].numpy() / 255)) for c in (swatch, other)]
    expected = np.linalg.norm(labs[0] - labs[1]) / 100
    assert float(losses.swatch_distance(wall, other, mask)) == pytest.approx(expected, abs=0.01)
    assert float(losses.swatch_distance(wall, other, torch.zeros_like(mask))) == 0


def test_structure_distance_equals_scikit_image_ssim() -> None:
    one = random_images(4)
    other = one + 0.3 * random_images(5)
    result = losses.ssim_map(one, other)[:, 0].numpy()
    for index in range(2):
        _, expected = structural_similarity(
            last(one)[index], last(other)[index], channel_axis=-1, data_range=2, full=True,
            gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        )  # fmt: skip
        inside = (slice(5, -5), slice(5, -5))
        assert result[index][inside] == pytest.approx(expected.mean(-1)[inside], abs=1e-4)
    distance = losses.structure_distance(one, other, left_half())
    assert distance.numpy() == pytest.approx(1 - result[:, :, :12].mean((1, 2)), abs=1e-5)


@pytest.mark.parametrize("name", ["color", "swatch", "structure"])
def test_losses_of_equal_images_are_zero_with_finite_gradients(name: str) -> None:
    """Also at black, at white and for equal images, where roots and powers may have NaN gradients."""
    flat = torch.tensor([-1.0, -0.92, 0.3, 1.0])[:, None, None, None].expand(4, 3, 24, 24).clone()
    mask = torch.ones(4, 1, 24, 24)
    for image in (flat, flat + 0.01 * random_images(6)[:1]):
        moving = image.clone().requires_grad_()
        if name == "swatch":
            result = losses.swatch_distance(moving, (flat[:, :, 0, 0] + 1) * 127.5, mask)
        else:
            distance = losses.color_distance if name == "color" else losses.structure_distance
            result = distance(moving, flat, mask)
        assert bool((result >= 0).all())
        if image is flat:
            assert result.abs().max().item() < 1e-3
        result.sum().backward()
        assert moving.grad is not None
        assert bool(torch.isfinite(moving.grad).all())


def test_perceptual_distance_without_lpips_raises_config_error(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name == "lpips":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match="pip install lpips"):
        losses.perceptual_distance(torch.device("cpu"))
