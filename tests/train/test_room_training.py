"""What must not change when a run on rooms is resumed, and the checks that its recipes have in common."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from wallpaint.errors import ConfigError
from wallpaint.train import room_training
from wallpaint.train.light.job import LightSteps
from wallpaint.train.light.task import LightConfig
from wallpaint.train.room_sets import RoomSetConfig, RoomTrainingConfig
from wallpaint.train.segmenter.config import SegmenterConfig
from wallpaint.train.segmenter.job import SegmenterSteps

TRAINING = (RoomSetConfig(Path("rooms"), seed=1, count=3),)
VALIDATION = (RoomSetConfig(Path("validation"), seed=900_000, count=2),)
LIGHT, SEGMENTER = LightConfig(rooms=TRAINING, validation=VALIDATION), SegmenterConfig(rooms=TRAINING)


def digest(config: LightConfig | SegmenterConfig, rooms: tuple[str, ...] = ("a", "b"), init: Path | None = None) -> str:
    folder = Path("run")
    steps = LightSteps(config, folder) if isinstance(config, LightConfig) else SegmenterSteps(config, folder)
    return room_training.digest(
        room_training.run_inputs(config, steps.changeable, [Path(name) for name in rooms], init)
    )


@pytest.mark.parametrize(
    ("config", "same"),
    [
        (
            LIGHT,
            {"room_cache": Path("x"), "photos_per_validation_room": 9, "render_workers": 4, "rooms": VALIDATION[:0]},
        ),
        (SEGMENTER, {"labels": Path("x"), "input_px": 512, "render_workers": 4, "validation": VALIDATION}),
    ],
)
def test_keys_that_may_change(config: LightConfig | SegmenterConfig, same: dict[str, object]) -> None:
    for name, value in same.items():
        changed = replace(config)
        object.__setattr__(changed, name, value)
        assert digest(changed) == digest(config), name
    assert digest(replace(config, loop=replace(config.loop, steps=7))) == digest(config)


@pytest.mark.parametrize("config", [LIGHT, SEGMENTER])
def test_keys_rooms_and_weights_that_must_not_change(config: LightConfig | SegmenterConfig, tmp_path: Path) -> None:
    weights = [tmp_path / "first", tmp_path / "second"]
    for number, path in enumerate(weights):
        path.write_text(str(number))
    digests = [
        digest(config),
        digest(replace(config, seed=1)),
        digest(replace(config, max_rooms=2)),
        digest(replace(config, loop=replace(config.loop, batch_size=7))),
        digest(config, rooms=("a",)),
        *(digest(config, init=path) for path in weights),
    ]
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize("config_type", [LightConfig, SegmenterConfig])
def test_errors_of_the_common_keys_are_reported_together(config_type: type[RoomTrainingConfig]) -> None:
    with pytest.raises(ConfigError) as caught:
        config_type(validation=TRAINING, render_workers=0, max_rooms=-1, seed=-1)
    for message in (
        "rooms has no sets of rooms",
        "validation[0] has seeds 1 to 3",
        "`render_workers` must be at least 1, not 0",
        "`max_rooms` must be at least 0, not -1",
        "`seed` must be at least 0, not -1",
    ):
        assert message in str(caught.value)
