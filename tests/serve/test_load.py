"""Mixed requests, eight at once, one in ten hostile: none is lost, none fails, memory stays flat."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from support.live_server import live_server
from support.serve_api import API
from support.serve_load import LIGHT, bare_echo, memory_mib, run_load

FEW, MANY = 50, 500
ROUNDS = {FEW: 1, MANY: 3}
MAX_GROWTH = 1.15  # of the resident memory of server and workers from the first round to the last


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_a_load_of_mixed_requests(
    count: int, photo_bytes: bytes, alpha_bytes: bytes, examples: Path, tmp_path: Path
) -> None:
    import httpx2

    options = ["--rate", "1e6", "--max-queue", "1000", "--palette", str(examples / "paints.csv")]
    with live_server(tmp_path, options) as server, bare_echo(free_port()) as echo:
        memory = []
        for _ in range(ROUNDS[count]):
            load, jobs = run_load(server.url, echo, count, photo_bytes, alpha_bytes)
            assert not load.lost
            assert not load.wrong
            assert max(load.statuses) < 500
            with httpx2.Client(base_url=server.url, timeout=300) as client:
                for job in jobs:
                    client.get(f"{API}/jobs/{job}/events")
                states = {client.get(f"{API}/jobs/{job}").json()["state"] for job in jobs}
            assert states == {"done"}
            memory.append(memory_mib(server.process.pid))
        for name, kinds in (("echo", ("echo",)), ("without a worker", LIGHT), ("all", tuple(load.seconds))):
            print(f"p95 {name}: {1000 * load.p95(*kinds):.0f} ms")
        print(f"statuses {dict(load.statuses)}; memory {[round(value) for value in memory]} MiB")
        if count == MANY:  # caches fill in the first round
            assert memory[-1] <= MAX_GROWTH * memory[0]
