"""Jobs: repaints and masks at full size, their progress and results."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import PurePath
from sqlite3 import Row
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from fastapi.sse import format_sse_event

from wallpaint import extras
from wallpaint.errors import InputError
from wallpaint.serve import problems
from wallpaint.serve.jobs import DONE, FINISHED, QUEUED
from wallpaint.serve.problems import Problem
from wallpaint.serve.routes.paths import JobPath
from wallpaint.serve.schemas import JobRecord, JobRequest, MaskJobRequest, RepaintJobRequest
from wallpaint.serve.settings import MAX_JSON_BYTES
from wallpaint.serve.state import (
    PREFIX,
    PROBLEMS,
    RETRY_AFTER_S,
    ServerState,
    State,
    file_response,
    painting_args,
    timestamp,
)
from wallpaint.serve.store import SOURCE

QUEUE_RETRY_S = 10
KEEPALIVE_S = 15.0  # between comments that keep an event stream open
_POLL_S = 1.0
_KEY = re.compile(r"[\x21-\x7e]{1,255}")

router = APIRouter(prefix="/jobs", tags=["jobs"], responses=PROBLEMS)
_ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "headers": {
            "Location": {"description": "address of the job", "schema": {"type": "string"}},
            "Retry-After": {"description": "seconds until it is worth asking", "schema": {"type": "integer"}},
        }
    }
}


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    responses=_ACCEPTED,
    max_body_size=MAX_JSON_BYTES,
    operation_id="create_job",
)
async def create(
    body: Annotated[JobRequest, Body()],
    request: Request,
    response: Response,
    state: State,
    idempotency_key: Annotated[
        str | None, Header(max_length=255, description="a repeated request with the same key returns the same job")
    ] = None,
) -> JobRecord:
    """Queue a job: `repaint` or `mask`, at full size."""
    text = body.model_dump_json()
    key = None if idempotency_key is None else _scoped_key(idempotency_key, request)
    job = None if key is None else state.queue.by_key(key)
    if job is not None:
        if json.loads(job["request"])["body"] != text:
            detail = "this Idempotency-Key was used for another request: choose a new one"
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
        response.headers["Idempotency-Replayed"] = "true"
    else:
        photo = state.photo(body.photo)
        if state.queue.count(QUEUED) >= state.settings.max_queue:
            raise problems.busy("the queue is full: try again later", QUEUE_RETRY_S)
        args = _repaint_args(state, photo, body) if body.kind == "repaint" else _mask_args(photo, body)
        limits = {"max_bytes": state.settings.max_bytes, "max_pixels": state.settings.max_pixels}
        state.store.keep(photo["id"])
        job = state.queue.add(body.kind, photo["id"], {"body": text, "args": {**args, "limits": limits}}, key)
        state.runner.wake()
    response.headers["Location"] = job_url(job["id"])
    response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return job_record(state, job)


@router.get("/{job_id}", operation_id="get_job")
async def record(job_id: JobPath, response: Response, state: State) -> JobRecord:
    """Return a job's record."""
    job = _job(state, job_id)
    if job["state"] not in FINISHED:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return job_record(state, job)


@router.delete("/{job_id}", status_code=HTTPStatus.NO_CONTENT, operation_id="cancel_job")
async def cancel(job_id: JobPath, state: State) -> None:
    """Cancel a job, or delete a finished one with its result."""
    job = _job(state, job_id)
    if state.runner.cancel(job_id):
        return
    if job["result_file"] is not None:
        (state.store.photos / job["photo"] / job["result_file"]).unlink(missing_ok=True)
    state.queue.delete(job_id)


@router.get(
    "/{job_id}/result",
    response_class=FileResponse,
    responses={200: {"content": {"image/*": {}, "application/zip": {}}, "description": "the file"}},
    operation_id="get_job_result",
)
async def result(job_id: JobPath, state: State) -> FileResponse:
    """Return the file of a job that is done, under a name that states photo and paint."""
    job = _job(state, job_id)
    if job["state"] != DONE:
        reason = job["error"] or f"it is {job['state']}"
        raise Problem(HTTPStatus.CONFLICT, f"this job has no result: {reason}")
    path = state.store.photos / job["photo"] / job["result_file"]
    return file_response(path, job["media_type"], filename=job["result_name"])


@router.get(
    "/{job_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {}}, "description": "an event for each change of the job"},
        204: {"description": "the job is finished and all its events were received"},
    },
    operation_id="get_job_events",
)
async def events(
    job_id: JobPath,
    state: State,
    last_event_id: Annotated[str | None, Header(description="continue after this event")] = None,
) -> Response:
    """Follow a job by server-sent events, from its first or after the last one received, until it is finished."""
    job = _job(state, job_id)
    after = int(last_event_id) if last_event_id and re.fullmatch(r"\d{1,9}", last_event_id) else 0
    if job["state"] in FINISHED and not state.queue.events(job_id, after):
        return Response(status_code=HTTPStatus.NO_CONTENT)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_stream(state, job_id, after), media_type="text/event-stream", headers=headers)


async def _stream(state: ServerState, job_id: str, after: int) -> AsyncIterator[bytes]:
    """Yield a job's events until it is finished or deleted."""
    clock = asyncio.get_running_loop().time
    last_sent = clock()
    while True:
        for event in state.queue.events(job_id, after):
            after, last_sent = event["id"], clock()
            yield format_sse_event(data_str=event["data"], event="job", id=str(after))
            if json.loads(event["data"])["state"] in FINISHED:
                return
        if state.queue.is_closing or state.queue.get(job_id) is None:
            return
        if clock() - last_sent > KEEPALIVE_S:
            last_sent = clock()
            yield b": waiting\n\n"
        await state.queue.wait(job_id, _POLL_S)


# -- records and arguments


def job_url(job_id: str) -> str:
    """Return the path of a job in the API."""
    return f"{PREFIX}/jobs/{job_id}"


def job_record(state: ServerState, job: Row) -> JobRecord:
    """Return a job's record."""
    photo = state.store.photo(job["photo"])
    names = ("id", "kind", "photo", "state", "progress", "step", "attempts", "error")
    return JobRecord(
        **{name: job[name] for name in names},
        position=state.queue.position(job) if job["state"] == QUEUED else 0,
        created_at=timestamp(job["created"]),
        started_at=timestamp(job["started"]) if job["started"] else None,
        finished_at=timestamp(job["finished"]) if job["finished"] else None,
        expires_at=timestamp(photo["expires"] if photo is not None else job["created"]),
        result_url=f"{job_url(job['id'])}/result" if job["state"] == DONE else None,
        report=json.loads(job["report"]) if job["report"] else None,
    )


def _job(state: ServerState, job_id: str) -> Row:
    job = state.queue.get(job_id)
    if job is None or state.store.photo(job["photo"]) is None:
        raise problems.not_known("job")
    return job


def _repaint_args(state: ServerState, photo: Row, body: RepaintJobRequest) -> dict[str, Any]:
    args = painting_args(state, photo, body)
    if body.painter == "diffusion" and state.settings.bundle is None:
        raise InputError("the diffusion painter needs models, and this server has none: use the analytic painter")
    reference = None
    if body.reference is not None:
        if body.painter != "diffusion":
            raise InputError("only the diffusion painter uses the texture of a `reference`: leave it out")
        reference = str(state.store.folder(state.photo(body.reference)) / SOURCE)
    if body.format == "heic" and not extras.is_installed("pillow_heif"):
        raise InputError("this server cannot write HEIC: choose another `format`")
    files = state.wall_files(photo)
    return {
        **args,
        "walls": {name: files[name] for name in args["colors"]} if files else {},
        "options": {**args["options"], "detail": body.detail, "seed": body.seed},
        "output": {
            **{"name": _result_name(photo, list(args["colors"].values())), "format": body.format},
            **{"keep_location": body.keep_location, "quality": body.quality},
            **{"painter": body.painter, "reference": reference},
        },
    }


def _mask_args(photo: Row, body: MaskJobRequest) -> dict[str, Any]:
    on, off = ([(click.x, click.y) for click in body.clicks if click.wall == wall] for wall in (True, False))
    output = {"name": f"{_stem(photo)}_walls"}
    return {"clicks": on, "not_clicks": off, "separate": body.separate, "output": output}


def _result_name(photo: Row, colors: list[str]) -> str:
    """Return the stem of a result's name for the user: that of the photo, and its paints."""
    slugs = [re.sub(r"[^0-9a-z]+", "-", text.casefold()).strip("-") for text in dict.fromkeys(colors)]
    return "_".join([_stem(photo), *filter(None, slugs)])[:100]


def _stem(photo: Row) -> str:
    return PurePath(photo["filename"]).stem[:60] or "photo"


def _scoped_key(idempotency_key: str, request: Request) -> str:
    """Return a digest of an Idempotency-Key and of who sent it, so that clients cannot see each other's jobs."""
    if not _KEY.fullmatch(idempotency_key):
        raise InputError("`Idempotency-Key` must have 1 to 255 visible characters")
    client = request.client.host if request.client is not None else ""
    scope = [idempotency_key, client, request.headers.get("authorization", ""), request.headers.get("cookie", "")]
    return hashlib.sha256(json.dumps(scope).encode()).hexdigest()
