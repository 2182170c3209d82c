"""Training of the wall segmenter: recipe errors, samples, calibration, and a tiny run from scratch."""

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
from wallpaint.segment.network import BUILT_IN, REFINER, REFINER_KIND, SEGFORMER, SEGFORMER_KIND
from wallpaint.train.engine.config import from_mapping
from wallpaint.train.segmenter import config as segmenter_config
from wallpaint.train.segmenter import samples as segmenter_samples
from wallpaint.train.segmenter.config import SegmenterConfig, SegmenterNetworkConfig

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


def room_in_memory(record: RoomRecord, walls: np.ndarray) -> segmenter_samples.RoomInMemory:
    """Return a room with two surfaces: 0, wall, and 1, not wall."""
    light, scale = segmenter_samples._to_half(record.buckets)
    return segmenter_samples.RoomInMemory(
        light=light,
        scale=scale,
        wall_variants=(),
        tail=np.full((*walls.shape, 3), 0.3, np.float16),
        surface=np.repeat(np.repeat(np.where(walls, 0, 1), 2, 0), 2, 1).astype(np.int16),
        coverage=(255 * walls).astype(np.uint8),
        ignored=np.zeros(walls.shape, np.uint8),
        wall=np.array([2, -1], np.int8),
    )


@pytest.fixture
def room() -> segmenter_samples.RoomInMemory:
    """The upper part is wall; the lower part emits light."""
    walls = np.zeros((96, 128), bool)
    walls[:60] = True
    buckets = np.zeros((3, 96, 128, 3), np.float32)
    buckets[1:, :60], buckets[0, 60:] = 0.4, 0.2
    alpha, albedo = walls * 1.0, np.ones((96, 128, 3), np.float32)
    record = RoomRecord(
        1, "train", "made", 1, (0.5, 0.5, 0.5), buckets, alpha, walls * 1.0, albedo, walls.astype(np.int8)
    )
    return room_in_memory(record, walls)


def test_packaged_weights_fit_the_packaged_recipe() -> None:
    from wallpaint.train.engine import onnx_export
    from wallpaint.train.segmenter.task import WallNetwork

    config = segmenter_config.read(ROOT / "configs" / "segmenter.yaml")
    network = WallNetwork(config.network)
    for part, file, kind in (("segformer", SEGFORMER, SEGFORMER_KIND), ("refiner", REFINER, REFINER_KIND)):
        weights, _ = onnx_export.read(BUILT_IN / file, kind)
        state = network.get_submodule(part).state_dict()
        assert {name: value.shape for name, value in weights.items()} == {
            name: value.shape for name, value in state.items() if value.is_floating_point()
        }
    assert all(one.seed >= 950_000 for one in config.test)


def test_all_errors_of_a_recipe_are_reported_together() -> None:
    with pytest.raises(ConfigError) as caught:
        SegmenterConfig(
            sizes=(100,),
            input_px=70,
            reuse=0,
            network=SegmenterNetworkConfig(widths=(10, 20, 30, 40), heads=(3, 1, 1, 1), refiner=(16, 20)),
        )
    wrong = {"loop": {"steps": 0}, "optimizer": {"schedule": "none"}, "reuse": 0}
    with pytest.raises(ConfigError, match=r"schedule` must be one of.*loop.steps` must be at least 1.*reuse` must"):
        from_mapping(SegmenterConfig, wrong, "recipe")
    for words in (
        "rooms has no sets",
        "`sizes` must",
        "`input_px` must",
        "`reuse` must",
        "multiples of `network.heads`",
        "refiner",
    ):
        assert words in str(caught.value)


def test_error_names_the_invalid_set_of_rooms(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("rooms: [{folder: a, sead: 3}]")
    with pytest.raises(ConfigError, match=r"rooms\[0\].*sead"):
        segmenter_config.read(tmp_path / "r.yaml")


def test_refiner_gradient_does_not_reach_the_segformer() -> None:
    import torch

    from wallpaint.train.segmenter.task import WallNetwork

    torch.manual_seed(0)
    sizes = SegmenterNetworkConfig(
        widths=(16, 24, 32, 48), depths=(1, 1, 1, 1), heads=(1, 1, 2, 2), decoder=32, refiner=(8, 16)
    )
    network = WallNetwork(sizes)
    coarse, fine = network(torch.randn(2, 3, 64, 96))
    assert coarse.shape == fine.shape == (2, 64, 96)
    fine.square().mean().backward()
    assert all(value.grad is None for value in network.segformer.parameters())
    assert all(value.grad is not None for value in network.refiner.parameters())
    coarse.square().mean().backward()
    assert any(value.grad is not None for value in network.segformer.parameters())


def test_sample_is_a_function_of_the_generator(room: segmenter_samples.RoomInMemory) -> None:
    def sample(seed: int) -> segmenter_samples.LabelledImage:
        rng = np.random.default_rng(seed)
        return segmenter_samples.random_crop(segmenter_samples.sample_photo(room, rng), 64, rng)

    assert np.array_equal(sample(3).photo, sample(3).photo)
    assert not np.array_equal(sample(3).photo, sample(4).photo)


def test_photo_and_walls_are_transformed_alike(room: segmenter_samples.RoomInMemory) -> None:
    image = segmenter_samples.LabelledImage(np.repeat(room.coverage[..., None], 3, -1), room.coverage, room.ignored)
    for seed in range(20):
        transform = segmenter_samples._crop_transform(room.coverage.shape, 64, np.random.default_rng(seed))
        photo = segmenter_samples._warp(image.photo, transform, 64)
        wall = segmenter_samples._warp(image.wall, transform, 64)
        assert np.array_equal(photo[..., 0], wall)
        corners = np.array([[0, 0, 1], [63, 0, 1], [0, 63, 1], [63, 63, 1]]) @ transform.T
        assert (corners > -1).all()
        assert (corners < [128, 96]).all()


def test_occluders_are_not_wall(room: segmenter_samples.RoomInMemory) -> None:
    grey = np.full((64, 64, 3), 128, np.uint8)
    occluded = 0
    for seed in range(30):
        photo, wall = segmenter_samples._add_occluders(grey, np.ones((64, 64), np.float32), np.random.default_rng(seed))
        changed = np.abs(photo.astype(int) - 128).max(-1) > 25
        occluded += bool(changed.any())
        assert wall[changed].max(initial=0) < 1
    assert occluded > 1


def test_paint_changes_only_walls(room: segmenter_samples.RoomInMemory) -> None:
    first, second = (segmenter_samples._sample_radiance(room, np.random.default_rng(seed)) for seed in (0, 1))
    assert np.allclose(first[60:], second[60:], rtol=2e-3)
    assert np.abs(first[:60] / second[:60] - 1).max() > 0.05


def test_light_patches_fall_on_all_surfaces() -> None:
    patches = [segmenter_samples._light_patches((96, 128), np.random.default_rng(seed)) for seed in range(60)]
    assert all(one.shape == (96, 128, 3) and one.min() > 0.2 and one.max() <= 5 for one in patches)
    assert max(one.max() for one in patches) > 3
    assert min(one.min() for one in patches) < 0.6
    touched = np.stack([(np.abs(one - 1) > 0.05).any(-1) for one in patches])
    shares = touched.mean((1, 2))
    assert (shares > 0).mean() > 0.8
    assert 0.01 < np.median(shares) < 0.4
    above, below = touched[:, :60].mean(), touched[:, 60:].mean()
    assert 0.5 < above / below < 2


def test_light_patches_do_not_change_the_labels(
    room: segmenter_samples.RoomInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sample(share: float) -> segmenter_samples.LabelledImage:
        monkeypatch.setattr(segmenter_samples, "PATCH_SHARE", share)
        monkeypatch.setattr(segmenter_samples, "_capture", lambda light, rng: light)
        return segmenter_samples.sample_photo(room, np.random.default_rng(5))

    plain, patched = sample(0.0), sample(1.0)
    assert np.array_equal(plain.wall, patched.wall)
    ratio = patched.photo / plain.photo
    assert np.ptp(ratio) > 0.1
    assert np.isclose(ratio, 1, atol=1e-5).mean() > 0.3


def test_calibration_recovers_known_scale_and_shift() -> None:
    from wallpaint.segment.network import Calibration
    from wallpaint.train.segmenter.evaluation import LabelledPhoto, calibrate

    rng = np.random.default_rng(0)
    log_odds = rng.normal(0, 3, (400, 400))
    truth = rng.random(log_odds.shape) < 1 / (1 + np.exp(-(0.6 * log_odds - 0.8)))

    class Overconfident:
        calibration = Calibration(input_px=64)

        def probability(self, rgb: np.ndarray) -> np.ndarray:
            return 1 / (1 + np.exp(-log_odds))

    labelled = LabelledPhoto("a", np.zeros((400, 400, 3), np.uint8), truth, np.ones(log_odds.shape, bool))
    calibration = calibrate(Overconfident(), [labelled])  # type: ignore[arg-type]
    assert calibration.scale == pytest.approx(0.6, abs=0.03)
    assert calibration.shift == pytest.approx(-0.8, abs=0.05)


@pytest.mark.skipif(not HAS_MITSUBA, reason="rooms are rendered with Mitsuba")
def test_tiny_recipe_trains_from_scratch(tmp_path: Path) -> None:
    """Rendering, labels, training, calibration, evaluation and export; then a run that starts from these weights."""
    from wallpaint.rooms.sets import labels, room_file
    from wallpaint.segment import network
    from wallpaint.train.segmenter.job import run

    (tmp_path / "tiny.yaml").write_text(TINY.replace("ROOMS", str(tmp_path / "rooms")), encoding="utf-8")
    config = segmenter_config.read(tmp_path / "tiny.yaml")
    report = run(config, tmp_path / "run")
    assert report.step == config.loop.steps
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    losses = [line["loss"] for line in lines]
    assert np.mean(losses[-8:]) < 0.85 * np.mean(losses[:2])
    scores = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert 0 <= scores["mean"] <= 1
    assert scores["photos"] > 0
    result = tmp_path / "run" / "segmenter"
    assert (result / "README.md").read_text(encoding="utf-8").startswith("---")
    assert any("IoU on" in line for line in report.lines())
    path = tmp_path / "rooms" / room_file.name_of(0)
    record, label = room_file.read(path), labels.read(tmp_path / "rooms" / "labels" / labels.name_of(0))
    assert labels.match_alpha(label, record.alpha)
    assert not labels.match_alpha(label, 1 - label.coverage)
    assert (label.coverage >= record.alpha - 0.7).all()
    probability = network.load(result).probability(np.zeros((64, 64, 3), np.uint8))
    assert probability.shape == (64, 64)
    with pytest.raises(ConfigError, match="`resume=latest`"):
        run(config, tmp_path / "run")
    short = dataclasses.replace(config, loop=dataclasses.replace(config.loop, steps=5), validation=(), test=())
    run(short, tmp_path / "more", init=result)
    first = json.loads((tmp_path / "more" / "log.jsonl").read_text().splitlines()[0])
    assert first["loss"] < 0.9 * losses[0]
    with pytest.raises(ConfigError, match="cannot be extended"):
        run(short, tmp_path / "other", init=network.BUILT_IN)
    with pytest.raises(ModelError, match=r"has no segformer\.onnx"):
        run(short, tmp_path / "other", init=tmp_path)
