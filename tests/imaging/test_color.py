"""Colour arithmetic against published tables and invariants."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wallpaint.errors import InputError, ShapeError
from wallpaint.imaging import color

# Table 1 of Sharma, Wu and Dalal (2005): L1 a1 b1, L2 a2 b2, Delta E 2000.
SHARMA = np.loadtxt(
    """
    50.0000   2.6772 -79.7751  50.0000   0.0000 -82.7485   2.0425
    50.0000   3.1571 -77.2803  50.0000   0.0000 -82.7485   2.8615
    50.0000   2.8361 -74.0200  50.0000   0.0000 -82.7485   3.4412
    50.0000  -1.3802 -84.2814  50.0000   0.0000 -82.7485   1.0000
    50.0000  -1.1848 -84.8006  50.0000   0.0000 -82.7485   1.0000
    50.0000  -0.9009 -85.5211  50.0000   0.0000 -82.7485   1.0000
    50.0000   0.0000   0.0000  50.0000  -1.0000   2.0000   2.3669
    50.0000  -1.0000   2.0000  50.0000   0.0000   0.0000   2.3669
    50.0000   2.4900  -0.0010  50.0000  -2.4900   0.0009   7.1792
    50.0000   2.4900  -0.0010  50.0000  -2.4900   0.0010   7.1792
    50.0000   2.4900  -0.0010  50.0000  -2.4900   0.0011   7.2195
    50.0000   2.4900  -0.0010  50.0000  -2.4900   0.0012   7.2195
    50.0000  -0.0010   2.4900  50.0000   0.0009  -2.4900   4.8045
    50.0000  -0.0010   2.4900  50.0000   0.0010  -2.4900   4.8045
    50.0000  -0.0010   2.4900  50.0000   0.0011  -2.4900   4.7461
    50.0000   2.5000   0.0000  50.0000   0.0000  -2.5000   4.3065
    50.0000   2.5000   0.0000  73.0000  25.0000 -18.0000  27.1492
    50.0000   2.5000   0.0000  61.0000  -5.0000  29.0000  22.8977
    50.0000   2.5000   0.0000  56.0000 -27.0000  -3.0000  31.9030
    50.0000   2.5000   0.0000  58.0000  24.0000  15.0000  19.4535
    50.0000   2.5000   0.0000  50.0000   3.1736   0.5854   1.0000
    50.0000   2.5000   0.0000  50.0000   3.2972   0.0000   1.0000
    50.0000   2.5000   0.0000  50.0000   1.8634   0.5757   1.0000
    50.0000   2.5000   0.0000  50.0000   3.2592   0.3350   1.0000
    60.2574 -34.0099  36.2677  60.4626 -34.1751  39.4387   1.2644
    63.0109 -31.0961  -5.8663  62.8187 -29.7946  -4.0864   1.2630
    61.2901   3.7196  -5.3901  61.4292   2.2480  -4.9620   1.8731
    35.0831 -44.1164   3.7933  35.0232 -40.0716   1.5901   1.8645
    22.7233  20.0904 -46.6940  23.0331  14.9730 -42.5619   2.0373
    36.4612  47.8580  18.3852  36.2715  50.5065  21.2231   1.4146
    90.8027  -2.0831   1.4410  91.1528  -1.6435   0.0447   1.4441
    90.9257  -0.5406  -0.9208  88.6381  -0.8985  -0.7239   1.5381
     6.7747  -0.2908  -2.4247   5.8714  -0.0985  -2.2286   0.6377
     2.0776   0.0795  -1.1350   0.9033  -0.0636  -0.5514   0.9082
    """.splitlines()
)

# Linear sRGB to linear Display P3. Source: CSS Color 4, through XYZ.
P3 = np.linalg.inv(
    np.array(
        [
            [1.2249401763, -0.2249401763, 0.0],
            [-0.0420569547, 1.0420569547, 0.0],
            [-0.0196375546, -0.0786360456, 1.0982736002],
        ]
    )
)

rgb_linear = arrays(np.float64, (7, 3), elements=st.floats(-0.5, 2.0))


def _hue_deg(oklab: np.ndarray) -> np.ndarray:
    return np.rad2deg(np.arctan2(oklab[..., 2], oklab[..., 1]))


def test_ciede2000_is_that_of_scikit_image() -> None:
    from skimage.color import deltaE_ciede2000

    rng = np.random.default_rng(0)
    first, second = (rng.uniform([0, -120, -120], [100, 120, 120], (5000, 3)) for _ in range(2))
    second[::3] = first[::3] + rng.normal(size=first[::3].shape)
    first[::7, 1:] = second[::11, 1:] = 0  # greys
    assert np.abs(color.delta_e_2000(first, second) - deltaE_ciede2000(first, second)).max() <= 1e-9


def test_ciede2000_matches_the_published_pairs() -> None:
    assert SHARMA.shape == (34, 7)
    assert np.abs(color.delta_e_2000(SHARMA[:, :3], SHARMA[:, 3:6]) - SHARMA[:, 6]).max() <= 1e-4
    assert np.abs(color.delta_e_2000(SHARMA[:, 3:6], SHARMA[:, :3]) - SHARMA[:, 6]).max() <= 1e-4


@pytest.mark.parametrize(
    ("code", "linear"), [(0, 0.0), (10, 0.0030352698), (11, 0.0033465358), (128, 0.2158605), (255, 1.0)]
)
def test_srgb_curve_has_the_standard_values(code: int, linear: float) -> None:
    assert float(color.srgb_to_linear(code / 255)) == pytest.approx(linear, abs=1e-7)
    assert float(color.linear_to_srgb(linear)) == pytest.approx(code / 255, abs=1e-7)


@given(arrays(np.float64, 5, elements=st.floats(-3, 3)))
def test_srgb_curve_is_odd_and_undone(encoded: np.ndarray) -> None:
    linear = color.srgb_to_linear(encoded)
    np.testing.assert_allclose(color.srgb_to_linear(-encoded), -linear)
    np.testing.assert_allclose(color.linear_to_srgb(linear), encoded, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "function",
    [
        color.srgb_to_linear,
        color.linear_to_srgb,
        color.linear_to_xyz,
        color.xyz_to_linear,
        color.xyz_to_lab,
        color.lab_to_xyz,
        color.linear_to_lab,
        color.lab_to_linear,
        color.linear_to_oklab,
        color.oklab_to_linear,
        color.compress_gamut,
        color.luminance,
        color.lightness,
        color.hsv_hue_deg,
        color.lab_hue_deg,
    ],
)
def test_dtype_is_kept_and_input_untouched(function, dtype) -> None:
    values = np.random.default_rng(0).normal(0.5, 0.8, (4, 5, 3)).astype(dtype)
    before = values.copy()
    result = function(values)
    assert result.dtype == dtype
    assert result.shape[:2] == (4, 5)
    assert not np.shares_memory(result, values)
    np.testing.assert_array_equal(values, before)


def test_large_arrays_equal_small_ones() -> None:
    values = np.random.default_rng(1).normal(0.5, 0.4, (70_000, 3)).astype(np.float32)
    for function in (color.srgb_to_linear, color.linear_to_srgb, color.linear_to_lab, color.linear_to_oklab):
        np.testing.assert_allclose(function(values)[-9:], function(values[-9:]), rtol=1e-5, atol=1e-5)


def test_codes_and_wrong_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="uint8"):
        color.srgb_to_linear(np.zeros((2, 3), np.uint8))
    with pytest.raises(ShapeError, match=r"\(3, 2\)"):
        color.linear_to_lab(np.zeros((3, 2)))
    with pytest.raises(ShapeError, match="3x3"):
        color.out_of_gamut(np.zeros(3), gamut=np.eye(4))


def test_grey_is_neutral_in_lab() -> None:
    grey = np.repeat(np.linspace(-0.1, 2, 500)[:, None], 3, axis=1)
    lab = color.linear_to_lab(grey)
    assert np.abs(lab[:, 1:]).max() < 1e-9
    np.testing.assert_allclose(color.linear_to_lab(np.ones(3)), [100, 0, 0], atol=1e-9)
    np.testing.assert_allclose(color.lightness(color.luminance(grey)), lab[:, 0], atol=1e-9)


def test_luminance_weights_are_the_matrix_row() -> None:
    np.testing.assert_allclose(color.LUMINANCE, [0.2126390, 0.7151687, 0.0721923], atol=1e-7)
    assert color.LUMINANCE.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(color.WHITE_XYZ, [0.950456, 1, 1.089058], atol=1e-6)


@pytest.mark.parametrize(
    ("srgb", "lab"),
    [  # Source: B. Lindbloom's calculator, sRGB, D65.
        ([1, 0, 0], [53.2408, 80.0925, 67.2032]),
        ([0, 1, 0], [87.7347, -86.1827, 83.1793]),
        ([0, 0, 1], [32.2970, 79.1875, -107.8602]),
        ([1, 1, 0], [97.1393, -21.5537, 94.4780]),
    ],
)
def test_lab_of_the_primaries(srgb: list[float], lab: list[float]) -> None:
    np.testing.assert_allclose(color.linear_to_lab(srgb), lab, atol=0.02)


@pytest.mark.parametrize(
    ("xyz", "oklab"),
    [  # Source: Ottosson's table of XYZ and Oklab pairs, rounded there to three digits.
        ([0.950, 1.000, 1.089], [1.000, 0.000, 0.000]),
        ([1.000, 0.000, 0.000], [0.450, 1.236, -0.019]),
        ([0.000, 1.000, 0.000], [0.922, -0.671, 0.263]),
        ([0.000, 0.000, 1.000], [0.153, -1.415, -0.449]),
    ],
)
def test_oklab_of_published_pairs(xyz: list[float], oklab: list[float]) -> None:
    np.testing.assert_allclose(color.linear_to_oklab(color.xyz_to_linear(xyz)), oklab, atol=2e-3)


@given(rgb_linear)
def test_spaces_are_undone(rgb: np.ndarray) -> None:
    np.testing.assert_allclose(color.lab_to_linear(color.linear_to_lab(rgb)), rgb, atol=1e-9)
    np.testing.assert_allclose(color.oklab_to_linear(color.linear_to_oklab(rgb)), rgb, atol=1e-9)


def test_plain_differences() -> None:
    a, b = np.array([50.0, 3.0, 4.0]), np.array([40.0, 3.0, -20.0])
    assert float(color.delta_e_76(a, b)) == pytest.approx(26.0)
    assert float(color.lightness_diff(a, b)) == pytest.approx(0.10)
    assert color.delta_e_2000(a, np.zeros((4, 5, 3))).shape == (4, 5)


@pytest.mark.parametrize(
    ("delta", "words"),
    [
        (0, "not visible"),
        (0.99, "not visible"),
        (1, "experts see it"),
        (2, "clearly visible"),
        (10, "another colour"),
        (300, "another colour"),
    ],
)
def test_bands(delta: float, words: str) -> None:
    assert color.band(delta) == words


@pytest.mark.parametrize("delta", [-1.0, float("nan")])
def test_band_of_nonsense_is_refused(delta: float) -> None:
    with pytest.raises(InputError):
        color.band(delta)


def test_hsv_hue() -> None:
    srgb = [[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1], [1, 0, 0.5]]
    np.testing.assert_allclose(color.hsv_hue_deg(srgb), [0, 60, 120, 180, 240, 300, 330])
    assert np.isnan(color.hsv_hue_deg([0.4, 0.4, 0.4]))


def test_lab_hue_is_undefined_near_grey() -> None:
    lab = np.array([[50, 10, 0], [50, 0, 10], [50, -10, 0], [50, 0, -10], [50, 1.9, 0], [50, 0, 2.0]])
    np.testing.assert_allclose(color.lab_hue_deg(lab), [0, 90, 180, 270, np.nan, 90])


def test_hue_error_goes_round_the_circle() -> None:
    pairs = np.array([[350, 10, 20], [10, 350, 20], [0, 180, 180], [90, 91, 1], [-10, 370, 20], [0, 0, 0]], float)
    np.testing.assert_allclose(color.hue_error_deg(pairs[:, 0], pairs[:, 1]), pairs[:, 2])
    assert np.isnan(color.hue_error_deg(np.nan, 20.0))


def test_out_of_gamut_of_p3() -> None:
    p3_red = np.linalg.inv(P3) @ [1.0, 0.0, 0.0]
    assert color.out_of_gamut(p3_red)
    assert not color.out_of_gamut(p3_red, gamut=P3)
    assert color.out_of_gamut([[0.5, 0.5, 1.1], [0.5, 0.5, 0.5]]).tolist() == [True, False]


@pytest.mark.parametrize("gamut", [None, P3], ids=["srgb", "p3"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_compression_keeps_hue_and_lightness(gamut, dtype) -> None:
    rgb = np.random.default_rng(2).normal(0.5, 0.6, (40_000, 3)).astype(dtype)
    result = color.compress_gamut(rgb, gamut)
    assert not color.out_of_gamut(result, gamut).any()
    inside = ~color.out_of_gamut(rgb, gamut)
    np.testing.assert_array_equal(result[inside], rgb[inside])
    np.testing.assert_array_equal(color.compress_gamut(result, gamut), result)
    before, after = (color.linear_to_oklab(x.astype(np.float64)) for x in (rgb, result))
    assert np.abs(np.clip(before[:, 0], 0, 1) - after[:, 0])[~inside].max() < 2e-4
    coloured = np.hypot(after[:, 1], after[:, 2]) > 0.005
    assert color.hue_error_deg(_hue_deg(before), _hue_deg(after))[coloured].max() < 0.5


@given(rgb_linear, st.floats(0, 0.9))
def test_compression_never_adds_chroma(rgb: np.ndarray, knee: float) -> None:
    before, after = color.linear_to_oklab(rgb), color.linear_to_oklab(color.compress_gamut(rgb, knee=knee))
    chroma_before, chroma_after = (np.hypot(x[:, 1], x[:, 2]) for x in (before, after))
    assert (chroma_after <= chroma_before + 1e-3).all()


def test_compression_reaches_the_border() -> None:
    squeezed = color.compress_gamut(color.oklab_to_linear([0.7, 0.25, 0.15]))
    assert min(squeezed.min(), 1 - squeezed.max()) == pytest.approx(0, abs=1e-4)


def test_brighter_than_white_and_darker_than_black() -> None:
    np.testing.assert_allclose(
        color.compress_gamut([[3.0, 3, 3], [-0.2, -0.2, -0.2]]), [[1, 1, 1], [0, 0, 0]], atol=1e-5
    )


@pytest.mark.parametrize("gamut", [None, P3], ids=["srgb", "p3"])
def test_knee_keeps_a_gradient_alive(gamut) -> None:
    chroma = np.linspace(0.0, 0.5, 400)
    ramp = np.stack([np.full(400, 0.6), chroma * np.cos(0.4), chroma * np.sin(0.4)], axis=1)
    soft = color.linear_to_oklab(color.compress_gamut(color.oklab_to_linear(ramp), gamut, knee=0.3))
    hard = color.linear_to_oklab(color.compress_gamut(color.oklab_to_linear(ramp), gamut))
    soft_chroma, hard_chroma = (np.hypot(x[:, 1], x[:, 2]) for x in (soft, hard))
    assert (np.diff(soft_chroma) > 0).all()
    assert (soft_chroma <= hard_chroma + 1e-5).all()
    assert np.ptp(hard_chroma[-50:]) < 1e-4 < np.ptp(soft_chroma[-50:])
    np.testing.assert_allclose(soft_chroma[:60], chroma[:60], atol=1e-6)


def test_knee_out_of_range_is_refused() -> None:
    with pytest.raises(InputError, match="knee"):
        color.compress_gamut(np.zeros(3), knee=1.0)


def test_empty_arrays_pass() -> None:
    assert color.compress_gamut(np.zeros((0, 3))).shape == (0, 3)
    assert color.out_of_gamut(np.zeros((0, 3))).shape == (0,)
