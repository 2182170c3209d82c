"""Sets of rooms in recipes: rendering of missing rooms, separation of splits, and rooms of a resumed run."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import synthetic_rooms
from wallpaint.errors import ConfigError
from wallpaint.rooms.sets import render, room_file
from wallpaint.train import room_sets
from wallpaint.train.engine.config import from_mapping, to_mapping
from wallpaint.train.room_sets import RoomSetConfig
from wallpaint.train.segmenter.config import SegmenterConfig


@pytest.fixture
def render_jobs(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Replace rendering by synthetic rooms, and return the seeds of each job."""
    jobs: list[list[int]] = []

    def run(job: render.RenderJob, step: object) -> None:
        jobs.append(list(range(job.seed, job.seed + job.count)))
        job.out.mkdir(parents=True, exist_ok=True)
        render.check_settings(job.out / render.SETTINGS_FILE, render._settings(job))
        for seed in jobs[-1]:
            record = synthetic_rooms.render(seed, job.size, job.samples)
            if isinstance(record, room_file.RoomRecord):
                room_file.write(job.out / room_file.name_of(seed), record)
            else:
                (job.out / room_file.skipped_name_of(seed)).write_text("{}", encoding="utf-8")

    monkeypatch.setattr(render, "run", run)
    return jobs


def prepared(*sets: RoomSetConfig, use: str = "rooms") -> list[str]:
    return [room.name for room in room_sets.prepare({use: sets}, 1, print)[use]]


def test_missing_rooms_are_rendered_once(tmp_path: Path, render_jobs: list[list[int]]) -> None:
    one = RoomSetConfig(tmp_path, seed=2, count=3, px=16, samples=4)
    assert prepared(one) == ["room_000002.npz", "room_000004.npz"]  # seed 3 gives no usable room
    assert prepared(one) == ["room_000002.npz", "room_000004.npz"]
    assert render_jobs == [[2, 3, 4]]
    (tmp_path / "room_000004.npz").unlink()
    assert len(prepared(one)) == 2
    assert len(render_jobs) == 2


def test_folder_without_count_is_all_its_rooms(tmp_path: Path, render_jobs: list[list[int]]) -> None:
    with pytest.raises(ConfigError, match="has no rooms"):
        prepared(RoomSetConfig(tmp_path))
    prepared(
        RoomSetConfig(tmp_path, seed=5, count=2, px=16, samples=4),
        RoomSetConfig(tmp_path, seed=1, count=1, px=16, samples=4),
    )
    assert prepared(RoomSetConfig(tmp_path)) == ["room_000001.npz", "room_000005.npz", "room_000006.npz"]
    with pytest.raises(ConfigError, match="seed, px without count"):
        RoomSetConfig(tmp_path, seed=5, px=128)


def test_rooms_of_another_size_are_rejected(tmp_path: Path, render_jobs: list[list[int]]) -> None:
    prepared(RoomSetConfig(tmp_path, count=2, px=16, samples=4))
    with pytest.raises(ConfigError, match="16x16 pixels at 4 samples, not 32x32 at 4"):
        prepared(RoomSetConfig(tmp_path, count=2, px=32, samples=4))


@pytest.mark.parametrize(
    ("use", "seed", "split"), [("rooms", 950_000, "test"), ("rooms", 900_000, "validation"), ("validation", 7, "train")]
)
def test_rooms_of_another_split_are_rejected(
    use: str, seed: int, split: str, tmp_path: Path, render_jobs: list[list[int]]
) -> None:
    assert list(room_sets.seed_errors({use: [RoomSetConfig(tmp_path, seed=seed, count=1)]}))
    render.run(render.RenderJob(1, seed, (16, 16), 4, tmp_path), None)  # in a set without a seed
    with pytest.raises(ConfigError, match=f"is a {split} room"):
        prepared(RoomSetConfig(tmp_path), use=use)


def test_set_across_two_splits_is_rejected() -> None:
    (error,) = room_sets.seed_errors({"rooms": [RoomSetConfig(Path("a"), seed=899_990, count=20)]})
    assert "899990 to 900009" in error


def test_resumed_run_keeps_its_rooms(tmp_path: Path) -> None:
    rooms = [Path(room_file.name_of(seed)) for seed in range(20)]
    selected = room_sets.select_rooms(rooms[:15], tmp_path, resume=False, max_rooms=6, seed=1)
    assert len(selected) == 6
    assert selected == sorted(selected)
    assert room_sets.select_rooms(rooms, tmp_path, resume=True, max_rooms=6, seed=1) == selected
    assert room_sets.select_rooms(rooms, tmp_path, resume=False) == rooms


def test_sets_in_a_recipe_round_trip() -> None:
    plain = {"rooms": [{"folder": "a", "count": 3}, {"folder": "b"}]}
    config = from_mapping(SegmenterConfig, plain, "recipe")
    assert config.rooms == (RoomSetConfig(Path("a"), count=3), RoomSetConfig(Path("b")))
    assert from_mapping(SegmenterConfig, to_mapping(config), "recipe") == config
    wrong = {"rooms": ["a", {"folder": "b", "count": 0}, {"folder": "c", "sead": 3}], "loop": {"steps": 0}}
    with pytest.raises(ConfigError) as caught:
        from_mapping(SegmenterConfig, wrong, "recipe")
    for words in (
        r"rooms[0] should hold keys",
        "`rooms[1].count` must be at least 1",
        "rooms[2].sead is not known",
        "loop.steps",
    ):
        assert words in str(caught.value)
