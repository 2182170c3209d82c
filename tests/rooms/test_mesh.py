"""Mesh primitives and transformations: volume, orientation, size, uv."""

from __future__ import annotations

import numpy as np
import pytest

from wallpaint.rooms import mesh as shapes
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh

PLAIN = Material("plain", (0.5, 0.5, 0.5))
OTHER = Material("other", (0.1, 0.5, 0.5))


def faces_of(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """Corners (F, 3, 3) and cross products (F, 3), whose length is twice the area."""
    corner = mesh.vertices[mesh.faces].astype(np.float64)
    return corner, np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])


def volume(mesh: Mesh) -> float:
    corner, _ = faces_of(mesh)
    return float(np.einsum("ij,ij->", corner[:, 0], np.cross(corner[:, 1], corner[:, 2])) / 6)


def outward_share(mesh: Mesh) -> float:
    """Return the share of the area whose winding agrees with the normals."""
    _, cross = faces_of(mesh)
    area = np.linalg.norm(cross, axis=1)
    agree = np.einsum("ij,ij->i", cross, mesh.normals[mesh.faces].mean(1)) > 0
    return float(area[agree].sum() / area.sum())


CLOSED = {
    "box": (shapes.box((1, 2, 3), PLAIN), 6.0),
    "bevelled box": (shapes.box((1, 2, 3), PLAIN, bevel=0.01), 6.0),
    "cushion": (shapes.rounded_box((1, 2, 3), PLAIN, radius=0.05, steps=3), 6.0),
    "cylinder": (shapes.cylinder(1, 2, PLAIN, segments=96), 2 * np.pi),
    "cone": (shapes.cylinder(1, 3, PLAIN, segments=96, top=0.0), np.pi),
    "sphere": (shapes.sphere(1, PLAIN, (0, 0, 5), segments=96), 4 / 3 * np.pi),
    "ellipsoid": (shapes.sphere((1, 2, 0.5), PLAIN, segments=96), 4 / 3 * np.pi),
}


@pytest.mark.parametrize("name", CLOSED)
def test_solids_have_their_volume_and_face_outwards(name: str) -> None:
    mesh, expected = CLOSED[name]
    assert volume(mesh) == pytest.approx(expected, rel=0.02)
    assert outward_share(mesh) > 0.999
    assert np.linalg.norm(mesh.normals, axis=1) == pytest.approx(1, abs=1e-4)


def test_moved_transforms_vertices_and_normals() -> None:
    mesh = shapes.sphere(1, PLAIN, segments=64).moved((3, 4, 5), yaw=0.7, scale=(1, 2, 0.5))
    assert volume(mesh) == pytest.approx(4 / 3 * np.pi, rel=0.02)
    assert outward_share(mesh) > 0.999
    assert (mesh.bounds[0] + mesh.bounds[1]) / 2 == pytest.approx((3, 4, 5), abs=1e-4)


def test_yaw_is_counter_clockwise_from_above() -> None:
    mesh = shapes.box((0.1, 0.1, 0.1), PLAIN, at=(1, 0, 0)).moved(yaw=np.pi / 2)
    assert mesh.bounds[0][1] == pytest.approx(0.95)


@pytest.mark.parametrize(("axis", "point"), [("x", (0, 0, 1)), ("y", (0, 1, 0)), ("z", (-1, 0, 0))])
def test_rotated_is_right_handed(axis: str, point: tuple[float, float, float]) -> None:
    start = shapes.quad((0, 1, 0), (0.001, 0, 0), (0, 0.001, 0), PLAIN)
    assert start.rotated(axis, np.pi / 2).vertices[0] == pytest.approx(point, abs=1e-6)


def test_merge_deduplicates_materials() -> None:
    mesh = shapes.merge([shapes.box((1, 1, 1), PLAIN), shapes.box((1, 1, 1), OTHER), shapes.box((2, 1, 1), PLAIN)])
    assert mesh.materials == (PLAIN, OTHER)
    assert (mesh.material == 1).sum() == 12
    assert mesh.faces.max() == len(mesh.vertices) - 1
    assert len(shapes.merge([]).faces) == 0


def test_quad_normal_is_across_times_up_and_uv_is_in_metres() -> None:
    quad = shapes.quad((1, 1, 0), (2, 0, 0), (0, 0, 3), PLAIN)
    assert quad.normals[0] == pytest.approx((0, -1, 0))
    assert quad.uv.max(0) == pytest.approx((2, 3))
    assert shapes.quad((0, 0, 0), (2, 0, 0), (0, 0, 3), PLAIN, uv="unit").uv.max() == 1


def test_extrude_sweeps_to_the_left_of_its_direction() -> None:
    mesh = shapes.extrude([(0, 0), (0.02, 0), (0.02, 0.1), (0, 0.1)], (0, 0, 0), (1, 0, 0), PLAIN)
    assert mesh.bounds[1] == pytest.approx((1, 0.02, 0.1))
    assert outward_share(mesh) == 1
    assert (mesh.normals[:, 1] >= 0).all()


def test_two_sided_adds_the_reversed_faces() -> None:
    surface = shapes.surface(lambda s, t: np.stack([s, 0 * s, t], -1), PLAIN, 4, 4, (1.0, 1.0))
    assert surface.normals[0] == pytest.approx((0, -1, 0))
    double = shapes.two_sided(surface)
    assert outward_share(double) == 1
    assert len(double.faces) == 2 * len(surface.faces)


def test_tube_has_constant_radius() -> None:
    path = [(0, 0, 0), (0, 0, 1), (0, 0.5, 1.5), (0, 1.5, 1.5)]
    tube = shapes.tube(path, 0.1, PLAIN)
    assert outward_share(tube) > 0.99
    straight = shapes.tube([(0, 0, 0), (0, 0, 1)], 0.1, PLAIN)
    assert np.hypot(*straight.vertices[:, :2].T) == pytest.approx(0.1, abs=1e-6)
