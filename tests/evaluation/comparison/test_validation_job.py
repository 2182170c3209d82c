"""`wallpaint validate` from data set to files, with networks of random weights."""

from __future__ import annotations

import json
import math
import re
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch

from support.data_sets import make_set, small_room
from support.stock_pipelines import Case, stock, write_lora
from wallpaint.bundles.bundle import Bundle, load_bundle
from wallpaint.cli.app import main
from wallpaint.data.dataset import WallInpaintingDataset
from wallpaint.data.settings import SampleSettings
from wallpaint.diffusion.settings import DiffusionSettings, Lora
from wallpaint.errors import ConfigError, InputError
from wallpaint.evaluation import lpips
from wallpaint.evaluation.comparison import candidates, repainters, samples, scalars
from wallpaint.evaluation.comparison.job import ValidationJob, read_report, run
from wallpaint.evaluation.comparison.page import render_page
from wallpaint.painters.diffusion.painter import RANDOM_WEIGHTS_WARNING, DiffusionPainter

FEW = DiffusionSettings(steps=2, device="cpu", dtype="float32")
UNSAFE_NAME = "a<b>\"&'room"


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return load_bundle(tiny_bundle)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three samples, one of which has a name with HTML special characters."""
    folder = make_set(tmp_path_factory.mktemp("set"), "validation", 3, targets=True)
    text = (folder / "metadata.jsonl").read_text(encoding="utf-8")
    for subfolder in ("images", "masks", "targets"):
        (folder / subfolder / "room_1.png").rename(folder / subfolder / f"{UNSAFE_NAME}.png")
        text = text.replace(f"{subfolder}/room_1.png", json.dumps(f"{subfolder}/{UNSAFE_NAME}.png")[1:-1])
    (folder / "metadata.jsonl").write_text(text, encoding="utf-8")
    return folder.parent


@pytest.fixture(scope="module")
def loras(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> tuple[Lora, Lora]:
    loras = []
    for number, name in enumerate(("first/lora", "second/lora")):
        folder = tmp_path_factory.mktemp("loras") / name
        folder.mkdir(parents=True)
        loras.append(Lora(write_lora(bundle, folder, seed=number)))
    return loras[0], loras[1]


@pytest.fixture(scope="module")
def finished_job(
    bundle: Bundle, root: Path, loras: tuple[Lora, Lora], tmp_path_factory: pytest.TempPathFactory
) -> ValidationJob:
    """A finished run of mode "plain" with the bundle and two LoRAs."""
    output = tmp_path_factory.mktemp("report")
    job = ValidationJob(root, output, bundle=str(bundle.folder), loras=loras, settings=FEW, size=64)
    run(job)
    return job


def report_of(job: ValidationJob) -> dict:
    return json.loads((job.output / "metrics.json").read_text(encoding="utf-8"))


# -- repaint functions


def cropped_sample(root: Path, index: int = 0) -> samples.ValidationSample:
    return samples.crop_sample(WallInpaintingDataset(root, "validation", SampleSettings(size=64)), index)


def test_plain_inpainting_equals_the_stock_pipeline(bundle: Bundle, root: Path, loras: tuple[Lora, Lora]) -> None:
    """The image of diffusers for the same sample, with any guidance, as both prompts are empty."""
    settings = replace(FEW, ip_adapter_scale=0.0, controlnet_scale=0.0, loras=loras[:1])
    sample = cropped_sample(root)
    inpainted = repainters.plain_inpainting(DiffusionPainter(bundle, settings))(sample, 3)["off"]
    assert sample.fill is not None
    case = Case(sample.photo, sample.fill, sample.photo, seed=3)
    for guidance in (1.0, 7.5):
        images = stock(bundle, replace(settings, guidance=guidance), case, with_controlnet=False, with_ip_adapter=False)
        expected = images[0].permute(1, 2, 0).numpy()
        assert np.abs(inpainted / 255.0 - expected).max() <= 0.5 / 255 + 1e-4
    assert np.abs(inpainted.astype(int) - sample.photo).mean() > 5  # nothing is composited back


def test_lock_reaches_the_paint_and_keeps_the_rest(bundle: Bundle, root: Path) -> None:
    settings = replace(FEW, ip_adapter_scale=0.0, controlnet_scale=0.0)
    sample = cropped_sample(root)
    on = repainters.plain_inpainting(DiffusionPainter(bundle, settings), locks=("on",))(sample, 3)
    assert list(on) == ["on"]
    outside = sample.alpha == 0
    assert np.array_equal(on["on"][:2][outside[:2]], sample.photo[:2][outside[:2]])
    median = np.median(on["on"][sample.alpha == 1], axis=0)
    assert np.abs(median - sample.paint.rgb).max() <= 6


def test_caching_painter_runs_the_networks_once_for_both_locks(
    bundle: Bundle, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The repaints equal those of two runs."""
    observed: dict[str, np.ndarray] = {}
    sample = samples.full_photo_sample(WallInpaintingDataset(root, "validation"), 0)
    expected = repainters.full_pipeline(DiffusionPainter(bundle, FEW))(sample, 5)
    calls = []
    generate = DiffusionPainter.inpaint
    monkeypatch.setattr(DiffusionPainter, "inpaint", lambda *a, **k: (calls.append(1), generate(*a, **k))[1])
    repaints = repainters.full_pipeline(repainters.make_caching_painter(bundle, FEW, observed))(sample, 5)
    assert len(calls) == 1
    assert all(np.array_equal(repaints[lock], expected[lock]) for lock in repainters.LOCKS)
    assert observed["depth"].dtype == np.uint8
    again = repainters.full_pipeline(repainters.make_caching_painter(bundle, FEW, observed))(sample, 6)
    assert not np.array_equal(again["off"], repaints["off"])


# -- full runs


def test_report_has_every_candidate_and_warns_of_random_weights(finished_job: ValidationJob, bundle: Bundle) -> None:
    report = report_of(finished_job)
    assert list(report["candidates"]) == [bundle.name, "first", "second"]
    assert all(metadata["warnings"] == [RANDOM_WEIGHTS_WARNING] for metadata in report["candidates"].values())
    assert len({metadata["weights"]["loras"][0] for metadata in list(report["candidates"].values())[1:]}) == 2
    assert {(d["candidate"], d["baseline"]) for d in report["differences"]} == {
        ("first", bundle.name),
        ("second", bundle.name),
    }
    off = report["means"]["first"]["off"]
    assert off["room_mean"]["count"] == 3
    assert off["room_mean"]["value"] != report["means"]["second"]["off"]["room_mean"]["value"]
    assert off["outside_max_diff"]["value"] > 0  # the VAE re-encodes the full image
    assert report["means"]["first"]["on"]["outside_max_diff"]["value"] == 0


def test_second_run_gives_the_same_files(finished_job: ValidationJob, tmp_path: Path) -> None:
    again = replace(finished_job, output=tmp_path / "again")
    run(again)
    for name in ("metrics.json", "validation.html"):
        assert (again.output / name).read_bytes() == (finished_job.output / name).read_bytes()
    assert str(finished_job.data) not in (finished_job.output / "metrics.json").read_text(encoding="utf-8")


def test_finished_run_loads_no_network_when_repeated(
    finished_job: ValidationJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (finished_job.output / "metrics.json").read_bytes()
    monkeypatch.setattr(Bundle, "load", lambda *_: pytest.fail("a network is loaded"))
    run(finished_job)
    assert (finished_job.output / "metrics.json").read_bytes() == before


def test_changed_weights_and_settings_change_the_digest(
    bundle: Bundle, loras: tuple[Lora, Lora], tmp_path: Path
) -> None:
    def digests(**changed: object) -> list[str]:
        return [c.digest for c in candidates.build_candidates("plain", bundle, loras, replace(FEW, **changed))]

    assert len({*digests(), *digests(steps=3), *digests(scheduler="unipc")}) == 9
    assert digests() == digests()
    file = loras[0].path
    original = file.read_bytes()
    before = digests()
    try:
        write_lora(bundle, file.parent, seed=7)
        assert digests()[1] != before[1]
        assert digests()[::2] == before[::2]
    finally:
        file.write_bytes(original)


def test_production_result_contains_all_images(bundle: Bundle, root: Path, tmp_path: Path) -> None:
    job = ValidationJob(root, tmp_path, mode="production", bundle=str(bundle.folder), settings=FEW, samples=1)
    report = run(job)
    assert report["candidates"][bundle.name]["diffusion"]["depth_control"] is True
    result = json.loads(next((tmp_path / "cache").glob("*.json")).read_text(encoding="utf-8"))
    assert set(result["images"]) == {
        *("source", "mask", "reference", "depth", "truth", "result off", "map off", "result on", "map on"),
    }


def test_loras_are_named_after_their_folder_or_file() -> None:
    for path, scale, name in (
        ("runs/walls/lora/pytorch_lora_weights.safetensors", 1, "walls"),
        ("runs/walls/lora", 0.5, "walls at 0.5"),
        ("warm.safetensors", 1, "warm"),
    ):
        assert candidates.lora_name(Lora(Path(path), scale)) == name


def test_candidate_names_are_made_unique() -> None:
    for names in (["a", "a", "a"], ["a #2", "a", "a"], ["a", "a", "a #2", "b"]):
        unique = candidates._unique(names)
        assert len(set(unique)) == len(names)
        assert unique[0] == names[0]


# -- the page


class PageParser(HTMLParser):
    """Collects the tags, sources and text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.tags: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def parse_page(job: ValidationJob) -> PageParser:
    parser = PageParser()
    parser.feed((job.output / "validation.html").read_text(encoding="utf-8"))
    return parser


def test_page_is_complete_and_loads_nothing_external(finished_job: ValidationJob) -> None:
    parser = parse_page(finished_job)
    assert parser.sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in parser.sources)
    results = 3 * 3 * 4
    assert parser.tags.count("img") == results + 3 * 4  # source, mask, reference, truth; no depth is used
    assert not {"link", "iframe", "object", "embed", "form"} & set(parser.tags)
    assert UNSAFE_NAME in "".join(parser.texts)
    assert UNSAFE_NAME not in (finished_job.output / "validation.html").read_text(encoding="utf-8")
    assert RANDOM_WEIGHTS_WARNING in "".join(parser.texts)


def test_page_lists_the_worst_samples_first(finished_job: ValidationJob) -> None:
    report = report_of(finished_job)
    worst = {
        entry["key"]: max(by_lock["off"]["room_mean"] for by_lock in entry["scores"].values())
        for entry in report["samples"]
    }
    expected = sorted(worst, key=lambda key: -worst[key])
    keys = [text.strip() for text in parse_page(finished_job).texts if text.strip() in worst]
    assert keys[:3] == expected  # the images; then the table of all numbers
    assert list(dict.fromkeys(keys[3:])) == expected


def test_page_omits_images_beyond_the_size_limit(finished_job: ValidationJob, monkeypatch: pytest.MonkeyPatch) -> None:
    from wallpaint.evaluation.comparison import page as validation_page
    from wallpaint.evaluation.comparison import result_cache, validation

    report = report_of(finished_job)
    task = validation.ComparisonTask(
        WallInpaintingDataset(finished_job.data, "validation", SampleSettings(size=64)),
        finished_job.data,
        samples.CROP,
        3,
    )
    chosen = candidates.build_candidates("plain", load_bundle(finished_job.bundle or ""), finished_job.loras, FEW)
    keys = [[result_cache.cache_key(c.digest, i, 0, with_lpips=False) for i in task.sample_ids] for c in chosen]
    results = {
        c.name: [result_cache.read(finished_job.output, key) for key in row]
        for c, row in zip(chosen, keys, strict=True)
    }
    monkeypatch.setattr(validation_page, "MAX_IMAGE_BYTES", 1)
    small = render_page(report, results)
    assert small.count("<tbody><tr><th colspan") == 1
    assert "Images of the best 2 samples are omitted" in small
    assert len(small) < len((finished_job.output / "validation.html").read_text(encoding="utf-8"))
    last = validation_page.worst_first(report, list(results))[-1]
    for name, by_sample in results.items():
        by_sample[last] = result_cache.CachedResult("", error="cannot be read")
        report["samples"][last]["errors"][name] = "cannot be read"
        del report["samples"][last]["scores"][name]
    small = render_page(report, results)
    assert small.count("left out: cannot be read") == 3  # errors are listed regardless of the limit
    assert "Images of the best 1 samples are omitted" in small


# -- LPIPS and TensorBoard


def test_tensorboard_scalars_can_be_read_back(root: Path, tmp_path: Path) -> None:
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    job = ValidationJob(root, tmp_path, mode="analytic", samples=2, tensorboard=True)
    run(job)
    report = run(job)  # a repeated run replaces the event files
    events = reading.EventAccumulator(str(tmp_path / "tensorboard" / "analytic"))
    events.Reload()
    scalar = events.Scalars("room_mean/off")
    assert len(scalar) == 1
    assert scalar[0].value == pytest.approx(report["means"]["analytic"]["off"]["room_mean"]["value"], rel=1e-5)
    assert "lpips/off" not in events.Tags()["scalars"]


def test_missing_tensorboard_is_reported_with_the_install_command(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError, match="pip install"):
        run(ValidationJob(root, tmp_path / "out", mode="analytic", tensorboard=True))
    assert not (tmp_path / "out").exists()


def test_candidates_with_colliding_names_get_separate_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_names: list[str] = []

    @contextmanager
    def make_writer(folder: str) -> Iterator[None]:
        run_names.append(Path(folder).name)
        yield

    monkeypatch.setattr(scalars, "summary_writer", lambda: make_writer)
    scalars.write({"means": {"a #2": {}, "a_2": {}, "b": {}}}, tmp_path)
    assert run_names == ["a_2", "a_2_", "b"]


def test_unwritable_tensorboard_folder_is_reported(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    (tmp_path / "tensorboard").write_text("a file", encoding="utf-8")
    with pytest.raises(InputError, match="tensorboard: cannot be written"):
        run(ValidationJob(root, tmp_path, mode="analytic", samples=1, tensorboard=True))


class FakeLpips(torch.nn.Module):
    """A stand-in for the LPIPS network: the mean absolute difference of two tensors."""

    def __init__(self, **_: object) -> None:
        super().__init__()

    def forward(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        assert one.shape == other.shape
        assert float(one.abs().max()) <= 1
        return (one - other).abs().mean()


def test_lpips_is_measured_in_the_walls_bounding_box(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("lpips")
    module.LPIPS = FakeLpips  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lpips", module)
    report = run(ValidationJob(root, tmp_path, mode="analytic", samples=1, lpips=True))
    value = report["samples"][0]["scores"]["analytic"]["off"]["lpips"]
    assert 0 < value < 0.5
    room = small_room(0)
    lpips_fn = lpips.load()
    alpha = room.alpha.astype(np.float32)
    changed = room.photo.copy()
    changed[-1, 0] = 255 - changed[-1, 0]  # the floor, far from the wall
    assert lpips_fn(changed, room.photo, alpha) == 0
    assert np.isnan(lpips_fn(room.photo, room.photo, np.zeros_like(alpha)))


def test_missing_lpips_is_reported_with_the_install_command(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lpips", None)
    with pytest.raises(ConfigError, match="pip install lpips"):
        run(ValidationJob(root, tmp_path / "out", mode="analytic", lpips=True))


# -- the command line


def test_command_prints_a_table_and_the_path_of_the_page(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["validate", "--data", str(root), "--mode", "analytic", "--samples", "2", "-o", str(tmp_path / "out")]
    assert main(args) == 0
    out = capsys.readouterr().out
    assert re.search(r"analytic\s+off\s+[\d.]+", out)
    assert str(tmp_path / "out" / "validation.html") in out
    assert main([*args, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "wallpaint.validation/1"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--mode", "plain"], "needs a bundle"),
        (["--mode", "analytic", "--bundle", "TINY"], "has no models"),
        (["--mode", "analytic", "--steps", "3"], "has no models"),
        (["--bundle", "TINY", "--ip-adapter-scale", "1"], "--ip-adapter-scale: plain inpainting"),
        (["--bundle", "TINY", "--strength", "0.5"], "starts from noise"),
        (["--bundle", "TINY", "--color", "red"], "takes no colour"),
        (["--bundle", "TINY", "--size", "65"], "must be a multiple of"),
        (["--bundle", "TINY", "--lora", "nowhere"], "nowhere"),
        (["--mode", "production", "--bundle", "TINY", "--size", "64"], "only plain inpainting"),
        (["--mode", "analytic", "--by", "beauty"], "no metric"),
        (["--mode", "analytic", "--against", "nowhere"], "--against wants a report"),
        (["--mode", "analytic", "--split", "holidays"], "split must be one of"),
        (["--mode", "analytic", "--split", "test"], "no folder test"),
        (["--mode", "analytic", "--color", "no such colour"], "colour"),
    ],
)
def test_conflicting_options_are_one_error_line(
    args: list[str],
    message: str,
    root: Path,
    tiny_bundle: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    args = [str(tiny_bundle) if arg == "TINY" else arg for arg in args]
    assert main(["validate", "--data", str(root), "-o", str(tmp_path / "out"), *args]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_invalid_report_is_refused(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text, message in (("{", "is not JSON"), ('{"schema": "other"}', "is no report of schema")):
        (tmp_path / "metrics.json").write_text(text, encoding="utf-8")
        args = ["validate", "--data", str(root), "-o", str(tmp_path / "out"), "--mode", "analytic"]
        assert main([*args, "--against", str(tmp_path)]) == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "entry",
    [
        *(1, {}, {"id": "a"}, {"id": "a", "scores": {"other": {}}}, {"id": "a", "scores": {"ours": {"half": {}}}}),
        {"id": "a", "scores": {"ours": {"on": {"leak": math.nan}}}},
    ],
)
def test_report_with_invalid_samples_is_refused(entry: object, tmp_path: Path) -> None:
    report = {"schema": "wallpaint.validation/1", "candidates": {"ours": {}}, "samples": [entry]}
    (tmp_path / "metrics.json").write_text(json.dumps(report), encoding="utf-8")
    with pytest.raises(InputError, match="is no report of schema"):
        read_report(tmp_path)


def test_report_on_other_samples_is_refused_before_repainting(root: Path, tmp_path: Path) -> None:
    other = ValidationJob(root, tmp_path / "other", mode="analytic", samples=1, colors=("red",))
    run(other)
    with pytest.raises(InputError, match="none of these 3 samples"):
        run(ValidationJob(root, tmp_path / "out", mode="analytic", against=(other.output,)))
    assert not (tmp_path / "out").exists()


def test_comparison_with_the_output_folder_is_refused(root: Path, tmp_path: Path) -> None:
    """The earlier report would be overwritten."""
    job = ValidationJob(root, tmp_path / "out", mode="analytic", samples=1)
    run(job)
    before = (job.output / "metrics.json").read_bytes()
    with pytest.raises(ConfigError, match="is the folder to write to"):
        run(replace(job, against=(tmp_path / "out" / ".." / "out",)))
    assert (job.output / "metrics.json").read_bytes() == before


def test_earlier_report_may_lack_a_metric(root: Path, tmp_path: Path) -> None:
    job = ValidationJob(root, tmp_path / "old", mode="analytic", samples=1)
    report = run(job)
    del report["samples"][0]["scores"]["analytic"]["off"]["leak"]
    (job.output / "metrics.json").write_text(json.dumps(report), encoding="utf-8")
    report = run(ValidationJob(root, tmp_path / "new", mode="analytic", samples=1, against=(job.output,)))
    assert report["means"]["analytic (old)"]["off"]["leak"]["left_out"] == 1
    assert (tmp_path / "new" / "validation.html").is_file()


def test_earlier_reports_get_unique_names(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["validate", "--data", str(root), "--mode", "analytic", "--samples", "1", "-o"]
    folders = ("a/report", "b/report")
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
        assert main([*args, str(tmp_path / folder)]) == 0
    capsys.readouterr()
    against = [arg for folder in folders for arg in ("--against", str(tmp_path / folder))]
    assert main([*args, str(tmp_path / "c"), *against, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert list(report["means"]) == ["analytic", "analytic (report)", "analytic (report #2)"]
    assert {d["verdict"] for d in report["differences"]} <= {"few", "same"}


def test_undecodable_file_name_is_escaped(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set", "validation", 1)
    (folder / "metadata.jsonl").unlink()
    for subfolder in ("images", "masks"):
        (folder / subfolder / "room_0.png").rename(folder / subfolder / "room_\udcff.png")
    job = ValidationJob(tmp_path / "set", tmp_path / "out", mode="analytic")
    run(job)
    assert report_of(job)["samples"][0]["key"] == "room_\udcff"
    assert "room_\\udcff" in (job.output / "validation.html").read_text(encoding="utf-8")


def test_samples_of_low_quality_are_excluded_and_counted(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_set(tmp_path / "set", "validation", 2)
    text = (folder / "metadata.jsonl").read_text(encoding="utf-8").replace("0.9", "0.1", 1)
    (folder / "metadata.jsonl").write_text(text, encoding="utf-8")
    assert main(["validate", "--data", str(folder.parent), "--mode", "analytic", "-o", str(tmp_path / "out")]) == 0
    assert "quality_score is too low: 1 of" in capsys.readouterr().out


def test_prompt_context_and_mask_dilation_are_options(
    tiny_bundle: Path, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each changes the painter's settings; in mode plain the erosion changes the result, and context is refused."""
    command = ["validate", "--data", str(root), "--bundle", str(tiny_bundle), "--steps", "1", "--samples", "1"]
    plain = [*command, "--size", "64", "--prompt", "a blue wall", "--device", "cpu", "--json"]
    reports = []
    for name, dilation in (("eroded", "-2"), ("dilated", "8")):
        assert main([*plain, f"--mask-dilation-px={dilation}", "-o", str(tmp_path / name)]) == 0
        reports.append(json.loads(capsys.readouterr().out))
    texts = [json.dumps(report) for report in reports]
    assert '"mask_dilation_px": -2.0' in texts[0]
    assert all('"prompt": "a blue wall"' in text for text in texts)
    pages = [(tmp_path / name / "validation.html").read_bytes() for name in ("eroded", "dilated")]
    assert pages[0] != pages[1]
    assert main([*plain, "--context", "0.5", "-o", str(tmp_path / "x")]) == 2
    assert "--context: plain inpainting takes samples of one size: pass --mode production" in capsys.readouterr().err
