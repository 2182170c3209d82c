"""The benchmark on a small set of rooms: report, tables, page, command, and sets that are broken."""

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
from wallpaint.evaluation.benchmark.baselines import Case
from wallpaint.evaluation.benchmark.compare import METHODS, Method, choose, compare, summarise
from wallpaint.evaluation.benchmark.dataset import TRACKS, load, read_set
from wallpaint.evaluation.benchmark.page import Album, page

Array = np.ndarray
ROOMS = {"pale": "#d9cfc0", "blue": "#4a5f80"}
PAINTS = ("#7d9b84", "#2b3a5c")


def values(text: str) -> list[int]:
    return list(bytes.fromhex(text.lstrip("#")))


def write_set(folder: Path, *, broken: dict[str, Any] | None = None) -> Path:
    """Two rooms in two paints each, and a texture. broken: keys to change in the second line."""
    for name in ("images", "masks", "targets", "references"):
        (folder / name).mkdir(parents=True)
    lines = []
    for seed, (name, old) in enumerate(ROOMS.items()):
        room = make_room(72, 96, old=old, noise=0.02, seed=seed)
        image, mask, clean = f"images/{name}.png", f"masks/{name}.png", f"images/{name}_clean.png"
        Image.fromarray(room.photo).save(folder / image)
        Image.fromarray(room.soft_mask).save(folder / mask)
        Image.fromarray(room.lit(rgb(old))).save(folder / clean)
        line = {"image_path": image, "mask_path": mask, "clean_path": clean, "old_color_rgb": values(old), "depth": 1}
        for paint in PAINTS:
            target = f"targets/{name}_{paint[1:]}.png"
            Image.fromarray(room.lit(rgb(paint))).save(folder / target)
            tracks = ["plain", "light_to_dark"] if paint == PAINTS[1] and name == "pale" else ["plain"]
            lines.append({**line, "target_path": target, "color_rgb": values(paint), "tracks": tracks})
        if name == "pale":
            texture = np.random.default_rng(5).integers(90, 160, (16, 16, 3)).astype(np.uint8)
            Image.fromarray(texture).save(folder / "references/t.png")
            Image.fromarray(room.lit(rgb("#808080"))).save(folder / "targets/t.png")
            extra = {"target_path": "targets/t.png", "reference_path": "references/t.png", "color_rgb": None}
            lines.append({**line, **extra, "tracks": ["texture"]})
    lines[1].update(broken or {})
    (folder / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("set") / "set")


def inverted(case: Case) -> Array:
    return 1 - case.photo / 255.0


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    return compare(read_set(folder), {**METHODS, "bad": Method("inverted", inverted)})


def score(report: dict[str, Any], method: str, metric: str = "room_mean", track: str = "all") -> float:
    return report["tracks"][track]["methods"][method][metric]["value"]


# -- the report


def test_the_ways_stand_in_the_order_that_reason_expects(report: dict[str, Any]) -> None:
    errors = {name: score(report, name) for name in report["tracks"]["all"]["methods"]}
    assert max(errors, key=lambda name: errors[name]) == "bad"
    assert errors["multiply_true_clean"] < 1.0
    assert errors["multiply_true_clean"] < errors["multiply_true"] < errors["lab_shift"] < errors["leave"]


def test_what_each_way_is_known_for(report: dict[str, Any]) -> None:
    assert score(report, "leave", "outside_max_diff") == 0
    assert abs(score(report, "flat", "shading")) < 0.02
    assert score(report, "flat", "swatch") < 0.5
    assert score(report, "analytic_swatch", "swatch") < 0.6
    assert score(report, "multiply_true_clean", "shading") > 0.98
    assert score(report, "bad", "outside_max_diff") > 50


def test_tracks_hold_their_pairs(report: dict[str, Any]) -> None:
    found = {track: (entry["pairs"], entry["photos"]) for track, entry in report["tracks"].items()}
    assert found == {"all": (4, 2), "plain": (4, 2), "light_to_dark": (1, 1), "texture": (1, 1)}
    assert set(report["tracks"]["texture"]["methods"]) == {"leave", "flat", "tile"}
    assert "tile" not in report["tracks"]["all"]["methods"]
    assert report["tracks"]["texture"]["methods"]["flat"]["swatch"] == {
        "count": 0,
        "value": None,
        "low": None,
        "high": None,
    }


def test_means_are_those_of_the_pairs_and_lie_in_their_intervals(report: dict[str, Any]) -> None:
    found = [entry["methods"]["hsv"]["room_mean"] for entry in report["pairs"] if "texture" not in entry["tracks"]]
    summary = report["tracks"]["all"]["methods"]["hsv"]["room_mean"]
    assert summary["count"] == 4
    assert summary["value"] == pytest.approx(np.mean(found), abs=1e-3)
    assert summary["low"] <= summary["value"] <= summary["high"]
    assert report["tracks"]["light_to_dark"]["methods"]["hsv"]["room_mean"]["low"] is None  # one photo


def test_the_interval_of_the_mean_is_that_of_the_textbook() -> None:
    rng = np.random.default_rng(3)
    drawn = rng.normal(10, 2, 400)
    entries = [
        {"photo": str(i), "tracks": [], "methods": {"m": dict.fromkeys(("room_mean",), float(v))}}
        for i, v in enumerate(drawn)
    ]
    found = summarise(entries, ["m"], 0)["all"]["methods"]["m"]["room_mean"]
    half = 1.96 * drawn.std() / 20
    assert (found["low"], found["high"]) == pytest.approx((drawn.mean() - half, drawn.mean() + half), abs=0.1 * half)


def test_the_same_run_gives_the_same_report(folder: Path, report: dict[str, Any]) -> None:
    chosen = choose("leave,lab_shift,multiply_set,analytic_room")
    first, second = (compare(read_set(folder), chosen) for _ in range(2))
    for again in (first, second):
        assert list(again.pop("seconds")) == list(chosen)
    assert json.dumps(first) == json.dumps(second)
    assert first["pairs"][0]["methods"]["leave"] == report["pairs"][0]["methods"]["leave"]


def test_a_method_that_refuses_is_left_out_and_counted(folder: Path) -> None:
    def refuse(case: Case) -> Array:
        if case.photo.mean() > 0:
            raise InputError("not today")
        return case.photo

    report = compare(read_set(folder), {"leave": METHODS["leave"], "no": Method("refuses", refuse)})
    assert all(entry["errors"] == {"no": "not today"} for entry in report["pairs"] if "texture" not in entry["tracks"])
    assert "no" not in report["tracks"]["all"]["methods"]
    assert "refuses: refused 4 pairs." in tables.notes(report)


def test_an_empty_mask_is_left_out_and_counted(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set")
    Image.fromarray(np.zeros((72, 96), np.uint8)).save(folder / "masks/blue.png")
    report = compare(read_set(folder), choose("leave,multiply_set"))
    assert report["tracks"]["all"]["pairs"] == 2
    assert [entry["pair"] for entry in report["left_out"]] == ["targets/blue_2b3a5c.png", "targets/blue_7d9b84.png"]
    assert tables.notes(report)[0].startswith("2 of 5 pairs were left out")


def test_an_unknown_old_colour_leaves_out_the_rows_that_need_it(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", broken={"old_color_rgb": None, "tracks": ["patterned"]})
    report = compare(read_set(folder), choose("multiply_true,leave"))
    assert report["tracks"]["all"]["methods"]["multiply_true"]["room_mean"]["count"] == 3
    assert "multiply_true" not in report["tracks"]["patterned"]["methods"]
    cells = {row[0]: row[3] for row in tables.by_track(report).rows}
    assert cells["multiply_true"][0].text.endswith("(3)")


def test_methods_are_chosen_by_name() -> None:
    assert list(choose(" analytic_room, leave")) == ["leave", "analytic_room"]
    for wrong in ("nonesuch", ","):
        with pytest.raises(InputError, match="there are leave, hsv, flat"):
            choose(wrong)


# -- tables and page


def test_the_best_row_without_truth_is_marked(report: dict[str, Any]) -> None:
    for number in range(2):
        marked = [name for name, _, _, cells in tables.by_track(report).rows if cells[number].is_best]
        open_rows = {
            name: score(report, name) for name, m in report["methods"].items() if not m["uses"] and name != "tile"
        }
        lowest = round(min(open_rows.values()), 1)
        assert marked == [name for name, value in open_rows.items() if round(value, 1) == lowest]


def test_the_hardness_of_a_set_is_told(report: dict[str, Any]) -> None:
    rows = report["hardness"]["methods"]
    assert report["hardness"]["track"] == "plain"
    assert rows["leave"]["ratio"] == pytest.approx(score(report, "leave") / 30.0, abs=1e-3)
    assert not rows["multiply_true"]["alike"]
    assert "not alike in" in tables.notes(report)[-1]


class Checker(HTMLParser):
    """Notes what a page consists of, and whether its tags close."""

    VOID = ("meta", "img", "br", "link", "input")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.scores: list[dict[str, float]] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.sources += [str(given[key]) for key in ("src", "href", "action") if key in given]
        if "data-scores" in given:
            self.scores.append(json.loads(given["data-scores"] or ""))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page_of(folder: Path, names: str) -> tuple[str, Checker]:
    chosen = choose(names)
    album = Album(list(chosen))
    text = page(compare(read_set(folder), chosen, watch=album.add), album)
    checker = Checker()
    checker.feed(text)
    checker.close()
    return text, checker


def test_the_page_is_one_file_that_asks_for_nothing(folder: Path) -> None:
    text, checker = page_of(folder, "leave,flat,tile,analytic_room,multiply_true")
    assert not checker.open
    assert checker.sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in checker.sources)
    without_pictures = re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)
    assert not re.search(r"https?:|//[a-z]|@import|url\(", without_pictures)
    assert len(checker.scores) == checker.tags.count("article") == 5
    assert checker.tags.count("img") == 4 * (3 + 2 * 4) + (4 + 2 * 3)


def test_the_page_shows_the_worst_first(folder: Path) -> None:
    _, checker = page_of(folder, "leave,lab_shift,analytic_room")
    worst = [scores["analytic_room"] for scores in checker.scores if "analytic_room" in scores]
    assert worst == sorted(worst, reverse=True)


def test_only_the_worst_pairs_are_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wallpaint.evaluation.benchmark.page.SHOWN", 2)
    text, checker = page_of(folder, "leave")
    everyone = compare(read_set(folder), choose("leave"))["pairs"]
    found = sorted((entry["methods"]["leave"]["room_mean"] for entry in everyone), reverse=True)
    assert [scores["leave"] for scores in checker.scores] == pytest.approx(found[:2], abs=1e-2)
    assert "The 2 of 5 pairs" in text


def test_names_from_a_set_are_text_on_the_page(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set")
    odd = "targets/<b onclick=1>&.png"
    (folder / "targets/pale_2b3a5c.png").rename(folder / odd)
    lines = (folder / "metadata.jsonl").read_text().replace("targets/pale_2b3a5c.png", odd)
    (folder / "metadata.jsonl").write_text(lines)
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


def test_the_command_shows_tables_and_writes_both_files(app: typer.Typer, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    ran = CliRunner().invoke(app, ["benchmark", str(folder), "-o", str(out), "--methods", "leave,lab_shift"])
    assert ran.exit_code == 0, ran.output
    assert "Lab shift of the median" in ran.output
    assert "light to dark (1)" in ran.output
    assert sorted(path.name for path in out.iterdir()) == ["benchmark.html", "benchmark.json"]
    assert json.loads((out / "benchmark.json").read_text())["schema"] == "wallpaint.benchmark/1"


def test_the_command_prints_json_and_keeps_to_the_limit(app: typer.Typer, folder: Path) -> None:
    ran = CliRunner().invoke(app, ["benchmark", str(folder), "--methods", "leave", "--limit", "2", "--json"])
    assert len(json.loads(ran.stdout)["pairs"]) == 2


def test_an_output_that_is_a_file_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="cannot be made a folder"):
        job.run(folder, folder / "metadata.jsonl", methods="leave", limit=1)


# -- sets


def test_a_set_may_lie_in_parts_and_test_goes_first(tmp_path: Path) -> None:
    for part in ("train", "test"):
        write_set(tmp_path / part)
    assert {pair.name.split("/")[0] for pair in read_set(tmp_path)} == {"test"}
    (tmp_path / "test").rename(tmp_path / "other")
    assert {pair.name.split("/")[0] for pair in read_set(tmp_path)} == {"train", "other"}


def test_a_pair_has_what_its_line_says(folder: Path) -> None:
    pair = read_set(folder)[1]
    assert pair.tracks == ("plain", "light_to_dark")
    case = load([pair])[0]
    assert case.truth is not None
    assert case.truth.clean_linear is not None
    assert case.photo.shape == (72, 96, 3)
    assert case.albedo == pytest.approx(rgb(PAINTS[1]))
    texture = next(load([pair])[0] for pair in read_set(folder) if pair.is_texture)
    assert texture.texture is not None
    assert texture.albedo == pytest.approx(texture.texture.mean((0, 1)))


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ({"image_path": None}, "line 2: image_path is missing"),
        ({"mask_path": 3}, "line 2: mask_path is not a path"),
        ({"target_path": "targets/none.png"}, "line 2: target_path names targets/none.png, and there is no such file"),
        ({"target_path": "../../secret.png"}, "line 2: target_path is ../../secret.png: paths stay within the set"),
        ({"color_rgb": None}, "line 2: color_rgb is missing"),
        ({"color_rgb": [1, 2]}, "line 2: color_rgb is three numbers"),
        ({"color_rgb": [1, 2, 999]}, "line 2: color_rgb is three numbers"),
        ({"old_color_rgb": "#fff"}, "line 2: old_color_rgb is three numbers"),
        ({"tracks": ["nonesuch"]}, "line 2: no such track: nonesuch"),
        ({"tracks": "plain"}, "line 2: tracks is a list"),
        ({"tracks": ["texture"]}, "line 2: reference_path is missing"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, broken: dict[str, Any], told: str) -> None:
    folder = write_set(tmp_path / "set", broken=broken)
    with pytest.raises(InputError, match=re.escape(told)) as raised:
        read_set(folder)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "told"), [("{oops\n", "line 1: not JSON"), ("[1]\n", "object, not list"), ("\n", "no line")]
)
def test_a_broken_file_is_named(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "metadata.jsonl").write_text(text)
    with pytest.raises(InputError, match=told):
        read_set(tmp_path)


def test_a_folder_without_a_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no metadata\.jsonl"):
        read_set(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        read_set(tmp_path / "none")


@pytest.mark.parametrize("key", ["mask_path", "target_path"])
def test_pictures_of_different_sizes_are_named(tmp_path: Path, key: str) -> None:
    folder = write_set(tmp_path / "set")
    pair = read_set(folder)[0]
    path = {"mask_path": pair.mask, "target_path": pair.target}[key]
    Image.open(path).resize((40, 30)).save(path)
    with pytest.raises(InputError, match=r"line [12]: the \w+ is 30x40, the photo is 72x96"):
        compare(read_set(folder), choose("leave"))


def test_a_damaged_picture_is_one_line(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set")
    read_set(folder)[0].target.write_bytes(b"not a picture")
    with pytest.raises(InputError) as raised:
        compare(read_set(folder), choose("leave"))
    assert "\n" not in str(raised.value)


def test_every_track_has_a_name_for_people() -> None:
    assert set(tables.TRACK_LABELS) == {"all", *TRACKS}
