"""Fixtures shared by several test files."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # small networks spend more time on synchronizing threads than on computing

import hypothesis
import numpy as np
import pytest
from PIL import Image

from support.bundles import random_folder
from support.drawn_rooms import Room, make_room
from support.paths import ROOT

# Child processes import `support` too.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT / "tests"), os.environ.get("PYTHONPATH")]))

# Set by terminals, shells and CI services; they change the wrapping and colouring of text, or the Mitsuba variant.
USER_ENVIRONMENT_VARIABLES = (
    "COLUMNS",
    "LINES",
    "FORCE_COLOR",
    "NO_COLOR",
    "PY_COLORS",
    "TTY_COMPATIBLE",
    "TTY_INTERACTIVE",
    "GITHUB_ACTIONS",
    "WALLPAINT_ROOMS_VARIANT",
)
for _name in USER_ENVIRONMENT_VARIABLES:
    os.environ.pop(_name, None)

# The same examples in every run and on every machine; no time limits, as the load of the machine varies.
hypothesis.settings.register_profile(
    "reproducible",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("reproducible")


@pytest.fixture(scope="session")
def examples() -> Path:
    return ROOT / "examples"


@pytest.fixture(scope="session")
def room() -> Room:
    """A pale wall, a soft shadow, a dark chair; no noise."""
    return make_room()


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny bundle of random weights; shared, read only."""
    return random_folder("tiny", tmp_path_factory)


@pytest.fixture
def files(tmp_path: Path, room: Room) -> Path:
    """A folder with photo.png and mask.png."""
    Image.fromarray(room.photo).save(tmp_path / "photo.png")
    Image.fromarray(room.soft_mask).save(tmp_path / "mask.png")
    return tmp_path


@pytest.fixture(scope="session", autouse=True)
def _isolated_model_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Neither use nor change the user's downloaded bundles and cached prompt embeddings."""
    os.environ["HF_HOME"] = str(tmp_path_factory.mktemp("models"))


@pytest.fixture
def default_signal_handlers() -> Iterator[None]:
    """Set the default handlers of SIGINT and SIGTERM, which are ignored if the tests run under `nohup` or `&`."""
    defaults = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    previous = {number: signal.signal(number, handler) for number, handler in defaults.items()}
    yield
    for number, handler in previous.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def _reseed_global_generator() -> None:
    """Give NumPy's global generator another state in every test, since no code may depend on it."""
    np.random.seed()  # noqa: NPY002
