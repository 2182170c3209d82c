"""Room files: round trip, reproducible bytes, and rejection of damaged files."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from support import synthetic_rooms
from wallpaint.errors import InputError
from wallpaint.rooms.sets import room_file
from wallpaint.rooms.sets.room_file import RoomRecord
from wallpaint.rooms.wall_planes import CameraIntrinsics, PlaneInView

SIZE = (24, 32)


@pytest.fixture(scope="module")
def record() -> RoomRecord:
    record = synthetic_rooms.render(2, SIZE, 16)
    assert isinstance(record, RoomRecord)
    return record


def test_round_trip(tmp_path: Path, record: RoomRecord) -> None:
    path = tmp_path / room_file.name_of(2)
    room_file.write(path, record)
    loaded = room_file.read(path)
    np.testing.assert_allclose(loaded.buckets, record.buckets, rtol=5e-4, atol=1e-7)
    np.testing.assert_allclose(loaded.alpha, record.alpha, atol=0.5 / 255)
    np.testing.assert_allclose(loaded.depth, record.depth, rtol=5e-4)
    np.testing.assert_allclose(loaded.albedo, record.albedo, atol=0.005)
    np.testing.assert_array_equal(loaded.wall_number, record.wall_number)
    variant = loaded.wall_variants[0]
    assert (variant.kind, variant.track, variant.walls) == ("wallpaper", "patterned", (0,))
    np.testing.assert_allclose(variant.radiance, record.wall_variants[0].radiance, rtol=5e-4, atol=1e-7)
    np.testing.assert_array_equal(variant.swatch, record.wall_variants[0].swatch)
    for name in ("seed", "split", "room_type", "samples", "old_paint", "metadata", "generator_version", "size"):
        assert getattr(loaded, name) == getattr(record, name)
    assert path.name == "room_000002.npz"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_numpy_reads_it_without_pickles(tmp_path: Path, record: RoomRecord) -> None:
    path = tmp_path / "room.npz"
    room_file.write(path, record)
    with np.load(path, allow_pickle=False) as archive:
        assert archive["buckets"].dtype == np.float16
        assert archive["alpha"].dtype == np.uint8
        assert archive["depth"].dtype == np.float16
        assert archive["wall_number"].dtype == np.int8
        assert json.loads(archive["meta"].tobytes())["seed"] == 2


def test_equal_rooms_give_equal_bytes(record: RoomRecord) -> None:
    again = synthetic_rooms.render(2, SIZE, 16)
    assert isinstance(again, RoomRecord)
    assert room_file.encode(record) == room_file.encode(again)


def test_bright_and_dark_layers_keep_their_precision(tmp_path: Path, record: RoomRecord) -> None:
    buckets = record.buckets.copy()
    buckets[0, 0, 0], buckets[0, 0, 1] = 4e6, 0.5
    buckets[3] *= 1e-8
    room_file.write(tmp_path / "room.npz", replace(record, buckets=buckets, wall_variants=()))
    loaded = room_file.read(tmp_path / "room.npz").buckets
    assert np.isfinite(loaded).all()
    np.testing.assert_allclose(loaded[0, 0, 0], 4e6, rtol=5e-4)
    np.testing.assert_allclose(loaded[0, 0, 1], 0.5, rtol=0.01)
    np.testing.assert_allclose(loaded[3], buckets[3], rtol=5e-4)


def test_round_trip_without_light_and_variants(tmp_path: Path, record: RoomRecord) -> None:
    room_file.write(tmp_path / "room.npz", replace(record, buckets=0 * record.buckets, wall_variants=()))
    loaded = room_file.read(tmp_path / "room.npz")
    assert loaded.wall_variants == ()
    assert (loaded.buckets == 0).all()


def error_of(path: Path) -> str | None:
    try:
        room_file.read(path)
    except InputError as error:
        return str(error)
    return None


def test_truncated_and_corrupted_files_give_one_line(tmp_path: Path, record: RoomRecord) -> None:
    data = room_file.encode(record)
    path = tmp_path / "room.npz"
    rng = np.random.default_rng(0)
    broken = [data[: int(at)] for at in rng.integers(0, len(data), 12)]
    for at in rng.integers(0, len(data), 40):
        flipped = bytearray(data)
        flipped[at] ^= 0xFF
        broken.append(bytes(flipped))
    refused = 0
    for bad in broken:
        path.write_bytes(bad)
        message = error_of(path)
        assert message is None or (message.startswith(f"{path}: ") and "\n" not in message)
        refused += message is not None
    assert refused >= 50  # a changed time stamp in the archive is harmless


def _archive(arrays: dict[str, np.ndarray]) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def _single_array() -> bytes:
    out = io.BytesIO()
    np.save(out, np.zeros(3))
    return out.getvalue()


def _text_archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("readme.txt", "no room")
    return out.getvalue()


FOREIGN = {
    "empty": b"",
    "text": b"hello",
    "picture": b"\x89PNG\r\n\x1a\n" + bytes(40),
    "pickle": pickle.dumps([1, 2, 3]),
    "lone array": _single_array(),
    "other archive": _text_archive(),
    "other arrays": _archive({"x": np.zeros(3)}),
    "objects": _archive({"meta": np.array([{}], object)}),
    "meta of another program": _archive({"meta": np.frombuffer(b'{"format": "x/1"}', np.uint8)}),
    "meta that is a list": _archive({"meta": np.frombuffer(b"[]", np.uint8)}),
    "meta alone": _archive({"meta": np.frombuffer(b'{"format": "wallpaint.room/2"}', np.uint8)}),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_files_are_rejected(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "room.npz"
    path.write_bytes(FOREIGN[kind])
    with pytest.raises(InputError) as raised:
        room_file.read(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


def test_missing_files_folders_and_mismatched_layers_are_rejected(tmp_path: Path, record: RoomRecord) -> None:
    with pytest.raises(InputError, match="no such room"):
        room_file.read(tmp_path / "room.npz")
    with pytest.raises(InputError, match="cannot be read"):
        room_file.read(tmp_path)
    for wrong in (replace(record, depth=record.depth[:-1]), replace(record, albedo=record.albedo[:-1])):
        room_file.write(tmp_path / "room.npz", wrong)
        with pytest.raises(InputError, match="differ in size"):
            room_file.read(tmp_path / "room.npz")
    with pytest.raises(InputError, match="cannot be written"):
        room_file.write(tmp_path / "nowhere" / "room.npz", record)


PLANES = (PlaneInView("back", (0.0, 0.0, -1.0), 3.5), PlaneInView("slope", (0.6, 0.0, -0.8), 2.0))
CAMERA = CameraIntrinsics(0.8, 0.6, -0.05, ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0)), (1.0, 0.5, 1.4))


def with_planes(record: RoomRecord) -> RoomRecord:
    wall_plane = np.where(record.wall_number >= 0, 0, -1).astype(np.int8)
    return replace(record, wall_plane=wall_plane, planes=PLANES, camera=CAMERA)


def test_round_trip_of_wall_planes_and_camera(tmp_path: Path, record: RoomRecord) -> None:
    room_file.write(tmp_path / "room.npz", with_planes(record))
    loaded = room_file.read(tmp_path / "room.npz")
    np.testing.assert_array_equal(loaded.wall_plane, with_planes(record).wall_plane)
    assert (loaded.planes, loaded.camera) == (PLANES, CAMERA)
    for wrong in ({"planes": None}, {"planes": ()}, {"wall_plane": np.zeros((3, 3), np.int8)}):
        room_file.write(tmp_path / "room.npz", replace(with_planes(record), **wrong))  # type: ignore[arg-type]
        with pytest.raises(InputError, match="differ in size"):
            room_file.read(tmp_path / "room.npz")


def as_format_2(data: bytes, version: str = "0.20.0") -> bytes:
    """Rewrite a room file as the format before generator versions and wall planes."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    meta = json.loads(np.lib.format.read_array(io.BytesIO(entries["meta.npy"])).tobytes())
    for key in ("generator", "wall_planes", "camera"):
        del meta[key]
    meta |= {"format": "wallpaint.room/2", "version": version}
    stored = io.BytesIO()
    np.save(stored, np.frombuffer(json.dumps(meta).encode(), np.uint8))
    entries["meta.npy"] = stored.getvalue()
    entries.pop("wall_plane.npy", None)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return out.getvalue()


def test_earlier_format_is_read_without_planes(tmp_path: Path, record: RoomRecord) -> None:
    (tmp_path / "room.npz").write_bytes(as_format_2(room_file.encode(with_planes(record))))
    loaded = room_file.read(tmp_path / "room.npz")
    assert (loaded.wall_plane, loaded.planes, loaded.camera, loaded.generator_version) == (None, None, None, 1)
    np.testing.assert_allclose(loaded.buckets, record.buckets, rtol=5e-4, atol=1e-7)
    assert loaded.metadata == record.metadata
