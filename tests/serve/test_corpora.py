"""The corpora of good and damaged files, uploaded: each is read or refused, and no worker ends."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import corpora
from support.serve_api import API

if TYPE_CHECKING:
    from starlette.testclient import TestClient


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("corpora")


def restarts(client: TestClient) -> int:
    return int(client.app.state.pool.restarts)  # type: ignore[attr-defined]


def test_good_photos_are_read(client: TestClient, folder: Path) -> None:
    photos = sorted({case.photo for case in corpora.good_inputs(folder / "good")})
    assert len(photos) > 40
    before = restarts(client)
    for path in photos:
        response = client.post(f"{API}/photos", files={"file": (path.name, path.read_bytes())})
        assert response.status_code == 201, f"{path.name}: {response.text}"
        assert client.get(response.json()["image_url"]).status_code == 200
    assert restarts(client) == before


def test_bad_photos_are_refused_in_one_line(client: TestClient, folder: Path) -> None:
    corpora.bad_inputs(folder / "bad")
    photos = [path for path in sorted((folder / "bad").glob("bad *")) if not path.name.startswith("bad mask ")]
    assert len(photos) > 40
    before = restarts(client)
    for path in photos:
        response = client.post(f"{API}/photos", files={"file": (path.name, path.read_bytes())})
        assert response.status_code == 422, f"{path.name}: {response.status_code}"
        detail = response.json()["detail"]
        assert "\n" not in detail
        assert str(folder) not in detail
    assert restarts(client) == before
