"""Palettes: the server's own, and uploads."""

from __future__ import annotations

import unicodedata
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response, UploadFile
from starlette.concurrency import run_in_threadpool

from wallpaint.paints.paint import Paint
from wallpaint.serve import problems
from wallpaint.serve.problems import Problem
from wallpaint.serve.routes.paths import PalettePath
from wallpaint.serve.schemas import PaintRecord, PaletteList, PaletteRecord, PaletteSummary
from wallpaint.serve.settings import FORM_OVERHEAD, MAX_PALETTE_BYTES
from wallpaint.serve.state import PREFIX, PROBLEMS, State, timestamp
from wallpaint.serve.store import StoredPalette, clean_filename, new_id

MAX_LISTED = 5000

router = APIRouter(prefix="/palettes", tags=["palettes"], responses=PROBLEMS)


@router.get("", operation_id="list_palettes")
async def list_own(state: State) -> PaletteList:
    """Return the palettes that the server offers to everyone."""
    return PaletteList(palettes=[_summary(stored) for stored in state.store.own_palettes()])


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    max_body_size=MAX_PALETTE_BYTES + FORM_OVERHEAD,
    operation_id="upload_palette",
)
async def upload(file: UploadFile, response: Response, state: State) -> PaletteRecord:
    """Upload a palette, CSV or JSON with code, name and hex (or R, G, B, or Lab). It is deleted with the photos."""
    data = await file.read(MAX_PALETTE_BYTES + 1)
    if len(data) > MAX_PALETTE_BYTES:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a palette has at most {MAX_PALETTE_BYTES:,} bytes")
    name = clean_filename(file.filename or "palette")
    palette_id = new_id()
    path = state.store.palettes / palette_id
    path.write_bytes(data)
    try:
        answer = await state.run_task("palette", "", file=str(path), name=name)
        arguments = (palette_id, name, answer["paints"], answer["warnings"])
        stored = await run_in_threadpool(state.store.add_palette, *arguments)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    response.headers["Location"] = f"{PREFIX}/palettes/{stored.id}"
    return _record(stored, list(stored.palette))


@router.get("/{palette_id}", operation_id="get_palette")
async def record(
    palette_id: PalettePath,
    state: State,
    search: Annotated[str, Query(max_length=100, description="words of code or name; accents are ignored")] = "",
    offset: Annotated[int, Query(ge=0, le=10**6)] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = MAX_LISTED,
) -> PaletteRecord:
    """Return the paints of a palette, or those that match a search."""
    stored = state.palette(palette_id)
    if stored is None:
        raise problems.not_known("palette")
    matches = await run_in_threadpool(_matches, stored, search)
    return _record(stored, matches, offset, limit)


def _matches(stored: StoredPalette, search: str) -> list[Paint]:
    words = _plain(search).split()
    return [paint for paint in stored.palette if all(word in _plain(paint.label) for word in words)]


def _summary(stored: StoredPalette) -> PaletteSummary:
    expires_at = None if stored.expires is None else timestamp(stored.expires)
    return PaletteSummary(id=stored.id, name=stored.palette.source, count=len(stored.palette), expires_at=expires_at)


def _record(stored: StoredPalette, matches: list[Paint], offset: int = 0, limit: int = MAX_LISTED) -> PaletteRecord:
    paints = [
        PaintRecord(name=paint.name, code=paint.code, color=paint.hex, sheen=paint.sheen, lrv=paint.lrv)
        for paint in matches[offset : offset + limit]
    ]
    summary = _summary(stored).model_dump()
    return PaletteRecord(**summary, warnings=list(stored.palette.warnings), total=len(matches), paints=paints)


def _plain(text: str) -> str:
    """Return a text in lower case, without accents."""
    decomposed = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
