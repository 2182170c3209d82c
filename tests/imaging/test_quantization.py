"""Errors of stored colours."""

import numpy as np
import pytest

from wallpaint.imaging import color
from wallpaint.imaging.quantization import (
    CODE_ERROR,
    channel_error,
    color_doubt,
    color_trust,
    luminance_error,
    tint_trust,
)

LEVELS = color.srgb_to_linear(np.array([6, 24, 60, 150, 240]) / 255)


def test_channel_error_is_the_change_of_light_by_a_code_error() -> None:
    code = color.linear_to_srgb(LEVELS)
    change = color.srgb_to_linear(code + CODE_ERROR / 2) - color.srgb_to_linear(code - CODE_ERROR / 2)
    error = channel_error(np.stack([LEVELS] * 3, -1))
    assert error[:, 0] == pytest.approx(change / LEVELS, rel=0.03)
    assert (np.diff(error[:, 0]) < 0).all()


def test_luminance_error_of_grey_is_that_of_its_channels() -> None:
    grey = np.stack([LEVELS] * 3, -1)
    assert luminance_error(grey) == pytest.approx(channel_error(grey)[:, 0], rel=1e-6)


def test_trust_depends_on_the_weakest_channel() -> None:
    grey, yellow, dark = np.array([0.3, 0.3, 0.3]), np.array([0.3, 0.3, 0.004]), np.array([0.03, 0.006, 0.006])
    assert color_trust(grey) > 0.9 > 0.3 > color_trust(yellow)
    assert color_doubt(grey) == color_doubt(yellow) == 0
    assert color_doubt(dark) > 0.9
    assert tint_trust(grey, grey) == pytest.approx(color_trust(grey))
    assert tint_trust(grey, dark) == tint_trust(dark, grey) < 0.1
    assert tint_trust(yellow, yellow) == color_trust(yellow)
