"""The API, route by route, on one running server."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from starlette.testclient import TestClient

API = "/api/v1"
SAGE = "#7d9b84"


def upload(client: TestClient, data: bytes, name: str = "room.jpg") -> dict[str, Any]:
    response = client.post(f"{API}/photos", files={"file": (name, data)})
    assert response.status_code == 201, response.text
    assert response.headers["Location"] == f"{API}/photos/{response.json()['id']}"
    return dict(response.json())


def put_alpha(client: TestClient, photo: str, data: bytes, name: str = "wall") -> dict[str, Any]:
    url = f"{API}/photos/{photo}/walls/{name}"
    response = client.put(url, content=data, headers={"Content-Type": "image/png"})
    assert response.status_code == 200, response.text
    return dict(response.json())


def finished(client: TestClient, job: str) -> dict[str, Any]:
    """Wait for a job by its events and return its record."""
    assert client.get(f"{API}/jobs/{job}/events").status_code in (200, 204)
    return dict(client.get(f"{API}/jobs/{job}").json())


@pytest.fixture(scope="module")
def photo(client: TestClient, photo_bytes: bytes, alpha_bytes: bytes) -> str:
    """A photo with one drawn wall."""
    photo_id = str(upload(client, photo_bytes)["id"])
    put_alpha(client, photo_id, alpha_bytes)
    return photo_id


def test_a_photo_is_repainted(client: TestClient, photo: str, photo_bytes: bytes, alpha_bytes: bytes) -> None:
    """From upload to result; pixels outside the wall are those of the photo, and the swatch is met."""
    body = {"kind": "repaint", "photo": photo, "walls": [{"name": "wall", "color": SAGE}], "match": "swatch"}
    created = client.post(f"{API}/jobs", json={**body, "format": "png"})
    assert created.status_code == 202
    assert created.headers["Location"] == f"{API}/jobs/{created.json()['id']}"
    assert int(created.headers["Retry-After"]) > 0
    job = finished(client, created.json()["id"])
    assert (job["state"], job["progress"], job["attempts"]) == ("done", 1, 1)
    assert job["report"]["walls"][0]["delta_e_2000"] <= 0.5
    result = client.get(job["result_url"])
    assert result.headers["Content-Disposition"] == 'attachment; filename="room_7d9b84.png"'
    before = np.array(Image.open(io.BytesIO(photo_bytes)))
    after = np.array(Image.open(io.BytesIO(result.content)))
    wall = np.array(Image.open(io.BytesIO(alpha_bytes))) > 0
    far = ~cv2.dilate(wall.view(np.uint8), np.ones((9, 9), np.uint8)).view(bool)
    changed = (after != before).any(-1)
    assert changed[wall].mean() > 0.9
    assert not changed[far].any()
