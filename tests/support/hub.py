"""A local model hub server with the endpoints that huggingface_hub uses."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LFS_MIN_BYTES = 20_000  # from this size the etag of a file is its SHA-256, as for LFS files of the hub


@dataclass
class Hub:
    """Repositories by name, files by path; a log of requests; and faults to simulate."""

    repos: dict[str, dict[str, bytes]]
    address: str = ""
    fetched: list[str] = field(default_factory=list)  # "repo/path" of each GET of a file, in order
    ranges: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)  # files that give status 500
    interrupted: set[str] = field(default_factory=set)  # files whose first response stops half-way
    corrupted: set[str] = field(default_factory=set)  # files sent with a changed last byte


def published_repos(
    bundle: Path, *, adapter: str = "models/ip-adapter_sd15.safetensors"
) -> dict[str, dict[str, bytes]]:
    """A bundle's files under the names of the published repositories, with pickles and other weights beside them."""

    def files(folder: str, start: str = "") -> dict[str, bytes]:
        return {f"{start}{path.name}": path.read_bytes() for path in (bundle / folder).iterdir()}

    ip_adapter = next((bundle / "models").glob("ip-adapter*.safetensors"))
    main = {"model_index.json": b'{"_class_name": "StableDiffusionInpaintPipeline", "safety_checker": ["a", "b"]}'}
    for component in ("unet", "vae", "text_encoder", "tokenizer", "scheduler"):
        main |= files(component, f"{component}/")
    stem = "unet/diffusion_pytorch_model"
    main |= {f"{stem}.bin": b"pickle", f"{stem}.fp16.safetensors": b"half", "sd-v1-5-inpainting.ckpt": b"pickle"}
    controlnet = {**files("controlnet"), "README.md": b"# words", "diffusion_pytorch_model.bin": b"pickle"}
    encoder = files("models/image_encoder", "models/image_encoder/")
    encoder.pop("models/image_encoder/preprocessor_config.json")  # as published
    return {
        "stable-diffusion-v1-5/stable-diffusion-inpainting": main,
        "lllyasviel/control_v11f1p_sd15_depth": controlnet,
        "h94/IP-Adapter": {**encoder, adapter: ip_adapter.read_bytes(), "models/ip-adapter_sd15.bin": b"pickle"},
        "Intel/dpt-large": {**files("depth"), "pytorch_model.bin": b"pickle"},
        "nvidia/segformer-b0-finetuned-ade-512-512": files("segmenter"),
    }


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Serve the hub until the block ends."""

    class BoundHandler(_HubRequestHandler):
        store = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), BoundHandler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def etag(data: bytes) -> str:
    """SHA-256 of an LFS file, else the git blob hash, as on the hub."""
    if len(data) >= LFS_MIN_BYTES:
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()


class _HubRequestHandler(BaseHTTPRequestHandler):
    store: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def do_HEAD(self) -> None:
        self._respond()

    def do_GET(self) -> None:
        self._respond()

    def _respond(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/([^/]+))?", path):
            self._describe(match[1], match[2] or "main")
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/([^/]+)", path):
            self._list(match[1])
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._file(match[1], match[3])
        else:
            self._refuse(404, "EntryNotFound")

    def _describe(self, repo: str, revision: str) -> None:
        if repo not in self.store.repos:
            self._refuse(404, "RepoNotFound")
        elif revision not in ("main", COMMIT):
            self._refuse(404, "RevisionNotFound")
        else:
            names = [{"rfilename": name} for name in self.store.repos[repo]]
            self._json({"_id": "1", "id": repo, "modelId": repo, "sha": COMMIT, "siblings": names})

    def _list(self, repo: str) -> None:
        entries = []
        for name, data in self.store.repos[repo].items():
            entry: dict[str, object] = {"type": "file", "path": name, "size": len(data), "oid": etag(data)[:40]}
            if len(data) >= LFS_MIN_BYTES:
                entry["lfs"] = {"oid": etag(data), "size": len(data), "pointerSize": 130}
            entries.append(entry)
        self._json(entries)

    def _file(self, repo: str, name: str) -> None:
        data = self.store.repos.get(repo, {}).get(name)
        key = f"{repo}/{name}"
        if data is None:
            return self._refuse(404, "EntryNotFound")
        if self.command == "GET":
            self.store.fetched.append(key)
            if key in self.store.broken:
                return self._refuse(500, "")
        start = 0
        if wanted := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            self.store.ranges.append(key)
            start = int(wanted[1])
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("ETag", f'"{etag(data)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if self.command == "GET":
            if key in self.store.corrupted:
                data = data[:-1] + bytes([data[-1] ^ 1])
            if key in self.store.interrupted:
                self.store.interrupted.remove(key)
                self.wfile.write(data[start : len(data) // 2])
                self.close_connection = True
            else:
                self.wfile.write(data[start:])
        return None

    def _json(self, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()
