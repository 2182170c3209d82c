"""Errors as application/problem+json (RFC 9457); `detail` is one line, the library's message where there is one."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from wallpaint.errors import WallpaintError

MEDIA_TYPE = "application/problem+json"
MAX_DETAIL = 2000
_LOGGER = logging.getLogger("wallpaint.serve")


class Problem(Exception):
    """An error for the client. detail: what is wrong and what to do, in one line."""

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})

    def response(self) -> ProblemResponse:
        """Return the problem as a response."""
        return ProblemResponse(self.status, self.detail, headers=self.headers)


class ProblemResponse(JSONResponse):
    """A problem as a response. errors: of single fields, each with "field" and "message"."""

    media_type = MEDIA_TYPE

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        errors: list[dict[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        detail = " ".join(detail.split())[:MAX_DETAIL].encode("utf-8", "replace").decode()
        content: dict[str, Any] = {
            "type": "about:blank",
            "title": status.phrase,
            "status": int(status),
            "detail": detail,
        }
        if errors:
            content["errors"] = errors
        super().__init__(content, int(status), dict(headers or {}), MEDIA_TYPE)


def not_known(kind: str) -> Problem:
    """Return the problem of an id that is unknown. kind: of the resource, such as "photo"."""
    return Problem(HTTPStatus.NOT_FOUND, f"there is no such {kind}: it was never created, or it has been deleted")


def busy(detail: str, retry_after_s: int) -> Problem:
    """Return the problem of a full queue."""
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, detail, {"Retry-After": str(retry_after_s)})


def install(app: FastAPI) -> None:
    """Answer every error of an app with a problem."""

    @app.exception_handler(Problem)
    async def _problem(request: Request, error: Problem) -> ProblemResponse:
        return error.response()

    @app.exception_handler(WallpaintError)
    async def _library(request: Request, error: WallpaintError) -> ProblemResponse:
        return ProblemResponse(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))

    @app.exception_handler(RequestValidationError)
    async def _validation(request: Request, error: RequestValidationError) -> ProblemResponse:
        errors = [_field_error(entry) for entry in error.errors()]
        detail = "; ".join(f"`{one['field']}`: {one['message']}" if one["field"] else one["message"] for one in errors)
        is_json = not any(entry["type"] == "json_invalid" for entry in error.errors())
        status = HTTPStatus.UNPROCESSABLE_ENTITY if is_json else HTTPStatus.BAD_REQUEST
        return ProblemResponse(status, detail, errors=errors)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> ProblemResponse:
        status = HTTPStatus(error.status_code)
        detail = error.detail if error.detail != status.phrase else _DETAILS.get(status, status.description)
        return ProblemResponse(status, detail or status.phrase, headers=error.headers)

    @app.exception_handler(Exception)
    async def _internal(request: Request, error: Exception) -> ProblemResponse:
        _LOGGER.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return ProblemResponse(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error: see the log of the server")


def plain_problem(status: HTTPStatus) -> ProblemResponse:
    """Return the problem in place of an answer in plain text, which Starlette gives for bodies and ranges."""
    return ProblemResponse(status, _DETAILS.get(status, status.description) or status.phrase)


_DETAILS = {
    HTTPStatus.NOT_FOUND: "there is nothing at this address: see /api/v1/openapi.json",
    HTTPStatus.METHOD_NOT_ALLOWED: "this address does not take this method: see /api/v1/openapi.json",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the body of the request is over the limit: make it smaller",
}


def _field_error(entry: Mapping[str, Any]) -> dict[str, str]:
    location = [str(name) for name in entry["loc"] if name not in ("body", "query", "path", "header")]
    message = str(entry["msg"]).removeprefix("Value error, ")
    field = ".".join(location) if entry["type"] != "json_invalid" else ""
    return {"field": field, "message": message[:1].lower() + message[1:]}
