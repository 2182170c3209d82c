"""Raw photos: recognised by content, refused without LibRaw, developed with it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from support import image_files as files
from wallpaint import read_photo
from wallpaint.errors import InputError
from wallpaint.files.raw import raw_kind
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
    with pytest.raises(InputError, match="LibRaw cannot open"):
        read_photo(files.raw_header("RAF"))
