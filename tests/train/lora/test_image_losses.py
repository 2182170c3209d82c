"""Losses on decoded pictures: against the project's own colour mathematics and scikit-image, and their gradients."""

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


def pictures(seed: int, low: float = -1.0, high: float = 1.0, side: int = 24) -> Tensor:
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(seed)) * (high - low) + low


def last(value: Tensor) -> np.ndarray:
    """[B, C, H, W] -> (B, H, W, C)."""
    return value.permute(0, 2, 3, 1).numpy()


def left_half(side: int = 24) -> Tensor:
    mask = torch.zeros(2, 1, side, side, dtype=torch.bool)
    mask[:, :, :, : side // 2] = True
    return mask


@pytest.mark.parametrize(("low", "high"), [(-1, 1), (-1.3, 1.4), (-1.0, -0.9)])
def test_light_and_lab_are_the_projects_own(low: float, high: float) -> None:
    """Out of range too, and where both curves are lines."""
    found = pictures(1, low, high)
    linear = color.srgb_to_linear((last(found).astype(np.float64) + 1) / 2)
    assert np.abs(last(losses.to_linear(found)) - linear).max() < 1e-5
    assert np.abs(last(losses.linear_to_lab(losses.to_linear(found))) - color.linear_to_lab(linear)).max() < 2e-3


def test_distance_of_pixels_is_cie76_on_the_wall() -> None:
    one, other, mask = pictures(2), pictures(3), left_half()
    labs = [color.linear_to_lab(color.srgb_to_linear((last(p).astype(np.float64) + 1) / 2)) for p in (one, other)]
    expected = np.linalg.norm(labs[0] - labs[1], axis=-1)[:, :, :12].mean((1, 2)) / 100
    assert losses.color_distance(one, other, mask).numpy() == pytest.approx(expected, rel=1e-3)
    right = one.clone()
    right[:, :, :, 12:] = 0
    assert torch.equal(losses.color_distance(right, other, mask), losses.color_distance(one, other, mask))


def test_distance_to_a_swatch_forgives_shading() -> None:
    """A wall that is the swatch at its median, darker on one side and brighter on the other by the same factor."""
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


def test_structure_is_scikit_images_ssim() -> None:
    one = pictures(4)
    other = one + 0.3 * pictures(5)
    found = losses.ssim_map(one, other)[:, 0].numpy()
    for index in range(2):
        _, expected = structural_similarity(
            last(one)[index], last(other)[index], channel_axis=-1, data_range=2, full=True,
            gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        )  # fmt: skip
        inside = (slice(5, -5), slice(5, -5))
        assert found[index][inside] == pytest.approx(expected.mean(-1)[inside], abs=1e-4)
    distance = losses.structure_distance(one, other, left_half())
    assert distance.numpy() == pytest.approx(1 - found[:, :, :12].mean((1, 2)), abs=1e-5)


@pytest.mark.parametrize("name", ["color", "swatch", "structure"])
def test_no_distance_to_itself_and_finite_gradients(name: str) -> None:
    """Also at black, at white, and where the two are equal, where roots and powers like to fail."""
    flat = torch.tensor([-1.0, -0.92, 0.3, 1.0])[:, None, None, None].expand(4, 3, 24, 24).clone()
    mask = torch.ones(4, 1, 24, 24)
    for picture in (flat, flat + 0.01 * pictures(6)[:1]):
        moving = picture.clone().requires_grad_()
        if name == "swatch":
            found = losses.swatch_distance(moving, (flat[:, :, 0, 0] + 1) * 127.5, mask)
        else:
            distance = losses.color_distance if name == "color" else losses.structure_distance
            found = distance(moving, flat, mask)
        assert bool((found >= 0).all())
        if picture is flat:
            assert found.abs().max().item() < 1e-3
        found.sum().backward()
        assert moving.grad is not None
        assert bool(torch.isfinite(moving.grad).all())


def test_perception_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name == "lpips":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match="pip install lpips"):
        losses.perceptual_distance(torch.device("cpu"))
