"""Settings of the server. Imports nothing heavy, so that help pages can use it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wallpaint.errors import InputError
from wallpaint.options import field_errors, option, raise_errors

MIB = 2**20
PREVIEW_PX = 2048  # longer side of a photo's preview, of alphas and of preview payloads
MAX_JSON_BYTES = 256 * 1024  # body of a request in JSON
MAX_ALPHA_BYTES = 16 * MIB
MAX_PALETTE_BYTES = 2 * MIB
FORM_OVERHEAD = 64 * 1024  # bytes of a multipart body beside its file
MAX_PAINTS = 20_000  # of a palette
MAX_WALLS = 16  # of a photo
MAX_CLICKS = 64

MEDIA_TYPES: Mapping[str, tuple[str, str]] = {
    "jpeg": (".jpg", "image/jpeg"),
    "png": (".png", "image/png"),
    "webp": (".webp", "image/webp"),
    "tiff": (".tif", "image/tiff"),
    "heic": (".heic", "image/heic"),
    "avif": (".avif", "image/avif"),
    "bmp": (".bmp", "image/bmp"),
}
"""Extension and media type by the API's name of a format."""


def default_data_dir() -> Path:
    """$XDG_CACHE_HOME/wallpaint/serve: the folder of uploads, results and jobs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "wallpaint" / "serve"


@dataclass(frozen=True, kw_only=True)
class ServeSettings:
    """Settings of the server. Raises InputError.

    data: folder of uploads, results and the job database; it is created. allowed_hosts: names in the Host header that
    are answered, with or without port. api_keys: empty for none. tokens_required: each device needs a one-time token.
    bundle: models of the diffusion painter, None for none. palettes: files that every user may choose from.
    """

    data: Path = option("folder of uploads, results and jobs", default_data_dir())
    allowed_hosts: tuple[str, ...] = option(
        "names of this server in the Host header", ("localhost", "127.0.0.1", "::1")
    )
    api_keys: tuple[str, ...] = option("keys, one of which every request must present", ())
    tokens_required: bool = option("each browser must present a one-time token first", False)
    palettes: tuple[Path, ...] = option("palettes offered to all users", ())
    bundle: str | None = option("models of the diffusion painter", None)
    workers: int = option("worker processes", 2, ge=1, le=64)
    keep_hours: float = option("hours after which uploads and results are deleted", 24.0, gt=0, le=24 * 365)
    max_bytes: int = option("largest upload, in bytes", 64 * MIB, ge=1)
    max_pixels: int = option("largest photo, in pixels", 100_000_000, ge=64)
    max_storage_bytes: int = option("bytes of all uploads and results together", 8 * 1024 * MIB, ge=1)
    max_queue: int = option("jobs that may wait", 100, ge=1)
    max_waiting: int = option("requests that may wait for a worker", 32, ge=1)
    rate: float = option("requests a second of one client, on average", 20.0, gt=0)
    burst: int = option("requests of one client at once", 200, ge=1)
    request_timeout_s: float = option("seconds for the work of a request", 60.0, gt=0)
    body_idle_s: float = option("seconds between two pieces of the body of a request", 15.0, gt=0)
    job_timeout_s: float = option("seconds for a job", 600.0, gt=0)
    lease_s: float = option("seconds without heartbeat after which a running job is queued again", 30.0, gt=0)
    cancel_grace_s: float = option("seconds for a cancelled job to end before its worker is ended", 2.0, ge=0)
    worker_memory: int = option(
        "address space of a worker without a bundle, in bytes; POSIX only", 8 * 1024 * MIB, ge=1024 * MIB
    )

    def __post_init__(self) -> None:
        raise_errors(field_errors(self), InputError)
        if any(len(key) < 16 for key in self.api_keys):
            raise InputError("an `api_key` must have at least 16 characters: choose a longer one")

    @property
    def memory_limit(self) -> int:
        """Address space of a worker, in bytes; 0 for no limit. CUDA reserves far more than it uses."""
        return self.worker_memory if self.bundle is None else 0

    @property
    def keep_s(self) -> float:
        """Seconds after which uploads and results are deleted."""
        return self.keep_hours * 3600
