"""Sets of rooms: what recipes may ask for, what is rendered, and that no use takes another's rooms."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import synthetic_rooms
from wallpaint.errors import ConfigError
from wallpaint.rooms.sets import render, room_file
from wallpaint.train import room_sets
from wallpaint.train.engine.config import from_mapping, to_mapping
from wallpaint.train.room_sets import RoomSet
from wallpaint.train.segmenter.config import SegmenterConfig


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Rooms by arithmetic in place of rendered ones; the seeds of each job."""
    asked: list[list[int]] = []

    def run(job: render.RenderJob, step: object) -> None:
        asked.append(list(range(job.seed, job.seed + job.count)))
        job.out.mkdir(parents=True, exist_ok=True)
        render.check_settings(job.out / render.SETTINGS_FILE, render._settings(job))
        for seed in asked[-1]:
            record = synthetic_rooms.render(seed, job.size, job.samples)
            if isinstance(record, room_file.RoomRecord):
                room_file.write(job.out / room_file.name_of(seed), record)
            else:
                (job.out / room_file.skipped_name_of(seed)).write_text("{}")

    monkeypatch.setattr(render, "run", run)
    return asked


def prepared(*sets: RoomSet, use: str = "rooms") -> list[str]:
    return [room.name for room in room_sets.prepare({use: sets}, 1, print)[use]]


def test_what_lacks_is_rendered_once(tmp_path: Path, quick: list[list[int]]) -> None:
    one = RoomSet(tmp_path, seed=2, count=3, px=16, samples=4)
    assert prepared(one) == ["room_000002.npz", "room_000004.npz"]  # seed 3 gives no good room
    assert prepared(one) == ["room_000002.npz", "room_000004.npz"]
    assert quick == [[2, 3, 4]]
    (tmp_path / "room_000004.npz").unlink()
    assert len(prepared(one)) == 2
    assert len(quick) == 2


def test_a_folder_alone_is_all_rooms_that_are_in_it(tmp_path: Path, quick: list[list[int]]) -> None:
    with pytest.raises(ConfigError, match="has no rooms"):
        prepared(RoomSet(tmp_path))
    prepared(RoomSet(tmp_path, seed=5, count=2, px=16, samples=4), RoomSet(tmp_path, seed=1, count=1, px=16, samples=4))
    assert prepared(RoomSet(tmp_path)) == ["room_000001.npz", "room_000005.npz", "room_000006.npz"]
    with pytest.raises(ConfigError, match="seed, px without count"):
        RoomSet(tmp_path, seed=5, px=128)


def test_rooms_of_another_size_are_not_taken_for_those(tmp_path: Path, quick: list[list[int]]) -> None:
    prepared(RoomSet(tmp_path, count=2, px=16, samples=4))
    with pytest.raises(ConfigError, match="16x16 pixels at 4 samples, not 32x32 at 4"):
        prepared(RoomSet(tmp_path, count=2, px=32, samples=4))


@pytest.mark.parametrize(
    ("use", "seed", "kind"), [("rooms", 950_000, "test"), ("rooms", 900_000, "validation"), ("validation", 7, "train")]
)
def test_no_use_takes_the_rooms_of_another(
    use: str, seed: int, kind: str, tmp_path: Path, quick: list[list[int]]
) -> None:
    assert list(room_sets.wrong({use: [RoomSet(tmp_path, seed=seed, count=1)]}))
    render.run(render.RenderJob(1, seed, (16, 16), 4, tmp_path), None)  # in a folder of which no seed is told
    with pytest.raises(ConfigError, match=f"is a {kind} room"):
        prepared(RoomSet(tmp_path), use=use)


def test_a_set_may_not_cross_into_another_split() -> None:
    (told,) = room_sets.wrong({"rooms": [RoomSet(Path("a"), seed=899_990, count=20)]})
    assert "899990 to 900009" in told


def test_a_run_keeps_the_rooms_that_it_began_with(tmp_path: Path) -> None:
    rooms = [Path(room_file.name_of(seed)) for seed in range(20)]
    kept = room_sets.settle(rooms[:15], tmp_path, resume=False, most=6, seed=1)
    assert len(kept) == 6
    assert kept == sorted(kept)
    assert room_sets.settle(rooms, tmp_path, resume=True, most=6, seed=1) == kept
    assert room_sets.settle(rooms, tmp_path, resume=False) == rooms


def test_sets_in_a_recipe_are_read_and_written_back() -> None:
    plain = {"rooms": [{"folder": "a", "count": 3}, {"folder": "b"}]}
    config = from_mapping(SegmenterConfig, plain, "recipe")
    assert config.rooms == (RoomSet(Path("a"), count=3), RoomSet(Path("b")))
    assert from_mapping(SegmenterConfig, to_mapping(config), "recipe") == config
    wrong = {"rooms": ["a", {"folder": "b", "count": 0}, {"folder": "c", "sead": 3}], "loop": {"steps": 0}}
    with pytest.raises(ConfigError) as caught:
        from_mapping(SegmenterConfig, wrong, "recipe")
    for words in (r"rooms[0] should hold keys", "count is 0", "rooms[2].sead is not known", "loop.steps"):
        assert words in str(caught.value)
