"""Generated rooms: valid, lit, visible, and reproducible."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from wallpaint.rooms.materials import Material
from wallpaint.rooms.room import FIRST_TEST_SEED, FIRST_VALIDATION_SEED, Room, split_of

if importlib.util.find_spec("mitsuba") is None:  # importorskip would import Mitsuba before `backend` selects LLVM
    pytest.skip("Mitsuba is not installed", allow_module_level=True)

from wallpaint.rooms.design import design
from wallpaint.rooms.surfaces import paints

SEEDS = (3, 14, 15, 92, FIRST_TEST_SEED + 6, FIRST_TEST_SEED + 53)


@pytest.fixture(scope="module", params=SEEDS)
def room(request: pytest.FixtureRequest) -> Room:
    return design(request.param)


def test_mesh_is_valid(room: Room) -> None:
    mesh = room.mesh
    assert np.isfinite(mesh.vertices).all()
    assert np.isfinite(mesh.uv).all()
    assert np.linalg.norm(mesh.normals, axis=1) == pytest.approx(1, abs=1e-3)
    assert mesh.faces.max() < len(mesh.vertices)
    assert mesh.material.max() < len(mesh.materials)
    assert len(mesh.faces) < 200_000


def test_camera_is_inside_the_room_with_a_usual_field_of_view(room: Room) -> None:
    width, depth, height = (float(v) for v in room.metadata["size_m"])  # type: ignore[union-attr]
    x, y, z = room.camera.position
    assert 0 < x < width
    assert 0 < y < depth
    assert 0.8 < z < min(1.8, height)
    assert 40 <= float(room.metadata["fov_deg"]) <= 96  # type: ignore[arg-type]


def test_room_has_emitters(room: Room) -> None:
    mesh = room.mesh
    corner = mesh.vertices[mesh.faces].astype(np.float64)
    area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1) / 2
    power = np.array([np.mean(m.emission) for m in mesh.materials])[mesh.material]
    assert (area * power).sum() > 0.005


def test_paintable_walls_share_one_paint_and_variants_refer_to_them(room: Room) -> None:
    walls = {m.wall: m for m in room.mesh.materials if m.wall is not None}
    assert walls
    assert all(m.albedo == room.old_paint for m in walls.values())
    assert paints.in_split(np.array(room.old_paint), room.split)
    for variant in room.wall_variants:
        assert variant.track in ("patterned", "several")
        assert set(variant.surfaces) <= set(walls)
        varied = room.with_wall_variant(variant)
        assert all(m.wall is None for m in varied.mesh.materials)
        assert [m.name for m in varied.mesh.materials if m not in room.mesh.materials]


def test_same_seed_gives_the_same_room() -> None:
    first, second = design(15), design(15)
    assert np.array_equal(first.mesh.vertices, second.mesh.vertices)
    assert np.array_equal(first.mesh.faces, second.mesh.faces)
    assert [comparable(m) for m in first.mesh.materials] == [comparable(m) for m in second.mesh.materials]
    assert np.array_equal(first.camera.position, second.camera.position)


def comparable(material: Material) -> tuple[object, ...]:
    """Return the comparable properties of a material."""
    texels = None if material.texture is None else material.texture.texels.tobytes()
    return (material.name, material.albedo, material.roughness, material.emission, texels)


def test_other_seeds_give_other_rooms() -> None:
    assert design(14).metadata != design(92).metadata


def test_portrait_format_sets_the_vertical_field_of_view() -> None:
    portrait = design(15, aspect=0.66)
    assert portrait.camera.half_height / portrait.camera.half_width == pytest.approx(1 / 0.66)


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
