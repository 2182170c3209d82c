"""What the routes share: the store, the queue and the pool of one app, and requests that refer to them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from sqlite3 import Row
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Request
from fastapi.responses import FileResponse

from wallpaint.paints.paint import Paint
from wallpaint.serve import problems
from wallpaint.serve.jobs import JobQueue, JobRunner
from wallpaint.serve.metrics import Metrics
from wallpaint.serve.pool import PoolFull, TaskFailed, WorkerEnded, WorkerPool
from wallpaint.serve.problems import Problem
from wallpaint.serve.schemas import PaintingRequest, PhotoRecord, ProblemRecord, WallRecord
from wallpaint.serve.settings import ServeSettings
from wallpaint.serve.store import Store, StoredPalette

PREFIX = "/api/v1"
RETRY_AFTER_S = 2

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": HTTPStatus(status).phrase,
        "model": ProblemRecord,
        "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemRecord"}}},
    }
    for status in (400, 401, 403, 404, 409, 413, 415, 421, 422, 429)
}
"""Errors that every route may answer with, for the OpenAPI description."""


@dataclass(frozen=True, eq=False)
class ServerState:
    """The parts of a running server."""

    settings: ServeSettings
    store: Store
    pool: WorkerPool
    queue: JobQueue
    runner: JobRunner
    metrics: Metrics

    async def work(self, task: str, photo: Row, /, **args: Any) -> Any:
        """Run a short task on a photo in a worker. Raises Problem or the task's InputError.

        The photo may be deleted while the task runs; whatever it raises or returns then, the photo is unknown.
        """
        try:
            return await self.run_task(task, str(photo["id"]), folder=str(self.store.folder(photo)), **args)
        finally:
            self.photo(photo["id"])

    async def run_task(self, task: str, key: str, /, **args: Any) -> Any:
        """Run a short task in a worker. Raises Problem or the task's InputError."""
        try:
            return await self.pool.request(task, key, **args)
        except PoolFull:
            raise problems.busy("the server is busy: try again in a moment", RETRY_AFTER_S) from None
        except WorkerEnded:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "the server is shutting down: try again later") from None
        except TaskFailed as error:
            raise Problem(HTTPStatus.INTERNAL_SERVER_ERROR, str(error)) from None

    def photo(self, photo_id: str) -> Row:
        """Return a photo's record. Raises Problem."""
        row = self.store.photo(photo_id)
        if row is None:
            raise problems.not_known("photo")
        return row

    def palette(self, palette_id: str | None) -> StoredPalette | None:
        """Return a palette, None for none. Raises Problem."""
        if palette_id is None:
            return None
        stored = self.store.palette(palette_id)
        if stored is None:
            raise problems.not_known("palette")
        return stored

    def wall_files(self, photo: Row) -> dict[str, str]:
        """Return the files of a photo's alphas by the walls' names."""
        return {row["name"]: row["file"] for row in self.store.walls(photo["id"])}


def server_state(request: Request) -> ServerState:
    """Return the state of the app that answers a request."""
    state: ServerState = request.app.state.server
    return state


State = Annotated[ServerState, Depends(server_state)]


# -- records


def timestamp(seconds: float) -> datetime:
    """Return a time in seconds since 1970 as a date in UTC."""
    return datetime.fromtimestamp(round(seconds), UTC)


def photo_url(photo_id: str) -> str:
    """Return the path of a photo in the API."""
    return f"{PREFIX}/photos/{photo_id}"


def wall_record(wall: Row) -> WallRecord:
    """Return a wall's record. The query of its address changes with its alpha."""
    url = f"{photo_url(wall['photo'])}/walls/{quote(wall['name'], safe='')}?version={wall['file'][:8]}"
    return WallRecord(name=wall["name"], share=wall["share"], confidence=wall["confidence"], alpha_url=url)


def photo_record(state: ServerState, photo: Row) -> PhotoRecord:
    """Return a photo's record with its walls."""
    names = ("id", "filename", "format", "width", "height", "preview_width", "preview_height")
    return PhotoRecord(
        **{name: photo[name] for name in names},
        expires_at=timestamp(photo["expires"]),
        image_url=f"{photo_url(photo['id'])}/image",
        warnings=json.loads(photo["warnings"]),
        walls=[wall_record(wall) for wall in state.store.walls(photo["id"])],
    )


# -- arguments of tasks


def painting_args(state: ServerState, photo: Row, request: PaintingRequest) -> dict[str, Any]:
    """Return the arguments of the tasks `render` and `repaint` that follow from paints and options.

    Checks names and colours, so that a mistake is reported at once. Raises Problem or InputError.
    """
    files = state.wall_files(photo) or {"wall": ""}
    colors, old_colors = {}, {}
    stored = state.palette(request.palette)
    lookup = None if stored is None else stored.palette
    for wall in request.walls:
        if wall.name not in files:
            detail = f"the photo has no wall {wall.name!r}: its walls are {', '.join(files)}"
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
        if wall.name in colors:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"the wall {wall.name!r} is given twice: leave one out")
        colors[wall.name] = wall.color
        old = wall.old_color or request.old_color
        if old is not None:
            old_colors[wall.name] = Paint.parse(old, lookup).hex
    used: Mapping[str, Paint] = {text: Paint.parse(text, lookup) for text in colors.values()}
    paints = [paint_data(paint) for text, paint in used.items() if lookup is not None and lookup.get(text)]
    return {
        "colors": colors,
        "hints": {"old_color": old_colors, "white": request.white, "old_wall": request.old_wall},
        "options": {"match": request.match, "bleed": request.bleed},
        "palette_data": {"name": lookup.source, "paints": paints} if lookup is not None and paints else None,
    }


def paint_data(paint: Paint) -> dict[str, Any]:
    """Return a paint of a palette as plain data for a worker."""
    keys = ("albedo_linear", "name", "code", "sheen", "lrv")
    return {key: getattr(paint, key) for key in keys}


def file_response(path: Path, media_type: str, **options: Any) -> FileResponse:
    """Return a file of the store. Raises Problem if it has been deleted in the meantime."""
    if not path.is_file():
        raise problems.not_known("file")
    return FileResponse(path, media_type=media_type, **options)
