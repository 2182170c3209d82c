"""Raw photos: recognised by content, refused without LibRaw, developed with it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from support import image_files as files
from wallpaint import read_photo
from wallpaint.cli.app import main
from wallpaint.errors import InputError
from wallpaint.files.pixels import upright
from wallpaint.files.raw import raw_kind
from wallpaint.imaging.color import linear_to_srgb
from wallpaint.imaging.write import write_photo


@pytest.fixture
def no_rawpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)


@pytest.mark.parametrize("kind", files.RAW_HEADERS)
def test_kinds_are_recognised_by_their_first_bytes(kind: str) -> None:
    assert raw_kind(files.raw_header(kind)) == kind


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"is_dng": True}, "DNG"),
        ({"make": "NIKON CORPORATION"}, "NEF"),
        ({"make": "SONY"}, "ARW"),
        ({"make": "PENTAX"}, "PEF"),
        ({"make": "Unknown"}, "TIFF with sensor data"),
    ],
)
def test_sensor_data_behind_a_preview_is_recognised(options: dict[str, object], kind: str) -> None:
    assert raw_kind(files.raw_tiff(**options)) == kind  # type: ignore[arg-type]


def test_other_files_are_not_raw() -> None:
    picture = files.room()
    pages = files.tiff(picture)
    for data in (
        pages,
        files.tiff(picture, bigtiff=True),
        files.encoded(picture, "JPEG"),
        files.heic(picture),
        b"II*\0",
    ):
        assert raw_kind(data) is None
    looped = b"II*\0\x08\0\0\0\1\0" + bytes.fromhex("4a01040001000000 08000000") + b"\x08\0\0\0"
    assert raw_kind(looped) is None


@pytest.mark.usefixtures("no_rawpy")
def test_refusal_names_the_kind_and_the_extra(tmp_path: Path) -> None:
    path = tmp_path / "IMG_1.dng"
    path.write_bytes(files.raw_tiff(is_dng=True))
    with pytest.raises(InputError) as caught:
        read_photo(path)
    assert str(caught.value) == (
        f"{path}: a raw photo (DNG), of which only the preview could be read: develop it to TIFF or JPEG first, "
        'or pip install "wallpaint[raw]"'
    )


class _Raw:
    """What rawpy.imread returns: 4 x 6 sensor pixels turned to 6 x 4 of the picture."""

    def __init__(self, calls: list[dict[str, object]]) -> None:
        self.sizes = SimpleNamespace(height=16, width=24, flip=6)
        self.calls = calls

    def __enter__(self) -> _Raw:
        return self

    def __exit__(self, *error: object) -> None:
        self.calls.append({"closed": True})

    def postprocess(self, **options: object) -> np.ndarray:
        self.calls.append(options)
        return np.arange(24 * 16 * 3, dtype=np.uint16).reshape(24, 16, 3) * 50


def test_development_by_a_module_of_rawpys_interface(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, object]] = []
    module = ModuleType("rawpy")
    module.imread = lambda file: _Raw(calls)  # type: ignore[attr-defined]
    module.ColorSpace = SimpleNamespace(sRGB="srgb")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rawpy", module)
    path = tmp_path / "IMG_1.nef"
    path.write_bytes(files.raw_tiff(make="NIKON"))
    photo = read_photo(path)
    np.testing.assert_array_equal(photo.codes, np.arange(24 * 16 * 3, dtype=np.uint16).reshape(24, 16, 3) * 50)
    assert (photo.source.format, photo.source.bit_depth, photo.space.name) == ("RAW", 16, "sRGB")
    assert photo.warnings == ("a raw photo (NEF), developed with the camera's white balance to 16-bit sRGB",)
    development, closing = calls
    assert development == {
        "use_camera_wb": True,
        "output_color": "srgb",
        "gamma": (2.4, 12.92),
        "output_bps": 16,
        "no_auto_bright": True,
    }
    assert closing == {"closed": True}
    report = write_photo(photo, photo.codes, tmp_path / "out.tif")
    assert (report.format, report.bit_depth) == ("TIFF", 16)
    np.testing.assert_array_equal(read_photo(tmp_path / "out.tif").codes, photo.codes)


def test_files_that_libraw_cannot_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def imread(file: object) -> None:
        raise RuntimeError("b'Unsupported file format or not RAW file'")

    module = ModuleType("rawpy")
    module.imread = imread  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rawpy", module)
    with pytest.raises(InputError, match="LibRaw cannot develop"):
        read_photo(files.raw_header("RAF"))


# -- with LibRaw


def _patches() -> np.ndarray:
    """(128, 192, 3) linear sRGB: six flat colours, none over 0.75, above which LibRaw scales to the largest."""
    colors = np.array(
        [(0.7, 0.65, 0.5), (0.2, 0.4, 0.1), (0.05, 0.1, 0.5), (0.5, 0.5, 0.5), (0.7, 0.1, 0.1), (0.02,) * 3]
    )
    return np.repeat(np.repeat(colors.reshape(2, 3, 3), 64, axis=0), 64, axis=1)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"has_preview": False},
        {"neutral": (0.5, 1.0, 0.6)},
        {"black": 512},
        {"orientation": 3},
        {"orientation": 6},
        {"orientation": 8},
    ],
    ids=str,
)
def test_a_dng_is_developed_to_its_colours(options: dict[str, Any], tmp_path: Path) -> None:
    """The middles of flat patches have the sRGB codes of the scene, whatever the sensor's white balance and black."""
    pytest.importorskip("rawpy")
    path = tmp_path / "IMG_1.dng"
    path.write_bytes(files.dng(_patches(), **options))
    photo = read_photo(path)
    expected = upright(65535 * linear_to_srgb(_patches()), options.get("orientation", 1))
    assert photo.codes.shape == expected.shape
    assert (photo.source.format, photo.source.bit_depth, photo.space.name) == ("RAW", 16, "sRGB")
    middles = np.zeros(expected.shape[:2], bool)
    for y in range(32, expected.shape[0], 64):
        for x in range(32, expected.shape[1], 64):
            middles[y - 20 : y + 20, x - 20 : x + 20] = True
    assert np.abs(photo.codes[middles].astype(float) - expected[middles]).max() < 65535 * 2e-3


def test_a_dng_is_repainted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rawpy")
    linear = np.full((128, 192, 3), (0.45, 0.42, 0.36))
    linear[96:] = (0.1, 0.06, 0.03)
    (tmp_path / "IMG_1.dng").write_bytes(files.dng(linear, orientation=3))
    wall = np.zeros((128, 192), np.uint8)
    wall[32:] = 255
    (tmp_path / "wall.png").write_bytes(files.encoded(wall, "PNG"))
    command = ["repaint", str(tmp_path / "IMG_1.dng"), "--mask", str(tmp_path / "wall.png"), "--match", "swatch"]
    assert main([*command, "--color", "#7d9b84", "-o", str(tmp_path / "out.tif")]) == 0
    assert "a raw photo (DNG), developed with the camera's white balance to 16-bit sRGB" in capsys.readouterr().out
    result = read_photo(tmp_path / "out.tif")
    assert (result.codes.dtype, result.size) == (np.uint16, (128, 192))
    median = np.median(result.codes[40:].reshape(-1, 3), axis=0) / 257
    np.testing.assert_allclose(median, (0x7D, 0x9B, 0x84), atol=1.0)


def test_a_dng_with_damaged_sensor_data_is_refused_in_words(tmp_path: Path) -> None:
    pytest.importorskip("rawpy")
    data = files.dng(_patches())
    with pytest.raises(InputError) as caught:
        read_photo(data[: len(data) // 2])
    message = str(caught.value)
    assert "a raw photo (DNG) that LibRaw cannot develop (" in message
    assert "b'" not in message
    assert message.endswith("): develop it to TIFF or JPEG first")
