"""Who may use the server, how much and how often."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.live_server import LiveServer, live_server
from support.serve_api import API, SAGE, put_alpha, upload
from wallpaint.errors import InputError

HEALTH = f"{API}/health"
PALETTES = f"{API}/palettes"
KEY = "0123456789abcdef-key"


@contextmanager
def served(settings: Any, sessions: Any = None, **options: Any) -> Iterator[Any]:
    """A client of an app with these settings."""
    from starlette.testclient import TestClient

    from wallpaint.serve.app import create_app

    with TestClient(create_app(settings, sessions), raise_server_exceptions=False, **options) as client:
        yield client


# -- other sites


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("testserver", 200),
        ("testserver:8000", 200),
        ("TESTSERVER", 200),
        ("evil.example", 421),
        ("testserver.evil.example", 421),
        ("testserver@evil.example", 421),
        ("", 421),
        ("a b", 421),
        ("[::1", 421),
    ],
)
def test_other_names_of_the_server_are_refused(client: Any, host: str, status: int) -> None:
    """DNS rebinding: a page of another site resolves its own name to this server."""
    response = client.get(PALETTES, headers={"Host": host})
    assert response.status_code == status
    if status != 200:
        assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://testserver"}, 200),
        ({"Origin": "https://testserver"}, 200),  # behind a proxy with TLS
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://testserver:81"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "file://"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
    ],
)
def test_requests_of_other_sites_are_refused(client: Any, headers: dict[str, str], status: int) -> None:
    assert client.get(PALETTES, headers=headers).status_code == status


@pytest.mark.parametrize("path", ["/", HEALTH, f"{API}/nothing", f"{API}/openapi.json"])
def test_every_response_has_the_security_headers(client: Any, path: str) -> None:
    headers = client.get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'self'"
    assert policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in headers


# -- keys and tokens


def test_a_server_with_a_key_answers_nobody_else(make_settings: Any) -> None:
    basic = base64.b64encode(f"me:{KEY}".encode()).decode()
    with served(make_settings(api_keys=(KEY, "another-key-of-16"))) as client:
        for header in (
            "",
            "Bearer",
            "Bearer wrong",
            f"Bearer {KEY}x",
            f"Digest {KEY}",
            "Basic ****",
            "Basic bm8=",
            "\xff",
        ):
            response = client.get(PALETTES, headers={"Authorization": header.encode("latin-1")})
            assert response.status_code == 401, header
            assert "Bearer" in response.headers["WWW-Authenticate"]
        for header in (f"Bearer {KEY}", f"bearer {KEY}", f"Basic {basic}", "Bearer another-key-of-16"):
            assert client.get(PALETTES, headers={"Authorization": header}).status_code == 200, header
        assert client.get(HEALTH).status_code == 200
        assert client.get("/").status_code == 401


def test_a_token_admits_one_browser(make_settings: Any) -> None:
    from starlette.testclient import TestClient

    from wallpaint.serve.security import Sessions

    uses: list[int] = []
    sessions = Sessions(lambda: uses.append(1))
    token = sessions.new_token()
    with served(make_settings(tokens_required=True), sessions, follow_redirects=False) as client:
        assert client.get(PALETTES).status_code == 401
        assert client.get("/?token=wrong").status_code == 401
        assert client.get(f"{PALETTES}?token={token}").status_code == 401
        assert not uses
        admitted = client.get(f"/?token={token}")
        assert (admitted.status_code, admitted.headers["Location"]) == (303, "/")
        cookie = admitted.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert uses == [1]
        assert client.get(PALETTES).status_code == 200
        other = TestClient(client.app, follow_redirects=False)
        assert other.get(f"/?token={token}").status_code == 401
        other.cookies.set("wallpaint_session", "guess")
        assert other.get(PALETTES).status_code == 401


@pytest.mark.parametrize(
    ("network", "keys", "message"),
    [
        ({"host": "0.0.0.0"}, (), "can be reached from other machines"),
        ({"host": "192.168.1.5"}, (), "can be reached from other machines"),
        ({"host": "example.org"}, (), "can be reached from other machines"),
        ({"host": "0.0.0.0", "lan": True}, (), "leave `host` out"),
        ({"host": "0.0.0.0"}, (KEY,), None),
        ({"host": "127.0.0.1"}, (), None),
        ({"host": "::1"}, (), None),
        ({"host": "localhost"}, (), None),
        ({"lan": True}, (), None),
    ],
)
def test_other_addresses_than_loopback_need_a_key_or_tokens(
    make_settings: Any, network: Any, keys: Any, message: str | None
) -> None:
    from wallpaint.serve.launch import Network, check_exposure

    settings = make_settings(api_keys=keys)
    if message is None:
        check_exposure(settings, Network(**network))
    else:
        with pytest.raises(InputError, match=message):
            check_exposure(settings, Network(**network))


def test_a_short_key_is_refused(make_settings: Any) -> None:
    with pytest.raises(InputError, match="at least 16 characters"):
        make_settings(api_keys=("short",))


def test_the_invitation_holds_address_and_code() -> None:
    from wallpaint.serve.launch import invitation

    text = invitation("http://192.168.1.5:8000/", "abc")
    assert "http://192.168.1.5:8000/?token=abc" in text
    assert text.count("\n") > 10
    assert invitation("http://192.168.1.5:8000/", "abc", "ascii").count("\n") == 0


# -- limits


def test_the_rate_of_one_client_is_limited() -> None:
    from wallpaint.serve.security import RateLimiter

    now = 0.0
    limiter = RateLimiter(rate=2, burst=3, clock=lambda: now)
    assert [limiter.wait_s("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert limiter.wait_s("b") == 0
    now = 1.0
    assert [limiter.wait_s("a") > 0 for _ in range(3)] == [False, False, True]


def test_too_many_requests_are_answered_with_retry_after(make_settings: Any) -> None:
    with served(make_settings(rate=0.001, burst=2)) as client:
        answers = [client.get(HEALTH) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[2].headers["Retry-After"]) > 100
    assert answers[2].headers["Content-Type"] == "application/problem+json"


def test_bodies_are_limited(make_settings: Any, photo_bytes: bytes) -> None:
    """By their declared length and by what arrives; each route has its own limit."""

    def chunks(count: int) -> Iterator[bytes]:
        for _ in range(count):
            yield bytes(2**16)

    with served(make_settings(max_bytes=100_000)) as client:
        photo = upload(client, photo_bytes)["id"]
        too_large = client.post(f"{API}/photos", files={"file": ("a.jpg", bytes(17 * 2**20))})
        json_body = client.post(f"{API}/jobs", content=b" " * 300_000, headers={"Content-Type": "application/json"})
        streamed = client.post(f"{API}/jobs", content=chunks(10), headers={"Content-Type": "application/json"})
        url = f"{API}/photos/{photo}/walls/wall"
        alpha = client.put(url, content=chunks(300), headers={"Content-Type": "image/png"})
        palette = client.post(PALETTES, files={"file": ("a.csv", bytes(3 * 2**20))})
        for response in (too_large, json_body, streamed, alpha, palette):
            assert response.status_code == 413, response.text
            assert response.headers["Content-Type"] == "application/problem+json"
        ranged = client.get(f"{API}/photos/{photo}/image", headers={"Range": "bytes=x"})
        if ranged.status_code != 200:  # a server may ignore a range
            assert ranged.headers["Content-Type"] == "application/problem+json"
        over = client.post(f"{API}/photos", files={"file": ("a.jpg", photo_bytes + bytes(100_000))})
        assert over.status_code == 422
        assert "over the limit of 100,000" in over.json()["detail"]


def test_pixels_are_limited_before_they_are_decoded(make_settings: Any) -> None:
    """A PNG that declares 2 gigapixels."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 40_000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    with served(make_settings()) as client:
        response = client.post(f"{API}/photos", files={"file": ("bomb.png", bomb)})
        assert response.status_code == 422
        assert "over the limit of 100,000,000" in response.json()["detail"]
        assert client.app.state.pool.restarts == 0


def test_queue_and_storage_are_limited(make_settings: Any, photo_bytes: bytes, alpha_bytes: bytes) -> None:
    with served(make_settings(max_queue=1, max_storage_bytes=200_000)) as client:
        photo = upload(client, photo_bytes)["id"]
        put_alpha(client, photo, alpha_bytes)
        client.app.state.pool.max_jobs = 0  # no job is started
        body = {"kind": "repaint", "photo": photo, "walls": [{"name": "wall", "color": SAGE}]}
        first, second = (client.post(f"{API}/jobs", json=body) for _ in range(2))
        assert (first.status_code, second.status_code) == (202, 429)
        assert int(second.headers["Retry-After"]) > 0
        full = client.post(f"{API}/photos", files={"file": ("a.jpg", bytes(200_000))})
        assert full.status_code == 429
        assert "storage is full" in full.json()["detail"]


def test_photos_palettes_and_stray_files_are_deleted_in_time(
    make_settings: Any, photo_bytes: bytes, alpha_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(make_settings(keep_hours=1.0)) as client:
        store = client.app.state.store
        photo = upload(client, photo_bytes)["id"]
        for _ in range(2):
            put_alpha(client, photo, alpha_bytes)
        palette = client.post(PALETTES, files={"file": ("a.csv", b"code,hex\n1,#ffffff\n")}).json()["id"]
        assert len(list((store.photos / photo).glob("*.png"))) == 2
        real_time = time.time
        monkeypatch.setattr(time, "time", lambda: real_time() + 1800)
        store.delete_expired()
        assert len(list((store.photos / photo).glob("*.png"))) == 1  # the alpha that was replaced is gone
        assert client.get(f"{API}/photos/{photo}").status_code == 200
        monkeypatch.setattr(time, "time", lambda: real_time() + 3700)
        assert client.get(f"{API}/photos/{photo}").status_code == 404
        assert store.delete_expired() == [photo]
        assert list(store.photos.iterdir()) == []
        assert client.get(f"{PALETTES}/{palette}").status_code == 404
        assert list(store.palettes.iterdir()) == []


def test_the_data_folder_is_private(make_settings: Any) -> None:
    with served(make_settings()) as client:
        assert client.app.state.store.root.stat().st_mode & 0o077 == 0


def test_deleting_a_photo_while_its_job_runs(make_settings: Any, photo_bytes: bytes, alpha_bytes: bytes) -> None:
    with served(make_settings()) as client:
        photo = upload(client, photo_bytes)["id"]
        put_alpha(client, photo, alpha_bytes)
        body = {"kind": "repaint", "photo": photo, "walls": [{"name": "wall", "color": SAGE}]}
        job = client.post(f"{API}/jobs", json=body).json()["id"]
        assert client.delete(f"{API}/photos/{photo}").status_code == 204
        assert client.get(f"{API}/jobs/{job}").status_code == 404
        assert upload(client, photo_bytes)["id"]


# -- in a process of its own


def raw_request(server: LiveServer, data: bytes, timeout_s: float = 60.0) -> bytes:
    """Send bytes and return the answer until the server closes the connection."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=timeout_s) as connection:
        connection.sendall(data)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
            if b"\r\n\r\n" in answer and b"content-length" not in answer.lower():
                break
            if b"\r\n\r\n" in answer:
                head, _, body = answer.partition(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                if len(body) >= length:
                    break
    return answer


@pytest.mark.parametrize(
    "data",
    [
        b"GET /api/v1/health HTTP/1.1\r\n\r\n",
        b"GET http://evil.example/api/v1/palettes HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /api/v1/palettes HTTP/1.1\r\nHost: localhost\r\nCookie: \xff\xfe\x00\r\n\r\n",
    ],
)
def test_malformed_requests_are_refused(live: LiveServer, data: bytes) -> None:
    status = raw_request(live, data).split(b" ")[1]
    assert status[:1] == b"4", status


def test_a_body_that_stops_is_refused(make_settings: Any) -> None:
    """Its connection does not stay open, and costs no worker."""
    import asyncio

    from wallpaint.serve.app import create_app

    app = create_app(make_settings(body_idle_s=0.2))
    scope = {
        "type": "http",
        "method": "POST",
        "path": f"{API}/jobs",
        "raw_path": f"{API}/jobs".encode(),
        "query_string": b"",
        "scheme": "http",
        "http_version": "1.1",
        "headers": [(b"host", b"testserver"), (b"content-type", b"application/json"), (b"content-length", b"100")],
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
        "root_path": "",
    }
    sent: list[Any] = []
    pieces = [{"type": "http.request", "body": b"{", "more_body": True}]

    async def receive() -> Any:
        if pieces:
            return pieces.pop()
        return await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 408
    assert "send it again" in json.loads(sent[1]["body"])["detail"]
    app.state.store.database.close()


def test_the_command_serves_the_lan_with_a_token(tmp_path: Path) -> None:
    import httpx2

    with live_server(tmp_path, ["--lan", "--workers", "1"]) as server:
        address = next(word for line in server.lines for word in line.split() if "?token=" in word)
        token = address.partition("?token=")[2]
        port = server.url.rpartition(":")[2]
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", follow_redirects=False) as client:
            assert client.get(PALETTES).status_code == 401
            assert client.get(f"/?token={token}").status_code == 303
            assert client.get(PALETTES).status_code == 200
            assert server.process.stdout is not None
            while "?token=" not in (line := server.process.stdout.readline()):
                pass
            assert token not in line  # an address for the next device


@pytest.mark.skipif(not (hasattr(signal, "SIGSTOP") and shutil.which("ps")), reason="signals and ps of POSIX")
def test_an_interrupted_server_returns_its_job_and_ends_its_streams(tmp_path: Path, photo_bytes: bytes) -> None:
    """The worker is stopped, so that the job runs when SIGINT comes; then the job is queued as if never claimed."""
    import sqlite3

    import httpx2

    with live_server(tmp_path, ["--workers", "1"]) as server, httpx2.Client(base_url=server.url) as client:
        while client.get(HEALTH).json()["status"] != "ok":
            time.sleep(0.05)
        photo = upload(client, photo_bytes)["id"]
        (worker,) = children(server.process.pid)
        os.kill(worker, signal.SIGSTOP)
        body = {"kind": "repaint", "photo": photo, "walls": [{"name": "wall", "color": SAGE}]}
        job = client.post(f"{API}/jobs", json=body).json()["id"]
        with client.stream("GET", f"{API}/jobs/{job}/events", timeout=120) as events:
            lines = events.iter_lines()
            while '"running"' not in next(lines):
                pass
            server.process.send_signal(signal.SIGINT)
            rest = list(lines)  # raises an error if the stream is cut off
        output, _ = server.process.communicate()
    assert server.process.returncode == 0
    assert "Traceback" not in output
    assert not any("done" in line for line in rest)
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as database:
        assert database.execute("SELECT state, attempts FROM jobs").fetchall() == [("queued", 0)]


def children(pid: int) -> list[int]:
    """Process ids of the children of a process."""
    command = ["ps", "-o", "pid=", "--ppid", str(pid)]
    return [int(text) for text in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()]


def test_the_command_takes_its_key_from_the_environment(tmp_path: Path) -> None:
    import httpx2

    with (
        live_server(tmp_path, ["--workers", "1"], {"WALLPAINT_API_KEY": KEY}) as server,
        httpx2.Client(base_url=server.url) as client,
    ):
        assert client.get(PALETTES).status_code == 401
        assert client.get(PALETTES, headers={"Authorization": f"Bearer {KEY}"}).status_code == 200
