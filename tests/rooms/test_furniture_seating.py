"""Sofas, chairs, beds and tables: every maker gives sound, solid-looking, plausibly sized pieces."""

from __future__ import annotations

import numpy as np
import pytest

from wallpaint.rooms.furniture import Maker, beds, seating, tables
from wallpaint.rooms.mesh import Mesh
from wallpaint.rooms.surfaces.finishes import Finishes, choose

MAKERS = {**seating.MAKERS, **beds.MAKERS, **tables.MAKERS}
EACH = [
    pytest.param(kind, maker, id=f"{kind}-{maker.__name__}")
    for kind, both in MAKERS.items()
    for maker in (*both.everyday, *both.held_out)
]
SEEDS = range(20)
LARGEST_TRIANGLES = 8000

# metres: (least, most) of width, depth, height
SIZES = {
    "sofa": ((1.3, 3.0), (0.7, 1.8), (0.65, 1.05)),
    "armchair": ((0.6, 1.15), (0.65, 1.05), (0.65, 1.25)),
    "chair": ((0.38, 0.6), (0.4, 0.65), (0.75, 1.1)),
    "stool": ((0.25, 0.5), (0.25, 0.5), (0.4, 1.1)),
    "pouf": ((0.35, 0.8), (0.35, 0.7), (0.28, 0.5)),
    "bench": ((0.85, 1.6), (0.28, 0.55), (0.4, 0.55)),
    "office_chair": ((0.55, 0.75), (0.55, 0.8), (0.8, 1.35)),
    "bed": ((1.4, 2.4), (2.0, 2.4), (0.55, 1.5)),
    "single_bed": ((0.9, 1.6), (2.0, 2.4), (0.55, 1.5)),
    "bunk": ((2.0, 2.3), (0.9, 1.25), (1.4, 2.3)),
    "crib": ((1.15, 1.5), (0.6, 0.85), (0.8, 1.1)),
    "daybed": ((1.9, 2.3), (0.7, 1.05), (0.5, 1.1)),
    "coffee_table": ((0.65, 1.35), (0.42, 1.05), (0.3, 0.52)),
    "dining_table": ((0.88, 2.2), (0.75, 1.35), (0.72, 0.78)),
    "desk": ((0.95, 1.75), (0.48, 0.85), (0.7, 1.1)),
    "side_table": ((0.33, 0.6), (0.33, 0.6), (0.4, 0.65)),
    "bedside": ((0.36, 0.58), (0.32, 0.52), (0.44, 0.65)),
    "console": ((0.8, 1.55), (0.26, 0.45), (0.72, 0.9)),
}


@pytest.fixture(scope="module")
def finishes() -> Finishes:
    return choose(np.random.default_rng(5), "train")


def test_every_kind_has_a_size() -> None:
    assert set(SIZES) == set(MAKERS)


@pytest.mark.parametrize(("kind", "maker"), EACH)
def test_pieces_are_sound(kind: str, maker: Maker, finishes: Finishes) -> None:
    for seed in SEEDS:
        mesh = maker(np.random.default_rng(seed), finishes)
        assert 100 < len(mesh.faces) < LARGEST_TRIANGLES
        assert all(np.isfinite(a).all() for a in (mesh.vertices, mesh.normals, mesh.uv))
        assert mesh.faces.min() >= 0
        assert mesh.faces.max() < len(mesh.vertices)
        assert mesh.material.min() >= 0
        assert mesh.material.max() < len(mesh.materials)
        np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-3)
        assert share_turned_as_normals_say(mesh) >= 0.99
        low, high = mesh.bounds
        assert abs(low[2]) < 1e-3
        np.testing.assert_allclose((low + high)[:2], 0, atol=1e-3)
        for size, (least, most) in zip(high - low, SIZES[kind], strict=True):
            assert least <= size <= most, f"seed {seed}: {high - low}"


def share_turned_as_normals_say(mesh: Mesh) -> float:
    """Part of a mesh's area whose faces are counter-clockwise seen from the side that their normals point to."""
    corner = mesh.vertices[mesh.faces].astype(np.float64)
    facing = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    area = np.linalg.norm(facing, axis=1)
    agree = (facing * mesh.normals[mesh.faces].sum(1)).sum(1) > 0
    return float(area[agree].sum() / area.sum())


@pytest.mark.parametrize(("kind", "maker"), EACH)
def test_the_seed_decides(kind: str, maker: Maker, finishes: Finishes) -> None:
    first, again, other = (maker(np.random.default_rng(seed), finishes) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.vertices, again.vertices)
    np.testing.assert_array_equal(first.uv, again.uv)
    np.testing.assert_array_equal(first.faces, again.faces)
    assert first.materials == again.materials
    assert first.vertices.shape != other.vertices.shape or not np.allclose(first.vertices, other.vertices)


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_held_out_designs_are_others(kind: str) -> None:
    everyday, held_out = MAKERS[kind].everyday, MAKERS[kind].held_out
    assert everyday
    assert held_out
    assert not {m.__name__ for m in everyday} & {m.__name__ for m in held_out}


@pytest.mark.parametrize("kind", sorted(tables.MAKERS))
def test_tables_are_flat_and_bare(kind: str, finishes: Finishes) -> None:
    """The top is level, and most of a table's footprint."""
    for maker in (*tables.MAKERS[kind].everyday, *tables.MAKERS[kind].held_out):
        mesh = maker(np.random.default_rng(7), finishes)
        top = tables.top_height(mesh)
        assert top == pytest.approx(float(mesh.vertices[:, 2].max()))
        corner = mesh.vertices[mesh.faces]
        level = np.abs(corner[..., 2] - top).max(1) < 1e-4
        flat = np.cross(corner[level, 1] - corner[level, 0], corner[level, 2] - corner[level, 0])
        low, high = mesh.bounds
        assert flat[:, 2].sum() / 2 > 0.3 * np.prod((high - low)[:2])
