"""Rooms that are thought up: whole, lit, seen, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from wallpaint.rooms.materials import Material
from wallpaint.rooms.room import FIRST_TEST_SEED, FIRST_VALIDATION_SEED, Room, split_of

pytest.importorskip("mitsuba", reason="needs the extra `rooms`")

from wallpaint.rooms.design import design
from wallpaint.rooms.surfaces import paints

SEEDS = (3, 14, 15, 92, FIRST_TEST_SEED + 6, FIRST_TEST_SEED + 53)


@pytest.fixture(scope="module", params=SEEDS)
def room(request: pytest.FixtureRequest) -> Room:
    return design(request.param)


def test_a_room_is_whole(room: Room) -> None:
    mesh = room.mesh
    assert np.isfinite(mesh.vertices).all()
    assert np.isfinite(mesh.uv).all()
    assert np.linalg.norm(mesh.normals, axis=1) == pytest.approx(1, abs=1e-3)
    assert mesh.faces.max() < len(mesh.vertices)
    assert mesh.material.max() < len(mesh.materials)
    assert len(mesh.faces) < 200_000


def test_its_camera_stands_in_the_room_with_a_usual_lens(room: Room) -> None:
    width, depth, height = (float(v) for v in room.meta["size_m"])  # type: ignore[union-attr]
    x, y, z = room.eye.position
    assert 0 < x < width
    assert 0 < y < depth
    assert 0.8 < z < min(1.8, height)
    assert 40 <= float(room.meta["fov_deg"]) <= 96  # type: ignore[arg-type]


def test_something_lights_it(room: Room) -> None:
    mesh = room.mesh
    corner = mesh.vertices[mesh.faces].astype(np.float64)
    area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1) / 2
    power = np.array([np.mean(m.emission) for m in mesh.materials])[mesh.material]
    assert (area * power).sum() > 0.005


def test_its_walls_have_one_paint_and_dressings_know_them(room: Room) -> None:
    walls = {m.wall: m for m in room.mesh.materials if m.wall is not None}
    assert walls
    assert all(m.albedo == room.old_paint for m in walls.values())
    assert paints.belongs(np.array(room.old_paint), room.split)
    for dressing in room.dressings:
        assert dressing.track in ("patterned", "several")
        assert set(dressing.surfaces) <= set(walls)
        dressed = room.dressed(dressing)
        assert all(m.wall is None for m in dressed.mesh.materials)
        assert [m.name for m in dressed.mesh.materials if m not in room.mesh.materials]


def test_the_same_seed_gives_the_same_room() -> None:
    one, two = design(15), design(15)
    assert np.array_equal(one.mesh.vertices, two.mesh.vertices)
    assert np.array_equal(one.mesh.faces, two.mesh.faces)
    assert [plain(m) for m in one.mesh.materials] == [plain(m) for m in two.mesh.materials]
    assert np.array_equal(one.eye.position, two.eye.position)


def plain(material: Material) -> tuple[object, ...]:
    """What can be compared of a material."""
    texels = None if material.texture is None else material.texture.texels.tobytes()
    return (material.name, material.albedo, material.roughness, material.emission, texels)


def test_other_seeds_give_other_rooms() -> None:
    assert design(14).meta != design(92).meta


def test_upright_pictures_keep_their_width_of_view() -> None:
    tall = design(15, aspect=0.66)
    assert tall.eye.half_height / tall.eye.half_width == pytest.approx(1 / 0.66)


@pytest.mark.parametrize(
    ("seed", "split"),
    [
        (0, "train"),
        (FIRST_VALIDATION_SEED - 1, "train"),
        (FIRST_VALIDATION_SEED, "validation"),
        (FIRST_TEST_SEED - 1, "validation"),
        (FIRST_TEST_SEED, "test"),
    ],
)
def test_splits_are_ranges_of_seeds(seed: int, split: str) -> None:
    assert split_of(seed) == split
