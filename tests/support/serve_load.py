"""Many mixed requests at once, one in ten of them hostile; and a bare FastAPI echo to compare with."""

from __future__ import annotations

import io
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from support.serve_api import API, SAGE, put_alpha, upload

if TYPE_CHECKING:
    import httpx2

ECHO = """
import sys
import uvicorn
from fastapi import FastAPI, Request

app = FastAPI()

@app.post("/echo")
async def echo(request: Request) -> dict[str, int]:
    return {"bytes": len(await request.body())}

uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
"""
HOSTILE_SHARE = 0.1


@dataclass
class Load:
    """What came of the requests. seconds: by kind. lost: requests without an answer."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def p95(self, *kinds: str) -> float:
        """Return the 95th percentile of the seconds of some kinds of requests."""
        values = sorted(value for kind in kinds for value in self.seconds[kind])
        return values[int(0.95 * (len(values) - 1))]


def hostile_requests(photo: str, photo_bytes: bytes) -> list[Callable[[Any], Any]]:
    """Requests that must be refused."""
    json_header = {"Content-Type": "application/json"}
    png = {"Content-Type": "image/png"}
    return [
        lambda c: c.post(f"{API}/photos", files={"file": ("../../x.jpg", b"\xff\xd8\xff\xe0" + b"\0" * 5000)}),
        lambda c: c.post(f"{API}/photos", files={"file": ("x.jpg", photo_bytes[: len(photo_bytes) // 3])}),
        lambda c: c.post(f"{API}/photos", content=b"--x\r\nbroken", headers={"Content-Type": "multipart/form-data"}),
        lambda c: c.post(f"{API}/jobs", content=b"{" * 100_000, headers=json_header),
        lambda c: c.post(f"{API}/jobs", content=b'{"kind": "\\ud800"}', headers=json_header),
        lambda c: c.post(f"{API}/jobs", content=b" " * 400_000, headers=json_header),
        lambda c: c.post(f"{API}/jobs", json={"kind": "repaint", "photo": "../../etc", "walls": []}),
        lambda c: c.get(f"{API}/photos/..%2f..%2fetc%2fpasswd"),
        lambda c: c.get(f"{API}/photos/{photo}/color?x=nan&y=inf"),
        lambda c: c.get(f"{API}/photos/{photo}/walls/wall/preview?white=1e309,0"),
        lambda c: c.put(f"{API}/photos/{photo}/walls/wall", content=b"\x89PNG\r\n\x1a\n" + b"\xff" * 3000, headers=png),
        lambda c: c.put(f"{API}/photos/{photo}/walls/%00", content=b"x", headers=png),
        lambda c: c.post(f"{API}/palettes", files={"file": ("x.csv", b"\xff\xfe\x00" * 1000)}),
        lambda c: c.get(f"{API}/health", headers={"Host": "evil.example"}),
        lambda c: c.post(f"{API}/jobs", json={}, headers={"Origin": "http://evil.example"}),
        lambda c: c.request("TRACE", f"{API}/jobs"),
    ]


def corner_of(alpha_bytes: bytes) -> bytes:
    """Return an alpha of the same size that covers the upper left quarter of each side."""
    with Image.open(io.BytesIO(alpha_bytes)) as image:
        corner = Image.new("L", image.size, 0)
    corner.paste(255, (0, 0, corner.width // 4, corner.height // 4))
    data = io.BytesIO()
    corner.save(data, "PNG")
    return data.getvalue()


def usual_requests(photo: str, photo_bytes: bytes, alpha_bytes: bytes) -> dict[str, Callable[[Any], Any]]:
    """Requests that must succeed, by kind, the frequent ones first."""
    walls = {"walls": [{"name": "wall", "color": SAGE}]}
    url = f"{API}/photos/{photo}"
    return {
        "record": lambda c: c.get(url),
        "image": lambda c: c.get(f"{url}/image"),
        "alpha": lambda c: c.get(f"{url}/walls/wall"),
        "health": lambda c: c.get(f"{API}/health"),
        "palette": lambda c: c.get(f"{API}/palettes/server-1?search=sage"),
        "color": lambda c: c.get(f"{url}/color?x=0.3&y=0.2&palette=server-1"),
        "preview": lambda c: c.get(f"{url}/walls/wall/preview"),
        "brush": lambda c: c.put(f"{url}/walls/drawn", content=alpha_bytes, headers={"Content-Type": "image/png"}),
        "render": lambda c: c.post(f"{url}/render", json=walls),
        "upload": lambda c: c.post(f"{API}/photos", files={"file": ("room.jpg", photo_bytes)}),
        "job": lambda c: c.post(f"{API}/jobs", json={"kind": "repaint", "photo": photo, **walls}),
    }


LIGHT = ("record", "image", "alpha", "health", "palette")  # answered without a worker
WEIGHTS = (12, 8, 8, 10, 8, 6, 6, 6, 4, 6, 6)  # of the kinds in `usual_requests`


def run_load(
    url: str, echo_url: str, count: int, photo_bytes: bytes, alpha_bytes: bytes, at_once: int = 8
) -> tuple[Load, list[str]]:
    """Send requests from threads, an echo to the bare app after each. Returns what came of them, and the jobs' ids."""
    import httpx2

    with httpx2.Client(base_url=url, timeout=300) as client:
        photo = upload(client, photo_bytes)["id"]
        put_alpha(client, photo, alpha_bytes)
        drawn = corner_of(alpha_bytes)
        put_alpha(client, photo, drawn, "drawn")
    usual, hostile = usual_requests(photo, photo_bytes, drawn), hostile_requests(photo, photo_bytes)
    rng = random.Random(0)
    plan: list[tuple[str, Callable[[Any], Any]]] = []
    for number in range(count):
        if number % round(1 / HOSTILE_SHARE) == 0:
            plan.append(("hostile", hostile[len(plan) // 10 % len(hostile)]))
        else:
            kind = rng.choices(list(usual), WEIGHTS)[0]
            plan.append((kind, usual[kind]))
    load, jobs = Load(), []

    def send(client: httpx2.Client, kind: str, request: Callable[[Any], Any]) -> None:
        started = time.perf_counter()
        try:
            response = request(client)
        except Exception as error:
            load.lost.append(f"{kind}: {error!r}")
            return
        load.seconds.setdefault(kind, []).append(time.perf_counter() - started)
        if kind == "echo":
            return
        load.statuses[response.status_code] += 1
        if (response.status_code >= 400) != (kind == "hostile") or response.status_code >= 500:
            load.wrong.append(f"{kind}: {response.status_code} {response.text[:200]}")
        if kind == "job" and response.status_code == 202:
            jobs.append(response.json()["id"])

    def work(part: list[tuple[str, Callable[[Any], Any]]]) -> None:
        with httpx2.Client(base_url=url, timeout=300) as client, httpx2.Client(base_url=echo_url, timeout=300) as echo:
            for kind, request in part:
                send(client, kind, request)
                send(echo, "echo", lambda c: c.post("/echo", content=b"x" * 1000))

    with ThreadPoolExecutor(at_once) as threads:
        list(threads.map(work, [plan[start::at_once] for start in range(at_once)]))
    return load, jobs


@contextmanager
def bare_echo(port: int) -> Iterator[str]:
    """A bare FastAPI app that echoes the length of a body."""
    import httpx2

    process = subprocess.Popen([sys.executable, "-c", ECHO, str(port)])
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(1200):
            try:
                httpx2.post(f"{url}/echo", content=b"x")
                break
            except httpx2.TransportError:
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait()


def memory_mib(pid: int) -> float:
    """Return the resident memory of a process and its children."""
    pids = [pid]
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split():
        pids.append(int(child))
    return sum(_resident_mib(one) for one in pids)


def _resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024
