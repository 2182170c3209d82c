"""Metrics for Prometheus."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from wallpaint.serve.metrics import MEDIA_TYPE
from wallpaint.serve.state import PROBLEMS, State

router = APIRouter(tags=["health"], responses=PROBLEMS)
_TEXT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {}}, "description": "Prometheus' text format"}
}


@router.get("/metrics", response_class=PlainTextResponse, responses=_TEXT, operation_id="get_metrics")
async def metrics(state: State) -> Response:
    """Return counts and durations of requests and jobs, and the state of queue and workers."""
    return Response(state.metrics.text(), media_type=MEDIA_TYPE)
