"""The wall finder's recipe: its errors, its pictures, and a run of it at a tiny setting, from nothing to a mask."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from support.paths import ROOT
from wallpaint.errors import ConfigError, ModelError
from wallpaint.rooms.sets.room_file import RoomRecord
from wallpaint.segment.network import BUILT_IN, load
from wallpaint.train.engine.config import from_mapping
from wallpaint.train.segmenter import config as segmenter_config
from wallpaint.train.segmenter import samples as wall_pictures
from wallpaint.train.segmenter.config import NetworkConfig, SegmenterConfig

HAS_MITSUBA = importlib.util.find_spec("mitsuba") is not None
TINY = """
task: segmenter
rooms: [{folder: ROOMS, seed: 0, count: 3, px: 48, samples: 8}]
validation: [{folder: ROOMS, seed: 900000, count: 1, px: 48, samples: 8}]
test: [{folder: ROOMS, seed: 950000, count: 1, px: 48, samples: 8}]
labels: ROOMS/labels
sizes: [64]
input_px: 64
network: {widths: [16, 24, 32, 48], depths: [1, 1, 1, 1], heads: [1, 1, 2, 2], decoder: 32}
optimizer: {learning_rate: 3.0e-3, schedule: cosine, warmup_steps: 10, weight_decay: 0.01}
loop: {steps: 160, batch_size: 6, ema_decay: 0.9, log_every: 5, save_every: 30}
"""


def cooked(record: RoomRecord, walls: np.ndarray) -> wall_pictures.Cooked:
    """A room kept in memory whose surfaces are 0, wall, and 1, none."""
    light, scale = wall_pictures._half(record.buckets)
    return wall_pictures.Cooked(
        light=light,
        scale=scale,
        dressings=(),
        tail=np.full((*walls.shape, 3), 0.3, np.float16),
        surface=np.repeat(np.repeat(np.where(walls, 0, 1), 2, 0), 2, 1).astype(np.int16),
        coverage=(255 * walls).astype(np.uint8),
        ignored=np.zeros(walls.shape, np.uint8),
        wall=np.array([2, -1], np.int8),
    )


@pytest.fixture
def room() -> wall_pictures.Cooked:
    """The upper part is wall and takes paint; the lower one shines by itself."""
    walls = np.zeros((96, 128), bool)
    walls[:60] = True
    buckets = np.zeros((3, 96, 128, 3), np.float32)
    buckets[1:, :60], buckets[0, 60:] = 0.4, 0.2
    alpha, albedo = walls * 1.0, np.ones((96, 128, 3), np.float32)
    record = RoomRecord(
        1, "train", "made", 1, (0.5, 0.5, 0.5), buckets, alpha, walls * 1.0, albedo, walls.astype(np.int8)
    )
    return cooked(record, walls)


def test_the_shipped_recipe_is_of_the_shipped_network() -> None:
    config = segmenter_config.read(ROOT / "configs" / "segmenter.yaml")
    shipped = json.loads((ROOT / "src" / "wallpaint" / "segment" / "weights" / "config.json").read_text())
    assert {name: shipped[name] for name in ("hidden_sizes", "depths", "num_attention_heads")} == {
        "hidden_sizes": list(config.network.widths),
        "depths": list(config.network.depths),
        "num_attention_heads": list(config.network.heads),
    }
    refiner = load(BUILT_IN).refiner
    assert refiner is not None
    assert [refiner.stem.out_channels, *(layer.out_channels for layer in refiner.down)] == list(config.network.refiner)
    assert all(one.seed >= 950_000 for one in config.test)


def test_all_that_is_wrong_with_a_recipe_is_said_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        SegmenterConfig(
            sizes=(100,),
            input_px=70,
            reuse=0,
            network=NetworkConfig(widths=(10, 20, 30, 40), heads=(3, 1, 1, 1), refiner=(16, 20)),
        )
    wrong = {"loop": {"steps": 0}, "optimizer": {"schedule": "none"}, "reuse": 0}
    with pytest.raises(ConfigError, match=r"schedule must be one of.*loop.steps must be at least 1.*reuse must"):
        from_mapping(SegmenterConfig, wrong, "recipe")
    for words in (
        "rooms names no set",
        "sizes should",
        "input_px should",
        "reuse must",
        "multiples of network.heads",
        "refiner",
    ):
        assert words in str(caught.value)


def test_a_wrong_set_of_rooms_is_named(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("rooms: [{folder: a, sead: 3}]")
    with pytest.raises(ConfigError, match=r"rooms\[0\].*sead"):
        segmenter_config.read(tmp_path / "r.yaml")


def test_the_refiner_asks_nothing_of_the_network_beside_it() -> None:
    import torch

    from wallpaint.train.segmenter.task import WallNetwork

    torch.manual_seed(0)
    sizes = NetworkConfig(widths=(16, 24, 32, 48), depths=(1, 1, 1, 1), heads=(1, 1, 2, 2), decoder=32, refiner=(8, 16))
    network = WallNetwork(sizes)
    coarse, fine = network(torch.randn(2, 3, 64, 96))
    assert coarse.shape == fine.shape == (2, 64, 96)
    fine.square().mean().backward()
    assert all(value.grad is None for value in network.segformer.parameters())
    assert all(value.grad is not None for value in network.refiner.parameters())
    coarse.square().mean().backward()
    assert any(value.grad is not None for value in network.segformer.parameters())


def test_a_picture_is_a_function_of_the_generator(room: wall_pictures.Cooked) -> None:
    def made(seed: int) -> wall_pictures.Picture:
        rng = np.random.default_rng(seed)
        return wall_pictures.cut(wall_pictures.draw(room, rng), 64, rng)

    assert np.array_equal(made(3).photo, made(3).photo)
    assert not np.array_equal(made(3).photo, made(4).photo)


def test_pictures_and_walls_are_cut_alike(room: wall_pictures.Cooked) -> None:
    """Where nothing is altered and nothing stands before it, what is bright in the photo is what is marked."""
    whole = wall_pictures.Picture(np.repeat(room.coverage[..., None], 3, -1), room.coverage, room.ignored)
    for seed in range(20):
        turn = wall_pictures._placement(room.coverage.shape, 64, np.random.default_rng(seed))
        photo = wall_pictures._moved(whole.photo, turn, 64)
        wall = wall_pictures._moved(whole.wall, turn, 64)
        assert np.array_equal(photo[..., 0], wall)
        corners = np.array([[0, 0, 1], [63, 0, 1], [0, 63, 1], [63, 63, 1]]) @ turn.T
        assert (corners > -1).all()
        assert (corners < [128, 96]).all()


def test_what_stands_before_a_wall_is_none(room: wall_pictures.Cooked) -> None:
    grey = np.full((64, 64, 3), 128, np.uint8)
    covered = 0
    for seed in range(30):
        photo, wall = wall_pictures._covered(grey, np.ones((64, 64), np.float32), np.random.default_rng(seed))
        changed = np.abs(photo.astype(int) - 128).max(-1) > 25
        covered += bool(changed.any())
        assert wall[changed].max(initial=0) < 1
    assert covered > 1


def test_paint_changes_walls_alone(room: wall_pictures.Cooked) -> None:
    first, second = (wall_pictures._light(room, np.random.default_rng(seed)) for seed in (0, 1))
    assert np.allclose(first[60:], second[60:], rtol=2e-3)
    assert np.abs(first[:60] / second[:60] - 1).max() > 0.05


def test_patches_of_sun_and_shadow_fall_on_all_surfaces_alike() -> None:
    patches = [wall_pictures._patches((96, 128), np.random.default_rng(seed)) for seed in range(60)]
    assert all(one.shape == (96, 128, 3) and one.min() > 0.2 and one.max() <= 5 for one in patches)
    assert max(one.max() for one in patches) > 3
    assert min(one.min() for one in patches) < 0.6
    touched = np.stack([(np.abs(one - 1) > 0.05).any(-1) for one in patches])
    shares = touched.mean((1, 2))
    assert (shares > 0).mean() > 0.8
    assert 0.01 < np.median(shares) < 0.4
    above, below = touched[:, :60].mean(), touched[:, 60:].mean()
    assert 0.5 < above / below < 2


def test_a_patch_of_sun_leaves_wall_what_it_is(room: wall_pictures.Cooked, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(share: float) -> wall_pictures.Picture:
        monkeypatch.setattr(wall_pictures, "PATCHED", share)
        monkeypatch.setattr(wall_pictures, "_shot", lambda light, rng: light)
        return wall_pictures.draw(room, np.random.default_rng(5))

    plain, patched = made(0.0), made(1.0)
    assert np.array_equal(plain.wall, patched.wall)
    ratio = patched.photo / plain.photo
    assert np.ptp(ratio) > 0.1
    assert np.isclose(ratio, 1, atol=1e-5).mean() > 0.3


def test_calibration_brings_probabilities_to_what_holds() -> None:
    """Of truths drawn from known odds, the scale and shift that were taken out of them are found again."""
    from wallpaint.segment.network import Calibration
    from wallpaint.train.segmenter.evaluation import Shot, calibrate

    rng = np.random.default_rng(0)
    odds = rng.normal(0, 3, (400, 400))
    truth = rng.random(odds.shape) < 1 / (1 + np.exp(-(0.6 * odds - 0.8)))

    class Overconfident:
        calibration = Calibration(input_px=64)

        def probability(self, rgb: np.ndarray) -> np.ndarray:
            return 1 / (1 + np.exp(-odds))

    shot = Shot("a", np.zeros((400, 400, 3), np.uint8), truth, np.ones(odds.shape, bool))
    found = calibrate(Overconfident(), [shot])  # type: ignore[arg-type]
    assert found.scale == pytest.approx(0.6, abs=0.03)
    assert found.shift == pytest.approx(-0.8, abs=0.05)


@pytest.mark.skipif(not HAS_MITSUBA, reason="rooms are rendered with Mitsuba")
def test_the_recipe_at_a_tiny_setting_runs_from_nothing(tmp_path: Path) -> None:
    """Rooms, labels, training, calibration, scores, and a network that `detect_walls` takes."""
    from wallpaint.rooms.sets import labels, room_file
    from wallpaint.segment import network
    from wallpaint.train.segmenter.job import run

    (tmp_path / "tiny.yaml").write_text(TINY.replace("ROOMS", str(tmp_path / "rooms")))
    config = segmenter_config.read(tmp_path / "tiny.yaml")
    report = run(config, tmp_path / "run")
    assert report.step == config.loop.steps
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines]
    assert np.mean(losses[-8:]) < 0.85 * np.mean(losses[:2])  # the loss falls by 15 % and more
    scores = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert 0 <= scores["mean"] <= 1
    assert scores["photos"] > 0
    result = tmp_path / "run" / "segmenter"
    assert (result / "README.md").read_text().startswith("---")
    assert any("IoU on" in line for line in report.lines())
    path = tmp_path / "rooms" / room_file.name_of(0)
    record, seen = room_file.read(path), labels.read(tmp_path / "rooms" / "labels" / labels.name_of(0))
    assert labels.match_alpha(seen, record.alpha)
    assert not labels.match_alpha(seen, 1 - seen.coverage)
    assert (seen.coverage >= record.alpha - 0.7).all()
    probability = network.load(result).probability(np.zeros((64, 64, 3), np.uint8))
    assert probability.shape == (64, 64)
    with pytest.raises(ConfigError, match="--resume latest"):
        run(config, tmp_path / "run")
    short = dataclasses.replace(config, loop=dataclasses.replace(config.loop, steps=5), validation=(), test=())
    run(short, tmp_path / "more", start=result)
    first = json.loads((tmp_path / "more" / "log.jsonl").read_text().splitlines()[0])
    assert first["loss"] < 0.9 * losses[0]
    with pytest.raises(ConfigError, match="no smaller one"):
        run(short, tmp_path / "other", start=network.BUILT_IN)
    with pytest.raises(ModelError, match="is no folder with"):
        run(short, tmp_path / "other", start=tmp_path)
