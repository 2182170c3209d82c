"""Photos: upload, record, preview image, deletion, colours and renders."""

from __future__ import annotations

import shutil
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response, UploadFile
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from wallpaint.serve import problems
from wallpaint.serve.problems import Problem
from wallpaint.serve.routes.paths import PhotoPath
from wallpaint.serve.schemas import ColorRecord, Fraction, Id, PhotoRecord, RenderRequest
from wallpaint.serve.settings import MAX_JSON_BYTES
from wallpaint.serve.state import (
    PROBLEMS,
    State,
    file_response,
    painting_args,
    photo_record,
    photo_url,
)
from wallpaint.serve.store import PREVIEW, SOURCE, new_id

STORAGE_RETRY_S = 600

router = APIRouter(prefix="/photos", tags=["photos"], responses=PROBLEMS)
_JPEG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}}, "description": "sRGB, without metadata"}}


@router.post("", status_code=HTTPStatus.CREATED, operation_id="upload_photo")
async def upload(file: UploadFile, request: Request, response: Response, state: State) -> PhotoRecord:
    """Upload a photo: JPEG, PNG, WebP, TIFF, HEIC, AVIF, GIF or BMP. Everything made of it is deleted with it."""
    if await run_in_threadpool(state.store.used_bytes) + (file.size or 0) > state.settings.max_storage_bytes:
        raise problems.busy("the server's storage is full: delete photos, or try again later", STORAGE_RETRY_S)
    photo_id, folder = await run_in_threadpool(state.store.new_folder)
    try:
        with (folder / SOURCE).open("xb") as target:
            await run_in_threadpool(shutil.copyfileobj, file.file, target)
        limits = {"max_bytes": state.settings.max_bytes, "max_pixels": state.settings.max_pixels}
        info = await state.run_task("read", photo_id, folder=str(folder), **limits)
        photo = state.store.add_photo(photo_id, file.filename or "", info)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    response.headers["Location"] = photo_url(photo_id)
    return photo_record(state, photo)


@router.get("/{photo_id}", operation_id="get_photo")
async def record(photo_id: PhotoPath, state: State) -> PhotoRecord:
    """Return a photo's record with its walls."""
    return photo_record(state, state.photo(photo_id))


@router.delete("/{photo_id}", status_code=HTTPStatus.NO_CONTENT, operation_id="delete_photo")
async def delete(photo_id: PhotoPath, state: State) -> None:
    """Delete a photo at once, with its walls, jobs and results."""
    state.photo(photo_id)
    for row in state.queue.database.rows("SELECT id FROM jobs WHERE photo = ?", (photo_id,)):
        state.runner.cancel(row["id"])
    await run_in_threadpool(state.store.delete_photo, photo_id)
    state.pool.forget(photo_id)


@router.get("/{photo_id}/image", response_class=FileResponse, responses=_JPEG, operation_id="get_photo_image")
async def image(photo_id: PhotoPath, state: State) -> FileResponse:
    """Return the photo as an sRGB JPEG, upright, at most 2,048 pixels on the longer side, without metadata."""
    headers = {"Cache-Control": "private, max-age=3600"}
    path = state.store.folder(state.photo(photo_id)) / PREVIEW
    return file_response(path, "image/jpeg", headers=headers)


@router.get("/{photo_id}/color", operation_id="identify_color")
async def color(
    photo_id: PhotoPath,
    state: State,
    x: Annotated[Fraction, Query()],
    y: Annotated[Fraction, Query()],
    palette: Annotated[Id | None, Query(description="compare with this palette")] = None,
) -> ColorRecord:
    """Identify the colour at a point: as photographed, the estimated paint, and the nearest three of a palette."""
    photo = state.photo(photo_id)
    stored = state.palette(palette)
    arguments: dict[str, Any] = {
        "at": (x, y),
        "hints": {},
        "palette_file": None if stored is None else str(stored.file),
    }
    answer = await state.work("color", photo, walls=state.wall_files(photo), **arguments)
    return ColorRecord(**answer)


@router.post(
    "/{photo_id}/render",
    response_class=FileResponse,
    responses=_JPEG,
    max_body_size=MAX_JSON_BYTES,
    operation_id="render_photo",
)
async def render(photo_id: PhotoPath, body: RenderRequest, state: State) -> FileResponse:
    """Return the repainted photo at preview size, an sRGB JPEG."""
    photo = state.photo(photo_id)
    if not state.store.walls(photo_id):
        raise Problem(HTTPStatus.CONFLICT, "the photo has no walls yet: detect them, or draw one")
    file = f"{new_id()}.jpg"
    args = painting_args(state, photo, body)
    await state.work("render", photo, walls=state.wall_files(photo), file=file, **args)
    path = state.store.folder(photo) / file
    return file_response(path, "image/jpeg", background=BackgroundTask(path.unlink, missing_ok=True))
