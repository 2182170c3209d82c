"""Jobs of the diffusion painter, with a bundle of tiny random networks."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from support.serve_api import API, SAGE, finished, put_alpha, upload
from wallpaint import extras

pytestmark = pytest.mark.skipif(
    not all(map(extras.is_installed, extras.DIFFUSION)), reason="the extra diffusion is not installed"
)


def test_a_texture_is_painted(make_settings: Any, tiny_bundle: Path, photo_bytes: bytes, alpha_bytes: bytes) -> None:
    from starlette.testclient import TestClient

    from wallpaint.serve.app import create_app

    texture = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(texture, "PNG")
    with TestClient(create_app(make_settings(bundle=str(tiny_bundle)))) as client:
        assert client.get(f"{API}/health").json()["painters"] == ["analytic", "diffusion"]
        photo, reference = (upload(client, data)["id"] for data in (photo_bytes, texture.getvalue()))
        put_alpha(client, photo, alpha_bytes)
        body = {"kind": "repaint", "photo": photo, "walls": [{"name": "wall", "color": SAGE}], "painter": "diffusion"}
        reports = []
        for options in ({"reference": reference, "detail": "new"}, {}):
            job = finished(client, client.post(f"{API}/jobs", json={**body, **options}).json()["id"])
            assert job["state"] == "done", job["error"]
            assert job["report"]["painter"] == "diffusion"
            reports.append(job["report"]["walls"][0]["paint"]["reference"])
        assert reports == ["array 64x64", None]
        unknown = client.post(f"{API}/jobs", json={**body, "reference": "unknown"})
        assert unknown.status_code == 404
