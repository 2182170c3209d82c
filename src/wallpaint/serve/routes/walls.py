"""Walls of a photo: detection, alphas, preview payloads."""

from __future__ import annotations

import hashlib
import json
import re
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from wallpaint.errors import InputError
from wallpaint.paints.paint import Paint
from wallpaint.serve import problems
from wallpaint.serve.problems import Problem
from wallpaint.serve.routes.paths import NewWallPath, PhotoPath, WallPath
from wallpaint.serve.schemas import ColorText, DetectRequest, OldWall, WallList, WallRecord
from wallpaint.serve.settings import MAX_ALPHA_BYTES, MAX_JSON_BYTES, MAX_WALLS
from wallpaint.serve.state import PROBLEMS, State, file_response, wall_record
from wallpaint.serve.store import new_id
from wallpaint.version import __version__

router = APIRouter(prefix="/photos/{photo_id}/walls", tags=["walls"], responses=PROBLEMS)
_PNG: dict[str, Any] = {"image/png": {"schema": {"type": "string", "format": "binary"}}}
_PAYLOAD: dict[str, Any] = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_POINT = re.compile(r"\s*([01](?:\.\d{0,9})?)\s*,\s*([01](?:\.\d{0,9})?)\s*")


@router.post("", max_body_size=MAX_JSON_BYTES, operation_id="detect_walls")
async def detect(photo_id: PhotoPath, body: DetectRequest, state: State) -> WallList:
    """Detect the walls of a photo. They replace the photo's walls, drawn ones included."""
    photo = state.photo(photo_id)
    on, off = ([(click.x, click.y) for click in body.clicks if click.wall == wall] for wall in (True, False))
    answer = await state.work("detect", photo, clicks=on, not_clicks=off, separate=body.separate)
    state.store.replace_walls(photo_id, answer["walls"])
    return WallList(walls=[wall_record(wall) for wall in state.store.walls(photo_id)], notes=answer["notes"])


@router.get(
    "/{name}",
    response_class=FileResponse,
    responses={200: {"content": _PNG, "description": "8-bit grey, white = wall, at preview size"}},
    operation_id="get_wall_alpha",
)
async def get_alpha(photo_id: PhotoPath, name: WallPath, state: State) -> FileResponse:
    """Return the alpha of a wall."""
    photo = state.photo(photo_id)
    wall = state.store.wall(photo_id, name)
    if wall is None:
        raise problems.not_known("wall")
    path = state.store.folder(photo) / wall["file"]
    return file_response(path, "image/png", headers={"Cache-Control": "private, no-cache"})


@router.put(
    "/{name}",
    max_body_size=MAX_ALPHA_BYTES,
    operation_id="put_wall_alpha",
    openapi_extra={"requestBody": {"required": True, "content": _PNG}},
)
async def put_alpha(photo_id: PhotoPath, name: NewWallPath, request: Request, state: State) -> WallRecord:
    """Set the alpha of a wall, or add a wall: a PNG of preview size, 8-bit grey or RGBA, whose red channel counts."""
    photo = state.photo(photo_id)
    if request.headers.get("content-type", "").partition(";")[0].strip() != "image/png":
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the alpha must be a PNG: send it as image/png")
    walls = state.wall_files(photo)
    if name not in walls and len(walls) >= MAX_WALLS:
        raise InputError(f"a photo has at most {MAX_WALLS} walls: delete one first")
    upload = state.store.folder(photo) / f"{new_id()}.upload"
    upload.write_bytes(await request.body())
    try:
        sizes = {"width": photo["preview_width"], "height": photo["preview_height"]}
        answer = await state.work("alpha", photo, upload=upload.name, **sizes)
    finally:
        upload.unlink(missing_ok=True)
    state.store.put_wall(photo_id, {"name": name, **answer})
    wall = state.store.wall(photo_id, name)
    assert wall is not None
    return wall_record(wall)


@router.delete("/{name}", status_code=HTTPStatus.NO_CONTENT, operation_id="delete_wall")
async def delete(photo_id: PhotoPath, name: WallPath, state: State) -> None:
    """Delete a wall."""
    state.photo(photo_id)
    if not state.store.delete_wall(photo_id, name):
        raise problems.not_known("wall")


@router.get(
    "/{name}/preview",
    response_class=Response,
    responses={
        200: {"content": _PAYLOAD, "description": "the format of docs/preview.md"},
        304: {"description": "unchanged"},
    },
    operation_id="get_wall_preview",
)
async def preview(
    photo_id: PhotoPath,
    name: WallPath,
    state: State,
    old_color: Annotated[ColorText | None, Query(description="existing paint of the wall")] = None,
    white: Annotated[str | None, Query(description="x,y of a white object, as fractions", examples=["0.5,0.2"])] = None,
    old_wall: Annotated[OldWall, Query()] = "auto",
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Return what a page needs to show a wall in any paint: alpha, shading and the light model's coefficients."""
    photo = state.photo(photo_id)
    walls = state.wall_files(photo)
    if name not in walls:
        raise problems.not_known("wall")
    hints: dict[str, Any] = {"old_color": {name: Paint.parse(old_color).hex} if old_color else {}}
    hints |= {"white": parse_fractions(white) if white else None, "old_wall": old_wall}
    digest = hashlib.sha256(json.dumps([__version__, name, walls, hints]).encode()).hexdigest()[:32]
    headers = {"ETag": f'"{digest}"', "Cache-Control": "private, no-cache"}
    if if_none_match is not None and headers["ETag"] in if_none_match:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    file = f"{new_id()}.bin"
    await state.work("preview", photo, walls=walls, wall=name, hints=hints, file=file)
    path = state.store.folder(photo) / file
    cleanup = BackgroundTask(path.unlink, missing_ok=True)
    return file_response(path, "application/octet-stream", headers=headers, background=cleanup)


def parse_fractions(text: str) -> tuple[float, float]:
    """Parse a point, "x,y", both 0..1. Raises InputError."""
    match = _POINT.fullmatch(text)
    values = (float(match[1]), float(match[2])) if match else (2.0, 2.0)
    if max(values) > 1:
        raise InputError("`white` takes X,Y as fractions of the photo's width and height, such as 0.5,0.2")
    return values
