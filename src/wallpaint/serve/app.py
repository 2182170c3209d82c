"""The ASGI application: the API under /api/v1, and the page."""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from wallpaint.serve import problems
from wallpaint.serve.jobs import JobQueue, JobRunner
from wallpaint.serve.metrics import Metrics, MetricsMiddleware
from wallpaint.serve.pool import WORKER_MODULE, WorkerPool
from wallpaint.serve.routes import health, jobs, palettes, photos, walls
from wallpaint.serve.routes import metrics as metrics_routes
from wallpaint.serve.security import SecurityMiddleware, Sessions
from wallpaint.serve.settings import FORM_OVERHEAD, MAX_ALPHA_BYTES, ServeSettings
from wallpaint.serve.state import PREFIX, ServerState
from wallpaint.serve.store import Store
from wallpaint.version import __version__

PAGE = Path(__file__).parent / "page"
DESCRIPTION = (
    "Repaint the walls in photos of rooms. Upload a photo, detect or draw its walls, then queue a repaint job and "
    "download its result. Coordinates are fractions of the upright photo, x right, y down. Errors are "
    "application/problem+json (RFC 9457)."
)
_MEDIA_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".webmanifest": "application/manifest+json"}


class PageFiles(StaticFiles):
    """The page's files: revalidated at each load, since their names do not change with their contents."""

    async def check_config(self) -> None:
        """Answer 404 in an installation without the page."""
        if PAGE.is_dir():
            await super().check_config()

    def file_response(self, *args: Any, **kwargs: Any) -> Any:
        """Return a file, or 304 if the browser has it."""
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


class Api(FastAPI):
    """The API. Its description lists errors as problems only."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI description."""
        document = super().openapi()
        for operations in document["paths"].values():
            for operation in operations.values():
                for status, response in operation["responses"].items():
                    if status >= "400":
                        response["content"] = {problems.MEDIA_TYPE: response["content"][problems.MEDIA_TYPE]}
        return document


class Application:
    """The API with the security checks around it; `api` is the FastAPI app."""

    def __init__(self, api: FastAPI, settings: ServeSettings, sessions: Sessions) -> None:
        self.api, self.sessions = api, sessions
        self.state: ServerState = api.state.server
        self._app: ASGIApp = MetricsMiddleware(SecurityMiddleware(api, settings, sessions), self.state.metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def create_app(
    settings: ServeSettings, sessions: Sessions | None = None, *, worker_module: str = WORKER_MODULE
) -> Application:
    """Create the ASGI application.

    sessions: the one-time tokens, if `tokens_required`. worker_module: see `WorkerPool`.
    Its lifespan opens the database and starts the workers. Raises InputError for a data folder or a palette that cannot
    be used.
    """
    store = Store(settings)
    pool, queue = WorkerPool(settings, worker_module), JobQueue(store.database)
    runner, metrics = JobRunner(store, queue, pool), Metrics(queue, pool)
    runner.on_finished = lambda kind, state, seconds: metrics.job_seconds.labels(kind, state).observe(seconds)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await pool.start()
        await runner.start()
        yield
        await runner.stop()
        await pool.stop()
        store.database.close()

    api = Api(
        title="wallpaint",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
        max_body_size=max(settings.max_bytes, MAX_ALPHA_BYTES) + FORM_OVERHEAD,
        form_limits={"max_files": 1, "max_fields": 4, "max_part_size": 4096},
        separate_input_output_schemas=False,
    )
    api.state.server = ServerState(settings, store, pool, queue, runner, metrics)
    problems.install(api)
    for module in (photos, walls, jobs, palettes, health, metrics_routes):
        api.include_router(module.router, prefix=PREFIX)
    for suffix, media_type in _MEDIA_TYPES.items():
        mimetypes.add_type(media_type, suffix)
    api.mount("/", GZipMiddleware(PageFiles(directory=PAGE, html=True, check_dir=False), minimum_size=1024))
    return Application(api, settings, sessions or Sessions())
