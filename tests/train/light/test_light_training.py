"""Training of the light model: samples, formula, recipe errors, resume, export, and a tiny run from scratch."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from support import synthetic_rooms
from support.paths import ROOT
from wallpaint.errors import ConfigError, ModelError
from wallpaint.imaging import color, color_torch
from wallpaint.light import model as light_model
from wallpaint.rooms.sets import room_file
from wallpaint.train import room_sets
from wallpaint.train.engine import onnx_export
from wallpaint.train.engine.config import LoopConfig, OptimizerConfig
from wallpaint.train.engine.schedule import SampleIndex
from wallpaint.train.light import job as light_job
from wallpaint.train.light import network as light_network
from wallpaint.train.light import room_cache
from wallpaint.train.light import samples as light_samples
from wallpaint.train.light import task as light
from wallpaint.train.light.task import LightConfig, LightNetworkConfig
from wallpaint.train.room_sets import RoomSetConfig

SMALL = LightNetworkConfig(widths=(8, 16, 16, 16), depths=(1, 1, 1, 1), global_channels=16, full_res_channels=8)
FEATURES = 53  # number of features
PACKAGED = ROOT / "src" / "wallpaint" / "light" / light_model.FILE
HAS_MITSUBA = importlib.util.find_spec("mitsuba") is not None
MIN_LOSS_DECREASE = 0.3  # share of the initial loss, in the tiny recipe
TINY = """
task: light
rooms:
  - {folder: ROOMS/train, seed: 0, count: 4, px: 48, samples: 8}
  - {folder: ROOMS/smaller, seed: 10, count: 2, px: 32, samples: 8}
validation: [{folder: ROOMS/validation, seed: 900000, count: 2, px: 48, samples: 8}]
side: 32
paints_per_photo: 2
photos_per_validation_room: 2
network: {widths: [8, 16, 16, 16], depths: [1, 1, 1, 1], global_channels: 16, full_res_channels: 8}
optimizer: {learning_rate: 4.0e-3, schedule: cosine, warmup_steps: 5}
loop: {steps: 200, batch_size: 8, ema_decay: 0.9, save_every: 100, log_every: 5, eval_every: 200}
"""


def write_rooms(folder: Path, seeds: range) -> Path:
    folder.mkdir()
    for seed in seeds:
        record = synthetic_rooms.render(seed, (48, 64), 256)
        if isinstance(record, room_file.RoomRecord):
            room_file.write(folder / room_file.name_of(seed), record)
    return folder


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> LightConfig:
    folder = tmp_path_factory.mktemp("light")
    rooms, validation = (
        write_rooms(folder / "rooms", range(12, 24)),
        write_rooms(folder / "check", range(900_000, 900_003)),
    )
    return LightConfig(
        rooms=(RoomSetConfig(rooms),),
        validation=(RoomSetConfig(validation),),
        side=32,
        paints_per_photo=2,
        photos_per_validation_room=2,
        network=SMALL,
        optimizer=OptimizerConfig(learning_rate=4e-3, schedule="cosine", warmup_steps=5),
        loop=LoopConfig(steps=60, batch_size=8, ema_decay=0.9, save_every=20, log_every=10, eval_every=60),
    )


def cached_rooms(recipe: LightConfig, folder: Path) -> list[Path]:
    return room_cache.cache_rooms(room_sets.prepare(recipe.sets, 1, print)["rooms"], folder / "cache")


def random_network(seed: int = 0) -> light_network.LightNetwork:
    torch.manual_seed(seed)
    network = light_network.LightNetwork(
        (16, 24, 32, 40), (1, 2, 1, 1), 24, 8, torch.randn(FEATURES), torch.rand(FEATURES) + 0.5
    )
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) * (0.5 / max(1, parameter[0].numel()) ** 0.5))
    return network.eval()


def test_rerendered_room_is_cached_again(recipe: LightConfig, tmp_path: Path) -> None:
    first = cached_rooms(recipe, tmp_path)[0]
    before = room_cache.read(first)
    room = recipe.rooms[0].folder / first.name
    copy = tmp_path / "rooms" / room.name
    copy.parent.mkdir()
    record = room_file.read(room)
    room_file.write(
        copy,
        replace(
            record,
            buckets=record.buckets[:, :24],
            alpha=record.alpha[:24],
            depth=record.depth[:24],
            albedo=record.albedo[:24],
            wall_number=record.wall_number[:24],
            wall_variants=(),
        ),
    )
    cached_ns = first.stat().st_mtime_ns
    os.utime(copy, ns=(cached_ns - 1, cached_ns - 1))
    room_cache.cache_rooms([copy], first.parent)
    assert room_cache.read(first).buckets.shape == before.buckets.shape
    os.utime(copy, ns=(cached_ns + 1, cached_ns + 1))
    room_cache.cache_rooms([copy], first.parent)
    assert room_cache.read(first).buckets.shape[1] == 24


def test_exported_file_is_small_and_predicts_nearly_the_same() -> None:
    network = random_network()
    data = onnx_export.with_metadata(light_network.export(network, 64), calibration=1.25)
    parsed = light_model.parse(data, "model")
    assert (parsed.side, parsed.calibration) == (64, 1.25)
    state, (weights, _) = light_network.exported_weights(network), onnx_export.read(data, light_model.KIND)
    assert len(data) < 40_000 + 0.35 * sum(value.nbytes for value in state.values())
    assert weights.keys() == state.keys()
    for name, value in state.items():
        is_int8 = value.numel() >= light_network.MIN_INT8_SIZE
        tolerance = value.abs().max() / 250 if is_int8 else 1e-3 * value.abs() + 1e-6
        assert ((weights[name] - value).abs() <= tolerance).all(), name
    rng = np.random.default_rng(3)
    planes, features = (
        rng.random((2, 10, 32, 48)).astype(np.float32),
        rng.standard_normal((2, FEATURES)).astype(np.float32),
    )
    with torch.no_grad():
        before = network(torch.from_numpy(planes), torch.from_numpy(features))[0].numpy()
    after = parsed.session.run(planes=planes, features=features)
    assert before.std() > 0.1
    assert np.abs(after - before).mean() < 0.02 * before.std()
    for wrong in ({"side": 7}, {"side": "x"}, {"calibration": 0}, {"calibration": None}):
        with pytest.raises(ModelError, match="calibration"):
            light_model.parse(onnx_export.with_metadata(data, **wrong), "model")


@pytest.mark.parametrize("wall_albedo", [None, (0.6, 0.3, 0.004)])
def test_numpy_and_torch_formulas_agree(wall_albedo: tuple[float, ...] | None) -> None:
    rng = np.random.default_rng(1)
    outputs = rng.standard_normal((16, 24, 12)).astype(np.float32)
    photo, mask = rng.random((16, 24, 3)).astype(np.float32), rng.random((16, 24)).astype(np.float32)
    median, albedo = np.array([0.5, 0.4, 0.3], np.float32), np.array([0.7, 0.1, 0.3], np.float32)
    known = None if wall_albedo is None else np.array(wall_albedo, np.float32)
    expected = light_model.interpret(outputs, photo, mask, median, known).appearance(albedo)
    tensors = (torch.from_numpy(x.transpose(2, 0, 1).copy())[None] for x in (outputs, photo))
    rest = (mask, median, np.full(3, np.nan, np.float32) if known is None else known)
    prediction = light_network.interpret(*tensors, *(torch.from_numpy(x)[None] for x in rest))
    actual = light_network.appearance(prediction, torch.from_numpy(albedo)[None, None])[0, 0]
    np.testing.assert_allclose(expected, actual.numpy().transpose(1, 2, 0), rtol=2e-3, atol=1e-4)


def test_existing_paint_gives_the_photo_and_brighter_paint_more_light() -> None:
    rng = np.random.default_rng(2)
    outputs = rng.standard_normal((16, 16, 12)).astype(np.float32)
    outputs[..., 10] = 0  # with a shading gain, shadows may brighten faster than the rest
    photo = rng.random((16, 16, 3)).astype(np.float32)
    prediction = light_model.interpret(outputs, photo, np.ones((16, 16), np.float32), np.array([0.5, 0.4, 0.3]))
    existing = prediction.wall_albedo[4, 5]
    np.testing.assert_allclose(prediction.appearance(existing)[4, 5], photo[4, 5], atol=2e-4)
    ladder = [prediction.appearance(np.full(3, rho)) for rho in (0.02, 0.1, 0.3, 0.6, 0.9)]
    assert all((after >= before).all() for before, after in pairwise(ladder))


def test_truth_matches_the_rendered_room_in_the_new_paint(recipe: LightConfig, tmp_path: Path) -> None:
    from wallpaint.rooms.tracing import buckets

    path = cached_rooms(recipe, tmp_path)[0]
    room, rho = room_cache.read(path), np.array([0.7, 0.2, 0.4])
    record = room_file.read(recipe.rooms[0].folder / path.name)
    expected = buckets.radiance(record.buckets, rho)
    actual = light_samples._radiance(room.buckets, room.tail, rho)
    level = float(np.median((expected / np.maximum(actual, 1e-6))[room.alpha > 0.9]))
    np.testing.assert_allclose(actual * level, expected, rtol=0.02, atol=0.02 * expected.mean())


def test_samples_depend_on_their_index_only(recipe: LightConfig, tmp_path: Path) -> None:
    rooms = light.read_rooms(cached_rooms(recipe, tmp_path))
    first, second = (light.LightTask(rooms, recipe) for _ in range(2))
    sample_index = SampleIndex(37, 3, 5)
    second.sample(SampleIndex(1, 0, 1))
    for name, value in first.sample(sample_index).items():
        assert torch.equal(value, second.sample(sample_index)[name]), name


def test_known_albedo_is_an_input_and_replaces_the_predicted_one(recipe: LightConfig, tmp_path: Path) -> None:
    rooms = light.read_rooms(cached_rooms(recipe, tmp_path))
    task = light.LightTask(rooms, recipe)
    samples = [task.sample(SampleIndex(i, 0, i % len(rooms))) for i in range(60)]
    hinted = [sample for sample in samples if not sample["known_albedo"].isnan().any()]
    assert 5 < len(hinted) < 30
    for sample in samples:
        hint = sample["features"][-light_model.HINT_FEATURES :]
        assert not sample["jitter"][-light_model.HINT_FEATURES :].any()
        if sample["known_albedo"].isnan().any():
            assert not hint.any()
        else:
            assert hint[0] == 1
            torch.testing.assert_close(torch.log(sample["known_albedo"]) - torch.log(sample["median"]), hint[1:])
    network = task.network.eval()
    batch = task.collate(hinted[:4])
    with torch.no_grad():
        prediction = light._interpret(network(batch["planes"], batch["features"])[0], batch)
    known = batch["known_albedo"][..., None, None]
    assert torch.equal(prediction.wall_albedo, known.expand_as(prediction.wall_albedo))
    assert (task.network.mean[-light_model.HINT_FEATURES :] == 0).all()
    assert (task.network.scale[-light_model.HINT_FEATURES :] == 1).all()


def test_surface_loss_compares_the_albedo_of_all_surfaces(recipe: LightConfig, tmp_path: Path) -> None:
    rooms = light.read_rooms(cached_rooms(recipe, tmp_path))
    task = light.LightTask(rooms, recipe)
    samples = [task.sample(SampleIndex(i, 0, i % len(rooms))) for i in range(40)]
    floor = np.float32([0.3, 0.2, 0.1])
    painted = 0
    for sample in samples:
        surfaces = sample["surfaces"].numpy().transpose(1, 2, 0)
        known, rest = surfaces.min(-1) > 0, sample["rest"].numpy() > 0
        np.testing.assert_allclose(surfaces[known & rest], np.broadcast_to(floor, (np.sum(known & rest), 3)), rtol=0.02)
        inside = known & (sample["wall"].numpy() > 0) & ~rest
        if not sample["known_albedo"].isnan().any() and inside.any():
            painted += 1
            np.testing.assert_allclose(
                surfaces[inside], np.broadcast_to(sample["known_albedo"], (inside.sum(), 3)), rtol=1e-3
            )
    assert painted > 3
    batch = task.collate(samples[:8])
    exact = torch.log(batch["photo"].clamp_min(light.MIN_LIGHT) / batch["median"][..., None, None])
    exact = exact - torch.log(batch["surfaces"].clamp_min(light.MIN_ALBEDO))
    assert float(light._surface_error(exact, batch).abs().max()) < 1e-5
    error = light._surface_error(exact + torch.tensor([0.1, -0.1, 0.4])[:, None, None], batch)
    assert float(error.max()) == pytest.approx(0.2, rel=0.02)


def test_color_difference_approximates_ciede2000() -> None:
    rng = np.random.default_rng(3)
    rgb = rng.random((4000, 3)) * 0.9
    other = np.clip(rgb * np.exp(rng.normal(0, 0.15, (4000, 3))), 0, 1)
    truth = color.delta_e_2000(color.linear_to_lab(rgb), color.linear_to_lab(other))
    labs = (color_torch.linear_to_lab(torch.tensor(x.T[..., None]), dim=-3) for x in (rgb, other))
    approximate = light.difference(*labs)[:, 0].numpy()
    assert abs(np.median(approximate / truth) - 1) < 0.1
    assert np.corrcoef(approximate, truth)[0, 1] > 0.9


@pytest.mark.skipif(not HAS_MITSUBA, reason="rooms are rendered with Mitsuba")
def test_tiny_recipe_trains_from_scratch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rendering, caching, training, calibration and export; then a run that starts from these weights."""
    from wallpaint.cli.app import main

    (tmp_path / "tiny.yaml").write_text(TINY.replace("ROOMS", str(tmp_path / "rooms")), encoding="utf-8")
    command = ["train", str(tmp_path / "tiny.yaml"), "-o"]
    assert main([*command, str(tmp_path / "run")]) == 0
    output = capsys.readouterr().out
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines]
    assert np.mean(losses[-2:]) < (1 - MIN_LOSS_DECREASE) * losses[0]
    for words in ("200 of 200 steps on", "validation rooms", f"written: {tmp_path / 'run' / light_model.FILE}"):
        assert words in output
    report = json.loads((tmp_path / "run" / light_job.REPORT_FILE).read_text())
    assert report["validation_rooms"] == 2
    model = light_model.parse((tmp_path / "run" / light_model.FILE).read_bytes(), "model")
    photo, mask = np.random.default_rng(4).random((60, 90, 3)), np.zeros((60, 90))
    mask[:30] = 1
    prediction = model.predict(photo, mask)
    assert prediction.wall_albedo.shape == (32, 32, 3)
    assert np.isfinite(prediction.appearance(np.array([0.1, 0.5, 0.9]))).all()
    (tmp_path / "tiny.yaml").write_text((tmp_path / "tiny.yaml").read_text().replace("steps: 200", "steps: 5"))
    assert main([*command, str(tmp_path / "more"), "--init", str(tmp_path / "run" / light_model.FILE)]) == 0
    first = json.loads((tmp_path / "more" / "log.jsonl").read_text().splitlines()[0])
    assert first["loss"] < (1 - MIN_LOSS_DECREASE / 2) * losses[0]


def test_resumed_run_gives_bit_equal_weights(recipe: LightConfig, tmp_path: Path) -> None:
    short = replace(recipe, loop=replace(recipe.loop, steps=8, save_every=4, eval_every=0))
    complete = light_job.run(short, tmp_path / "complete")
    light_job.run(short, tmp_path / "resumed")
    shutil.rmtree(tmp_path / "resumed" / "checkpoints" / "step_00000008")  # as after SIGKILL at step 5
    (recipe.rooms[0].folder / "room_000099.npz").write_bytes(next(recipe.rooms[0].folder.glob("*.npz")).read_bytes())
    try:  # a room added since the start is not trained on
        resumed = light_job.run(short, tmp_path / "resumed", resume=True)
    finally:
        (recipe.rooms[0].folder / "room_000099.npz").unlink()
    assert resumed == replace(complete, output=resumed.output)
    files = [(tmp_path / name / light_model.FILE).read_bytes() for name in ("complete", "resumed")]
    assert files[0] == files[1]
    saved = (tmp_path / "resumed" / "config.yaml").read_bytes()
    with pytest.raises(ConfigError, match="seed is 5, was 0: change it back, or name a new folder"):
        light_job.run(replace(short, seed=5), tmp_path / "resumed", resume=True)
    assert (tmp_path / "resumed" / "config.yaml").read_bytes() == saved


def test_initial_weights_are_checked_before_the_run_starts(recipe: LightConfig, tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no weights")
    with pytest.raises(ModelError, match="no model that a run has written"):
        light_job.run(recipe, tmp_path / "run", init=tmp_path / "text.onnx")
    with pytest.raises(ModelError, match="cannot be read"):
        light_job.run(recipe, tmp_path / "run", init=tmp_path / "nothing")
    with pytest.raises(ConfigError, match="another size"):
        light_job.run(recipe, tmp_path / "run", init=PACKAGED)
    assert not (tmp_path / "run").exists()


def test_all_errors_of_a_recipe_are_reported_together() -> None:
    with pytest.raises(ConfigError) as caught:
        LightConfig(
            rooms=(),
            validation=(RoomSetConfig(Path("x"), seed=950_000, count=2),),
            side=40,
            network=LightNetworkConfig(widths=(8, 9)),
        )
    for word in (
        "rooms has no sets",
        "validation[0] has seeds",
        "multiple of 16",
        "4 whole numbers",
        "9 is not a multiple",
    ):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("rooms:", "rooms should be a list"),
        ("network: {widths: 8}", "network.widths should be a list"),
        ("network: {widths: [0, 8, 8, 8]}", "4 whole numbers, each at least 1"),
        ("network: {depths: [1, two, 1, 1]}", "4 whole numbers, each at least 1"),
        ("network: {full_res_channels: 0}", "`network.full_res_channels` must be at least 1"),
    ],
)
def test_invalid_recipe_gives_one_error_line(lines: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(lines)
    with pytest.raises(ConfigError, match=reason):
        light_job.read(tmp_path / "recipe.yaml")


def test_packaged_weights_fit_the_packaged_recipe() -> None:
    config = light_job.read(ROOT / "configs" / "light_model.yaml")
    model = light_model.load()
    if model is None:
        pytest.skip("this installation was made without the light model's weights")
    assert model.side == config.side
    weights, _ = onnx_export.read(PACKAGED, light_model.KIND)
    expected = light_network.exported_weights(light.make_network(config.network, weights["mean"], weights["scale"]))
    assert {name: value.shape for name, value in expected.items()} == {
        name: value.shape for name, value in weights.items()
    }
