"""A validation from samples to report: planted faults, intervals, resume, reproducibility, samples."""

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
from support.planted import Fault, contrast_reduced, hue_rotated, leaking, make_candidate, make_task, run_and_dump
from wallpaint.data.dataset import WallInpaintingDataset
from wallpaint.data.settings import SampleSettings
from wallpaint.errors import ConfigError, InputError
from wallpaint.evaluation import bootstrap
from wallpaint.evaluation.comparison import repainters, result_cache, samples, scoring, validation
from wallpaint.evaluation.comparison.candidates import Candidate
from wallpaint.evaluation.comparison.validation import ComparisonTask, build_report, collect_results
from wallpaint.painters.analytic import AnalyticPainter
from wallpaint.paints.paint import Paint

ROOMS = 6


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A validation set with true repaints."""
    folder = tmp_path_factory.mktemp("set")
    make_set(folder, "validation", ROOMS, targets=True)
    return folder


def report_of(folder: Path, root: Path, *candidates: Candidate, **options: object) -> dict:
    return run_task(make_task(root, ROOMS, **options), folder, *candidates)


def run_task(task: ComparisonTask, folder: Path, *candidates: Candidate, **options: object) -> dict:
    results = collect_results(task, candidates, folder)
    return build_report(task, "analytic", candidates, results, **options)  # type: ignore[arg-type]


# -- planted faults


FAULTS: dict[str, tuple[Fault, tuple[str, ...]]] = {
    "hue_rotated": (hue_rotated, ("hue_lab", "hue_hsv", "room_hue", "cie76")),
    "leaking": (leaking, ("leak", "edge")),
    "contrast_reduced": (contrast_reduced, ("contrast", "contrast_kept")),
}


@pytest.fixture(scope="module")
def fault_report(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The report on a sound candidate, an identical one, and three with a fault each."""
    faulty = [make_candidate(name, fault) for name, (fault, _) in FAULTS.items()]
    return report_of(tmp_path_factory.mktemp("report"), root, make_candidate(), make_candidate("twin"), *faulty)


@pytest.mark.parametrize("name", FAULTS)
def test_planted_fault_is_detected(name: str, fault_report: dict) -> None:
    """By the paired difference, whose interval excludes zero."""
    differences = {(d["candidate"], d["lock"], d["metric"]): d for d in fault_report["differences"]}
    for metric in FAULTS[name][1]:
        difference = differences[name, "on", metric]
        assert difference["baseline"] == "sound"
        assert difference["verdict"] == "worse", difference
        assert difference["low"] > 0
        assert difference["count"] == ROOMS


def test_identical_candidates_have_the_verdict_same(fault_report: dict) -> None:
    assert {d["verdict"] for d in fault_report["differences"] if d["candidate"] == "twin"} == {"same"}


def test_measured_faults_have_their_planted_size(fault_report: dict) -> None:
    difference = {(d["candidate"], d["lock"], d["metric"]): d["difference"] for d in fault_report["differences"]}
    assert difference["hue_rotated", "on", "hue_lab"] == pytest.approx(5, abs=1)  # sound: slightly above 0
    assert difference["contrast_reduced", "on", "contrast_kept"] == pytest.approx(0.3, abs=0.1)
    assert difference["leaking", "on", "swatch"] == 0
    assert difference["leaking", "on", "outside_max_diff"] == 0


def test_candidate_without_the_fault_is_better(root: Path, tmp_path: Path) -> None:
    task = make_task(root, ROOMS)
    two = [make_candidate("bad", leaking), make_candidate()]
    report = run_task(task, tmp_path, *two)
    verdicts = {(d["lock"], d["metric"]): d["verdict"] for d in report["differences"]}
    assert verdicts["off", "leak"] == verdicts["off", "edge"] == "better"


# -- means and intervals


def test_means_exclude_and_count_undefined_values(root: Path, tmp_path: Path) -> None:
    task = make_task(root, ROOMS, paints=(Paint.parse("#808080"), Paint.parse("#7d9b84")))
    report = run_task(task, tmp_path, make_candidate())
    mean = report["means"]["sound"]["on"]
    values = [entry["scores"]["sound"]["on"]["hue_lab"] for entry in report["samples"]]
    assert values[::2] == [None] * (ROOMS // 2)  # grey has no hue
    defined = [value for value in values if value is not None]
    assert mean["hue_lab"]["value"] == pytest.approx(np.mean(defined), abs=1e-5)
    assert (mean["hue_lab"]["count"], mean["hue_lab"]["left_out"]) == (ROOMS // 2, ROOMS // 2)
    assert mean["hue_lab"]["low"] <= mean["hue_lab"]["value"] <= mean["hue_lab"]["high"]
    assert mean["room_mean"] == {"count": 0, "left_out": ROOMS, "value": None, "low": None, "high": None}
    assert mean["outside_max_diff"]["value"] == 0
    assert report["by"] == {"metric": "swatch_mean", "lock": "off"}  # a requested paint has no true repaint
    assert [entry["paint"] for entry in report["samples"]] == ["#808080", "#7d9b84"] * (ROOMS // 2)


def test_bands_count_every_sample_once(fault_report: dict) -> None:
    report = fault_report
    for by_metric in report["bands"]["sound"].values():
        assert all(sum(counts) == ROOMS for counts in by_metric.values())
    values = [entry["scores"]["sound"]["off"]["room_mean"] for entry in report["samples"]]
    edges = [0, 1, 2, 10, math.inf]
    expected = [sum(low <= v < high for v in values) for low, high in pairwise(edges)]
    assert report["bands"]["sound"]["off"]["room_mean"] == expected


@pytest.mark.parametrize("photos", [6, 30])
def test_intervals_have_their_nominal_coverage(photos: int) -> None:
    """About 95 % of 400 sets; without the expansion the coverage with six photos would be 85 %."""
    rng = np.random.default_rng(0)
    names = [str(i) for i in range(photos)]
    indices = bootstrap.bootstrap_indices(photos, 0, 4000)
    covered = 0
    for _ in range(400):
        values = list(zip(names, rng.normal(3, 1, photos).tolist(), strict=True))
        mean = bootstrap.estimate_mean(values, names, indices, expanded=True)
        assert mean.low is not None
        assert mean.high is not None
        covered += mean.low <= 3 <= mean.high
    assert 0.91 <= covered / 400 <= 0.98


def test_few_photos_give_no_verdict(root: Path, tmp_path: Path) -> None:
    """Three photos may all be worse by chance."""
    task = make_task(root, 3)
    two = [make_candidate(), make_candidate("bad", leaking)]
    report = run_task(task, tmp_path, *two)
    difference = next(d for d in report["differences"] if d["metric"] == "leak")
    assert difference["low"] > 0
    assert difference["verdict"] == "few"


def test_photos_are_resampled_with_all_their_values() -> None:
    """Ten samples of each of four rooms give the same interval as one of each."""
    names = ["a", "b", "c", "d"]
    values = [(name, float(i)) for i, name in enumerate(names) for _ in range(10)]
    indices = bootstrap.bootstrap_indices(4, 0)
    many = bootstrap.estimate_mean(values, names, indices)
    few = bootstrap.estimate_mean([(name, float(i)) for i, name in enumerate(names)], names, indices)
    assert (many.value, many.low, many.high) == (few.value, few.low, few.high)
    one_photo = bootstrap.estimate_mean([("a", 1.0), ("a", 2.0)], names, indices)
    assert one_photo == bootstrap.MeanEstimate(2, 1.5, photos=1)
    assert bootstrap.estimate_mean([], names, indices) == bootstrap.MeanEstimate(0)


# -- reproducibility and resume


def test_two_runs_give_the_same_report(root: Path, tmp_path: Path) -> None:
    one, two = (run_and_dump(tmp_path / name, root) for name in ("one", "two"))
    assert one == two


def test_cached_results_are_reused_and_damaged_ones_recomputed(root: Path, tmp_path: Path) -> None:
    calls: list[str] = []
    task = make_task(root, ROOMS)
    first = collect_results(task, [make_candidate(calls=calls)], tmp_path)
    assert len(calls) == ROOMS
    assert collect_results(task, [make_candidate(calls=calls)], tmp_path) == first
    assert len(calls) == ROOMS
    cached_file = sorted((tmp_path / result_cache.CACHE_DIR).glob("*.json"))[3]
    cached_file.write_bytes(cached_file.read_bytes()[:-200])  # truncated
    (tmp_path / result_cache.CACHE_DIR / ".0123.part").write_text("left by a run that was killed", encoding="utf-8")
    (tmp_path / ".0123456789abcdef.part").write_text(
        "left by a run that was killed while writing its page", encoding="utf-8"
    )
    (tmp_path / ".other.part").write_text("of another program", encoding="utf-8")
    assert collect_results(task, [make_candidate(calls=calls)], tmp_path) == first
    assert len(calls) == ROOMS + 1
    assert not list((tmp_path / result_cache.CACHE_DIR).glob(".*"))
    assert [path.name for path in tmp_path.glob(".*")] == [".other.part"]


def test_library_version_changes_the_cache_key(monkeypatch: pytest.MonkeyPatch) -> None:
    def key() -> str:
        result_cache._code_digest.cache_clear()
        return result_cache.cache_key("a", "b", 0, with_lpips=False)

    before, version = key(), result_cache.metadata.version
    missing = {name for name in result_cache.LIBRARIES if not result_cache._version(name)}
    assert missing <= {"lpips", "torchvision"}  # optional
    assert key() == before
    monkeypatch.setattr(result_cache.metadata, "version", lambda name: "0.1" if name == "torch" else version(name))
    assert key() != before
    monkeypatch.undo()
    assert key() == before


@pytest.mark.parametrize("changed", ["candidate", "seed", "paint", "target", "mask"])
def test_changed_inputs_are_recomputed(changed: str, root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    make_set(folder, "validation", 2, targets=True)
    calls: list[str] = []
    collect_results(make_task(folder, 2), [make_candidate(calls=calls)], tmp_path)
    options, name = {}, "sound"
    if changed == "candidate":
        name = "other"
    elif changed == "seed":
        options = {"seed": 1}
    elif changed == "paint":
        options = {"paints": (Paint.parse("red"),)}
    else:
        file = folder / "validation" / ("targets" if changed == "target" else "masks") / "room_0.png"
        save(file, small_room(0).hard_mask if changed == "mask" else small_room(0).repainted(rgb("#aa3344")))
    collect_results(make_task(folder, 2, **options), [make_candidate(name, calls=calls)], tmp_path)
    assert len(calls) == (3 if changed in ("target", "mask") else 4)


def test_resume_after_five_sigkills_gives_the_same_report(root: Path, tmp_path: Path) -> None:
    """Each run resumes the last one, and is killed with SIGKILL once it has cached results of its own.

    A run blocks after two samples, so that it cannot end before it is killed, however busy the machine is.
    """
    expected = run_and_dump(tmp_path / "uninterrupted", root)
    folder = tmp_path / "killed" / result_cache.CACHE_DIR
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [
            "support.planted",
            "wallpaint.evaluation.comparison.validation",
            "wallpaint.pipeline.repaint",
            "skimage.metrics",
        ]
    )
    kills, cached = 0, 0
    while kills < 5:
        child = context.Process(target=run_and_dump, args=(folder.parent, root, 2))
        child.start()
        deadline = time.monotonic() + 600
        while len(list(folder.glob("*.json"))) <= cached and time.monotonic() < deadline:
            time.sleep(0.002)
        child.kill()
        child.join()
        assert child.exitcode == -signal.SIGKILL
        kills += 1
        before, cached = cached, len(list(folder.glob("*.json")))
        assert before < cached < 2 * ROOMS
    assert run_and_dump(folder.parent, root) == expected


# -- samples


def test_sample_with_a_true_repaint_has_its_paint(root: Path) -> None:
    sample = samples.full_photo_sample(make_task(root, 1).data, 0)
    assert sample.paint.hex == GREEN
    assert sample.truth is not None
    assert np.array_equal(sample.truth, small_room(0).repainted(rgb(GREEN)))
    assert np.array_equal(sample.photo, small_room(0).photo)


def test_sample_without_a_true_repaint_has_the_walls_appearance_as_paint(tmp_path: Path) -> None:
    """With the lock on the true repaint is the photo; with it off it is unknown, as the colour is no albedo."""
    make_set(tmp_path, "validation", 1)
    sample = samples.full_photo_sample(make_task(tmp_path, 1).data, 0)
    assert sample.truth_for("on") is sample.photo
    assert sample.truth_for("off") is None
    wall = small_room(0).wall
    shown = np.median(small_room(0).photo[wall], axis=0)
    assert np.abs(np.array(sample.paint.rgb) - shown).max() <= 2


def test_sample_with_known_albedo_has_it_as_paint(tmp_path: Path) -> None:
    folder = make_set(tmp_path, "validation", 1)
    line = json.loads((folder / "metadata.jsonl").read_text(encoding="utf-8"))
    write_lines(folder, [line | {"color_rgb": [217, 207, 192]}])
    sample = samples.full_photo_sample(make_task(tmp_path, 1).data, 0)
    assert sample.paint.hex == "#d9cfc0"
    assert sample.truth_for("off") is sample.truth_for("on") is sample.photo


def test_primary_metric_falls_back_to_a_measured_one(tmp_path: Path) -> None:
    make_set(tmp_path / "set", "validation", 2)
    task = make_task(tmp_path / "set", 2)
    report = run_task(task, tmp_path, make_candidate())
    assert report["by"] == {"metric": "room_mean", "lock": "on"}
    means = report["means"]["sound"]
    assert (means["off"]["room_mean"]["count"], means["off"]["room_mean"]["left_out"]) == (0, 2)
    assert means["on"]["room_mean"]["value"] < 2
    requested = run_task(task, tmp_path, make_candidate(), primary_metric="leak")
    assert requested["by"] == {"metric": "leak", "lock": "off"}


def test_crop_sample_equals_the_data_set_sample(root: Path) -> None:
    data = make_task(root, 1).data
    sample, batch_sample = samples.crop_sample(data, 2), data.get(2, 0)
    back = sample.photo.astype(np.float32).transpose(2, 0, 1) / 127.5 - 1
    assert np.abs(back - batch_sample["pixel_values"].numpy()).max() < 1e-6
    assert sample.fill is not None
    assert np.array_equal(sample.fill, batch_sample["mask"][0].numpy() > 0)
    assert np.allclose(sample.paint.rgb, batch_sample["dominant_color"].numpy(), atol=0.51)
    assert sample.truth is sample.photo
    inner = batch_sample["color_mask"][0].numpy() > 0
    assert (sample.alpha[inner] > 0.9).all()


def test_samples_of_one_room_share_a_group(tmp_path: Path) -> None:
    folder = make_set(tmp_path, "validation", 3)
    lines = [json.loads(line) for line in (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()]
    write_lines(folder, [line | {"room": number // 2} for number, line in enumerate(lines)])
    data = make_task(tmp_path, 3).data
    assert [samples.sample_group(data, i) for i in range(3)] == ["room_000000", "room_000000", "room_000001"]


def test_depth_is_read_from_the_depth_folder(root: Path, tmp_path: Path) -> None:
    folder = make_set(tmp_path, "validation", 1)
    depth = np.tile(np.arange(128, dtype=np.uint8), (96, 1))
    save(folder / "depth/room_0.png", depth)
    data = make_task(tmp_path, 1).data
    full, cropped = samples.full_photo_sample(data, 0).depth, samples.crop_sample(data, 0).depth
    assert full is not None
    assert cropped is not None
    assert np.array_equal(full, depth)
    assert cropped.shape == (64, 64)
    assert samples.full_photo_sample(make_task(root, 1).data, 0).depth is None


@pytest.mark.parametrize("depth", [np.arange(0, 65536, 512, dtype=np.uint16), np.arange(0, 256, 4, dtype=np.uint8)])
def test_depth_of_16_bits_or_another_size_is_converted(depth: np.ndarray, tmp_path: Path) -> None:
    """16 bits at the photo's width, and 8 bits at half of it."""
    folder = make_set(tmp_path / "set", "validation", 1)
    save(folder / "depth/room_0.png", np.tile(depth, (96 * len(depth) // 128, 1)))
    task = make_task(tmp_path / "set", 1)
    full, cropped = samples.full_photo_sample(task.data, 0).depth, samples.crop_sample(task.data, 0).depth
    assert full is not None
    assert cropped is not None
    assert (full.dtype, full.shape, cropped.shape) == (np.uint8, (96, 128), (64, 64))
    assert np.abs(full[40].astype(int) - np.arange(0, 256, 2)).max() <= 3
    result = collect_results(task, [make_candidate()], tmp_path)["sound"][0]
    assert "depth" in result.images
    save(folder / "depth/room_0.png", np.zeros((96, 128), np.uint8))
    changed = collect_results(make_task(tmp_path / "set", 1), [make_candidate()], tmp_path)["sound"][0]
    assert changed.key != result.key


def test_training_split_is_not_augmented(root: Path, tmp_path: Path) -> None:
    """Crops equal those of the same files in the validation split."""
    make_set(tmp_path, "train", 3, targets=True)
    data = WallInpaintingDataset(tmp_path, "train", SampleSettings(size=64))
    for index in range(3):
        ours, other = samples.crop_sample(data, index), samples.crop_sample(make_task(root, 1).data, index)
        assert np.array_equal(ours.photo, other.photo)
        assert np.array_equal(ours.alpha, other.alpha)
        assert ours.paint == other.paint
    assert data.split == "train"


def test_equal_file_names_in_two_folders_are_two_groups(tmp_path: Path) -> None:
    folder = make_set(tmp_path, "validation", 1)
    line = json.loads((folder / "metadata.jsonl").read_text(encoding="utf-8"))
    save(folder / "images/b/room_0.png", small_room(1).photo)
    other = line | {"image_path": "images/b/room_0.png"}
    write_lines(folder, [line, other, line, other])
    data = make_task(tmp_path, 4).data
    assert [samples.sample_group(data, i) for i in range(4)] == ["room_0", "b/room_0"] * 2


def test_missing_file_is_reported_and_the_run_continues(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set", "validation", 3)
    task = make_task(tmp_path / "set", 3)
    (folder / "images/room_1.png").unlink()  # after it was listed
    report = run_task(task, tmp_path, make_candidate())
    assert "room_1.png" in report["samples"][1]["errors"]["sound"]
    assert report["means"]["sound"]["off"]["swatch"]["count"] == 2


def test_unusable_sample_is_reported_and_the_run_continues(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set", "validation", 3)
    (folder / "images/room_1.png").write_bytes(b"no picture")
    task = make_task(tmp_path / "set", 3)
    report = run_task(task, tmp_path, make_candidate())
    errors = [entry["errors"] for entry in report["samples"]]
    assert errors[0] == errors[2] == {}
    assert "room_1.png" in errors[1]["sound"]
    assert str(tmp_path) not in json.dumps(report)
    mean = report["means"]["sound"]["off"]["swatch"]
    assert (mean["count"], mean["left_out"]) == (2, 1)


def test_sample_with_empty_mask_is_excluded_and_counted(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set", "validation", 3)
    save(folder / "masks/room_2.png", np.zeros((96, 128), np.uint8))
    task = make_task(tmp_path / "set", 3)
    report = run_task(task, tmp_path, make_candidate())
    assert "is empty" in report["samples"][2]["errors"]["sound"]
    assert "sound" not in report["samples"][2]["scores"]
    for by_metric in report["means"]["sound"].values():
        assert all(mean["count"] + mean["left_out"] == 3 for mean in by_metric.values())
        assert by_metric["swatch"]["left_out"] == 1


def test_refused_sample_is_reported(root: Path, tmp_path: Path) -> None:
    def refuse(image: np.ndarray, sample: samples.ValidationSample) -> np.ndarray:
        if sample.key.endswith("3"):
            raise InputError("too dark to paint")
        return image

    report = report_of(tmp_path, root, make_candidate(), make_candidate("refusing", refuse))
    assert [entry["errors"] for entry in report["samples"] if entry["errors"]] == [{"refusing": "too dark to paint"}]
    difference = next(d for d in report["differences"] if d["metric"] == "room_mean")
    assert difference["count"] == ROOMS - 1
    assert difference["verdict"] == "same"


# -- in memory, for training


def test_evaluate_in_memory_agrees_with_the_report_and_writes_no_file(
    root: Path, fault_report: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    chosen = [samples.full_photo_sample(make_task(root, 1).data, index) for index in range(3)]
    scores = scoring.evaluate(chosen, repainters.full_pipeline(AnalyticPainter(use_model=False), locks=("off",)))
    for sample in chosen:
        entry = next(e for e in fault_report["samples"] if e["key"] == sample.key)
        for metric, value in entry["scores"]["sound"]["off"].items():
            assert scores.scores[sample.key]["off"][metric] == pytest.approx(value, abs=1e-5, nan_ok=True) or (
                value is None and math.isnan(scores.scores[sample.key]["off"][metric])
            )
    assert scores.mean("room_mean") == pytest.approx(np.mean(scores.values("room_mean")))
    assert scores.means()["room_mean"] == scores.mean("room_mean")
    assert "lpips" not in scores.means()
    assert math.isnan(scores.mean("room_mean", "on"))
    assert not list(tmp_path.iterdir())


def test_is_better_follows_the_direction_of_the_metric() -> None:
    assert scoring.is_better("room_mean", 3.0, 4.0)
    assert scoring.is_better("ssim", 0.9, 0.8)
    assert scoring.is_better("ssim", 0.1, math.nan)
    assert not scoring.is_better("room_mean", math.nan, 4.0)
    assert not scoring.is_better("room_mean", 4.0, 4.0)
    with pytest.raises(ConfigError, match="there are swatch"):
        scoring.is_better("beauty", 1.0, 2.0)


def test_score_training_measures_the_color_mask(root: Path) -> None:
    data = make_task(root, 1).data
    batch_sample = data.get(0, 0)
    photo = samples.crop_sample(data, 0).photo
    same = scoring.score_training(batch_sample, photo)
    assert same["room_mean"] == same["contrast"] == 0
    assert same["swatch"] < 1
    worse = scoring.score_training(batch_sample, np.clip(photo.astype(int) - 40, 0, 255).astype(np.uint8))
    assert worse["room_mean"] > 5
    assert worse["lightness"] > 0.1
    assert set(worse) <= set(same) | {"room_hue", "hue_lab", "hue_hsv"}


def test_sample_seeds_are_deterministic_and_distinct() -> None:
    assert repainters.sample_seed(0, "a") == repainters.sample_seed(0, "a")
    assert len({repainters.sample_seed(seed, key) for seed in (0, 1) for key in ("a", "b")}) == 4


def test_earlier_report_is_compared_with(root: Path, fault_report: dict, tmp_path: Path) -> None:
    earlier = validation.EarlierReport("last week", fault_report)
    task = make_task(root, ROOMS)
    report = run_task(task, tmp_path, make_candidate("new"), earlier=[earlier])
    assert list(report["means"]) == ["new", *(f"{name} (last week)" for name in fault_report["candidates"])]
    differences = {(d["baseline"], d["lock"], d["metric"]): d for d in report["differences"]}
    assert {d["candidate"] for d in report["differences"]} == {"new"}
    assert differences["leaking (last week)", "off", "leak"]["verdict"] == "better"
    assert differences["leaking (last week)", "off", "leak"]["count"] == ROOMS
    assert differences["sound (last week)", "off", "leak"]["verdict"] == "same"


def test_earlier_report_on_other_samples_is_refused(root: Path, tmp_path: Path) -> None:
    other = make_task(root, ROOMS, paints=(Paint.parse("red"),))
    earlier = validation.EarlierReport("red", run_task(other, tmp_path, make_candidate()))
    task = make_task(root, ROOMS)
    with pytest.raises(InputError, match="none of these 6 samples"):
        run_task(task, tmp_path, make_candidate(), earlier=[earlier])


def test_report_is_finite_json_without_paths(root: Path, fault_report: dict) -> None:
    assert json.loads(json.dumps(fault_report, allow_nan=False)) == fault_report
    assert str(root) not in json.dumps(fault_report)
