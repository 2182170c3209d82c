"""Geometry of plants, wall objects, clutter, curtains, blinds, doors and window frames."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from wallpaint.rooms.furniture import MeshBuilder, clutter, doors, plants, wall_objects, window_dressing
from wallpaint.rooms.mesh import Mesh
from wallpaint.rooms.surfaces import images
from wallpaint.rooms.surfaces.finishes import Finishes, choose

SEEDS = range(20)
CATEGORIES = {**plants.CATEGORIES, **wall_objects.CATEGORIES, **clutter.CATEGORIES}
WALL_MOUNTED = ("frame", "gallery", "mirror", "clock", "tapestry", "shelf_ledge", "coat_hooks")
WALL_MOUNTED += ("socket", "switch", "thermostat", "television", "vent")
# metres: (minimum, maximum) of width, depth, height
SIZES = {
    "plant_large": ((0.2, 1.9), (0.2, 1.9), (0.6, 2.3)),
    "plant_small": ((0.08, 0.6), (0.08, 0.6), (0.08, 0.65)),
    "frame": ((0.18, 1.45), (0.01, 0.06), (0.18, 1.45)),
    "gallery": ((0.5, 1.9), (0.01, 0.06), (0.25, 1.4)),
    "mirror": ((0.4, 1.0), (0.005, 0.05), (0.4, 1.5)),
    "clock": ((0.2, 0.5), (0.02, 0.06), (0.2, 0.5)),
    "tapestry": ((0.4, 1.1), (0.01, 0.06), (0.35, 1.3)),
    "shelf_ledge": ((0.55, 1.6), (0.08, 0.15), (0.1, 1.1)),
    "coat_hooks": ((0.4, 1.1), (0.05, 0.16), (0.08, 1.1)),
    "socket": ((0.12, 0.17), (0.005, 0.02), (0.07, 0.09)),
    "switch": ((0.06, 0.09), (0.008, 0.025), (0.07, 0.12)),
    "thermostat": ((0.06, 0.13), (0.01, 0.04), (0.06, 0.1)),
    "television": ((0.85, 1.5), (0.03, 0.1), (0.45, 1.1)),
    "vent": ((0.15, 0.46), (0.005, 0.03), (0.12, 0.25)),
    "radiator": ((0.3, 1.75), (0.06, 0.15), (0.38, 2.0)),
    "fireplace": ((1.0, 2.0), (0.3, 0.75), (0.85, 1.5)),
    "on_table": ((0.08, 0.5), (0.05, 0.5), (0.008, 0.85)),
    "on_shelf": ((0.08, 0.5), (0.05, 0.4), (0.02, 0.85)),
    "on_desk": ((0.5, 1.15), (0.2, 0.55), (0.15, 0.6)),
    "on_floor": ((0.2, 0.85), (0.15, 0.85), (0.04, 1.2)),
    "on_bed": ((0.15, 0.6), (0.14, 0.45), (0.01, 0.2)),
    "dining_set": ((0.35, 0.8), (0.25, 0.95), (0.1, 0.5)),
    "kitchen_things": ((0.3, 0.75), (0.12, 0.4), (0.15, 0.5)),
}


def builders() -> Iterator[tuple[str, str, MeshBuilder]]:
    for name, category in CATEGORIES.items():
        yield from ((name, "train", builder) for builder in dict.fromkeys(category.train_builders))
        yield from ((name, "test", builder) for builder in dict.fromkeys(category.held_out_builders))


@pytest.fixture(scope="module")
def finishes() -> dict[str, Finishes]:
    return {split: choose(np.random.default_rng(1), split) for split in ("train", "test")}


def normal_agreement(mesh: Mesh) -> float:
    """Share of the surface area whose face orientation agrees with the vertex normals."""
    corner = mesh.vertices[mesh.faces].astype(float)
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    agrees = (normal * mesh.normals[mesh.faces].sum(1)).sum(1) > 0
    area = np.linalg.norm(normal, axis=1)
    return float(area[agrees].sum() / area.sum())


def check_surface(mesh: Mesh) -> None:
    assert np.isfinite(mesh.vertices).all()
    assert np.isfinite(mesh.normals).all()
    assert np.isfinite(mesh.uv).all()
    assert 0 < len(mesh.faces) < 9000
    assert mesh.faces.max() < len(mesh.vertices)
    assert mesh.material.max() < len(mesh.materials)
    assert normal_agreement(mesh) > 0.99


def equal_geometry(one: Mesh, other: Mesh) -> bool:
    fields = ("vertices", "normals", "uv", "faces", "material")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in fields)


@pytest.mark.parametrize(("name", "split", "builder"), list(builders()))
def test_builder_follows_placement_and_size_conventions(
    name: str, split: str, builder: MeshBuilder, finishes: dict[str, Finishes], monkeypatch: pytest.MonkeyPatch
) -> None:
    blank = finishes["train"].wood.texture
    monkeypatch.setattr(images, "artwork", lambda *_: blank)  # geometry only; drawing artwork is slow
    monkeypatch.setattr(images, "screen_image", lambda *_: blank)
    for seed in SEEDS:
        mesh = builder(np.random.default_rng(seed), finishes[split])
        check_surface(mesh)
        low, high = mesh.bounds
        if name in WALL_MOUNTED:
            assert high[1] <= 0.001
            assert low[2] < 0 < high[2]
        else:
            assert abs(low[2]) < 0.012
        for size, (minimum, maximum) in zip(high - low, SIZES[name], strict=True):
            assert minimum <= size <= maximum, (seed, high - low)


@pytest.mark.parametrize(("name", "split", "builder"), list(builders()))
def test_builder_is_deterministic_per_seed_and_varies_across_seeds(
    name: str, split: str, builder: MeshBuilder, finishes: dict[str, Finishes], monkeypatch: pytest.MonkeyPatch
) -> None:
    blank = finishes["train"].wood.texture
    monkeypatch.setattr(images, "artwork", lambda *_: blank)
    monkeypatch.setattr(images, "screen_image", lambda *_: blank)
    assert equal_geometry(
        builder(np.random.default_rng(3), finishes[split]), builder(np.random.default_rng(3), finishes[split])
    )
    meshes = [builder(np.random.default_rng(seed), finishes[split]) for seed in range(6)]
    assert any(not equal_geometry(meshes[0], mesh) or meshes[0].materials != mesh.materials for mesh in meshes[1:])


@pytest.mark.parametrize("name", CATEGORIES)
def test_held_out_builders_are_disjoint_from_train_builders(name: str) -> None:
    category = CATEGORIES[name]
    assert category.train_builders
    assert category.held_out_builders
    assert not set(category.train_builders) & set(category.held_out_builders)


FittedBuilder = Callable[[np.random.Generator, Finishes, float, float, str], Mesh]


def blind_with_random_drop(rng: np.random.Generator, f: Finishes, width: float, height: float, split: str) -> Mesh:
    return window_dressing.blind(rng, f, width, height, float(rng.uniform(0, 1)), split)


def window_frame_in_reveal(rng: np.random.Generator, f: Finishes, width: float, height: float, split: str) -> Mesh:
    return doors.window_frame(rng, f, width, height, 0.22, split)


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize(
    ("build", "size", "y", "over", "below"),
    [
        (window_dressing.curtains, ((1.0, 2.1), (3.4, 2.7)), (-0.151, 0.001), (0.08, 0.001), 0.0),
        (blind_with_random_drop, ((0.5, 0.6), (2.4, 2.2)), (0.0, 0.08), (-0.009, 0.001), 0.0),
        (doors.door, ((0.68, 1.98), (1.1, 2.3)), (-0.1, 0.001), (0.081, 0.13), 0.0),
        (window_frame_in_reveal, ((0.5, 0.6), (3.2, 2.2)), (-0.081, 0.22), (0.08, 0.07), 0.03),
    ],
)
def test_fitted_object_stays_within_its_opening(
    build: FittedBuilder,
    size: tuple[tuple[float, float], tuple[float, float]],
    y: tuple[float, float],
    over: tuple[float, float],
    below: float,
    split: str,
    finishes: dict[str, Finishes],
) -> None:
    for seed in SEEDS:
        width, height = (float(v) for v in np.random.default_rng(seed).uniform(*size))
        mesh = build(np.random.default_rng(seed), finishes[split], width, height, split)
        check_surface(mesh)
        low, high = mesh.bounds
        assert y[0] <= low[1] <= high[1] <= y[1]
        assert max(-low[0], high[0]) <= width / 2 + over[0] + (0.0 if over[0] > 0 else 0.001)
        assert -below - 0.001 <= low[2]
        assert high[2] <= height + over[1]
        assert equal_geometry(mesh, build(np.random.default_rng(seed), finishes[split], width, height, split))
