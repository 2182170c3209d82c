"""The state of the server."""

from __future__ import annotations

from fastapi import APIRouter

from wallpaint import extras
from wallpaint.serve.jobs import QUEUED, RUNNING
from wallpaint.serve.schemas import Health
from wallpaint.serve.settings import MEDIA_TYPES
from wallpaint.serve.state import State
from wallpaint.version import __version__

router = APIRouter(tags=["health"])


@router.get("/health", operation_id="get_health")
async def health(state: State) -> Health:
    """Return the state and the limits of the server. Needs no key."""
    settings = state.settings
    formats = [name for name in MEDIA_TYPES if name != "heic" or extras.is_installed("pillow_heif")]
    return Health(
        status="ok" if state.pool.ready else "starting",
        version=__version__,
        workers=state.pool.ready,
        queued=state.queue.count(QUEUED),
        running=state.queue.count(RUNNING),
        keep_hours=settings.keep_hours,
        max_bytes=settings.max_bytes,
        max_pixels=settings.max_pixels,
        painters=["analytic", *(["diffusion"] if settings.bundle is not None else [])],
        formats=formats,  # type: ignore[arg-type]
    )
