"""The Python client, and the examples of docs/api.md, against `wallpaint serve` in a process of its own."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from support.live_server import LiveServer
from support.paths import ROOT
from support.serve_api import SAGE

if TYPE_CHECKING:
    from wallpaint.serve.client import Client

DOCUMENT = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """The only block of a language in docs/api.md."""
    (text,) = re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    return str(text)


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


@pytest.fixture(scope="module")
def api(live: LiveServer) -> Iterator[Client]:
    from wallpaint.serve.client import Client

    with Client(live.url) as client:
        yield client


def test_the_python_example_runs(live: LiveServer, examples: Path, tmp_path: Path, monkeypatch: Any) -> None:
    shutil.copy(examples / "room.jpg", tmp_path)
    monkeypatch.chdir(tmp_path)
    printed: list[tuple[Any, ...]] = []
    exec(block("python").replace("http://127.0.0.1:8000", live.url), {"print": lambda *values: printed.append(values)})
    assert size_of(Path("out.jpg")) == size_of(Path("room.jpg"))
    assert printed[0][0] == "queued"
    assert printed[-1] == ("done", 1.0, "")


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="curl or bash is not installed")
def test_the_curl_example_runs(live: LiveServer, examples: Path, tmp_path: Path) -> None:
    version = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    if tuple(int(part) for part in version.split(".")[:2]) < (7, 82):
        pytest.skip(f"curl {version} has no --json")
    shutil.copy(examples / "room.jpg", tmp_path)
    (tmp_path / "python3").symlink_to(sys.executable)
    script = "set -euo pipefail\n" + block("bash").replace("http://127.0.0.1:8000", live.url)
    env = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert size_of(tmp_path / "room_7d9b84.jpg") == size_of(tmp_path / "room.jpg")
    assert '"state": "done"' in done.stdout
    assert '"on_wall":true' in done.stdout


def test_the_example_of_a_problem_is_what_the_server_answers(live: LiveServer) -> None:
    import httpx2

    (example,) = re.findall(r"^```json\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    answer = httpx2.post(f"{live.url}/api/v1/photos", files={"file": ("a.jpg", b"no picture")}, timeout=120)
    assert answer.json() == json.loads(example)


def test_the_documented_routes_are_those_of_the_code() -> None:
    paths = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))["paths"]
    table = DOCUMENT[DOCUMENT.index("## Routes") : DOCUMENT.index("A result has")]
    documented = {re.sub(r"\?[^`]*", "", path) for path in re.findall(r"/[a-z]+(?:/[a-z{}]+)*(?:\?[^`]*)?", table)}
    known = {re.sub(r"\{\w+_id\}", "{id}", path.removeprefix("/api/v1")) for path in paths}
    assert documented == known


def test_every_method_of_the_client(api: Client, examples: Path, tmp_path: Path, alpha_bytes: bytes) -> None:
    from wallpaint.serve.client import ApiError

    assert api.health().status in ("ok", "starting")
    photo = api.upload_photo(examples / "room.jpg")
    assert photo.filename == "room.jpg"
    assert api.photo(photo.id) == photo
    assert Image.open(io.BytesIO(api.image(photo.id))).size == (photo.preview_width, photo.preview_height)
    walls = api.detect_walls(photo.id, clicks=[(0.3, 0.2)], not_clicks=[(0.75, 0.75)])
    assert [wall.name for wall in walls.walls] == ["wall"]
    alpha = api.alpha(photo.id)
    assert api.put_alpha(photo.id, alpha, "my wall").share == pytest.approx(walls.walls[0].share, abs=0.01)
    api.delete_wall(photo.id, "my wall")
    palette = api.upload_palette(examples / "paints.csv")
    assert api.palette(palette.id, "sage").total == 1
    color = api.identify(photo.id, 0.3, 0.2, palette.id)
    assert color.on_wall
    assert len(color.nearest) == 3
    assert Image.open(io.BytesIO(api.render(photo.id, {"wall": SAGE}, match="swatch"))).format == "JPEG"
    job = api.wait(api.repaint(photo.id, {"wall": "Garden sage"}, palette=palette.id, format="png").id)
    assert api.download(job.id, tmp_path / "out.png") == (tmp_path / "out.png").read_bytes()
    mask = api.wait(api.mask(photo.id).id)
    assert Image.open(io.BytesIO(api.download(mask.id))).size == (photo.width, photo.height)
    api.cancel(mask.id)
    with pytest.raises(ApiError, match="no such job") as error:
        api.job(mask.id)
    assert error.value.status == 404
    with pytest.raises(ApiError, match="is not a colour") as error:
        api.repaint(photo.id, {"wall": "nothing"})
    assert error.value.status == 422
    api.delete_photo(photo.id)
    with pytest.raises(ApiError, match="no such photo"):
        api.photo(photo.id)


def test_the_client_waits_while_the_server_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx2

    from wallpaint.serve import client as module

    pauses: list[float] = []
    monkeypatch.setattr(module.time, "sleep", pauses.append)
    problem = {"type": "about:blank", "title": "x", "status": 429, "detail": "the queue is full"}
    answers = [httpx2.Response(429, headers={"Retry-After": "7"}, json=problem)] * 2
    done = httpx2.Response(200, json={"walls": [], "notes": []})
    queue = iter([*answers, done])
    http = httpx2.Client(base_url="http://server", transport=httpx2.MockTransport(lambda request: next(queue)))
    assert module.Client(http=http).detect_walls("p").walls == []
    assert pauses == [7, 7]
    endless = httpx2.Client(base_url="http://server", transport=httpx2.MockTransport(lambda request: answers[0]))
    with pytest.raises(module.ApiError, match="queue is full"):
        module.Client(http=endless).detect_walls("p")


def test_the_client_continues_events_after_a_lost_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx2

    from wallpaint.serve import client as module

    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    received: list[str] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        received.append(request.headers.get("Last-Event-ID", ""))
        if len(received) == 2:
            raise httpx2.ConnectError("lost")
        state = "running" if len(received) == 1 else "done"
        text = f'event: job\ndata: {{"state": "{state}"}}\nid: {len(received)}\n\n'
        return httpx2.Response(200, text=text, headers={"Content-Type": "text/event-stream"})

    http = httpx2.Client(base_url="http://server", transport=httpx2.MockTransport(handler))
    assert [event["state"] for event in module.Client(http=http).events("j")] == ["running", "done"]
    assert received == ["", "1", "1"]


def test_the_client_reports_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    from wallpaint.serve import client as module

    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    with pytest.raises(module.ApiError, match="cannot be reached"):
        module.Client("http://127.0.0.1:9").health()
