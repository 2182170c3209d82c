"""Fixtures shared by several test files."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # small networks spend more time on synchronizing threads than on computing

import numpy as np
import pytest
from PIL import Image

from support.bundles import random_folder
from support.drawn_rooms import Room, make_room
from support.paths import ROOT

# Child processes import `support` too.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT / "tests"), os.environ.get("PYTHONPATH")]))


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


@pytest.fixture(autouse=True)
def _reseed_global_generator() -> None:
    """Give NumPy's global generator another state in every test, since no code may depend on it."""
    np.random.seed()  # noqa: NPY002
