"""A client of the HTTP API.

    with Client("http://127.0.0.1:8000") as client:
        photo = client.upload_photo("room.jpg")
        client.detect_walls(photo.id)
        job = client.repaint(photo.id, {"wall": "#7d9b84"}, match="swatch")
        client.download(client.wait(job.id).id, "out.jpg")

Errors of the server are raised as `ApiError`, whose text is the problem's `detail`.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import BaseModel

from wallpaint.errors import InputError, WallpaintError
from wallpaint.files import atomic
from wallpaint.serve.schemas import (
    ColorRecord,
    Format,
    Health,
    JobRecord,
    Match,
    PaletteRecord,
    PhotoRecord,
    WallList,
    WallRecord,
)

PREFIX = "/api/v1"
TIMEOUT_S = 120.0  # of a request
RETRIES = 5  # after the answer 429, or a connection that broke
MAX_PAUSE_S = 30.0  # between two tries
FINISHED = ("done", "failed", "cancelled")

Record = TypeVar("Record", bound=BaseModel)


class ApiError(WallpaintError):
    """An error of the server. status: of HTTP. errors: of single fields."""

    def __init__(self, status: int, detail: str, errors: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(detail)
        self.status, self.errors = status, tuple(errors)


class Client:
    """The API of one server. Thread-safe.

    base_url: such as "http://127.0.0.1:8000". api_key: of the server, None for none. http: a client with other
    settings, such as a proxy; its base_url is used.
    """

    def __init__(
        self, base_url: str = "http://127.0.0.1:8000", api_key: str | None = None, *, http: httpx2.Client | None = None
    ) -> None:
        headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        self._http = http or httpx2.Client(base_url=base_url, headers=headers, timeout=TIMEOUT_S)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # -- photos and walls

    def health(self) -> Health:
        """Return the state and the limits of the server."""
        return self._get("/health", Health)

    def upload_photo(self, photo: str | Path | bytes, filename: str | None = None) -> PhotoRecord:
        """Upload a photo. photo: a path, or the bytes of a file. filename: part of the results' names."""
        data = photo if isinstance(photo, bytes) else _read(Path(photo))
        name = filename or ("photo" if isinstance(photo, bytes) else Path(photo).name)
        return self._record("POST", "/photos", PhotoRecord, files={"file": (name, data)})

    def photo(self, photo_id: str) -> PhotoRecord:
        """Return a photo's record with its walls."""
        return self._get(f"/photos/{photo_id}", PhotoRecord)

    def delete_photo(self, photo_id: str) -> None:
        """Delete a photo with its walls, jobs and results."""
        self._request("DELETE", f"/photos/{photo_id}")

    def image(self, photo_id: str) -> bytes:
        """Return the photo as an sRGB JPEG at preview size."""
        return self._request("GET", f"/photos/{photo_id}/image").content

    def detect_walls(
        self,
        photo_id: str,
        clicks: Sequence[tuple[float, float]] = (),
        not_clicks: Sequence[tuple[float, float]] = (),
        *,
        separate: bool = False,
    ) -> WallList:
        """Detect the walls of a photo, which replace its walls. clicks, not_clicks: (x, y), fractions of the photo."""
        points = [{"x": x, "y": y, "wall": wall} for wall, xy in ((True, clicks), (False, not_clicks)) for x, y in xy]
        body = {"clicks": points, "separate": separate}
        return self._record("POST", f"/photos/{photo_id}/walls", WallList, json=body)

    def alpha(self, photo_id: str, wall: str = "wall") -> bytes:
        """Return the alpha of a wall, a PNG at preview size."""
        return self._request("GET", f"/photos/{photo_id}/walls/{_quoted(wall)}").content

    def put_alpha(self, photo_id: str, png: bytes, wall: str = "wall") -> WallRecord:
        """Set the alpha of a wall, or add a wall. png: of preview size, 8-bit grey, white = wall."""
        headers = {"Content-Type": "image/png"}
        url = f"/photos/{photo_id}/walls/{_quoted(wall)}"
        return self._record("PUT", url, WallRecord, content=png, headers=headers)

    def delete_wall(self, photo_id: str, wall: str) -> None:
        """Delete a wall."""
        self._request("DELETE", f"/photos/{photo_id}/walls/{_quoted(wall)}")

    def identify(self, photo_id: str, x: float, y: float, palette: str | None = None) -> ColorRecord:
        """Identify the colour at a point, fractions of the photo. palette: id of the palette to compare with."""
        query = {"x": x, "y": y, **({} if palette is None else {"palette": palette})}
        return self._get(f"/photos/{photo_id}/color", ColorRecord, params=query)

    def render(self, photo_id: str, colors: Mapping[str, str], **options: Any) -> bytes:
        """Return the repainted photo at preview size, a JPEG. colors: by wall. options: of the route, such as match."""
        body = {"walls": _walls(colors), **options}
        return self._request("POST", f"/photos/{photo_id}/render", json=body).content

    # -- palettes

    def upload_palette(self, palette: str | Path | bytes, filename: str = "palette") -> PaletteRecord:
        """Upload a palette, CSV or JSON: a path, or the bytes of a file."""
        data = palette if isinstance(palette, bytes) else _read(Path(palette))
        name = filename if isinstance(palette, bytes) else Path(palette).name
        return self._record("POST", "/palettes", PaletteRecord, files={"file": (name, data)})

    def palette(self, palette_id: str, search: str = "") -> PaletteRecord:
        """Return the paints of a palette that match a search; all for an empty one."""
        return self._get(f"/palettes/{palette_id}", PaletteRecord, params={"search": search})

    # -- jobs

    def repaint(
        self,
        photo_id: str,
        colors: Mapping[str, str],
        *,
        match: Match = "room",
        format: Format | None = None,
        keep_location: bool = False,
        idempotency_key: str | None = None,
        **options: Any,
    ) -> JobRecord:
        """Queue a repaint at full size. colors: by wall. format: of the result; by default the photo's own.

        idempotency_key: names this request; a new one is made if none is given, so that retries create one job.
        options: further ones of the route, such as white, palette or old_color.
        """
        body = {"kind": "repaint", "photo": photo_id, "walls": _walls(colors), "match": match, "format": format}
        return self._create_job({**body, "keep_location": keep_location, **options}, idempotency_key)

    def mask(self, photo_id: str, *, separate: bool = False, idempotency_key: str | None = None) -> JobRecord:
        """Queue the detection of walls at full size. separate: one mask per wall, in a ZIP archive."""
        return self._create_job({"kind": "mask", "photo": photo_id, "separate": separate}, idempotency_key)

    def job(self, job_id: str) -> JobRecord:
        """Return a job's record."""
        return self._get(f"/jobs/{job_id}", JobRecord)

    def cancel(self, job_id: str) -> None:
        """Cancel a job, or delete a finished one with its result."""
        self._request("DELETE", f"/jobs/{job_id}")

    def events(self, job_id: str) -> Iterator[dict[str, Any]]:
        """Yield a job's events until it is finished, each its state, progress and step; reconnects if need be."""
        last, tries = "", 0
        while True:
            headers = {"Last-Event-ID": last} if last else {}
            try:
                with self._http.stream("GET", f"{PREFIX}/jobs/{job_id}/events", headers=headers) as response:
                    if response.status_code == 204:
                        return
                    if response.status_code != 200:
                        response.read()
                        _raise(response)
                    for line in response.iter_lines():
                        field, _, value = line.partition(": ")
                        if field == "data":
                            event = json.loads(value)
                            yield event
                            if event["state"] in FINISHED:
                                return
                        elif field == "id":
                            last, tries = value, 0
            except httpx2.TransportError as error:
                tries += 1
                if tries > RETRIES:
                    raise ApiError(0, f"the server cannot be reached: {error}") from error
                time.sleep(min(MAX_PAUSE_S, 0.5 * 2**tries))

    def wait(self, job_id: str) -> JobRecord:
        """Wait until a job is finished and return its record. Raises ApiError if it failed or was cancelled."""
        for _ in self.events(job_id):
            pass
        job = self.job(job_id)
        if job.state != "done":
            raise ApiError(409, job.error or f"the job is {job.state}")
        return job

    def download(self, job_id: str, path: str | Path | None = None) -> bytes:
        """Return the result of a job that is done, and write it to a path if one is given."""
        data = self._request("GET", f"/jobs/{job_id}/result").content
        if path is not None:
            atomic.put(Path(path), data)
        return data

    # -- requests

    def _create_job(self, body: Mapping[str, Any], key: str | None) -> JobRecord:
        headers = {"Idempotency-Key": key or secrets.token_urlsafe(16)}
        return self._record("POST", "/jobs", JobRecord, json=body, headers=headers, repeatable=True)

    def _get(self, path: str, record: type[Record], **options: Any) -> Record:
        return self._record("GET", path, record, **options)

    def _record(self, method: str, path: str, record: type[Record], **options: Any) -> Record:
        return record.model_validate_json(self._request(method, path, **options).content)

    def _request(self, method: str, path: str, *, repeatable: bool = False, **options: Any) -> httpx2.Response:
        """Send a request, again if the server is busy. repeatable: also if the connection broke."""
        for attempt in range(RETRIES + 1):
            is_last = attempt == RETRIES
            try:
                response = self._http.request(method, f"{PREFIX}{path}", **options)
            except httpx2.TransportError as error:
                if is_last or not (repeatable or method in ("GET", "PUT", "DELETE")):
                    raise ApiError(0, f"the server cannot be reached: {error}") from error
                time.sleep(min(MAX_PAUSE_S, 0.5 * 2**attempt))
                continue
            if response.status_code != 429 or is_last:
                break
            time.sleep(min(MAX_PAUSE_S, float(response.headers.get("Retry-After", "1"))))
        if response.is_error:
            _raise(response)
        return response


def _raise(response: httpx2.Response) -> NoReturn:
    """Raise the problem of a response."""
    try:
        problem = response.json()
        raise ApiError(response.status_code, str(problem["detail"]), problem.get("errors", ()))
    except (ValueError, KeyError, TypeError):
        raise ApiError(response.status_code, f"{response.status_code} {response.reason_phrase}") from None


def _walls(colors: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "color": color} for name, color in colors.items()]


def _quoted(name: str) -> str:
    return quote(name, safe="")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}): check the path") from error


__all__ = ["ApiError", "Client"]
