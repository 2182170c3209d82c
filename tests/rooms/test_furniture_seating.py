"""Geometry and sizes of sofas, chairs, beds and tables."""

from __future__ import annotations

import numpy as np
import pytest

from wallpaint.rooms.furniture import MeshBuilder, beds, seating, tables
from wallpaint.rooms.mesh import Mesh
from wallpaint.rooms.surfaces.finishes import Finishes, choose

ALL_CATEGORIES = {**seating.CATEGORIES, **beds.CATEGORIES, **tables.CATEGORIES}
BUILDERS = [
    pytest.param(name, builder, id=f"{name}-{builder.__name__}")
    for name, category in ALL_CATEGORIES.items()
    for builder in (*category.train_builders, *category.held_out_builders)
]
SEEDS = range(20)
MAX_TRIANGLES = 8000

# metres: (minimum, maximum) of width, depth, height
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


def test_every_category_has_a_size_range() -> None:
    assert set(SIZES) == set(ALL_CATEGORIES)


@pytest.mark.parametrize(("name", "builder"), BUILDERS)
def test_mesh_is_valid_grounded_and_within_size_range(name: str, builder: MeshBuilder, finishes: Finishes) -> None:
    for seed in SEEDS:
        mesh = builder(np.random.default_rng(seed), finishes)
        assert 100 < len(mesh.faces) < MAX_TRIANGLES
        assert all(np.isfinite(a).all() for a in (mesh.vertices, mesh.normals, mesh.uv))
        assert mesh.faces.min() >= 0
        assert mesh.faces.max() < len(mesh.vertices)
        assert mesh.material.min() >= 0
        assert mesh.material.max() < len(mesh.materials)
        np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-3)
        assert normal_agreement(mesh) >= 0.99
        low, high = mesh.bounds
        assert abs(low[2]) < 1e-3
        np.testing.assert_allclose((low + high)[:2], 0, atol=1e-3)
        for size, (minimum, maximum) in zip(high - low, SIZES[name], strict=True):
            assert minimum <= size <= maximum, f"seed {seed}: {high - low}"


def normal_agreement(mesh: Mesh) -> float:
    """Share of the surface area whose face orientation agrees with the vertex normals."""
    corner = mesh.vertices[mesh.faces].astype(np.float64)
    facing = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    area = np.linalg.norm(facing, axis=1)
    agrees = (facing * mesh.normals[mesh.faces].sum(1)).sum(1) > 0
    return float(area[agrees].sum() / area.sum())


@pytest.mark.parametrize(("name", "builder"), BUILDERS)
def test_geometry_is_determined_by_the_seed(name: str, builder: MeshBuilder, finishes: Finishes) -> None:
    first, again, other = (builder(np.random.default_rng(seed), finishes) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.vertices, again.vertices)
    np.testing.assert_array_equal(first.uv, again.uv)
    np.testing.assert_array_equal(first.faces, again.faces)
    assert first.materials == again.materials
    assert first.vertices.shape != other.vertices.shape or not np.allclose(first.vertices, other.vertices)


@pytest.mark.parametrize("name", sorted(ALL_CATEGORIES))
def test_held_out_builders_are_disjoint_from_train_builders(name: str) -> None:
    train, held_out = ALL_CATEGORIES[name].train_builders, ALL_CATEGORIES[name].held_out_builders
    assert train
    assert held_out
    assert not {m.__name__ for m in train} & {m.__name__ for m in held_out}


@pytest.mark.parametrize("name", sorted(tables.CATEGORIES))
def test_table_top_is_flat_and_covers_most_of_the_footprint(name: str, finishes: Finishes) -> None:
    for builder in (*tables.CATEGORIES[name].train_builders, *tables.CATEGORIES[name].held_out_builders):
        mesh = builder(np.random.default_rng(7), finishes)
        top = tables.top_height(mesh)
        assert top == pytest.approx(float(mesh.vertices[:, 2].max()))
        corner = mesh.vertices[mesh.faces]
        level = np.abs(corner[..., 2] - top).max(1) < 1e-4
        flat = np.cross(corner[level, 1] - corner[level, 0], corner[level, 2] - corner[level, 0])
        low, high = mesh.bounds
        assert flat[:, 2].sum() / 2 > 0.3 * np.prod((high - low)[:2])
