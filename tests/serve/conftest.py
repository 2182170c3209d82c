"""A running server for the tests of the API, skipped where the extra `serve` is not installed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from support.drawn_rooms import Room
from support.live_server import LiveServer, live_server
from wallpaint import extras

if TYPE_CHECKING:
    from starlette.testclient import TestClient

missing = [package for package in (*extras.SERVE, "httpx2") if not extras.is_installed(package)]

HOST = "testserver"


@pytest.fixture(scope="session", autouse=True)
def _needs_extra() -> None:
    if missing:
        pytest.skip(f"the extra serve is not installed: {', '.join(missing)}")


@pytest.fixture(scope="session")
def make_settings(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A function that makes settings for tests: its own data folder, no rate limit."""
    from wallpaint.serve.settings import ServeSettings

    def make(**changes: Any) -> ServeSettings:
        values: dict[str, Any] = {"workers": 1, "rate": 1e6, "burst": 10**6, "allowed_hosts": (HOST,)}
        values["data"] = tmp_path_factory.mktemp("data")
        return ServeSettings(**{**values, **changes})

    return make


@pytest.fixture(scope="session")
def client(make_settings: Any, examples: Path) -> Iterator[TestClient]:
    """A client of one server that the tests share."""
    from starlette.testclient import TestClient

    from wallpaint.serve.app import create_app

    settings = make_settings(palettes=(examples / "paints.csv",), workers=2)
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def photo_bytes(room: Room) -> bytes:
    """The drawn room as a JPEG."""
    data = io.BytesIO()
    Image.fromarray(room.photo).save(data, "JPEG", quality=95, subsampling=0)
    return data.getvalue()


@pytest.fixture(scope="session")
def alpha_bytes(room: Room) -> bytes:
    """The drawn room's mask as a PNG."""
    data = io.BytesIO()
    Image.fromarray(room.soft_mask).save(data, "PNG")
    return data.getvalue()


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory, examples: Path) -> Iterator[LiveServer]:
    """`wallpaint serve` in a process of its own, without a rate limit."""
    options = ("--workers", "2", "--rate", "1e6", "--palette", str(examples / "paints.csv"))
    with live_server(tmp_path_factory.mktemp("live"), options) as server:
        yield server
