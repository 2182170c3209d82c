"""Codes of every kind of file against published numbers and against lcms2 itself."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest
from coloraide import Color

from support import image_files as files
from wallpaint.errors import InputError
from wallpaint.imaging import color
from wallpaint.imaging import icc as colorspace
from wallpaint.imaging.icc import ColorSpace

D50_XY = (0.3457, 0.3585)


def _spaces() -> dict[str, ColorSpace]:
    d65 = colorspace.D65_XY
    prophoto = colorspace.rgb_profile(colorspace.PROPHOTO_PRIMARIES_XY, D50_XY, 1.8)
    return {
        "srgb": colorspace.srgb(),
        "srgb tagged": colorspace.from_icc(bytes(imagecodecs.cms_profile("srgb"))),
        "display-p3": colorspace.from_icc(files.display_p3()),
        "a98-rgb": colorspace.adobe_rgb(),
        "prophoto": colorspace.from_icc(prophoto),
        "rec2020": colorspace.from_icc(colorspace.rgb_profile(colorspace.REC2020_PRIMARIES_XY, d65)),
        "linear": colorspace.from_icc(files.rgb_gamma(1.0)),
        "gamma 2.6": colorspace.from_icc(files.rgb_gamma(2.6)),
    }


SPACES = _spaces()


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_grey_code_survives_the_way_to_linear_and_back(name: str, dtype: type) -> None:
    space, top = SPACES[name], np.iinfo(dtype).max
    codes = np.repeat(np.arange(top + 1, dtype=dtype)[:, None], 3, axis=1)
    linear = space.to_linear(codes)
    assert linear.dtype == np.float32
    assert np.array_equal(space.from_linear(linear, dtype), codes)
    own = (linear.astype(np.float64) @ space.gamut.T).astype(np.float32)
    assert np.array_equal(space.encode_device(own, dtype), codes)


@pytest.mark.parametrize("name", SPACES)
def test_every_8_bit_colour_survives(name: str) -> None:
    codes = np.random.default_rng(0).integers(0, 256, (60_000, 3)).astype(np.uint8)
    assert np.array_equal(SPACES[name].from_linear(SPACES[name].to_linear(codes), np.uint8), codes)


def test_srgb_curve_is_that_of_the_standard() -> None:
    codes = np.array([[0, 10, 11], [128, 188, 255]], np.uint8)
    expected = [[0.0, 10 / 255 / 12.92, ((11 / 255 + 0.055) / 1.055) ** 2.4], [0.2158605, 0.5028865, 1.0]]
    assert np.allclose(colorspace.srgb().to_linear(codes), expected, atol=1e-7)


@pytest.mark.parametrize("name", ["display-p3", "a98-rgb", "rec2020"])
def test_wide_gamuts_agree_with_coloraide(name: str) -> None:
    rng = np.random.default_rng(1)
    for code in [(255, 0, 0), (0, 255, 0), (0, 0, 255), *rng.integers(0, 256, (20, 3)).tolist()]:
        # The profile of Rec. 2020 here has the curve of sRGB, as still pictures do.
        space = "rec2020-linear" if name == "rec2020" else name
        values = [v / 255 for v in code]
        if name == "rec2020":
            values = color.srgb_to_linear(values).tolist()
        expected = Color(space, values).convert("srgb-linear").coords()
        linear = SPACES[name].to_linear(np.array([code], np.uint8))[0]
        assert np.allclose(linear, expected, atol=5e-4)


def test_wide_gamuts_are_unbounded() -> None:
    red = SPACES["display-p3"].to_linear(np.array([[255, 0, 0]], np.uint8))[0]
    assert np.allclose(red, [1.2249, -0.0420, -0.0196], atol=2e-4)  # CSS Color 4, sample conversions
    inside = SPACES["display-p3"].gamut @ red
    assert np.allclose(inside, [1, 0, 0], atol=1e-5)
    assert SPACES["srgb"].from_linear(red[None], np.uint8).tolist() == [[255, 0, 0]]


@pytest.mark.parametrize("name", [name for name in SPACES if name != "srgb"])
def test_tables_agree_with_lcms(name: str) -> None:
    space = SPACES[name]
    codes = np.random.default_rng(2).integers(0, 65536, (1, 2000, 3)).astype(np.uint16)
    xyz = imagecodecs.cms_transform(
        codes, space.icc, imagecodecs.cms_profile("xyz"), colorspace="rgb", outcolorspace="xyz",
        outdtype="float32", intent=1,
    )  # fmt: skip
    to_xyz = np.array([[0.4360, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7141]])
    assert np.allclose(space.to_linear(codes) @ to_xyz.T, xyz, atol=3e-4)


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_encoding_rounds_to_the_nearest_code(name: str, dtype: type) -> None:
    space, top = SPACES[name], np.iinfo(dtype).max
    ramp = np.repeat(np.arange(top + 1, dtype=dtype)[:, None], 3, axis=1)
    values = np.sort(space.to_linear(ramp).astype(np.float64) @ space.gamut.T, axis=0)[:, 0]
    rng = np.random.default_rng(3)
    wanted = np.concatenate([rng.random(40_000), rng.random(40_000) ** 6]).astype(np.float32)
    got = space.encode_device(np.repeat(wanted[:, None], 3, axis=1), dtype)[:, 0].astype(np.int64)
    exact = np.interp(wanted, values, np.arange(top + 1))
    slack = 0.52 if dtype == np.uint16 else 0.56  # the slack above 0.5: straight lines in the reference, buckets
    assert np.abs(got - exact).max() < slack


def test_out_of_gamut_is_clipped() -> None:
    far = np.array([[-5.0, 0.5, 9.0]], np.float32)
    assert colorspace.srgb().encode_device(far, np.uint8).tolist() == [[0, 188, 255]]
    assert colorspace.srgb().from_linear(far, np.uint16)[0, [0, 2]].tolist() == [0, 65535]


@pytest.mark.parametrize("shape", [(3,), (5, 3), (4, 6, 3), (2, 3, 4, 3), (0, 3), (300_001, 3)])
def test_shapes(shape: tuple[int, ...]) -> None:
    codes = np.random.default_rng(4).integers(0, 256, shape).astype(np.uint8)
    for space in (SPACES["srgb"], SPACES["display-p3"]):
        linear = space.to_linear(codes)
        assert linear.shape == shape
        assert space.luminance(codes).shape == shape[:-1]
        assert np.allclose(space.luminance(codes), linear @ color.LUMINANCE, atol=1e-6)
        assert np.array_equal(space.from_linear(linear, np.uint8), codes)


def test_known_spaces_get_their_names() -> None:
    expected = ["sRGB", "sRGB", "Display P3", "Adobe RGB", "ProPhoto RGB", "Rec. 2020", "sRGB", "sRGB"]
    assert [space.name for space in SPACES.values()] == expected
    assert SPACES["srgb tagged"].is_srgb
    assert not SPACES["linear"].is_srgb
    assert not SPACES["display-p3"].is_srgb


def test_white_stays_neutral_in_every_space() -> None:
    for space in SPACES.values():
        white = space.to_linear(np.full((1, 3), 255, np.uint8))[0]
        assert np.allclose(white, 1, atol=1e-6)


def test_grey_profiles_keep_their_tone_curve() -> None:
    space = colorspace.from_grey_icc(files.grey_gamma(1.8))
    codes = np.repeat(np.array([[0], [60], [128], [255]], np.uint8), 3, axis=1)
    assert np.allclose(space.to_linear(codes)[:, 1], (codes[:, 1] / 255) ** 1.8, atol=1e-4)
    ramp = np.repeat(np.arange(65536, dtype=np.uint16)[:, None], 3, axis=1)
    assert np.array_equal(space.from_linear(space.to_linear(ramp), np.uint16), ramp)


def test_profiles_made_of_tables_go_through_lcms() -> None:
    space = colorspace.from_icc(files.rgb_table_profile())
    assert space.kind == "cms"
    codes = np.random.default_rng(5).integers(40, 216, (500, 3)).astype(np.uint8)
    back = space.from_linear(space.to_linear(codes), np.uint8).astype(int)
    assert np.abs(back - codes).mean() < 3
    assert np.allclose(space.to_linear(np.full((1, 3), 255, np.uint8)), 1, atol=0.03)


def test_cmyk_profile() -> None:
    space = colorspace.from_icc(files.cmyk_profile())
    assert (space.kind, space.channels) == ("cms", 4)
    paper, black = space.to_linear(np.array([[0, 0, 0, 0], [0, 0, 0, 255]], np.uint8))
    assert np.allclose(paper, color.srgb_to_linear([0.97] * 3), atol=0.02)
    assert np.allclose(black, color.srgb_to_linear([0.03] * 3), atol=0.01)
    wanted = np.array([[0.3, 0.2, 0.1], [0.05, 0.2, 0.4]], np.float32)
    for dtype in (np.uint8, np.uint16):
        inks = space.from_linear(wanted, dtype)
        assert inks.shape == (2, 4)
        assert np.allclose(space.to_linear(inks), wanted, atol=0.02)
    assert np.allclose(space.luminance(inks), wanted @ color.LUMINANCE, atol=0.02)


def test_cmyk_without_a_profile_is_estimated_by_the_documented_formula() -> None:
    space = colorspace.plain_cmyk()
    codes = np.array([[0, 0, 0, 0], [255, 0, 0, 0], [0, 0, 0, 255], [51, 102, 0, 51]], np.uint8)
    rgb = [[1, 1, 1], [0, 1, 1], [0, 0, 0], [0.8 * 0.8, 0.6 * 0.8, 0.8]]
    assert np.allclose(space.to_linear(codes), color.srgb_to_linear(rgb), atol=1e-6)
    assert np.array_equal(space.from_linear(space.to_linear(codes), np.uint8), codes)


def test_parsed_profiles_are_kept() -> None:
    assert colorspace.from_icc(files.display_p3()) is colorspace.from_icc(files.display_p3())


@pytest.mark.parametrize(
    "profile",
    [b"", b"x" * 300, files.display_p3()[:200], files.display_p3()[:128] + b"\xff" * 400, files.grey_gamma(2.2)],
)
def test_unusable_profiles_are_refused(profile: bytes) -> None:
    with pytest.raises(InputError, match="profile"):
        colorspace.from_icc(profile)


def test_damaged_profiles_never_do_worse_than_an_input_error() -> None:
    rng = np.random.default_rng(6)
    for good in (files.display_p3()[:800], files.rgb_gamma(2.2), files.cmyk_profile()):
        for _ in range(40):
            bad = bytearray(good)
            for _ in range(3):
                bad[rng.integers(16, min(len(bad), 400))] = rng.integers(256)
            try:
                space = colorspace.from_icc(bytes(bad))
            except InputError:
                continue
            linear = space.to_linear(np.zeros((4, space.channels), np.uint8))
            assert linear.shape == (4, 3)
