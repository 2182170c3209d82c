"""Colour of tensors: equal to `imaging.color`, with finite gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from wallpaint.imaging import color, color_torch


def random_colors(low: float, high: float) -> Tensor:
    """[2, 3, 9, 7] sRGB."""
    return torch.rand(2, 3, 9, 7, generator=torch.Generator().manual_seed(1)) * (high - low) + low


def last(value: Tensor) -> np.ndarray:
    """[B, 3, H, W] -> (B, H, W, 3) float64."""
    return value.permute(0, 2, 3, 1).double().numpy()


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.2, 1.3), (0, 0.05)])
def test_values_equal_the_imaging_functions(low: float, high: float) -> None:
    """Also out of range, and where both curves are linear."""
    srgb = random_colors(low, high)
    linear = color_torch.srgb_to_linear(srgb)
    expected = color.srgb_to_linear(last(srgb))
    assert np.abs(last(linear) - expected).max() < 1e-5
    assert np.abs(last(color_torch.linear_to_lab(linear)) - color.linear_to_lab(expected)).max() < 2e-3
    assert np.abs(color_torch.luminance(linear).numpy() - color.luminance(expected)).max() < 1e-5


@pytest.mark.parametrize(("shape", "dim"), [((2, 4, 3, 5, 6), -3), ((3, 7), 0), ((5, 3), 1), ((4, 5, 3), -1)])
def test_channels_may_be_any_dimension(shape: tuple[int, ...], dim: int) -> None:
    rgb = torch.rand(shape, generator=torch.Generator().manual_seed(2)).double()
    lab = color_torch.linear_to_lab(rgb, dim)
    assert lab.shape == shape
    expected = color.linear_to_lab(np.moveaxis(rgb.numpy(), dim, -1))
    assert np.abs(np.moveaxis(lab.numpy(), dim, -1) - expected).max() < 5e-4


def test_white_grey_and_black() -> None:
    """L* 100, 50 and 0 without chroma; L* 50 is Y = ((50 + 16) / 116)^3."""
    grey = ((50 + 16) / 116) ** 3
    lab = color_torch.linear_to_lab(torch.tensor([1.0, grey, 0.0])[:, None].expand(3, 3))
    assert lab[:, 0].tolist() == pytest.approx([100, 50, 0], abs=1e-3)
    assert float(lab[:, 1:].abs().max()) < 1e-3


@pytest.mark.parametrize("value", [-0.5, -1e-8, 0.0, 1e-8, 0.04045, 0.5, 1.0, 1.5])
def test_gradients_are_finite(value: float) -> None:
    srgb = torch.full((1, 3, 2), value, requires_grad=True)
    color_torch.linear_to_lab(color_torch.srgb_to_linear(srgb)).sum().backward()
    assert srgb.grad is not None
    assert bool(srgb.grad.isfinite().all())
    assert float(srgb.grad[:, 0].sum()) != 0


def test_half_precision_is_computed_in_float32() -> None:
    half = random_colors(0, 1).half()
    assert torch.equal(color_torch.srgb_to_linear(half), color_torch.srgb_to_linear(half.float()))
    assert color_torch.linear_to_lab(half).dtype == color_torch.luminance(half).dtype == torch.float32
