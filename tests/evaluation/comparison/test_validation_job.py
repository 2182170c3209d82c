"""`wallpaint validate` from folder to files, on networks of random weights."""

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
from wallpaint.data.settings import DataSettings
from wallpaint.diffusion.settings import Lora, Settings
from wallpaint.errors import ConfigError, InputError
from wallpaint.evaluation import lpips as perceptual
from wallpaint.evaluation.comparison import candidates, samples, scalars
from wallpaint.evaluation.comparison import repainters as painting
from wallpaint.evaluation.comparison.job import Job, read_report, run
from wallpaint.evaluation.comparison.page import page
from wallpaint.painters.diffusion.painter import UNTRAINED, DiffusionPainter

FEW = Settings(steps=2, device="cpu", dtype="float32")
NASTY = "a<b>\"&'room"


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return load_bundle(tiny_bundle)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three samples, one of which has a name that is no good HTML."""
    folder = make_set(tmp_path_factory.mktemp("set"), "validation", 3, targets=True)
    text = (folder / "metadata.jsonl").read_text()
    for place in ("images", "masks", "targets"):
        (folder / place / "room_1.png").rename(folder / place / f"{NASTY}.png")
        text = text.replace(f"{place}/room_1.png", json.dumps(f"{place}/{NASTY}.png")[1:-1])
    (folder / "metadata.jsonl").write_text(text)
    return folder.parent


@pytest.fixture(scope="module")
def loras(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> tuple[Lora, Lora]:
    made = []
    for number, name in enumerate(("first/lora", "second/lora")):
        folder = tmp_path_factory.mktemp("loras") / name
        folder.mkdir(parents=True)
        made.append(Lora(write_lora(bundle, folder, seed=number)))
    return made[0], made[1]


@pytest.fixture(scope="module")
def judged(bundle: Bundle, root: Path, loras: tuple[Lora, Lora], tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A plain run of the bundle and two LoRAs, done."""
    output = tmp_path_factory.mktemp("report")
    job = Job(root, output, bundle=str(bundle.folder), loras=loras, settings=FEW, size=64)
    run(job)
    return job


def report_of(job: Job) -> dict:
    return json.loads((job.output / "metrics.json").read_text())


# -- pictures


def plain_sample(root: Path, index: int = 0) -> samples.Sample:
    return samples.plain(WallInpaintingDataset(root, "validation", DataSettings(size=64)), index)


def test_plain_is_the_stock_pipeline(bundle: Bundle, root: Path, loras: tuple[Lora, Lora]) -> None:
    """Of the data set's own sample: diffusers' own picture, with any guidance, as the prompt is empty."""
    settings = replace(FEW, image_scale=0.0, control_scale=0.0, loras=loras[:1])
    sample = plain_sample(root)
    given = painting.by_inpainting(DiffusionPainter(bundle, settings))(sample, 3)["off"]
    assert sample.fill is not None
    case = Case(sample.photo, sample.fill, sample.photo, seed=3)
    for guidance in (1.0, 7.5):
        made = stock(bundle, replace(settings, guidance=guidance), case, controlled=False, referenced=False)
        expected = made[0].permute(1, 2, 0).numpy()
        assert np.abs(given / 255.0 - expected).max() <= 0.5 / 255 + 1e-4
    assert np.abs(given.astype(int) - sample.photo).mean() > 5  # nothing is pasted back


def test_the_lock_brings_the_paint_and_leaves_the_rest(bundle: Bundle, root: Path) -> None:
    settings = replace(FEW, image_scale=0.0, control_scale=0.0)
    sample = plain_sample(root)
    on = painting.by_inpainting(DiffusionPainter(bundle, settings), locks=("on",))(sample, 3)
    assert list(on) == ["on"]
    outside = sample.alpha == 0
    assert np.array_equal(on["on"][:2][outside[:2]], sample.photo[:2][outside[:2]])
    shown = np.median(on["on"][sample.alpha == 1], axis=0)
    assert np.abs(shown - sample.paint.rgb).max() <= 6


def test_one_picture_serves_both_locks(bundle: Bundle, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The networks run once a sample, and what comes out is what two runs would give."""
    seen: dict[str, np.ndarray] = {}
    sample = samples.whole(WallInpaintingDataset(root, "validation"), 0)
    expected = painting.by_painter(DiffusionPainter(bundle, FEW))(sample, 5)
    calls = []
    plain = DiffusionPainter.generate
    monkeypatch.setattr(DiffusionPainter, "generate", lambda *a, **k: (calls.append(1), plain(*a, **k))[1])
    found = painting.by_painter(painting.thrifty(bundle, FEW, seen))(sample, 5)
    assert len(calls) == 1
    assert all(np.array_equal(found[lock], expected[lock]) for lock in painting.LOCKS)
    assert seen["depth"].dtype == np.uint8
    again = painting.by_painter(painting.thrifty(bundle, FEW, seen))(sample, 6)
    assert not np.array_equal(again["off"], found["off"])


# -- a whole run


def test_the_report_has_every_candidate_and_says_that_weights_are_random(judged: Job, bundle: Bundle) -> None:
    report = report_of(judged)
    assert list(report["candidates"]) == [bundle.name, "first", "second"]
    assert all(told["warnings"] == [UNTRAINED] for told in report["candidates"].values())
    assert len({told["weights"]["loras"][0] for told in list(report["candidates"].values())[1:]}) == 2
    assert {(d["candidate"], d["baseline"]) for d in report["differences"]} == {
        ("first", bundle.name),
        ("second", bundle.name),
    }
    off = report["means"]["first"]["off"]
    assert off["room_mean"]["count"] == 3
    assert off["room_mean"]["value"] != report["means"]["second"]["off"]["room_mean"]["value"]
    assert off["outside_max_diff"]["value"] > 0  # the whole picture went through the VAE
    assert report["means"]["first"]["on"]["outside_max_diff"]["value"] == 0


def test_a_second_run_gives_the_same_files(judged: Job, tmp_path: Path) -> None:
    again = replace(judged, output=tmp_path / "again")
    run(again)
    for name in ("metrics.json", "validation.html"):
        assert (again.output / name).read_bytes() == (judged.output / name).read_bytes()
    assert str(judged.data) not in (judged.output / "metrics.json").read_text()


def test_a_finished_run_loads_no_network(judged: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (judged.output / "metrics.json").read_bytes()
    monkeypatch.setattr(Bundle, "load", lambda *_: pytest.fail("a network is loaded"))
    run(judged)
    assert (judged.output / "metrics.json").read_bytes() == before


def test_changed_weights_make_other_parts(bundle: Bundle, loras: tuple[Lora, Lora], tmp_path: Path) -> None:
    def digests(**changed: object) -> list[str]:
        return [c.digest for c in candidates.choose("plain", bundle, loras, replace(FEW, **changed))]

    assert len({*digests(), *digests(steps=3), *digests(scheduler="unipc")}) == 9
    assert digests() == digests()
    file = loras[0].path
    kept = file.read_bytes()
    before = digests()
    try:
        write_lora(bundle, file.parent, seed=7)
        assert digests()[1] != before[1]
        assert digests()[::2] == before[::2]
    finally:
        file.write_bytes(kept)


def test_production_says_what_it_saw(bundle: Bundle, root: Path, tmp_path: Path) -> None:
    job = Job(root, tmp_path, mode="production", bundle=str(bundle.folder), settings=FEW, samples=1)
    report = run(job)
    assert report["candidates"][bundle.name]["diffusion"]["depth_control"] is True
    part = json.loads(next((tmp_path / "parts").glob("*.json")).read_text())
    assert set(part["pictures"]) == {
        *("source", "mask", "reference", "depth", "truth", "result off", "map off", "result on", "map on"),
    }


def test_loras_are_named_by_what_tells_them_apart() -> None:
    for path, scale, name in (
        ("runs/walls/lora/pytorch_lora_weights.safetensors", 1, "walls"),
        ("runs/walls/lora", 0.5, "walls at 0.5"),
        ("warm.safetensors", 1, "warm"),
    ):
        assert candidates.name_of(Lora(Path(path), scale)) == name


def test_names_are_unique_whatever_they_are() -> None:
    for names in (["a", "a", "a"], ["a #2", "a", "a"], ["a", "a", "a #2", "b"]):
        found = candidates._unique(names)
        assert len(set(found)) == len(names)
        assert found[0] == names[0]


# -- the page


class Reader(HTMLParser):
    """Collects what a page would fetch, and its text by the order of pictures' sources."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(job: Job) -> Reader:
    reader = Reader()
    reader.feed((job.output / "validation.html").read_text())
    return reader


def test_the_page_holds_all_and_fetches_nothing(judged: Job) -> None:
    reader = read(judged)
    assert reader.sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in reader.sources)
    results = 3 * 3 * 4
    assert reader.tags.count("img") == results + 3 * 4  # source, mask, reference, truth; no depth is used
    assert not {"link", "iframe", "object", "embed", "form"} & set(reader.tags)
    assert NASTY in "".join(reader.words)
    assert NASTY not in (judged.output / "validation.html").read_text()
    assert UNTRAINED in "".join(reader.words)


def test_the_page_reads_from_the_worst_on(judged: Job) -> None:
    report = report_of(judged)
    worst = {
        entry["key"]: max(by_lock["off"]["room_mean"] for by_lock in entry["scores"].values())
        for entry in report["samples"]
    }
    expected = sorted(worst, key=lambda key: -worst[key])
    told = [word.strip() for word in read(judged).words if word.strip() in worst]
    assert told[:3] == expected  # the pictures; then every number
    assert list(dict.fromkeys(told[3:])) == expected


def test_a_page_of_many_pictures_stays_small(judged: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    from wallpaint.evaluation.comparison import page as validation_page
    from wallpaint.evaluation.comparison import result_cache as parts
    from wallpaint.evaluation.comparison import validation

    report = report_of(judged)
    task = validation.Task(
        WallInpaintingDataset(judged.data, "validation", DataSettings(size=64)), judged.data, samples.PLAIN, 3
    )
    chosen = candidates.choose("plain", load_bundle(judged.bundle or ""), judged.loras, FEW)
    keys = [[parts.key_of(c.digest, i, 0, perceptual=False) for i in task.ids] for c in chosen]
    found = {c.name: [parts.read(judged.output, key) for key in row] for c, row in zip(chosen, keys, strict=True)}
    monkeypatch.setattr(validation_page, "MOST_BYTES", 1)
    small = page(report, found)
    assert small.count("<tbody><tr><th colspan") == 1
    assert "The best 2 have no pictures here" in small
    assert len(small) < len((judged.output / "validation.html").read_text())
    last = validation_page.worst_first(report, list(found))[-1]
    for row, made in found.items():
        made[last] = parts.Part("", error="cannot be read")
        report["samples"][last]["errors"][row] = "cannot be read"
        del report["samples"][last]["scores"][row]
    small = page(report, found)
    assert small.count("left out: cannot be read") == 3  # however full the page is
    assert "The best 1 have no pictures here" in small


# -- LPIPS and TensorBoard


def test_scalars_can_be_read_back(root: Path, tmp_path: Path) -> None:
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    job = Job(root, tmp_path, mode="analytic", samples=2, tensorboard=True)
    run(job)
    report = run(job)  # once more: nothing is there twice
    events = reading.EventAccumulator(str(tmp_path / "tensorboard" / "analytic"))
    events.Reload()
    scalar = events.Scalars("room_mean/off")
    assert len(scalar) == 1
    assert scalar[0].value == pytest.approx(report["means"]["analytic"]["off"]["room_mean"]["value"], rel=1e-5)
    assert "lpips/off" not in events.Tags()["scalars"]


def test_without_tensorboard_it_says_what_to_install(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError, match="pip install"):
        run(Job(root, tmp_path / "out", mode="analytic", tensorboard=True))
    assert not (tmp_path / "out").exists()


def test_scalars_of_two_candidates_are_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places: list[str] = []

    @contextmanager
    def make(place: str) -> Iterator[None]:
        places.append(Path(place).name)
        yield

    monkeypatch.setattr(scalars, "writer", lambda: make)
    scalars.write({"means": {"a #2": {}, "a_2": {}, "b": {}}}, tmp_path)
    assert places == ["a_2", "a_2_", "b"]


def test_scalars_that_cannot_be_written_are_told(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    (tmp_path / "tensorboard").write_text("a file")
    with pytest.raises(InputError, match="tensorboard: cannot be written"):
        run(Job(root, tmp_path, mode="analytic", samples=1, tensorboard=True))


class Likeness(torch.nn.Module):
    """In place of LPIPS's network: the mean difference of two tensors."""

    def __init__(self, **_: object) -> None:
        super().__init__()

    def forward(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        assert one.shape == other.shape
        assert float(one.abs().max()) <= 1
        return (one - other).abs().mean()


def test_lpips_is_asked_of_the_wall_s_rectangle(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("lpips")
    module.LPIPS = Likeness  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lpips", module)
    report = run(Job(root, tmp_path, mode="analytic", samples=1, lpips=True))
    found = report["samples"][0]["scores"]["analytic"]["off"]["lpips"]
    assert 0 < found < 0.5
    room = small_room(0)
    measure = perceptual.load()
    alpha = room.alpha.astype(np.float32)
    changed = room.photo.copy()
    changed[-1, 0] = 255 - changed[-1, 0]  # the floor, far from the wall
    assert measure(changed, room.photo, alpha) == 0
    assert np.isnan(measure(room.photo, room.photo, np.zeros_like(alpha)))


def test_without_lpips_it_says_what_to_install(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lpips", None)
    with pytest.raises(ConfigError, match="pip install lpips"):
        run(Job(root, tmp_path / "out", mode="analytic", lpips=True))


# -- the command line


def test_the_command_prints_a_table_and_where_the_page_is(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["validate", "--data", str(root), "--mode", "analytic", "--samples", "2", "-o", str(tmp_path / "out")]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert re.search(r"analytic\s+off\s+[\d.]+", out)
    assert str(tmp_path / "out" / "validation.html") in out
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "wallpaint.validation/1"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--mode", "plain"], "needs a bundle"),
        (["--mode", "analytic", "--bundle", "TINY"], "has no models"),
        (["--mode", "analytic", "--steps", "3"], "has no models"),
        (["--bundle", "TINY", "--image-scale", "1"], "--image-scale: plain inpainting"),
        (["--bundle", "TINY", "--strength", "0.5"], "starts from noise"),
        (["--bundle", "TINY", "--color", "red"], "is not told a colour"),
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
def test_what_cannot_be_is_one_line(
    words: list[str],
    message: str,
    root: Path,
    tiny_bundle: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = [str(tiny_bundle) if word == "TINY" else word for word in words]
    assert main(["validate", "--data", str(root), "-o", str(tmp_path / "out"), *told]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_report_that_is_none_is_refused(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text, message in (("{", "is not JSON"), ('{"schema": "other"}', "is no report of schema")):
        (tmp_path / "metrics.json").write_text(text)
        words = ["validate", "--data", str(root), "-o", str(tmp_path / "out"), "--mode", "analytic"]
        assert main([*words, "--against", str(tmp_path)]) == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "entry",
    [
        *(1, {}, {"id": "a"}, {"id": "a", "scores": {"other": {}}}, {"id": "a", "scores": {"ours": {"half": {}}}}),
        {"id": "a", "scores": {"ours": {"on": {"leak": math.nan}}}},
    ],
)
def test_a_report_whose_samples_are_none_is_refused(entry: object, tmp_path: Path) -> None:
    told = {"schema": "wallpaint.validation/1", "candidates": {"ours": {}}, "samples": [entry]}
    (tmp_path / "metrics.json").write_text(json.dumps(told))
    with pytest.raises(InputError, match="is no report of schema"):
        read_report(tmp_path)


def test_a_report_on_other_samples_is_refused_before_anything_is_painted(root: Path, tmp_path: Path) -> None:
    other = Job(root, tmp_path / "other", mode="analytic", samples=1, colors=("red",))
    run(other)
    with pytest.raises(InputError, match="none of these 3 samples"):
        run(Job(root, tmp_path / "out", mode="analytic", against=(other.output,)))
    assert not (tmp_path / "out").exists()


def test_a_report_is_not_compared_with_itself(root: Path, tmp_path: Path) -> None:
    """It would be lost, and run again would say something else."""
    job = Job(root, tmp_path / "out", mode="analytic", samples=1)
    run(job)
    before = (job.output / "metrics.json").read_bytes()
    with pytest.raises(ConfigError, match="is the folder to write to"):
        run(replace(job, against=(tmp_path / "out" / ".." / "out",)))
    assert (job.output / "metrics.json").read_bytes() == before


def test_an_earlier_report_may_lack_a_metric(root: Path, tmp_path: Path) -> None:
    job = Job(root, tmp_path / "old", mode="analytic", samples=1)
    told = run(job)
    del told["samples"][0]["scores"]["analytic"]["off"]["leak"]
    (job.output / "metrics.json").write_text(json.dumps(told))
    report = run(Job(root, tmp_path / "new", mode="analytic", samples=1, against=(job.output,)))
    assert report["means"]["analytic (old)"]["off"]["leak"]["left_out"] == 1
    assert (tmp_path / "new" / "validation.html").is_file()


def test_earlier_reports_are_told_apart(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["validate", "--data", str(root), "--mode", "analytic", "--samples", "1", "-o"]
    for place in ("a/report", "b/report"):
        (tmp_path / place).mkdir(parents=True)
        assert main([*words, str(tmp_path / place)]) == 0
    capsys.readouterr()
    against = [word for place in ("a/report", "b/report") for word in ("--against", str(tmp_path / place))]
    assert main([*words, str(tmp_path / "c"), *against, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert list(report["means"]) == ["analytic", "analytic (report)", "analytic (report #2)"]
    assert {d["verdict"] for d in report["differences"]} <= {"few", "same"}


def test_a_name_that_is_no_text_is_no_obstacle(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set", "validation", 1)
    (folder / "metadata.jsonl").unlink()
    for place in ("images", "masks"):
        (folder / place / "room_0.png").rename(folder / place / "room_\udcff.png")
    job = Job(tmp_path / "set", tmp_path / "out", mode="analytic")
    run(job)
    assert report_of(job)["samples"][0]["key"] == "room_\udcff"
    assert "room_\\udcff" in (job.output / "validation.html").read_text()


def test_poor_samples_are_not_taken_and_that_is_told(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_set(tmp_path / "set", "validation", 2)
    text = (folder / "metadata.jsonl").read_text().replace("0.9", "0.1", 1)
    (folder / "metadata.jsonl").write_text(text)
    assert main(["validate", "--data", str(folder.parent), "--mode", "analytic", "-o", str(tmp_path / "out")]) == 0
    assert "quality_score is too low: 1 of" in capsys.readouterr().out
