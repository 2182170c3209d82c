"""Constraints of dataclass fields, and the errors of values that break them."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pytest

from wallpaint.errors import ConfigError, InputError
from wallpaint.options import Constraint, field_errors, help_text, option, raise_errors


@dataclass(frozen=True)
class Settings:
    steps: int = option("number of steps", 20, ge=1, le=1000)
    decay: float = option("decay", 0.0, ge=0, lt=1)
    strength: float = option("strength", 1.0, gt=0, le=1)
    free: float = option("any finite number", 0.0)
    text: str = option("any text", "")
    kernel: int | None = option("side of the kernel", None, ge=1)
    crop: str = option("kind of crop", "center", choices=("center", "random"))
    limits: tuple[float, float] = option("range", (0.0, 1.0), ge=0, le=255, length=2)
    widths: tuple[int, ...] = option("channels", (8, 16), gt=0)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"steps": 0}, "`steps` must be in 1..1000, not 0"),
        ({"steps": 1001}, "`steps` must be in 1..1000, not 1001"),
        ({"steps": 20.5}, "`steps` must be a whole number, in 1..1000, not 20.5"),
        ({"steps": True}, "`steps` must be a whole number, in 1..1000, not True"),
        ({"steps": None}, "`steps` must be a whole number, in 1..1000, not None"),
        ({"decay": 1.0}, "`decay` must be at least 0 and below 1, not 1.0"),
        ({"decay": "much"}, '`decay` must be a number, at least 0 and below 1, not "much"'),
        ({"strength": 0.0}, "`strength` must be above 0 and at most 1, not 0.0"),
        ({"strength": math.nan}, "`strength` must be a finite number, above 0 and at most 1, not nan"),
        ({"free": math.inf}, "`free` must be a finite number, not inf"),
        ({"kernel": 0}, "`kernel` must be at least 1, not 0"),
        ({"crop": "left"}, '`crop` must be one of center, random, not "left"'),
        ({"limits": (0.0, 1.0, 2.0)}, "`limits` must be 2 numbers, each in 0..255, not (0.0, 1.0, 2.0)"),
        ({"limits": (0.0, 256.0)}, "`limits` must be 2 numbers, each in 0..255, not (0.0, 256.0)"),
        ({"limits": 3.0}, "`limits` must be 2 numbers, each in 0..255, not 3.0"),
        ({"widths": (8, 0)}, "`widths` must be whole numbers, each above 0, not (8, 0)"),
        ({"widths": (8, 1.5)}, "`widths` must be whole numbers, each above 0, not (8, 1.5)"),
    ],
)
def test_a_value_that_is_not_allowed_gives_one_line(changes: dict[str, Any], line: str) -> None:
    assert list(field_errors(replace(Settings(), **changes))) == [line]


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 1, "decay": 0, "strength": 1},
        {"steps": 1000, "kernel": 5},
        {"steps": np.int64(3), "free": np.float32(2.0)},
        {"free": -1e30, "limits": (0, 255), "widths": (1, 2, 3)},
    ],
)
def test_allowed_values_give_no_error(changes: dict[str, Any]) -> None:
    assert not list(field_errors(replace(Settings(), **changes)))


def test_all_errors_are_raised_together_with_the_prefix() -> None:
    broken = replace(Settings(), steps=0, crop="left")
    with pytest.raises(ConfigError, match=r'^`a\.steps` must be .*; `a\.crop` must be .* not "left"$'):
        raise_errors(field_errors(broken, "a."))
    with pytest.raises(InputError):
        raise_errors(field_errors(broken), InputError)
    raise_errors(field_errors(Settings()))


def test_an_argument_of_a_function_is_checked_without_a_field() -> None:
    assert list(Constraint(choices=("a", "b")).errors("mode", "c")) == ['`mode` must be one of a, b, not "c"']


def test_defaults_satisfy_their_own_constraints() -> None:
    from wallpaint.data.settings import SampleSettings
    from wallpaint.diffusion.settings import DiffusionSettings
    from wallpaint.train.engine.config import LoopConfig, OptimizerConfig
    from wallpaint.train.lora.config import ConditioningConfig, ObjectiveConfig

    configs = (SampleSettings, DiffusionSettings, LoopConfig, OptimizerConfig, ConditioningConfig, ObjectiveConfig)
    for config in configs:
        assert not list(field_errors(config()))
        for one in fields(config):
            constraint = one.metadata["constraint"]
            if constraint is not None and constraint.ge is not None and "tuple" not in str(one.type):
                below = object.__new__(config)
                below.__dict__.update({**config().__dict__, one.name: math.floor(constraint.ge) - 1})
                assert [line for line in field_errors(below) if line.startswith(f"`{one.name}` must be ")], one.name


def test_help_text_is_that_of_the_field() -> None:
    assert help_text(Settings, "steps") == "number of steps"
