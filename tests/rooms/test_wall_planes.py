"""Wall planes: every wall has one, reveals and mouldings have none, and depth follows from plane and camera."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import numpy as np
import pytest

from wallpaint.rooms import shell, wall_planes
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import merge, quad
from wallpaint.rooms.room import look_at
from wallpaint.rooms.shell import Opening, Plan, Slope

WINDOW = Opening("back", "window", 1.0, 1.2, 0.9, 1.3)
NICHE = Opening("left", "niche", 1.0, 1.2, 0.8, 0.7)
PLAN = Plan(4.0, 5.0, 2.5, (WINDOW, NICHE), reveal_depth=0.32, split_height=1.0)
CEILING = Material("ceiling", (0.8, 0.8, 0.8))


def wall(side: str, level: str) -> Material:
    return Material(f"{side} wall, {level}", (0.5, 0.5, 0.5), wall=0 if side == "back" else None)


def test_one_plane_for_each_side_and_none_for_reveals_niches_and_mouldings() -> None:
    meshes = [*shell.wall_meshes(PLAN, wall), *shell.ceiling(PLAN, CEILING, CEILING)]
    reveals = merge(shell.reveals(PLAN, lambda opening: wall(opening.side, "upper")))
    frames = merge(shell.wall_panels(PLAN, wall, 0.28, 0.9, np.random.default_rng(0)))
    mesh = merge([*meshes, reveals, frames])
    planes, index = wall_planes.face_planes(mesh)
    assert [plane.name for plane in planes] == ["back", "right", "front", "left"]
    assert [plane.offset for plane in planes] == [-5.0, -4.0, 0.0, 0.0]
    np.testing.assert_allclose([plane.normal for plane in planes], [(0, -1, 0), (-1, 0, 0), (0, 1, 0), (1, 0, 0)])
    extra = len(reveals.faces) + len(frames.faces)
    assert (index[-extra:] == -1).all()
    walls = len(merge(shell.wall_meshes(PLAN, wall)).faces)
    assert (index[:walls] >= 0).all()
    assert (index[walls:] == -1).all()


def test_sloped_ceilings_are_planes_and_cornices_are_not() -> None:
    plan = replace(PLAN, openings=(), slope=Slope("left", 1.2, 1.0))
    for material in (CEILING, wall("back", "upper")):
        mesh = merge(
            [
                *shell.wall_meshes(plan, wall),
                *shell.ceiling(plan, CEILING, material),
                *shell.cornice(plan, CEILING, 0.1),
            ]
        )
        planes, _ = wall_planes.face_planes(mesh)
        assert [plane.name for plane in planes] == ["back", "right", "front", "left", "slope"]
        slope_direction = np.array([1.0, 0.0, 1.3]) / np.hypot(1.0, 1.3)  # up the slope: run 1.0 m, rise 1.3 m
        assert np.dot(planes[-1].normal, slope_direction) == pytest.approx(0, abs=1e-5)
        assert planes[-1].normal[0] > 0 > planes[-1].normal[2]


def test_depth_of_planes_matches_the_intersection_of_rays() -> None:
    mesh = quad((0, 4.0, 0), (4.0, 0, 0), (0, 0, 2.5), wall("back", "upper"))
    camera = look_at((1.0, 1.0, 1.4), (1.5, 4.0, 1.3), 70.0, 1.5, shift=0.1)
    planes, intrinsics = wall_planes.planes_in_view(mesh, camera), wall_planes.intrinsics_of(camera)
    assert planes[0].distance_m == pytest.approx(3.0)
    assert intrinsics.fov_deg == pytest.approx(70.0, abs=1e-3)
    size = (6, 9)
    depth = wall_planes.depth_of_planes(np.zeros(size, int), planes, intrinsics)
    rotation = np.array(intrinsics.rotation)
    points = (intrinsics.rays(size) * depth[..., None]) @ rotation + np.array(intrinsics.position)
    np.testing.assert_allclose(points[..., 1], 4.0, atol=1e-4)
    assert (wall_planes.depth_of_planes(np.full(size, -1), planes, intrinsics) == 0).all()
    assert (wall_planes.depth_of_planes(np.full(size, -1), (), intrinsics) == 0).all()


@pytest.mark.skipif(importlib.util.find_spec("mitsuba") is None, reason="Mitsuba is not installed")
def test_planes_of_a_rendered_room_reproduce_its_depth() -> None:
    from wallpaint.rooms.sets import render, room_file

    record = render.render_room(950_000, (48, 64), 8)
    assert isinstance(record, room_file.RoomRecord)
    assert record.wall_plane is not None
    assert record.planes is not None
    assert record.camera is not None
    assert {plane.name for plane in record.planes} >= {"back", "right", "front", "left"}
    depth = wall_planes.depth_of_planes(record.wall_plane, record.planes, record.camera)
    on_wall = record.wall_plane >= 0
    assert on_wall.mean() > 0.2
    assert (on_wall & (record.alpha < 0.5)).any()  # unpainted walls have planes too
    error = np.abs(depth[on_wall] / record.depth[on_wall] - 1)
    assert np.median(error) < 1e-3
    assert np.quantile(error, 0.95) < 0.01
    assert record.camera.fov_deg == pytest.approx(float(record.metadata["fov_deg"]), abs=0.1)  # type: ignore[arg-type]
    without = replace(record, wall_plane=None, planes=None, camera=None)
    assert len(room_file.encode(record)) < 1.05 * len(room_file.encode(without))
