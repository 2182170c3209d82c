"""The light model's training: exact where it must be, and it learns."""

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
from wallpaint.light import model as light_model
from wallpaint.rooms.sets import room_file
from wallpaint.train import room_sets
from wallpaint.train.engine.config import LoopConfig, OptimizerConfig
from wallpaint.train.engine.schedule import SampleIndex
from wallpaint.train.light import job as light_job
from wallpaint.train.light import network as light_network
from wallpaint.train.light import samples as light_samples
from wallpaint.train.light import small_rooms as light_rooms
from wallpaint.train.light import task as light
from wallpaint.train.light.task import LightConfig, NetworkConfig
from wallpaint.train.room_sets import RoomSet

SMALL = NetworkConfig(widths=(8, 16, 16, 16), depths=(1, 1, 1, 1), room=16, fine=8)
NUMBERS = 53  # that describe a photo and what is told of it
HAS_MITSUBA = importlib.util.find_spec("mitsuba") is not None
LEAST_FALL = 0.3  # share of the loss that the tiny recipe takes away
TINY = """
task: light
rooms:
  - {folder: ROOMS/train, seed: 0, count: 4, px: 48, samples: 8}
  - {folder: ROOMS/smaller, seed: 10, count: 2, px: 32, samples: 8}
validation: [{folder: ROOMS/validation, seed: 900000, count: 2, px: 48, samples: 8}]
side: 32
paints_per_photo: 2
checks: 2
network: {widths: [8, 16, 16, 16], depths: [1, 1, 1, 1], room: 16, fine: 8}
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
        rooms=(RoomSet(rooms),),
        validation=(RoomSet(validation),),
        side=32,
        paints_per_photo=2,
        checks=2,
        network=SMALL,
        optimizer=OptimizerConfig(learning_rate=4e-3, schedule="cosine", warmup_steps=5),
        loop=LoopConfig(steps=60, batch_size=8, ema_decay=0.9, save_every=20, log_every=10, eval_every=60),
    )


def small_rooms(recipe: LightConfig, folder: Path) -> list[Path]:
    return light_rooms.make_small(room_sets.prepare(recipe.sets, 1, print)["rooms"], folder / "small")


def fresh_network(seed: int = 0) -> light_network.LightNetwork:
    torch.manual_seed(seed)
    made = light_network.LightNetwork(
        (16, 24, 32, 40), (1, 2, 1, 1), 24, 8, torch.randn(NUMBERS), torch.rand(NUMBERS) + 0.5
    )
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn_like(parameter) * (0.5 / max(1, parameter[0].numel()) ** 0.5))
    return made.eval()


def test_numpy_and_torch_are_one_network() -> None:
    network, rng = fresh_network(), np.random.default_rng(0)
    planes = rng.standard_normal((48, 64, 10)).astype(np.float32)
    planes[..., 6] = rng.random((48, 64))
    numbers = rng.standard_normal(NUMBERS).astype(np.float32)
    with torch.no_grad():
        planes_first = torch.from_numpy(planes.transpose(2, 0, 1).copy())
        truth, _ = network(planes_first[None], torch.from_numpy(numbers)[None])
    weights = {name: value.numpy() for name, value in light_network.model_of(network).items()}
    found = light_model.forward(weights, (1, 2, 1, 1), planes, numbers)
    assert float(truth.abs().max()) > 0.1
    np.testing.assert_allclose(found, truth[0].numpy().transpose(1, 2, 0), rtol=1e-3, atol=1e-4)


def test_a_room_that_was_rendered_anew_is_made_small_anew(recipe: LightConfig, tmp_path: Path) -> None:
    first = small_rooms(recipe, tmp_path)[0]
    was = light_rooms.read(first)
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
    made = first.stat().st_mtime_ns
    os.utime(copy, ns=(made - 1, made - 1))
    light_rooms.make_small([copy], first.parent)
    assert light_rooms.read(first).buckets.shape == was.buckets.shape
    os.utime(copy, ns=(made + 1, made + 1))
    light_rooms.make_small([copy], first.parent)
    assert light_rooms.read(first).buckets.shape[1] == 24


def test_a_models_file_is_small_and_says_nearly_the_same() -> None:
    weights = {name: value.numpy() for name, value in light_network.model_of(fresh_network()).items()}
    model = light_model.LightModel(weights, 64, 1.25, (1, 2, 1, 1))
    data = light_model.pack(model)
    back = light_model.parse(data)
    assert len(data) < 0.35 * sum(value.nbytes for value in weights.values())
    assert (back.side, back.calibration, back.depths) == (64, 1.25, (1, 2, 1, 1))
    assert back.weights.keys() == weights.keys()
    for name, value in weights.items():
        close = np.abs(value).max() / 250 if value.size >= light_model.LARGE else 1e-3 * np.abs(value) + 1e-6
        assert (np.abs(back.weights[name] - value) <= close).all(), name
    rng = np.random.default_rng(3)
    planes, numbers = rng.random((32, 48, 10)).astype(np.float32), rng.standard_normal(NUMBERS).astype(np.float32)
    before, after = (light_model.forward(m.weights, m.depths, planes, numbers) for m in (model, back))
    assert np.abs(after - before).mean() < 0.02 * before.std()
    assert light_model.pack(back) == data
    laid_out = {name: np.asfortranarray(value) for name, value in weights.items()}  # as torch's channels_last is not C
    assert light_model.pack(replace(model, weights=laid_out)) == data


@pytest.mark.parametrize("old", [None, (0.6, 0.3, 0.004)])
def test_numpy_and_torch_are_one_formula(old: tuple[float, ...] | None) -> None:
    rng = np.random.default_rng(1)
    out = rng.standard_normal((16, 24, 12)).astype(np.float32)
    photo, mask = rng.random((16, 24, 3)).astype(np.float32), rng.random((16, 24)).astype(np.float32)
    median, albedo = np.array([0.5, 0.4, 0.3], np.float32), np.array([0.7, 0.1, 0.3], np.float32)
    known = None if old is None else np.array(old, np.float32)
    told = light_model.interpret(out, photo, mask, median, known).appearance(albedo)
    tensors = (torch.from_numpy(x.transpose(2, 0, 1).copy())[None] for x in (out, photo))
    rest = (mask, median, np.full(3, np.nan, np.float32) if known is None else known)
    seen = light_network.interpret(*tensors, *(torch.from_numpy(x)[None] for x in rest))
    trained = light_network.appearance(seen, torch.from_numpy(albedo)[None, None])[0, 0]
    np.testing.assert_allclose(told, trained.numpy().transpose(1, 2, 0), rtol=2e-3, atol=1e-4)


def test_the_old_paint_gives_the_photo_and_brighter_paint_more_light() -> None:
    rng = np.random.default_rng(2)
    out = rng.standard_normal((16, 16, 12)).astype(np.float32)
    out[..., 10] = 0  # with spread, a shadow may fill faster than a lit part
    photo = rng.random((16, 16, 3)).astype(np.float32)
    seen = light_model.interpret(out, photo, np.ones((16, 16), np.float32), np.array([0.5, 0.4, 0.3]))
    old = seen.old[4, 5]
    np.testing.assert_allclose(seen.appearance(old)[4, 5], photo[4, 5], atol=2e-4)
    ladder = [seen.appearance(np.full(3, rho)) for rho in (0.02, 0.1, 0.3, 0.6, 0.9)]
    assert all((after >= before).all() for before, after in pairwise(ladder))


def test_a_truth_is_the_rendered_room_in_the_new_paint(recipe: LightConfig, tmp_path: Path) -> None:
    """The camera sees the same polynomial as the renderer's own code."""
    from wallpaint.rooms.tracing import buckets

    path = small_rooms(recipe, tmp_path)[0]
    room, rho = light_rooms.read(path), np.array([0.7, 0.2, 0.4])
    record = room_file.read(recipe.rooms[0].folder / path.name)
    whole = buckets.radiance(record.buckets, rho)
    small = light_samples._radiance(room.buckets, room.tail, rho)
    level = float(np.median((whole / np.maximum(small, 1e-6))[room.alpha > 0.9]))
    np.testing.assert_allclose(small * level, whole, rtol=0.02, atol=0.02 * whole.mean())


def test_samples_depend_on_their_place_alone(recipe: LightConfig, tmp_path: Path) -> None:
    rooms = light.read_rooms(small_rooms(recipe, tmp_path))
    first, second = (light.LightTask(rooms, recipe) for _ in range(2))
    place = SampleIndex(37, 3, 5)
    second.sample(SampleIndex(1, 0, 1))
    for name, value in first.sample(place).items():
        assert torch.equal(value, second.sample(place)[name]), name


def test_an_old_paint_that_is_told_is_seen_and_stands_in_the_formula(recipe: LightConfig, tmp_path: Path) -> None:
    rooms = light.read_rooms(small_rooms(recipe, tmp_path))
    task = light.LightTask(rooms, recipe)
    samples = [task.sample(SampleIndex(i, 0, i % len(rooms))) for i in range(60)]
    told = [one for one in samples if not one["told_old"].isnan().any()]
    assert 5 < len(told) < 30
    for one in samples:
        hint = one["numbers"][-light_model.HINTS :]
        assert not one["jitter"][-light_model.HINTS :].any()
        if one["told_old"].isnan().any():
            assert not hint.any()
        else:
            assert hint[0] == 1
            torch.testing.assert_close(torch.log(one["told_old"]) - torch.log(one["median"]), hint[1:])
    network = task.network.eval()
    batch = task.collate(told[:4])
    with torch.no_grad():
        seen = light._interpreted(network(batch["planes"], batch["numbers"])[0], batch)
    assert torch.equal(seen.old, batch["told_old"][..., None, None].expand_as(seen.old))
    assert (task.network.mean[-light_model.HINTS :] == 0).all()
    assert (task.network.scale[-light_model.HINTS :] == 1).all()


def test_what_is_seen_is_judged_by_its_albedo(recipe: LightConfig, tmp_path: Path) -> None:
    rooms = light.read_rooms(small_rooms(recipe, tmp_path))
    task = light.LightTask(rooms, recipe)
    samples = [task.sample(SampleIndex(i, 0, i % len(rooms))) for i in range(40)]
    floor = np.float32([0.3, 0.2, 0.1])
    painted = 0
    for one in samples:
        surfaces = one["surfaces"].numpy().transpose(1, 2, 0)
        known, rest = surfaces.min(-1) > 0, one["rest"].numpy() > 0
        np.testing.assert_allclose(surfaces[known & rest], np.broadcast_to(floor, (np.sum(known & rest), 3)), rtol=0.02)
        inside = known & (one["wall"].numpy() > 0) & ~rest
        if not one["told_old"].isnan().any() and inside.any():
            painted += 1
            np.testing.assert_allclose(surfaces[inside], np.broadcast_to(one["told_old"], (inside.sum(), 3)), rtol=1e-3)
    assert painted > 3
    batch = task.collate(samples[:8])
    right = torch.log(batch["photo"].clamp_min(light.DARK) / batch["median"][..., None, None])
    right = right - torch.log(batch["surfaces"].clamp_min(light.LEAST_ALBEDO))
    assert float(light._surfaces_error(right, batch).abs().max()) < 1e-5
    off = light._surfaces_error(right + torch.tensor([0.1, -0.1, 0.4])[:, None, None], batch)
    assert float(off.max()) == pytest.approx(0.2, rel=0.02)


def test_the_colour_difference_is_near_ciede2000() -> None:
    from wallpaint.imaging import color

    rng = np.random.default_rng(3)
    rgb = rng.random((4000, 3)) * 0.9
    other = np.clip(rgb * np.exp(rng.normal(0, 0.15, (4000, 3))), 0, 1)
    truth = color.delta_e_2000(color.linear_to_lab(rgb), color.linear_to_lab(other))
    labs = (light._lab(torch.tensor(x.T[..., None], dtype=torch.float32)) for x in (rgb, other))
    found = light.difference(*labs)[:, 0].numpy()
    assert abs(np.median(found / truth) - 1) < 0.1
    assert np.corrcoef(found, truth)[0, 1] > 0.9


@pytest.mark.skipif(not HAS_MITSUBA, reason="rooms are rendered with Mitsuba")
def test_the_recipe_at_a_tiny_setting_runs_from_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rooms, their small files, training, calibration, and a file that is a model; then another run begun with it."""
    from wallpaint.cli.app import main

    (tmp_path / "tiny.yaml").write_text(TINY.replace("ROOMS", str(tmp_path / "rooms")))
    command = ["train", str(tmp_path / "tiny.yaml"), "-o"]
    assert main([*command, str(tmp_path / "run")]) == 0
    told = capsys.readouterr().out
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines]
    assert np.mean(losses[-2:]) < (1 - LEAST_FALL) * losses[0]
    for words in ("200 of 200 steps on", "validation rooms", f"written: {tmp_path / 'run' / light_model.FILE}"):
        assert words in told
    report = json.loads((tmp_path / "run" / light_job.REPORT).read_text())
    assert report["validation_rooms"] == 2
    model = light_model.parse((tmp_path / "run" / light_model.FILE).read_bytes())
    photo, mask = np.random.default_rng(4).random((60, 90, 3)), np.zeros((60, 90))
    mask[:30] = 1
    seen = model.look(photo, mask)
    assert seen.old.shape == (32, 32, 3)
    assert np.isfinite(seen.appearance(np.array([0.1, 0.5, 0.9]))).all()
    (tmp_path / "tiny.yaml").write_text((tmp_path / "tiny.yaml").read_text().replace("steps: 200", "steps: 5"))
    assert main([*command, str(tmp_path / "more"), "--init", str(tmp_path / "run" / light_model.FILE)]) == 0
    first = json.loads((tmp_path / "more" / "log.jsonl").read_text().splitlines()[0])
    assert first["loss"] < (1 - LEAST_FALL / 2) * losses[0]


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(recipe: LightConfig, tmp_path: Path) -> None:
    short = replace(recipe, loop=replace(recipe.loop, steps=8, save_every=4, eval_every=0))
    whole = light_job.run(short, tmp_path / "whole")
    light_job.run(short, tmp_path / "parts")
    shutil.rmtree(tmp_path / "parts" / "checkpoints" / "step_00000008")  # as if it had been killed after the fourth
    (recipe.rooms[0].folder / "room_000099.npz").write_bytes(next(recipe.rooms[0].folder.glob("*.npz")).read_bytes())
    try:  # a room that has come since is not learnt from
        again = light_job.run(short, tmp_path / "parts", resume=True)
    finally:
        (recipe.rooms[0].folder / "room_000099.npz").unlink()
    assert again == replace(whole, written=again.written)
    files = [(tmp_path / name / light_model.FILE).read_bytes() for name in ("whole", "parts")]
    assert files[0] == files[1]
    kept = (tmp_path / "parts" / "config.yaml").read_bytes()
    with pytest.raises(ConfigError, match="another recipe"):
        light_job.run(replace(short, seed=5), tmp_path / "parts", resume=True)
    assert (tmp_path / "parts" / "config.yaml").read_bytes() == kept


def test_weights_to_begin_with_are_looked_at_first(recipe: LightConfig, tmp_path: Path) -> None:
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(ModelError, match="no light model"):
        light_job.run(recipe, tmp_path / "run", start=tmp_path / "text.safetensors")
    with pytest.raises(ModelError, match="cannot be read"):
        light_job.run(recipe, tmp_path / "run", start=tmp_path / "nothing")
    with pytest.raises(ConfigError, match="another size"):
        light_job.run(recipe, tmp_path / "run", start=ROOT / "src" / "wallpaint" / light_model.FILE)
    assert not (tmp_path / "run").exists()


def test_everything_wrong_with_a_recipe_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        LightConfig(
            rooms=(),
            validation=(RoomSet(Path("x"), seed=950_000, count=2),),
            side=40,
            network=NetworkConfig(widths=(8, 9)),
        )
    for word in (
        "rooms names no set",
        "validation[0] has seeds",
        "multiple of 16",
        "four whole numbers",
        "9 is no multiple",
    ):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("rooms:", "rooms should be a list"),
        ("network: {widths: 8}", "network.widths should be a list"),
        ("network: {widths: [0, 8, 8, 8]}", "four whole numbers each, from 1"),
        ("network: {depths: [1, two, 1, 1]}", "four whole numbers each, from 1"),
        ("network: {fine: 0}", "network.fine must be at least 1"),
    ],
)
def test_a_wrong_recipe_is_one_line(lines: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(lines)
    with pytest.raises(ConfigError, match=reason):
        light_job.read(tmp_path / "recipe.yaml")


def test_the_shipped_weights_are_of_the_shipped_recipes_network() -> None:
    shipped = light_job.read(ROOT / "configs" / "light_model.yaml")
    model = light_model.load()
    if model is None:
        pytest.skip("this installation was made without the light model's weights")
    assert (model.side, model.depths) == (shipped.side, shipped.network.depths)
    count = len(model.weights["mean"])
    made = light_network.model_of(light.make_network(shipped.network, torch.zeros(count), torch.ones(count)))
    assert {name: tuple(value.shape) for name, value in made.items()} == {
        name: value.shape for name, value in model.weights.items()
    }
