"""Geometry of storage furniture, kitchens and lamps; emitted flux of lamps."""

from functools import cache

import numpy as np
import pytest

from wallpaint.rooms.furniture import books, kitchen, lamps, storage
from wallpaint.rooms.materials import BLACK
from wallpaint.rooms.surfaces import finishes

SEEDS = range(20)
POWER = (0.3, 0.25, 0.16)
WALL_MOUNTED = {"wall_shelf", "wall_run", "extractor", "open_shelf"}
BOUNDS = {  # metres: minimum and maximum (width, depth, height)
    "bookcase": ((0.5, 0.25, 0.65), (2.1, 0.65, 2.4)),
    "wall_shelf": ((0.3, 0.08, 0.15), (1.7, 0.32, 1.6)),
    "sideboard": ((0.9, 0.36, 0.6), (2.2, 0.6, 1.05)),
    "cabinet": ((0.6, 0.36, 1.0), (1.5, 0.6, 2.3)),
    "wardrobe": ((0.85, 0.5, 1.85), (3.0, 0.75, 2.45)),
    "dresser": ((0.6, 0.36, 0.6), (1.75, 0.6, 1.4)),
    "tv_unit": ((1.2, 0.35, 0.3), (2.2, 0.5, 1.6)),
    "filing_cabinet": ((0.35, 0.4, 0.45), (1.05, 0.75, 1.5)),
    "coat_rack": ((0.3, 0.3, 1.4), (1.5, 0.75, 2.1)),
    "hallstand": ((0.55, 0.3, 1.6), (1.4, 0.55, 2.1)),
    "shoe_cabinet": ((0.45, 0.15, 0.4), (1.2, 0.45, 1.4)),
    "base_run": ((1.75, 0.6, 1.0), (3.7, 0.75, 1.3)),
    "wall_run": ((0.75, 0.3, 0.5), (3.1, 0.42, 1.0)),
    "fridge": ((0.5, 0.55, 1.3), (1.0, 0.85, 2.0)),
    "island": ((0.75, 0.5, 0.88), (2.3, 1.2, 1.45)),
    "extractor": ((0.55, 0.25, 0.5), (1.1, 0.6, 1.1)),
    "open_shelf": ((0.6, 0.12, 0.2), (1.8, 0.32, 1.2)),
    "floor": ((0.2, 0.2, 0.95), (1.7, 0.7, 2.2)),
    "table": ((0.12, 0.12, 0.18), (0.45, 0.5, 0.65)),
    "pendant": ((0.2, 0.05, 0.4), (1.4, 0.75, 1.4)),
    "ceiling": ((0.25, 0.25, 0.01), (1.3, 1.3, 0.4)),
    "spot": ((0.05, 0.05, 0.002), (0.13, 0.13, 0.2)),
    "track": ((0.6, 0.05, 0.1), (1.5, 0.25, 0.35)),
    "wall": ((0.05, 0.05, 0.08), (0.6, 0.3, 0.4)),
    "led_strip": ((0.99, 0.005, 0.002), (1.01, 0.05, 0.05)),
}
FURNITURE = [
    (name, builder, held_out)
    for categories in (storage.CATEGORIES, kitchen.CATEGORIES)
    for name, category in categories.items()
    for held_out, group in ((False, category.train_builders), (True, category.held_out_builders))
    for builder in group
]
LAMPS = [
    (name, builder, held_out)
    for name, category in lamps.CATEGORIES.items()
    for held_out, group in ((False, category.train_builders), (True, category.held_out_builders))
    for builder in dict.fromkeys(group)
]
STANDING_LAMPS = {"floor", "table"}
PARAM_IDS = {"ids": lambda value: getattr(value, "__name__", str(value))}


@cache
def room_finishes(held_out, seed):
    return finishes.choose(np.random.default_rng(seed), "test" if held_out else "train")


def build(builder, held_out, seed, power=None):
    rng, chosen = np.random.default_rng(seed), room_finishes(held_out, seed % 3)
    return builder(rng, chosen) if power is None else builder(rng, chosen, power)


def face_vectors(mesh):
    """Twice each face's area times its normal."""
    corner = mesh.vertices[mesh.faces].astype(float)
    return np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])


def check_geometry(mesh, name):
    assert all(np.isfinite(a).all() for a in (mesh.vertices, mesh.normals, mesh.uv))
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-3)
    assert mesh.material.max() < len(mesh.materials)
    face = face_vectors(mesh)
    size = np.linalg.norm(face, axis=1)
    agrees = (face * mesh.normals[mesh.faces].mean(1)).sum(1) > 0
    assert size[agrees].sum() >= 0.99 * size.sum()
    low, high = BOUNDS[name]
    extent = mesh.bounds[1] - mesh.bounds[0]
    assert (extent >= low).all(), extent
    assert (extent <= high).all(), extent


def equal_geometry(first, second):
    return all(np.array_equal(getattr(first, a), getattr(second, a)) for a in ("vertices", "normals", "uv", "faces"))


@pytest.mark.parametrize(("name", "builder", "held_out"), FURNITURE, **PARAM_IDS)
def test_furniture_is_valid_placed_by_convention_and_passive(name, builder, held_out):
    sizes = set()
    for seed in SEEDS:
        mesh = build(builder, held_out, seed)
        check_geometry(mesh, name)
        assert 100 <= len(mesh.faces) <= 12_000
        low, high = mesh.bounds
        if name in WALL_MOUNTED:
            np.testing.assert_allclose([high[1], low[0] + high[0], low[2] + high[2]], 0, atol=2e-3)
        else:
            np.testing.assert_allclose([low[2], *(low + high)[:2]], 0, atol=2e-3)
        assert not any(m.emits for m in mesh.materials)
        sizes.add(tuple(np.round(high - low, 4)))
    assert len(sizes) > 3
    assert equal_geometry(build(builder, held_out, 4), build(builder, held_out, 4))


@pytest.mark.parametrize(("name", "builder", "held_out"), LAMPS, **PARAM_IDS)
def test_lamp_is_valid_and_emits_its_power(name, builder, held_out):
    for seed in SEEDS:
        mesh = build(builder, held_out, seed, POWER)
        check_geometry(mesh, name)
        assert len(mesh.faces) <= 8000
        emission = np.array([m.emission for m in mesh.materials])[mesh.material]
        area = np.linalg.norm(face_vectors(mesh), axis=1, keepdims=True) / 2
        np.testing.assert_allclose((np.pi * area * emission).sum(0), POWER, rtol=0.01)
        low, high = mesh.bounds
        if name in STANDING_LAMPS:
            assert abs(low[2]) < 2e-3
        elif name == "wall":
            assert abs(high[1]) < 2e-3
            assert abs(low[2] + high[2]) < 0.05
        else:
            assert high[2] <= 1e-4
    assert equal_geometry(build(builder, held_out, 4, POWER), build(builder, held_out, 4, POWER))


@pytest.mark.parametrize(("name", "builder", "held_out"), LAMPS, **PARAM_IDS)
def test_lamp_without_power_has_equal_geometry_and_no_emission(name, builder, held_out):
    on, off = build(builder, held_out, 7, POWER), build(builder, held_out, 7, BLACK)
    assert equal_geometry(on, off)
    assert not any(m.emits for m in off.materials)


@pytest.mark.parametrize("name", [*storage.CATEGORIES, *kitchen.CATEGORIES, *lamps.CATEGORIES])
def test_held_out_builders_are_disjoint_from_train_builders(name):
    category = (storage.CATEGORIES | kitchen.CATEGORIES | lamps.CATEGORIES)[name]
    assert category.train_builders
    assert category.held_out_builders
    assert not set(category.train_builders) & set(category.held_out_builders)


@pytest.mark.parametrize("split", ["train", "test"])
def test_kitchen_design_is_shared_by_base_and_wall_cabinets(split):
    chosen = finishes.choose(np.random.default_rng(3), split)
    assert kitchen.kitchen_design(chosen) == kitchen.kitchen_design(chosen)
    run, units = (
        kitchen.CATEGORIES[k].train_builders[0](np.random.default_rng(n), chosen)
        for n, k in enumerate(("base_run", "wall_run"))
    )
    fronts = kitchen.kitchen_design(chosen)
    assert fronts.front in run.materials
    assert fronts.upper in units.materials


@pytest.mark.parametrize("length", [0.05, 0.3, 1.1])
def test_standing_books_fill_the_shelf_length_without_exceeding_it(length):
    for seed in SEEDS:
        row = books.standing_books(np.random.default_rng(seed), length, 0.28, 0.2)
        low, high = row.bounds
        assert low[0] >= -length / 2 - 1e-4
        assert high[0] <= length / 2 + 1e-3
        assert high[0] - low[0] >= length - 0.065
        assert low[1] >= -0.1 - 1e-4
        assert high[2] <= 0.28 * 1.02
        assert abs(low[2]) < 1e-4
