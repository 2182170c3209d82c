"""The benchmark on a small set of rooms: report, tables, page, command, and invalid sets."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from support.drawn_rooms import make_room, rgb
from wallpaint.cli.benchmark import register
from wallpaint.errors import InputError
from wallpaint.evaluation import tables
from wallpaint.evaluation.benchmark import job
from wallpaint.evaluation.benchmark.baselines import BenchmarkCase
from wallpaint.evaluation.benchmark.compare import METHODS, BenchmarkMethod, compare, select_methods, summarize_tracks
from wallpaint.evaluation.benchmark.dataset import TRACKS, load_cases, read_set
from wallpaint.evaluation.benchmark.page import PairGallery, render_page

Array = np.ndarray
ROOMS = {"pale": "#d9cfc0", "blue": "#4a5f80"}
PAINTS = ("#7d9b84", "#2b3a5c")


def values(text: str) -> list[int]:
    return list(bytes.fromhex(text.lstrip("#")))


def write_set(folder: Path, *, broken: dict[str, Any] | None = None) -> Path:
    """Write a set of two rooms in two paints each, and a texture. broken: keys to change in the second line."""
    for name in ("images", "masks", "targets", "references"):
        (folder / name).mkdir(parents=True)
    lines = []
    for seed, (name, old) in enumerate(ROOMS.items()):
        room = make_room(72, 96, old=old, noise=0.02, seed=seed)
        image, mask, clean = f"images/{name}.png", f"masks/{name}.png", f"images/{name}_clean.png"
        Image.fromarray(room.photo).save(folder / image)
        Image.fromarray(room.soft_mask).save(folder / mask)
        Image.fromarray(room.repainted(rgb(old))).save(folder / clean)
        line = {"image_path": image, "mask_path": mask, "clean_path": clean, "old_color_rgb": values(old), "depth": 1}
        for paint in PAINTS:
            target = f"targets/{name}_{paint[1:]}.png"
            Image.fromarray(room.repainted(rgb(paint))).save(folder / target)
            tracks = ["plain", "light_to_dark"] if paint == PAINTS[1] and name == "pale" else ["plain"]
            lines.append({**line, "target_path": target, "color_rgb": values(paint), "tracks": tracks})
        if name == "pale":
            texture = np.random.default_rng(5).integers(90, 160, (16, 16, 3)).astype(np.uint8)
            Image.fromarray(texture).save(folder / "references/t.png")
            Image.fromarray(room.repainted(rgb("#808080"))).save(folder / "targets/t.png")
            extra = {"target_path": "targets/t.png", "reference_path": "references/t.png", "color_rgb": None}
            lines.append({**line, **extra, "tracks": ["texture"]})
    lines[1].update(broken or {})
    (folder / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("set") / "set")


def inverted(case: BenchmarkCase) -> Array:
    return 1 - case.photo / 255.0


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    return compare(read_set(folder), {**METHODS, "bad": BenchmarkMethod("inverted", inverted)})


def score(report: dict[str, Any], method: str, metric: str = "room_mean", track: str = "all") -> float:
    return report["tracks"][track]["methods"][method][metric]["value"]


# -- the report


def test_errors_of_methods_are_in_the_expected_order(report: dict[str, Any]) -> None:
    errors = {name: score(report, name) for name in report["tracks"]["all"]["methods"]}
    assert max(errors, key=lambda name: errors[name]) == "bad"
    assert errors["multiply_true_clean"] < 1.0
    assert errors["multiply_true_clean"] < errors["multiply_true"] < errors["lab_shift"] < errors["leave"]


def test_methods_have_their_characteristic_scores(report: dict[str, Any]) -> None:
    assert score(report, "leave", "outside_max_diff") == 0
    assert abs(score(report, "flat", "shading")) < 0.02
    assert score(report, "flat", "swatch") < 0.5
    assert score(report, "analytic_swatch", "swatch") < 0.6
    assert score(report, "multiply_true_clean", "shading") > 0.98
    assert score(report, "bad", "outside_max_diff") > 50


def test_tracks_contain_their_pairs(report: dict[str, Any]) -> None:
    counts = {track: (entry["pairs"], entry["photos"]) for track, entry in report["tracks"].items()}
    assert counts == {"all": (4, 2), "plain": (4, 2), "light_to_dark": (1, 1), "texture": (1, 1)}
    assert set(report["tracks"]["texture"]["methods"]) == {"leave", "flat", "tile"}
    assert "tile" not in report["tracks"]["all"]["methods"]
    assert report["tracks"]["texture"]["methods"]["flat"]["swatch"] == {
        "count": 0,
        "value": None,
        "low": None,
        "high": None,
    }


def test_means_are_over_pairs_and_lie_in_their_intervals(report: dict[str, Any]) -> None:
    errors = [entry["methods"]["hsv"]["room_mean"] for entry in report["pairs"] if "texture" not in entry["tracks"]]
    summary = report["tracks"]["all"]["methods"]["hsv"]["room_mean"]
    assert summary["count"] == 4
    assert summary["value"] == pytest.approx(np.mean(errors), abs=1e-3)
    assert summary["low"] <= summary["value"] <= summary["high"]
    assert report["tracks"]["light_to_dark"]["methods"]["hsv"]["room_mean"]["low"] is None  # one photo


def test_interval_of_many_photos_is_the_normal_interval() -> None:
    rng = np.random.default_rng(3)
    errors = rng.normal(10, 2, 400)
    entries = [
        {"photo": str(i), "tracks": [], "methods": {"m": dict.fromkeys(("room_mean",), float(v))}}
        for i, v in enumerate(errors)
    ]
    summary = summarize_tracks(entries, ["m"], 0)["all"]["methods"]["m"]["room_mean"]
    half = 1.96 * errors.std() / 20
    assert (summary["low"], summary["high"]) == pytest.approx(
        (errors.mean() - half, errors.mean() + half), abs=0.1 * half
    )


def test_two_runs_give_the_same_report(folder: Path, report: dict[str, Any]) -> None:
    methods = select_methods("leave,lab_shift,multiply_set,analytic_room")
    first, second = (compare(read_set(folder), methods) for _ in range(2))
    for again in (first, second):
        assert list(again.pop("seconds")) == list(methods)
    assert json.dumps(first) == json.dumps(second)
    assert first["pairs"][0]["methods"]["leave"] == report["pairs"][0]["methods"]["leave"]


def test_refused_pairs_are_excluded_and_counted(folder: Path) -> None:
    def refuse(case: BenchmarkCase) -> Array:
        if case.photo.mean() > 0:
            raise InputError("not today")
        return case.photo

    report = compare(read_set(folder), {"leave": METHODS["leave"], "no": BenchmarkMethod("refuses", refuse)})
    assert all(entry["errors"] == {"no": "not today"} for entry in report["pairs"] if "texture" not in entry["tracks"])
    assert "no" not in report["tracks"]["all"]["methods"]
    assert "refuses: refused 4 pairs." in tables.notes(report)


def test_pairs_with_empty_mask_are_excluded_and_counted(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set")
    Image.fromarray(np.zeros((72, 96), np.uint8)).save(folder / "masks/blue.png")
    report = compare(read_set(folder), select_methods("leave,multiply_set"))
    assert report["tracks"]["all"]["pairs"] == 2
    assert [entry["pair"] for entry in report["left_out"]] == ["targets/blue_2b3a5c.png", "targets/blue_7d9b84.png"]
    assert tables.notes(report)[0].startswith("2 of 5 pairs were left out")


def test_methods_that_need_the_old_colour_skip_pairs_without_it(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", broken={"old_color_rgb": None, "tracks": ["patterned"]})
    report = compare(read_set(folder), select_methods("multiply_true,leave"))
    assert report["tracks"]["all"]["methods"]["multiply_true"]["room_mean"]["count"] == 3
    assert "multiply_true" not in report["tracks"]["patterned"]["methods"]
    cells = {row[0]: row[3] for row in tables.track_table(report).rows}
    assert cells["multiply_true"][0].text.endswith("(3)")


def test_methods_are_selected_by_name() -> None:
    assert list(select_methods(" analytic_room, leave")) == ["leave", "analytic_room"]
    for wrong in ("nonesuch", ","):
        with pytest.raises(InputError, match="there are leave, hsv, flat"):
            select_methods(wrong)


# -- tables and page


def test_best_method_without_ground_truth_is_marked(report: dict[str, Any]) -> None:
    for number in range(2):
        marked = [name for name, _, _, cells in tables.track_table(report).rows if cells[number].is_best]
        open_rows = {
            name: score(report, name) for name, m in report["methods"].items() if not m["uses"] and name != "tile"
        }
        lowest = round(min(open_rows.values()), 1)
        assert marked == [name for name, value in open_rows.items() if round(value, 1) == lowest]


def test_hardness_of_the_set_is_reported(report: dict[str, Any]) -> None:
    rows = report["hardness"]["methods"]
    assert report["hardness"]["track"] == "plain"
    assert rows["leave"]["ratio"] == pytest.approx(score(report, "leave") / 30.0, abs=1e-3)
    assert not rows["multiply_true"]["alike"]
    assert "not comparable in" in tables.notes(report)[-1]


class PageChecker(HTMLParser):
    """Collects tags and sources of a page, and checks that tags are closed."""

    VOID = ("meta", "img", "br", "link", "input")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.scores: list[dict[str, float]] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append(tag)
        self.sources += [str(attributes[key]) for key in ("src", "href", "action") if key in attributes]
        if "data-scores" in attributes:
            self.scores.append(json.loads(attributes["data-scores"] or ""))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page_of(folder: Path, names: str) -> tuple[str, PageChecker]:
    methods = select_methods(names)
    gallery = PairGallery(list(methods))
    text = render_page(compare(read_set(folder), methods, on_pair=gallery.add), gallery)
    checker = PageChecker()
    checker.feed(text)
    checker.close()
    return text, checker


def test_page_loads_nothing_external(folder: Path) -> None:
    text, checker = page_of(folder, "leave,flat,tile,analytic_room,multiply_true")
    assert not checker.open
    assert checker.sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in checker.sources)
    without_images = re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)
    assert not re.search(r"https?:|//[a-z]|@import|url\(", without_images)
    assert len(checker.scores) == checker.tags.count("article") == 5
    assert checker.tags.count("img") == 4 * (3 + 2 * 4) + (4 + 2 * 3)


def test_page_lists_the_worst_pairs_first(folder: Path) -> None:
    _, checker = page_of(folder, "leave,lab_shift,analytic_room")
    worst = [scores["analytic_room"] for scores in checker.scores if "analytic_room" in scores]
    assert worst == sorted(worst, reverse=True)


def test_page_keeps_the_worst_pairs_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wallpaint.evaluation.benchmark.page.MAX_PAIRS", 2)
    text, checker = page_of(folder, "leave")
    entries = compare(read_set(folder), select_methods("leave"))["pairs"]
    worst = sorted((entry["methods"]["leave"]["room_mean"] for entry in entries), reverse=True)
    assert [scores["leave"] for scores in checker.scores] == pytest.approx(worst[:2], abs=1e-2)
    assert "The 2 of 5 pairs" in text


def test_names_from_a_set_are_escaped(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set")
    unsafe_name = "targets/<b onclick=1>&.png"
    (folder / "targets/pale_2b3a5c.png").rename(folder / unsafe_name)
    lines = (folder / "metadata.jsonl").read_text(encoding="utf-8").replace("targets/pale_2b3a5c.png", unsafe_name)
    (folder / "metadata.jsonl").write_text(lines, encoding="utf-8")
    text, checker = page_of(folder, "leave")
    assert "<b onclick" not in text
    assert not checker.open


# -- the command


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback()(lambda: None)
    register(app)
    return app


def test_command_prints_tables_and_writes_both_files(app: typer.Typer, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    ran = CliRunner().invoke(app, ["benchmark", str(folder), "-o", str(out), "--methods", "leave,lab_shift"])
    assert ran.exit_code == 0, ran.output
    assert "Lab shift of the median" in ran.output
    assert "light to dark (1)" in ran.output
    assert sorted(path.name for path in out.iterdir()) == ["benchmark.html", "benchmark.json"]
    assert json.loads((out / "benchmark.json").read_text(encoding="utf-8"))["schema"] == "wallpaint.benchmark/1"


def test_command_prints_json_and_obeys_limit(app: typer.Typer, folder: Path) -> None:
    ran = CliRunner().invoke(app, ["benchmark", str(folder), "--methods", "leave", "--limit", "2", "--json"])
    assert len(json.loads(ran.stdout)["pairs"]) == 2


def test_output_that_is_a_file_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="cannot be created"):
        job.run(folder, folder / "metadata.jsonl", methods="leave", limit=1)


# -- sets


def test_set_of_several_folders_prefers_test(tmp_path: Path) -> None:
    for folder in ("train", "test"):
        write_set(tmp_path / folder)
    assert {pair.name.split("/")[0] for pair in read_set(tmp_path)} == {"test"}
    (tmp_path / "test").rename(tmp_path / "other")
    assert {pair.name.split("/")[0] for pair in read_set(tmp_path)} == {"train", "other"}


def test_pair_has_the_values_of_its_line(folder: Path) -> None:
    pair = read_set(folder)[1]
    assert pair.tracks == ("plain", "light_to_dark")
    case = load_cases([pair])[0]
    assert case.truth is not None
    assert case.truth.clean_linear is not None
    assert case.photo.shape == (72, 96, 3)
    assert case.albedo == pytest.approx(rgb(PAINTS[1]))
    texture = next(load_cases([pair])[0] for pair in read_set(folder) if pair.is_texture)
    assert texture.texture is not None
    assert texture.albedo == pytest.approx(texture.texture.mean((0, 1)))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"image_path": None}, "line 2: image_path is missing"),
        ({"mask_path": 3}, "line 2: mask_path is not a path"),
        ({"target_path": "targets/none.png"}, "line 2: target_path names targets/none.png, and there is no such file"),
        ({"target_path": "../../secret.png"}, "line 2: target_path is ../../secret.png: paths must stay"),
        ({"color_rgb": None}, "line 2: color_rgb is missing"),
        ({"color_rgb": [1, 2]}, "line 2: color_rgb must be three numbers"),
        ({"color_rgb": [1, 2, 999]}, "line 2: color_rgb must be three numbers"),
        ({"old_color_rgb": "#fff"}, "line 2: old_color_rgb must be three numbers"),
        ({"tracks": ["nonesuch"]}, "line 2: no such track: nonesuch"),
        ({"tracks": "plain"}, "line 2: tracks must be a list"),
        ({"tracks": ["texture"]}, "line 2: reference_path is missing"),
    ],
)
def test_invalid_line_is_reported_with_its_number(tmp_path: Path, broken: dict[str, Any], message: str) -> None:
    folder = write_set(tmp_path / "set", broken=broken)
    with pytest.raises(InputError, match=re.escape(message)) as raised:
        read_set(folder)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"), [("{oops\n", "line 1: not JSON"), ("[1]\n", "object, not list"), ("\n", "no line")]
)
def test_invalid_metadata_file_is_reported(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "metadata.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_set(tmp_path)


def test_folder_without_a_set_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no metadata\.jsonl"):
        read_set(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        read_set(tmp_path / "none")


@pytest.mark.parametrize("key", ["mask_path", "target_path"])
def test_images_of_different_size_are_reported(tmp_path: Path, key: str) -> None:
    folder = write_set(tmp_path / "set")
    pair = read_set(folder)[0]
    path = {"mask_path": pair.mask, "target_path": pair.target}[key]
    Image.open(path).resize((40, 30)).save(path)
    with pytest.raises(InputError, match=r"line [12]: the \w+ is 30x40, the photo is 72x96"):
        compare(read_set(folder), select_methods("leave"))


def test_damaged_image_is_one_error_line(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set")
    read_set(folder)[0].target.write_bytes(b"not a picture")
    with pytest.raises(InputError) as raised:
        compare(read_set(folder), select_methods("leave"))
    assert "\n" not in str(raised.value)


def test_every_track_has_a_label() -> None:
    assert set(tables.TRACK_LABELS) == {"all", *TRACKS}
