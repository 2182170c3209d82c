"""Storage, kitchens and lamps: every maker stands or hangs as agreed, faces outwards, and lamps give their power."""

from functools import cache

import numpy as np
import pytest

from wallpaint.rooms.furniture import books, kitchen, lamps, storage
from wallpaint.rooms.materials import BLACK
from wallpaint.rooms.surfaces import finishes

SEEDS = range(20)
POWER = (0.3, 0.25, 0.16)
HUNG = {"wall_shelf", "wall_run", "extractor", "open_shelf"}
BOUNDS = {  # least and greatest width, depth, height in metres
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
    (kind, maker, held)
    for makers in (storage.MAKERS, kitchen.MAKERS)
    for kind, each in makers.items()
    for held, group in ((False, each.everyday), (True, each.held_out))
    for maker in group
]
LAMPS = [
    (kind, maker, held)
    for kind, each in lamps.MAKERS.items()
    for held, group in ((False, each.everyday), (True, each.held_out))
    for maker in dict.fromkeys(group)
]
STANDING_LAMPS = {"floor", "table"}
NAMES = {"ids": lambda value: getattr(value, "__name__", str(value))}


@cache
def room_finishes(held, seed):
    return finishes.choose(np.random.default_rng(seed), "test" if held else "train")


def made(maker, held, seed, power=None):
    rng, chosen = np.random.default_rng(seed), room_finishes(held, seed % 3)
    return maker(rng, chosen) if power is None else maker(rng, chosen, power)


def areas(mesh):
    """Twice each face's area times its normal."""
    corner = mesh.vertices[mesh.faces].astype(float)
    return np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])


def check_shape(mesh, kind):
    assert all(np.isfinite(a).all() for a in (mesh.vertices, mesh.normals, mesh.uv))
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-3)
    assert mesh.material.max() < len(mesh.materials)
    face = areas(mesh)
    size = np.linalg.norm(face, axis=1)
    agrees = (face * mesh.normals[mesh.faces].mean(1)).sum(1) > 0
    assert size[agrees].sum() >= 0.99 * size.sum()
    low, high = BOUNDS[kind]
    extent = mesh.bounds[1] - mesh.bounds[0]
    assert (extent >= low).all(), extent
    assert (extent <= high).all(), extent


def same(first, second):
    return all(np.array_equal(getattr(first, a), getattr(second, a)) for a in ("vertices", "normals", "uv", "faces"))


@pytest.mark.parametrize(("kind", "maker", "held"), FURNITURE, **NAMES)
def test_furniture_is_sound(kind, maker, held):
    sizes = set()
    for seed in SEEDS:
        mesh = made(maker, held, seed)
        check_shape(mesh, kind)
        assert 100 <= len(mesh.faces) <= 12_000
        low, high = mesh.bounds
        if kind in HUNG:
            np.testing.assert_allclose([high[1], low[0] + high[0], low[2] + high[2]], 0, atol=2e-3)
        else:
            np.testing.assert_allclose([low[2], *(low + high)[:2]], 0, atol=2e-3)
        assert not any(m.emits for m in mesh.materials)
        sizes.add(tuple(np.round(high - low, 4)))
    assert len(sizes) > 3
    assert same(made(maker, held, 4), made(maker, held, 4))


@pytest.mark.parametrize(("kind", "maker", "held"), LAMPS, **NAMES)
def test_lamp_is_sound_and_gives_its_power(kind, maker, held):
    for seed in SEEDS:
        mesh = made(maker, held, seed, POWER)
        check_shape(mesh, kind)
        assert len(mesh.faces) <= 8000
        emission = np.array([m.emission for m in mesh.materials])[mesh.material]
        area = np.linalg.norm(areas(mesh), axis=1, keepdims=True) / 2
        np.testing.assert_allclose((np.pi * area * emission).sum(0), POWER, rtol=0.01)
        low, high = mesh.bounds
        if kind in STANDING_LAMPS:
            assert abs(low[2]) < 2e-3
        elif kind == "wall":
            assert abs(high[1]) < 2e-3
            assert abs(low[2] + high[2]) < 0.05
        else:
            assert high[2] <= 1e-4
    assert same(made(maker, held, 4, POWER), made(maker, held, 4, POWER))


@pytest.mark.parametrize(("kind", "maker", "held"), LAMPS, **NAMES)
def test_lamp_that_is_off_has_the_same_shape_and_no_light(kind, maker, held):
    on, off = made(maker, held, 7, POWER), made(maker, held, 7, BLACK)
    assert same(on, off)
    assert not any(m.emits for m in off.materials)


@pytest.mark.parametrize("kind", [*storage.MAKERS, *kitchen.MAKERS, *lamps.MAKERS])
def test_test_rooms_have_their_own_designs(kind):
    each = (storage.MAKERS | kitchen.MAKERS | lamps.MAKERS)[kind]
    assert each.everyday
    assert each.held_out
    assert not set(each.everyday) & set(each.held_out)


@pytest.mark.parametrize("split", ["train", "test"])
def test_kitchen_of_one_room_matches(split):
    chosen = finishes.choose(np.random.default_rng(3), split)
    assert kitchen.fitted(chosen) == kitchen.fitted(chosen)
    run, units = (
        kitchen.MAKERS[k].everyday[0](np.random.default_rng(n), chosen) for n, k in enumerate(("base_run", "wall_run"))
    )
    fronts = kitchen.fitted(chosen)
    assert fronts.front in run.materials
    assert fronts.upper in units.materials


@pytest.mark.parametrize("length", [0.05, 0.3, 1.1])
def test_row_of_books_fills_its_length_and_fits(length):
    for seed in SEEDS:
        row = books.books(np.random.default_rng(seed), length, 0.28, 0.2)
        low, high = row.bounds
        assert low[0] >= -length / 2 - 1e-4
        assert high[0] <= length / 2 + 1e-3
        assert high[0] - low[0] >= length - 0.065
        assert low[1] >= -0.1 - 1e-4
        assert high[2] <= 0.28 * 1.02
        assert abs(low[2]) < 1e-4
