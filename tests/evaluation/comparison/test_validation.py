"""A validation from samples to report: what it finds, that it can be broken off, and that it says the same twice."""

from __future__ import annotations

import json
import math
import multiprocessing
import signal
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from support.data_sets import GREEN, make_set, save, small_room, write_lines
from support.drawn_rooms import rgb
from support.planted import Fault, candidate, flattened, leaking, run_to, task, turned
from wallpaint.data.dataset import WallInpaintingDataset
from wallpaint.data.settings import DataSettings
from wallpaint.errors import ConfigError, InputError
from wallpaint.evaluation import bootstrap
from wallpaint.evaluation.comparison import repainters as painting
from wallpaint.evaluation.comparison import result_cache as parts
from wallpaint.evaluation.comparison import samples, validation
from wallpaint.evaluation.comparison import scoring as evaluate
from wallpaint.evaluation.comparison.validation import describe, gather
from wallpaint.painters.analytic import AnalyticPainter
from wallpaint.paints.paint import Paint

ROOMS = 6


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of which half the samples have a true repaint."""
    folder = tmp_path_factory.mktemp("set")
    make_set(folder, "validation", ROOMS, targets=True)
    return folder


def report_of(folder: Path, root: Path, *candidates: object, **options: object) -> dict:
    job = task(root, ROOMS, **options)
    return describe(job, "analytic", candidates, gather(job, candidates, folder))  # type: ignore[arg-type]


# -- what it finds


FAULTS: dict[str, tuple[Fault, tuple[str, ...]]] = {
    "turned": (turned, ("hue_lab", "hue_hsv", "room_hue", "cie76")),
    "leaking": (leaking, ("leak", "edge")),
    "flattened": (flattened, ("contrast", "contrast_kept")),
}


@pytest.fixture(scope="module")
def judged(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The report on a sound painter, its twin, and three with a fault each."""
    faulty = [candidate(name, fault) for name, (fault, _) in FAULTS.items()]
    return report_of(tmp_path_factory.mktemp("report"), root, candidate(), candidate("twin"), *faulty)


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name: str, judged: dict) -> None:
    """By the paired difference, whose interval leaves out zero."""
    found = {(d["candidate"], d["lock"], d["metric"]): d for d in judged["differences"]}
    for metric in FAULTS[name][1]:
        difference = found[name, "on", metric]
        assert difference["baseline"] == "sound"
        assert difference["verdict"] == "worse", difference
        assert difference["low"] > 0
        assert difference["count"] == ROOMS


def test_where_there_is_no_fault_none_is_found(judged: dict) -> None:
    assert {d["verdict"] for d in judged["differences"] if d["candidate"] == "twin"} == {"same"}


def test_the_faults_are_measured_as_large_as_they_are(judged: dict) -> None:
    difference = {(d["candidate"], d["lock"], d["metric"]): d["difference"] for d in judged["differences"]}
    assert difference["turned", "on", "hue_lab"] == pytest.approx(5, abs=1)  # the sound one is not quite at 0
    assert difference["flattened", "on", "contrast_kept"] == pytest.approx(0.3, abs=0.1)
    assert difference["leaking", "on", "swatch"] == 0
    assert difference["leaking", "on", "outside_max_diff"] == 0


def test_a_painter_is_better_by_the_same_measure(root: Path, tmp_path: Path) -> None:
    job = task(root, ROOMS)
    two = [candidate("bad", leaking), candidate()]
    report = describe(job, "analytic", two, gather(job, two, tmp_path))
    verdicts = {(d["lock"], d["metric"]): d["verdict"] for d in report["differences"]}
    assert verdicts["off", "leak"] == verdicts["off", "edge"] == "better"


# -- means and intervals


def test_means_are_of_the_samples_and_what_is_left_out_is_counted(root: Path, tmp_path: Path) -> None:
    job = task(root, ROOMS, paints=(Paint.parse("#808080"), Paint.parse("#7d9b84")))
    found = gather(job, [candidate()], tmp_path)
    report = describe(job, "analytic", [candidate()], found)
    mean = report["means"]["sound"]["on"]
    values = [entry["scores"]["sound"]["on"]["hue_lab"] for entry in report["samples"]]
    assert values[::2] == [None] * (ROOMS // 2)  # grey has no hue
    there = [value for value in values if value is not None]
    assert mean["hue_lab"]["value"] == pytest.approx(np.mean(there), abs=1e-5)
    assert (mean["hue_lab"]["count"], mean["hue_lab"]["left_out"]) == (ROOMS // 2, ROOMS // 2)
    assert mean["hue_lab"]["low"] <= mean["hue_lab"]["value"] <= mean["hue_lab"]["high"]
    assert mean["room_mean"] == {"count": 0, "left_out": ROOMS, "value": None, "low": None, "high": None}
    assert mean["outside_max_diff"]["value"] == 0
    assert report["by"] == {"metric": "swatch_mean", "lock": "off"}  # no truth is known of a paint that is asked for
    assert [entry["paint"] for entry in report["samples"]] == ["#808080", "#7d9b84"] * (ROOMS // 2)


def test_bands_count_every_sample_once(judged: dict) -> None:
    report = judged
    for by_metric in report["bands"]["sound"].values():
        assert all(sum(counts) == ROOMS for counts in by_metric.values())
    values = [entry["scores"]["sound"]["off"]["room_mean"] for entry in report["samples"]]
    edges = [0, 1, 2, 10, math.inf]
    expected = [sum(low <= v < high for v in values) for low, high in pairwise(edges)]
    assert report["bands"]["sound"]["off"]["room_mean"] == expected


@pytest.mark.parametrize("photos", [6, 30])
def test_intervals_hold_the_mean_as_often_as_they_say(photos: int) -> None:
    """Of 400 sets from one distribution some 95 %; without the expansion six photos would hold it in 85 %."""
    rng = np.random.default_rng(0)
    names = [str(i) for i in range(photos)]
    drawn = bootstrap.draws(photos, 0, 4000)
    held = 0
    for _ in range(400):
        values = list(zip(names, rng.normal(3, 1, photos).tolist(), strict=True))
        found = bootstrap.estimate(values, names, drawn, expanded=True)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 3 <= found.high
    assert 0.91 <= held / 400 <= 0.98


def test_few_photos_give_no_verdict(root: Path, tmp_path: Path) -> None:
    """Three that all are worse may be chance."""
    job = task(root, 3)
    two = [candidate(), candidate("bad", leaking)]
    report = describe(job, "analytic", two, gather(job, two, tmp_path))
    found = next(d for d in report["differences"] if d["metric"] == "leak")
    assert found["low"] > 0
    assert found["verdict"] == "few"


def test_photos_are_drawn_with_all_that_is_theirs() -> None:
    """Ten samples of each of four rooms are no surer than the rooms."""
    names = ["a", "b", "c", "d"]
    values = [(name, float(i)) for i, name in enumerate(names) for _ in range(10)]
    many = bootstrap.estimate(values, names, bootstrap.draws(4, 0))
    few = bootstrap.estimate([(name, float(i)) for i, name in enumerate(names)], names, bootstrap.draws(4, 0))
    assert (many.value, many.low, many.high) == (few.value, few.low, few.high)
    assert bootstrap.estimate([("a", 1.0), ("a", 2.0)], names, bootstrap.draws(4, 0)) == bootstrap.Estimate(
        2, 1.5, photos=1
    )
    assert bootstrap.estimate([], names, bootstrap.draws(4, 0)) == bootstrap.Estimate(0)


# -- again, and broken off


def test_two_runs_say_the_same(root: Path, tmp_path: Path) -> None:
    one, two = (run_to(tmp_path / name, root) for name in ("one", "two"))
    assert one == two


def test_what_is_there_is_not_made_again(root: Path, tmp_path: Path) -> None:
    calls: list[str] = []
    job = task(root, ROOMS)
    first = gather(job, [candidate(calls=calls)], tmp_path)
    assert len(calls) == ROOMS
    assert gather(job, [candidate(calls=calls)], tmp_path) == first
    assert len(calls) == ROOMS
    part = sorted((tmp_path / parts.FOLDER).glob("*.json"))[3]
    part.write_bytes(part.read_bytes()[:-200])  # not whole: by a hand, as we write none such
    (tmp_path / parts.FOLDER / ".0123.part").write_text("left by a run that was killed")
    (tmp_path / ".0123456789abcdef.part").write_text("left by one that was killed while writing its page")
    (tmp_path / ".mine.part").write_text("of somebody else")
    assert gather(job, [candidate(calls=calls)], tmp_path) == first
    assert len(calls) == ROOMS + 1
    assert not list((tmp_path / parts.FOLDER).glob(".*"))
    assert [path.name for path in tmp_path.glob(".*")] == [".mine.part"]


def test_another_library_makes_other_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    def key() -> str:
        parts._program.cache_clear()
        return parts.key_of("a", "b", 0, perceptual=False)

    before, version = key(), parts.metadata.version
    assert {name for name in parts.LIBRARIES if not parts._version(name)} <= {"lpips", "torchvision"}  # are optional
    assert key() == before
    monkeypatch.setattr(parts.metadata, "version", lambda name: "0.1" if name == "torch" else version(name))
    assert key() != before
    monkeypatch.undo()
    assert key() == before


@pytest.mark.parametrize("changed", ["candidate", "seed", "paint", "picture", "mask"])
def test_what_has_changed_is_made_anew(changed: str, root: Path, tmp_path: Path) -> None:
    own = tmp_path / "set"
    make_set(own, "validation", 2, targets=True)
    calls: list[str] = []
    gather(task(own, 2), [candidate(calls=calls)], tmp_path)
    options, name = {}, "sound"
    if changed == "candidate":
        name = "other"
    elif changed == "seed":
        options = {"seed": 1}
    elif changed == "paint":
        options = {"paints": (Paint.parse("red"),)}
    else:
        file = own / "validation" / ("targets" if changed == "picture" else "masks") / "room_0.png"
        save(file, small_room(0).hard_mask if changed == "mask" else small_room(0).lit(rgb("#aa3344")))
    gather(task(own, 2, **options), [candidate(name, calls=calls)], tmp_path)
    assert len(calls) == (3 if changed in ("picture", "mask") else 4)


def test_a_run_killed_five_times_ends_with_the_same_report(root: Path, tmp_path: Path) -> None:
    """Each run finds the parts of the last, and is killed with SIGKILL once it has made some of its own."""
    expected = run_to(tmp_path / "whole", root)
    folder = tmp_path / "killed" / parts.FOLDER
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [
            "support.planted",
            "wallpaint.evaluation.comparison.validation",
            "wallpaint.pipeline.repaint",
            "skimage.metrics",
        ]
    )
    kills, there = 0, 0
    while kills < 5:
        child = context.Process(target=run_to, args=(folder.parent, root))
        child.start()
        deadline = time.monotonic() + 60
        while len(list(folder.glob("*.json"))) <= there and time.monotonic() < deadline:
            time.sleep(0.002)
        child.kill()
        child.join()
        assert child.exitcode == -signal.SIGKILL
        kills += 1
        before, there = there, len(list(folder.glob("*.json")))
        assert before < there < 2 * ROOMS
    assert run_to(folder.parent, root) == expected


# -- samples


def test_a_sample_with_a_true_repaint_is_painted_in_its_colour(root: Path) -> None:
    sample = samples.whole(task(root, 1).data, 0)
    assert sample.paint.hex == GREEN
    assert sample.truth is not None
    assert np.array_equal(sample.truth, small_room(0).lit(rgb(GREEN)))
    assert np.array_equal(sample.photo, small_room(0).photo)


def test_a_sample_without_one_is_painted_as_its_wall_is_seen(tmp_path: Path) -> None:
    """With the lock on that gives the photo back; what `lit` makes of a colour that is no albedo nobody can tell."""
    make_set(tmp_path, "validation", 1)
    sample = samples.whole(task(tmp_path, 1).data, 0)
    assert sample.truth_with("on") is sample.photo
    assert sample.truth_with("off") is None
    wall = small_room(0).wall
    shown = np.median(small_room(0).photo[wall], axis=0)
    assert np.abs(np.array(sample.paint.rgb) - shown).max() <= 2


def test_a_wall_of_known_albedo_is_painted_in_it(tmp_path: Path) -> None:
    folder = make_set(tmp_path, "validation", 1)
    line = json.loads((folder / "metadata.jsonl").read_text())
    write_lines(folder, [line | {"color_rgb": [217, 207, 192]}])
    sample = samples.whole(task(tmp_path, 1).data, 0)
    assert sample.paint.hex == "#d9cfc0"
    assert sample.truth_with("off") is sample.truth_with("on") is sample.photo


def test_what_is_looked_at_first_was_measured(tmp_path: Path) -> None:
    make_set(tmp_path / "set", "validation", 2)
    job = task(tmp_path / "set", 2)
    report = describe(job, "analytic", [candidate()], gather(job, [candidate()], tmp_path))
    assert report["by"] == {"metric": "room_mean", "lock": "on"}
    means = report["means"]["sound"]
    assert (means["off"]["room_mean"]["count"], means["off"]["room_mean"]["left_out"]) == (0, 2)
    assert means["on"]["room_mean"]["value"] < 2
    asked = describe(job, "analytic", [candidate()], gather(job, [candidate()], tmp_path), by="leak")
    assert asked["by"] == {"metric": "leak", "lock": "off"}


def test_a_plain_sample_is_the_data_set_s_own(root: Path) -> None:
    data = task(root, 1).data
    sample, given = samples.plain(data, 2), data.get(2, 0)
    back = sample.photo.astype(np.float32).transpose(2, 0, 1) / 127.5 - 1
    assert np.abs(back - given["pixel_values"].numpy()).max() < 1e-6
    assert sample.fill is not None
    assert np.array_equal(sample.fill, given["mask"][0].numpy() > 0)
    assert np.allclose(sample.paint.rgb, given["dominant_color"].numpy(), atol=0.51)
    assert sample.truth is sample.photo
    inner = given["color_mask"][0].numpy() > 0
    assert (sample.alpha[inner] > 0.9).all()


def test_samples_of_a_room_are_one_group(tmp_path: Path) -> None:
    folder = make_set(tmp_path, "validation", 3)
    lines = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
    write_lines(folder, [line | {"room": number // 2} for number, line in enumerate(lines)])
    data = task(tmp_path, 3).data
    assert [samples.group_of(data, i) for i in range(3)] == ["room_000000", "room_000000", "room_000001"]


def test_depth_lies_beside_the_pictures(root: Path, tmp_path: Path) -> None:
    folder = make_set(tmp_path, "validation", 1)
    depth = np.tile(np.arange(128, dtype=np.uint8), (96, 1))
    save(folder / "depth/room_0.png", depth)
    data = task(tmp_path, 1).data
    whole, plain = samples.whole(data, 0).depth, samples.plain(data, 0).depth
    assert whole is not None
    assert plain is not None
    assert np.array_equal(whole, depth)
    assert plain.shape == (64, 64)
    assert samples.whole(task(root, 1).data, 0).depth is None


@pytest.mark.parametrize("depth", [np.arange(0, 65536, 512, dtype=np.uint16), np.arange(0, 256, 4, dtype=np.uint8)])
def test_a_depth_of_more_bits_or_another_size_is_shown(depth: np.ndarray, tmp_path: Path) -> None:
    """16 bits of the photo's width, and 8 bits of half of it."""
    folder = make_set(tmp_path / "set", "validation", 1)
    save(folder / "depth/room_0.png", np.tile(depth, (96 * len(depth) // 128, 1)))
    job = task(tmp_path / "set", 1)
    whole, plain = samples.whole(job.data, 0).depth, samples.plain(job.data, 0).depth
    assert whole is not None
    assert plain is not None
    assert (whole.dtype, whole.shape, plain.shape) == (np.uint8, (96, 128), (64, 64))
    assert np.abs(whole[40].astype(int) - np.arange(0, 256, 2)).max() <= 3
    found = gather(job, [candidate()], tmp_path)["sound"]
    assert "depth" in found[0].pictures
    save(folder / "depth/room_0.png", np.zeros((96, 128), np.uint8))
    assert gather(task(tmp_path / "set", 1), [candidate()], tmp_path)["sound"][0].key != found[0].key


def test_the_training_part_is_taken_as_it_is(root: Path, tmp_path: Path) -> None:
    """As the same files are in the validation part: photo and wall still fit together."""
    make_set(tmp_path, "train", 3, targets=True)
    data = WallInpaintingDataset(tmp_path, "train", DataSettings(size=64))
    for index in range(3):
        ours, other = samples.plain(data, index), samples.plain(task(root, 1).data, index)
        assert np.array_equal(ours.photo, other.photo)
        assert np.array_equal(ours.alpha, other.alpha)
        assert ours.paint == other.paint
    assert data.split == "train"


def test_pictures_of_one_name_in_two_folders_are_two_photos(tmp_path: Path) -> None:
    folder = make_set(tmp_path, "validation", 1)
    line = json.loads((folder / "metadata.jsonl").read_text())
    save(folder / "images/b/room_0.png", small_room(1).photo)
    other = line | {"image_path": "images/b/room_0.png"}
    write_lines(folder, [line, other, line, other])
    data = task(tmp_path, 4).data
    assert [samples.group_of(data, i) for i in range(4)] == ["room_0", "b/room_0"] * 2


def test_a_file_that_cannot_be_read_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set", "validation", 3)
    job = task(tmp_path / "set", 3)
    (folder / "images/room_1.png").unlink()  # after it was listed
    report = describe(job, "analytic", [candidate()], gather(job, [candidate()], tmp_path))
    assert "room_1.png" in report["samples"][1]["errors"]["sound"]
    assert report["means"]["sound"]["off"]["swatch"]["count"] == 2


def test_a_sample_that_cannot_be_used_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set", "validation", 3)
    (folder / "images/room_1.png").write_bytes(b"no picture")
    job = task(tmp_path / "set", 3)
    report = describe(job, "analytic", [candidate()], gather(job, [candidate()], tmp_path))
    errors = [entry["errors"] for entry in report["samples"]]
    assert errors[0] == errors[2] == {}
    assert "room_1.png" in errors[1]["sound"]
    assert str(tmp_path) not in json.dumps(report)
    literal = report["means"]["sound"]["off"]["swatch"]
    assert (literal["count"], literal["left_out"]) == (2, 1)


def test_an_empty_mask_is_left_out_and_counted(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set", "validation", 3)
    save(folder / "masks/room_2.png", np.zeros((96, 128), np.uint8))
    job = task(tmp_path / "set", 3)
    report = describe(job, "analytic", [candidate()], gather(job, [candidate()], tmp_path))
    assert "is empty" in report["samples"][2]["errors"]["sound"]
    assert "sound" not in report["samples"][2]["scores"]
    for by_metric in report["means"]["sound"].values():
        assert all(found["count"] + found["left_out"] == 3 for found in by_metric.values())
        assert by_metric["swatch"]["left_out"] == 1


def test_a_painter_that_refuses_a_wall_is_told(root: Path, tmp_path: Path) -> None:
    def refuse(picture: np.ndarray, sample: samples.Sample) -> np.ndarray:
        if sample.key.endswith("3"):
            raise InputError("too dark to paint")
        return picture

    report = report_of(tmp_path, root, candidate(), candidate("shy", refuse))
    assert [entry["errors"] for entry in report["samples"] if entry["errors"]] == [{"shy": "too dark to paint"}]
    found = next(d for d in report["differences"] if d["metric"] == "room_mean")
    assert found["count"] == ROOMS - 1
    assert found["verdict"] == "same"


# -- in memory, for training


def test_training_can_ask_without_a_file(
    root: Path, judged: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    chosen = [samples.whole(task(root, 1).data, index) for index in range(3)]
    found = evaluate.evaluate(chosen, painting.by_painter(AnalyticPainter(use_model=False), locks=("off",)))
    for sample in chosen:
        entry = next(e for e in judged["samples"] if e["key"] == sample.key)
        for metric, value in entry["scores"]["sound"]["off"].items():
            assert found.scores[sample.key]["off"][metric] == pytest.approx(value, abs=1e-5, nan_ok=True) or (
                value is None and math.isnan(found.scores[sample.key]["off"][metric])
            )
    assert found.mean("room_mean") == pytest.approx(np.mean(found.values("room_mean")))
    assert found.means()["room_mean"] == found.mean("room_mean")
    assert "lpips" not in found.means()
    assert math.isnan(found.mean("room_mean", "on"))
    assert not list(tmp_path.iterdir())


def test_what_is_better_depends_on_the_metric() -> None:
    assert evaluate.is_better("room_mean", 3.0, 4.0)
    assert evaluate.is_better("ssim", 0.9, 0.8)
    assert evaluate.is_better("ssim", 0.1, math.nan)
    assert not evaluate.is_better("room_mean", math.nan, 4.0)
    assert not evaluate.is_better("room_mean", 4.0, 4.0)
    with pytest.raises(ConfigError, match="there are literal"):
        evaluate.is_better("beauty", 1.0, 2.0)


def test_a_training_sample_is_judged_on_its_own_wall(root: Path) -> None:
    data = task(root, 1).data
    given = data.get(0, 0)
    photo = samples.plain(data, 0).photo
    same = evaluate.score_training(given, photo)
    assert same["room_mean"] == same["contrast"] == 0
    assert same["swatch"] < 1
    worse = evaluate.score_training(given, np.clip(photo.astype(int) - 40, 0, 255).astype(np.uint8))
    assert worse["room_mean"] > 5
    assert worse["lightness"] > 0.1
    assert set(worse) <= set(same) | {"room_hue", "hue_lab", "hue_hsv"}


def test_noise_is_a_sample_s_own() -> None:
    assert painting.seed_of(0, "a") == painting.seed_of(0, "a")
    assert len({painting.seed_of(seed, key) for seed in (0, 1) for key in ("a", "b")}) == 4


def test_an_earlier_report_is_compared_with(root: Path, judged: dict, tmp_path: Path) -> None:
    earlier = validation.Earlier("last week", judged)
    job = task(root, ROOMS)
    found = gather(job, [candidate("new")], tmp_path)
    report = describe(job, "analytic", [candidate("new")], found, earlier=[earlier])
    assert list(report["means"]) == ["new", *(f"{name} (last week)" for name in judged["candidates"])]
    found = {(d["baseline"], d["lock"], d["metric"]): d for d in report["differences"]}
    assert {d["candidate"] for d in report["differences"]} == {"new"}
    assert found["leaking (last week)", "off", "leak"]["verdict"] == "better"
    assert found["leaking (last week)", "off", "leak"]["count"] == ROOMS
    assert found["sound (last week)", "off", "leak"]["verdict"] == "same"


def test_an_earlier_report_on_other_samples_is_refused(root: Path, tmp_path: Path) -> None:
    other = task(root, ROOMS, paints=(Paint.parse("red"),))
    earlier = validation.Earlier(
        "red", describe(other, "analytic", [candidate()], gather(other, [candidate()], tmp_path))
    )
    job = task(root, ROOMS)
    with pytest.raises(InputError, match="none of these 6 samples"):
        describe(job, "analytic", [candidate()], gather(job, [candidate()], tmp_path), earlier=[earlier])


def test_a_report_is_plain_numbers(root: Path, judged: dict) -> None:
    assert json.loads(json.dumps(judged, allow_nan=False)) == judged
    assert str(root) not in json.dumps(judged)
