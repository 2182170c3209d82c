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

import torch
from safetensors.torch import load_file, save

TENSORS, PT = ".safetensors", {"format": "pt"}
OLDER_CONTROLNET = "539f99181d33db39cf1af2e517cd8056785f0a87"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
LFS_MIN_BYTES = 20_000  # from this size the etag of a file is its SHA-256, as for LFS files of the hub


@dataclass
class Hub:
    """Repositories by name, files by path; a log of requests; and faults to simulate.

    repos: files of the newest commit of main. other_revisions: files by repository and revision. licenses: by
    repository.
    """

    repos: dict[str, dict[str, bytes]]
    other_revisions: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    licenses: dict[str, str] = field(default_factory=dict)
    address: str = ""
    fetched: list[str] = field(default_factory=list)  # "repo/path" of each GET of a file, in order
    ranges: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)  # files that give status 500
    interrupted: set[str] = field(default_factory=set)  # files whose first response stops half-way
    corrupted: set[str] = field(default_factory=set)  # files sent with a changed last byte

    def files(self, repo: str, revision: str) -> dict[str, bytes] | None:
        """Files of a revision: main, another one by name, or a commit; None if there is no such one."""
        if revision in ("main", COMMIT):
            return self.repos[repo]
        others = self.other_revisions.get(repo, {})
        return next((files for name, files in others.items() if revision in (name, commit_of(name))), None)


def commit_of(revision: str) -> str:
    """Commit that a revision's name points to."""
    if revision == "main":
        return COMMIT
    return revision if len(revision) == 40 else hashlib.sha1(revision.encode()).hexdigest()


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


def layout_of_the_hub(bundle: Path) -> Hub:
    """A bundle's files in the layout and precision of the public listings, with the files that no bundle needs.

    The main repository has float16 safetensors only, the ControlNet float16 in its newest commit only, the SegFormer
    safetensors in a pull request only; VAE and text encoder have the key names of their time.
    """

    def texts(folder: str, start: str) -> dict[str, bytes]:
        return {
            f"{start}{path.name}": path.read_bytes() for path in (bundle / folder).iterdir() if path.suffix != TENSORS
        }

    def weights(folder: str) -> dict[str, torch.Tensor]:
        return load_file(next(path for path in (bundle / folder).iterdir() if path.suffix == TENSORS))

    def half(tensors: dict[str, torch.Tensor]) -> bytes:
        return save({key: value.half() if value.is_floating_point() else value for key, value in tensors.items()}, PT)

    vae = weights("vae")
    for new, old in {"to_q.": "query.", "to_k.": "key.", "to_v.": "value.", "to_out.0.": "proj_attn."}.items():
        vae = {key.replace(new, old): value for key, value in vae.items()}
    text = {**weights("text_encoder"), "text_model.embeddings.position_ids": torch.arange(77)[None]}
    main = {"model_index.json": b"{}", "config.json": b"{}", "sd-v1-5-inpainting.ckpt": b"pickle"}
    main |= {"safety_checker/model.fp16.safetensors": b"x", "feature_extractor/preprocessor_config.json": b"{}"}
    for component, stem, tensors in (
        ("unet", "diffusion_pytorch_model", weights("unet")),
        ("vae", "diffusion_pytorch_model", vae),
        ("text_encoder", "model", text),
    ):
        pickles = stem.replace("model", "pytorch_model") if stem == "model" else stem
        main |= texts(component, f"{component}/")
        main |= {f"{component}/{pickles}{variant}.bin": b"pickle" for variant in ("", ".fp16")}
        main[f"{component}/{stem}.fp16{TENSORS}"] = half(tensors)
    main |= texts("tokenizer", "tokenizer/") | texts("scheduler", "scheduler/")

    controlnet = texts("controlnet", "") | {"diffusion_pytorch_model.bin": b"pickle", "README.md": b"# words"}
    controlnet[f"diffusion_pytorch_model{TENSORS}"] = save(weights("controlnet"), PT)
    newest = {**controlnet, f"diffusion_pytorch_model.fp16{TENSORS}": half(weights("controlnet"))}

    encoder = {**weights("models/image_encoder"), "vision_model.embeddings.position_ids": torch.arange(17)[None]}
    adapter = {"models/image_encoder/config.json": (bundle / "models/image_encoder/config.json").read_bytes()}
    adapter |= {"models/image_encoder/pytorch_model.bin": b"pickle", "sdxl_models/image_encoder/config.json": b"{}"}
    adapter[f"models/image_encoder/model{TENSORS}"] = save(encoder, PT)
    adapter[f"models/ip-adapter_sd15{TENSORS}"] = half(load_file(next((bundle / "models").glob("ip-adapter*"))))
    adapter |= {f"models/ip-adapter{name}_sd15{TENSORS}": b"x" for name in ("-plus", "-full-face", "-plus-face")}

    unused = "neck.fusion_stage.layers.0.residual_layer1."
    depth = {key: value for key, value in weights("depth").items() if not key.startswith(unused)}
    dpt = {**texts("depth", ""), "pytorch_model.bin": b"pickle", f"model{TENSORS}": save(depth, PT)}
    segformer = {**texts("segmenter", ""), "pytorch_model.bin": b"pickle", "tf_model.h5": b"x"}
    converted = {**segformer, f"model{TENSORS}": save(weights("segmenter"), PT)}
    names = [*published_repos(bundle)]
    return Hub(
        dict(zip(names, (main, newest, adapter, dpt, segformer), strict=True)),
        {names[1]: {OLDER_CONTROLNET: controlnet}, names[4]: {"refs/pr/5": converted}},
        dict(zip(names, ("creativeml-openrail-m", "openrail", "apache-2.0", "apache-2.0", "other"), strict=True)),
    )


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
        path = urlsplit(self.path).path  # a revision such as refs/pr/5 is quoted in it
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/([^/]+))?", path):
            self._describe(match[1], unquote(match[2] or "main"))
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/([^/]+)", path):
            self._list(match[1], unquote(match[2]))
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._file(match[1], unquote(match[2]), unquote(match[3]))
        else:
            self._refuse(404, "EntryNotFound")

    def _describe(self, repo: str, revision: str) -> None:
        if repo not in self.store.repos:
            self._refuse(404, "RepoNotFound")
        elif (files := self.store.files(repo, revision)) is None:
            self._refuse(404, "RevisionNotFound")
        else:
            siblings: list[dict[str, object]] = [{"rfilename": name} for name in files]
            if "blobs=" in urlsplit(self.path).query:
                siblings = [{"rfilename": name, "size": len(data)} for name, data in files.items()]
            license = self.store.licenses.get(repo)
            tags = ["diffusers", *([f"license:{license}"] if license else [])]
            identity = {"_id": "1", "id": repo, "modelId": repo, "sha": commit_of(revision), "tags": tags}
            self._json({**identity, "siblings": siblings})

    def _list(self, repo: str, revision: str) -> None:
        entries = []
        for name, data in (self.store.files(repo, revision) or {}).items():
            entry: dict[str, object] = {"type": "file", "path": name, "size": len(data), "oid": etag(data)[:40]}
            if len(data) >= LFS_MIN_BYTES:
                entry["lfs"] = {"oid": etag(data), "size": len(data), "pointerSize": 130}
            entries.append(entry)
        self._json(entries)

    def _file(self, repo: str, revision: str, name: str) -> None:
        files = self.store.files(repo, revision) if repo in self.store.repos else None
        data = (files or {}).get(name)
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
        self.send_header("X-Repo-Commit", commit_of(revision))
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
