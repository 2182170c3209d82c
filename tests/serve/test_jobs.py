"""The queue: states, leases, claims, events; and jobs on a running server whose workers are killed."""

from __future__ import annotations

import functools
import json
import os
import signal
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from wallpaint.serve.jobs import JobQueue

from support.serve_api import API, SAGE, put_alpha, upload

STUCK_COLOR = "#010203"  # of support.serve_worker
RESULT = {"file": "a.png", "name": "room.png", "media_type": "image/png", "report": {"walls": []}}


@pytest.fixture
def queue(make_settings: Any) -> Iterator[JobQueue]:
    """A queue with the record of one photo, "p"."""
    from wallpaint.serve.jobs import JobQueue
    from wallpaint.serve.store import Store

    store = Store(make_settings())
    sizes = {"width": 8, "height": 8, "preview_width": 8, "preview_height": 8}
    store.add_photo("p", "room.jpg", {"format": "JPEG", "bytes": 1, "warnings": [], **sizes})
    yield JobQueue(store.database)
    store.database.close()


def states(queue: JobQueue, job: str) -> list[str]:
    return [json.loads(event["data"])["state"] for event in queue.events(job, 0)]


def test_jobs_run_in_order_and_keep_their_result(queue: JobQueue) -> None:
    first, second = (queue.add("repaint", "p", {"n": number}, None) for number in (1, 2))
    assert [queue.position(job) for job in (first, second)] == [0, 1]
    claimed = queue.claim(60)
    assert claimed is not None
    assert (claimed["id"], claimed["state"], claimed["attempts"]) == (first["id"], "running", 1)
    queue.progress(claimed, 0.5, "painting")
    assert queue.get_existing(first["id"])["progress"] == 0.5
    assert queue.finish(claimed, RESULT)
    done = queue.get_existing(first["id"])
    assert (done["state"], done["result_file"], json.loads(done["report"])) == ("done", "a.png", {"walls": []})
    assert states(queue, first["id"]) == ["queued", "running", "running", "done"]
    assert queue.claim(60)["id"] == second["id"]  # type: ignore[index]
    assert queue.claim(60) is None


def test_an_expired_lease_is_queued_once_then_failed(queue: JobQueue) -> None:
    job = queue.add("repaint", "p", {}, None)["id"]
    first = queue.claim(-1)
    assert first is not None
    assert [row["id"] for row in queue.expired()] == [job]
    assert queue.release(first)
    assert queue.get_existing(job)["state"] == "queued"
    second = queue.claim(-1)
    assert second is not None
    assert second["attempts"] == 2
    assert queue.release(second)
    failed = queue.get_existing(job)
    assert failed["state"] == "failed"
    assert "ended twice" in failed["error"]
    assert queue.expired() == []
    assert states(queue, job) == ["queued", "running", "queued", "running", "failed"]


def test_a_heartbeat_extends_the_lease(queue: JobQueue) -> None:
    queue.add("repaint", "p", {}, None)
    claimed = queue.claim(-1)
    assert claimed is not None
    queue.beat(claimed, 60)
    assert queue.expired() == []


def test_a_lost_claim_cannot_finish(queue: JobQueue) -> None:
    """The first worker was taken for dead, and answers after the second one has begun."""
    job = queue.add("repaint", "p", {}, None)["id"]
    first = queue.claim(-1)
    assert first is not None
    queue.release(first)
    second = queue.claim(60)
    assert second is not None
    assert not queue.finish(first, RESULT)
    assert not queue.fail(first, "late")
    queue.progress(first, 0.9, "late")
    assert queue.get_existing(job)["progress"] == 0
    assert queue.finish(second, RESULT)


def test_a_cancelled_job_stays_cancelled(queue: JobQueue) -> None:
    job = queue.add("repaint", "p", {}, None)["id"]
    claimed = queue.claim(60)
    assert claimed is not None
    assert queue.cancel(job)
    assert not queue.cancel(job)
    assert not queue.finish(claimed, RESULT)
    assert not queue.release(claimed)
    assert queue.get_existing(job)["state"] == "cancelled"


def test_a_job_that_the_server_returns_has_lost_no_attempt(queue: JobQueue) -> None:
    job = queue.add("repaint", "p", {}, None)["id"]
    claimed = queue.claim(60)
    assert claimed is not None
    assert queue.return_job(claimed)
    row = queue.get_existing(job)
    assert (row["state"], row["attempts"]) == ("queued", 0)


def test_events_continue_after_the_last_one(queue: JobQueue) -> None:
    job = queue.add("repaint", "p", {}, None)["id"]
    queue.cancel(job)
    assert [event["id"] for event in queue.events(job, 0)] == [1, 2]
    assert [event["id"] for event in queue.events(job, 1)] == [2]


# -- on a running server


@pytest.fixture
def server(make_settings: Any) -> Iterator[TestClient]:
    """A server with one worker, short leases, and the test's tasks."""
    from starlette.testclient import TestClient

    from wallpaint.serve.app import create_app

    app = create_app(make_settings(lease_s=600.0, cancel_grace_s=0.5), worker_module="support.serve_worker")
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def prepared_job(client: TestClient, photo_bytes: bytes, alpha_bytes: bytes, **options: Any) -> dict[str, Any]:
    photo = upload(client, photo_bytes)["id"]
    put_alpha(client, photo, alpha_bytes)
    return {"kind": "repaint", "photo": photo, "walls": [{"name": "wall", "color": SAGE}], **options}


def pool_of(client: TestClient) -> Any:
    return client.app.state.pool  # type: ignore[attr-defined]


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def state_of(client: TestClient, job: str) -> str:
    return str(client.get(f"{API}/jobs/{job}").json()["state"])


posix = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="signals of POSIX")


@posix
def test_a_job_whose_worker_is_killed_runs_again(server: TestClient, photo_bytes: bytes, alpha_bytes: bytes) -> None:
    """kill -9 in the middle of a job: the worker is stopped first, so that the job cannot end before."""
    body = prepared_job(server, photo_bytes, alpha_bytes)
    (pid,) = pool_of(server).pids
    os.kill(pid, signal.SIGSTOP)
    job = server.post(f"{API}/jobs", json=body).json()["id"]
    wait_for(lambda: state_of(server, job) == "running")
    os.kill(pid, signal.SIGKILL)
    events = server.get(f"{API}/jobs/{job}/events").text
    assert state_of(server, job) == "done"
    record = server.get(f"{API}/jobs/{job}").json()
    assert record["attempts"] == 2
    assert events.count('"queued"') == 2
    assert server.get(record["result_url"]).status_code == 200
    assert server.get(f"{API}/health").status_code == 200


@posix
def test_a_job_whose_workers_are_killed_twice_fails(server: TestClient, photo_bytes: bytes, alpha_bytes: bytes) -> None:
    body = prepared_job(server, photo_bytes, alpha_bytes)
    job = server.post(f"{API}/jobs", json={**body, "walls": [{"name": "wall", "color": STUCK_COLOR}]}).json()["id"]
    killed: set[int] = set()
    for _ in range(2):
        wait_for(lambda: set(pool_of(server).pids_of("repaint")) - killed)
        (pid,) = pool_of(server).pids_of("repaint")
        os.kill(pid, signal.SIGKILL)
        killed.add(pid)
    server.get(f"{API}/jobs/{job}/events")
    record = server.get(f"{API}/jobs/{job}").json()
    assert record["state"] == "failed"
    assert "ended twice" in record["error"]
    assert server.get(f"{API}/jobs/{job}/result").status_code == 409


@posix
def test_a_worker_without_heartbeat_loses_its_job(make_settings: Any, photo_bytes: bytes, alpha_bytes: bytes) -> None:
    from starlette.testclient import TestClient

    from wallpaint.serve.app import create_app

    with TestClient(create_app(make_settings(lease_s=600.0))) as client:
        body = prepared_job(client, photo_bytes, alpha_bytes)
        (pid,) = pool_of(client).pids
        os.kill(pid, signal.SIGSTOP)
        job = client.post(f"{API}/jobs", json=body).json()["id"]
        wait_for(lambda: state_of(client, job) == "running")
        client.app.state.queue.database.run("UPDATE jobs SET lease_until = 0 WHERE id = ?", (job,))  # 600 s later
        client.get(f"{API}/jobs/{job}/events")
        record = client.get(f"{API}/jobs/{job}").json()
    assert (record["state"], record["attempts"]) == ("done", 2)


@posix
def test_a_running_job_is_cancelled(server: TestClient, photo_bytes: bytes, alpha_bytes: bytes) -> None:
    body = prepared_job(server, photo_bytes, alpha_bytes)
    (pid,) = pool_of(server).pids
    os.kill(pid, signal.SIGSTOP)
    job = server.post(f"{API}/jobs", json=body).json()["id"]
    wait_for(lambda: state_of(server, job) == "running")
    assert server.delete(f"{API}/jobs/{job}").status_code == 204
    assert state_of(server, job) == "cancelled"
    assert '"cancelled"' in server.get(f"{API}/jobs/{job}/events").text
    wait_for(lambda: pid not in pool_of(server).pids)  # the stopped worker did not end by itself
    other = server.post(f"{API}/jobs", json=body).json()["id"]
    server.get(f"{API}/jobs/{other}/events")
    assert state_of(server, other) == "done"


def test_a_crashing_decoder_costs_one_upload(server: TestClient, photo_bytes: bytes) -> None:
    response = server.post(f"{API}/photos", files={"file": ("bad.jpg", b"CRASH")})
    assert response.status_code == 422
    assert "crashed" in response.json()["detail"]
    assert upload(server, photo_bytes)["width"] > 0


def test_workers_forget_a_photo_that_is_deleted(server: TestClient, photo_bytes: bytes, alpha_bytes: bytes) -> None:
    run = functools.partial(pool_of(server).run, "remembered", {}, timeout_s=60)

    def remembered() -> int:
        assert server.portal is not None
        return int(server.portal.call(run)["count"])

    photos = []
    for _ in range(2):
        body = prepared_job(server, photo_bytes, alpha_bytes)
        photos.append(body["photo"])
        server.get(f"{API}/jobs/{server.post(f'{API}/jobs', json=body).json()['id']}/events")
        server.get(f"{API}/photos/{body['photo']}/color?x=0.1&y=0.1")
    assert remembered() >= 5
    for photo in photos:
        assert server.delete(f"{API}/photos/{photo}").status_code == 204
    assert remembered() == 0


def test_a_restart_keeps_finished_jobs_and_continues_the_others(
    make_settings: Any, photo_bytes: bytes, alpha_bytes: bytes
) -> None:
    """One job is done, one queued, and one was running in a server that was killed."""
    from starlette.testclient import TestClient

    from wallpaint.serve.app import create_app

    settings = make_settings()
    with TestClient(create_app(settings)) as client:
        body = prepared_job(client, photo_bytes, alpha_bytes)
        done = client.post(f"{API}/jobs", json=body).json()["id"]
        client.get(f"{API}/jobs/{done}/events")
        result = client.get(f"{API}/jobs/{done}/result").content
    app = create_app(settings)
    queue = app.state.queue
    args = json.loads(queue.get_existing(done)["request"])
    running, queued = (queue.add("repaint", body["photo"], args, None)["id"] for _ in range(2))
    assert queue.claim(-1)["id"] == running
    with TestClient(app) as client:
        assert client.get(f"{API}/jobs/{done}").json()["state"] == "done"
        assert client.get(f"{API}/jobs/{done}/result").content == result
        for job, attempts in ((running, 2), (queued, 1)):
            client.get(f"{API}/jobs/{job}/events")
            record = client.get(f"{API}/jobs/{job}").json()
            assert (record["state"], record["attempts"]) == ("done", attempts)
