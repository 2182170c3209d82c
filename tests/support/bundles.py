"""Bundles of random weights for tests."""

from __future__ import annotations

from pathlib import Path

import pytest


def random_folder(configuration: str, factory: pytest.TempPathFactory) -> Path:
    """Write a random bundle of a configuration to a new folder: float32, seed 0."""
    from wallpaint.bundles.random_bundle import write_random

    return write_random(configuration, factory.mktemp("bundles") / configuration)
