"""Relief walls and coverings of extended rooms: textures, shading in every paint, and their pairs."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import numpy as np
import pytest

from support import rendered_rooms
from wallpaint.errors import ShapeError
from wallpaint.rooms import plans
from wallpaint.rooms.materials import TEXTURE_PX, Material, Relief
from wallpaint.rooms.room import Room
from wallpaint.rooms.surfaces import coverings, patterns, reliefs

RELIEFS = (*reliefs.TRAIN_RELIEFS, *reliefs.HELD_OUT_RELIEFS)
COVERINGS = sorted({(s, t) for s, types in coverings.COVERINGS.items() for t in types})


@pytest.mark.parametrize("name", RELIEFS)
def test_reliefs_have_shading_occlusion_and_colours(name: str) -> None:
    sampled = reliefs.sample_relief(np.random.default_rng(3), "train", name)
    assert sampled.material.relief is sampled.relief
    assert sampled.material.texture is not None
    assert sampled.material.texture_scale[0] == pytest.approx(1 / sampled.relief.metres)  # joints lie on the colours'
    occlusion, slopes = sampled.relief.occlusion, sampled.relief.slopes
    assert 0.25 < occlusion.min() < 0.9
    assert occlusion.max() <= 1.0001
    assert 0.05 < slopes.std() < 1
    assert np.abs(slopes.mean((0, 1))).max() < 0.01  # periodic: the height returns to its start
    again = reliefs.sample_relief(np.random.default_rng(3), "train", name)
    np.testing.assert_array_equal(again.relief.slopes, slopes)


def test_occlusion_of_a_groove_is_deep_and_of_a_plane_is_none() -> None:
    assert (reliefs.ambient_occlusion(np.zeros((TEXTURE_PX, TEXTURE_PX))) == 1).all()
    height = np.full((TEXTURE_PX, TEXTURE_PX), 4.0)
    height[:, 100:104] = 0.0
    occlusion = reliefs.ambient_occlusion(height)
    assert occlusion[:, 101].max() < 0.75
    assert occlusion[:, 300].min() == 1
    np.testing.assert_allclose(occlusion[:, 101], occlusion[:, 102], atol=0.02)  # symmetric about its middle


def test_brick_joints_are_recessed_by_millimetres() -> None:
    for seed in range(4):
        height, metres, material = reliefs.TRAIN_RELIEFS["brick"](np.random.default_rng(seed), "train")
        depth = np.quantile(height, 0.9) - np.quantile(height, 0.02)
        assert 0.005 < depth < 0.015
        assert material.texture is not None
        grey = material.texture.texels[..., 2] / material.texture.texels[..., 0]
        joint = height < np.quantile(height, 0.1)
        assert grey[joint].mean() > 1.1 * grey[height > np.median(height)].mean()  # pale grout between red bricks
        assert metres == patterns.BRICK_METRES


def test_reliefs_and_coverings_of_test_rooms_are_held_out() -> None:
    assert not set(reliefs.TRAIN_RELIEFS) & set(reliefs.HELD_OUT_RELIEFS)
    train, test = (coverings.COVERINGS[split] for split in ("train", "test"))
    assert train.keys() == test.keys() == coverings.TYPE_SHARES.keys()
    for covering_type in train:
        assert not set(train[covering_type]) & set(test[covering_type])
    for split, names in (("validation", reliefs.TRAIN_RELIEFS), ("test", reliefs.HELD_OUT_RELIEFS)):
        assert reliefs.sample_relief(np.random.default_rng(0), split).name in names
    assert sum(coverings.TYPE_SHARES.values()) == pytest.approx(1)


@pytest.mark.parametrize(("split", "covering_type"), COVERINGS)
def test_every_design_of_a_covering_is_a_texture_with_contrast(split: str, covering_type: str) -> None:
    names = set()
    for seed in range(30):
        rng = np.random.default_rng(seed)
        index = int(np.random.default_rng(seed).integers(len(coverings.COVERINGS[split][covering_type])))
        name = coverings.COVERINGS[split][covering_type][index]
        if name in names:
            continue
        covering = coverings.sample_covering(rng, split, covering_type)
        assert covering.name == covering.material.name == name
        names.add(name)
        assert covering.material.wall is None
        assert covering.material.texture is not None
        assert covering.material.texture.texels.std() > 0.005
    assert names == set(coverings.COVERINGS[split][covering_type])


def test_relief_of_a_wrong_size_is_rejected() -> None:
    with pytest.raises(ShapeError, match="relief"):
        Relief(np.zeros((8, 8, 2), np.float32), np.ones((8, 8), np.float32), 1.0)


if importlib.util.find_spec("mitsuba") is not None:
    from wallpaint.rooms.tracing import backend

    backend.activate()
    from wallpaint.rooms import design
    from wallpaint.rooms.room import Camera, look_at
    from wallpaint.rooms.sets import pairs, render, room_file
    from wallpaint.rooms.tracing import tracer

needs_mitsuba = pytest.mark.skipif(importlib.util.find_spec("mitsuba") is None, reason="Mitsuba is not installed")


def needs_llvm() -> None:
    if backend.activate() == backend.SCALAR_VARIANT:
        pytest.skip("the kernel needs LLVM")


def with_relief(room: Room, relief: Relief | None, camera: Camera) -> Room:
    materials = tuple(m if m.wall is None else replace(m, relief=relief, bump=0.0) for m in room.mesh.materials)
    return replace(room, mesh=replace(room.mesh, materials=materials), camera=camera)


@needs_mitsuba
def test_a_flat_relief_changes_nothing_and_a_sloped_one_shades_by_direction() -> None:
    """A relief without height renders as none; opposite slopes turn a wall towards the lamp and away from it."""
    needs_llvm()
    room = rendered_rooms.diffuse_room()
    camera = look_at((2.0, 2.0, 1.4), (2.0, 3.9, 1.4), 50.0, 1.0)
    flat = np.zeros((TEXTURE_PX, TEXTURE_PX, 2), np.float32)
    full = np.ones((TEXTURE_PX, TEXTURE_PX), np.float32)
    plain = tracer.render(with_relief(room, None, camera), (24, 24), 64, denoised=False)
    smooth = tracer.render(with_relief(room, Relief(flat, full, 1.0), camera), (24, 24), 64, denoised=False)
    np.testing.assert_allclose(smooth.buckets, plain.buckets, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(smooth.normal, plain.normal, atol=1e-4)
    normals = []
    for slope in ((0.5, 0.0), (0.0, 0.5)):
        sloped = Relief(flat + np.array(slope, np.float32), full, 1.0)
        normals.append(tracer.render(with_relief(room, sloped, camera), (8, 8), 4, denoised=False).normal.mean((0, 1)))
    # The back wall faces -y; seen from inside u runs along +x and v along +z. Height that rises along u faces left.
    np.testing.assert_allclose(normals[0], np.array([-0.5, -1, 0]) / np.hypot(0.5, 1), atol=0.01)
    np.testing.assert_allclose(normals[1], np.array([0, -1, -0.5]) / np.hypot(0.5, 1), atol=0.01)
    half = tracer.render(with_relief(room, Relief(flat, 0.5 * full, 1.0), camera), (24, 24), 64, denoised=False)
    wall = half.wall == 1
    np.testing.assert_allclose(half.occlusion[wall], 0.5)
    ratio = half.buckets[1][wall].mean() / plain.buckets[1][wall].mean()
    assert ratio == pytest.approx(0.5, abs=0.02)


@needs_mitsuba
def test_brick_is_visible_in_any_paint() -> None:
    needs_llvm()
    room = rendered_rooms.diffuse_room()
    brick = reliefs.sample_relief(np.random.default_rng(1), "train", "brick")
    camera = look_at((2.0, 2.9, 1.4), (2.0, 3.9, 1.4), 50.0, 1.0)
    contrast = {}
    for relief in (None, brick.relief):
        light = tracer.render(with_relief(room, relief, camera), (48, 48), 64, denoised=False).buckets[1].mean(-1)
        local = light / np.median(light)
        contrast[relief is not None] = float(np.quantile(local, 0.5) - np.quantile(local, 0.03))
    assert contrast[True] > 0.1
    assert contrast[True] > 1.5 * contrast[False]


@needs_mitsuba
def test_extended_rooms_have_reliefs_and_coverings_in_their_shares() -> None:
    plan = plans.sample_plan(np.random.default_rng(0), "living room")
    tracks: list[str] = []
    rooms = 60
    for seed in range(rooms):
        walls = design.WallMaterials(np.random.default_rng(seed), plan, "train", extended=True)
        surfaces: list[Material] = [
            walls.material(side, level) for side in design.SIDES for level in ("upper", "lower")
        ]
        painted = [m for m in surfaces if m.wall is not None]
        variants = walls.sample_variants()
        assert all((m.relief is None) == (walls.relief is None) for m in painted)
        assert all(m.relief is None for m in surfaces if m.wall is None)
        tracks += [variant.track for variant in variants if variant.track != "several"]
        if walls.relief is not None:
            assert variants[0].track == "relief"
            assert all(m.relief is walls.relief.relief for m in variants[0].surfaces.values())
    assert 0.08 < tracks.count("relief") / rooms < 0.37
    assert 0.25 < tracks.count("patterned") / rooms < 0.65


@needs_mitsuba
def test_relief_track_appears_in_the_pairs_of_a_room() -> None:
    needs_llvm()
    seed = next(s for s in range(500_000, 500_100) if _has_relief(s))
    record = render.render_room(seed, (32, 32), 4)
    assert isinstance(record, room_file.RoomRecord)
    sampled = pairs.sample_pairs(record, 1)
    relief = next(pair for pair in sampled if pair.tracks == ("relief",))
    assert relief.new_albedo is not None
    assert relief.old_albedo is None
    texture = next(pair for pair in sampled if pair.tracks == ("texture",))
    assert texture.swatch is not None


def _has_relief(seed: int) -> bool:
    try:
        return any(variant.track == "relief" for variant in design.design(seed).wall_variants)
    except design.UnusableRoomError:
        return False
