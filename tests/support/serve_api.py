"""Requests that several tests of the API share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.testclient import TestClient

API = "/api/v1"
SAGE = "#7d9b84"


def upload(client: TestClient, data: bytes, name: str = "room.jpg") -> dict[str, Any]:
    """Upload a photo and return its record."""
    response = client.post(f"{API}/photos", files={"file": (name, data)})
    assert response.status_code == 201, response.text
    assert response.headers["Location"] == f"{API}/photos/{response.json()['id']}"
    return dict(response.json())


def put_alpha(client: TestClient, photo: str, data: bytes, name: str = "wall") -> dict[str, Any]:
    """Draw a wall and return its record."""
    url = f"{API}/photos/{photo}/walls/{name}"
    response = client.put(url, content=data, headers={"Content-Type": "image/png"})
    assert response.status_code == 200, response.text
    return dict(response.json())


def finished(client: TestClient, job: str) -> dict[str, Any]:
    """Wait for a job by its events and return its record."""
    assert client.get(f"{API}/jobs/{job}/events").status_code in (200, 204)
    return dict(client.get(f"{API}/jobs/{job}").json())
