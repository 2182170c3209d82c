"""Optional packages: the extra that installs each of them, and a one-line error if one is missing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.util import find_spec

from wallpaint.errors import ModelError

DIFFUSION = (
    *("torch", "diffusers", "transformers", "peft", "accelerate"),
    *("safetensors", "huggingface_hub", "tokenizers"),
)
EXPORT = ("onnx", "onnx_ir", "onnxscript")
SERVE = ("fastapi", "uvicorn", "python_multipart", "prometheus_client", "segno")
EXTRAS: Mapping[str, str] = {
    **dict.fromkeys(DIFFUSION, "diffusion"),
    **dict.fromkeys((*EXPORT, "tensorboard", "yaml"), "train"),
    **dict.fromkeys(("mitsuba", "drjit", "pyoidn"), "rooms"),
    **dict.fromkeys((*SERVE, "httpx2"), "serve"),
    "pillow_heif": "heic",
    "rawpy": "raw",
    "bitsandbytes": "eight-bit",
}
"""The extra that installs a package, by its import name."""


def require(feature: str, *packages: str) -> None:
    """Raise ModelError that names the extra if a package is missing. feature: subject of the message."""
    for package in packages:
        if not is_installed(package):
            raise ModelError(message(package, feature))


def missing(error: ImportError) -> str | None:
    """Return the message for a failed import if an extra installs the package, else None."""
    package = (error.name or "").partition(".")[0]
    return message(package, "this command") if package in EXTRAS and not is_installed(package) else None


def message(package: str, feature: str) -> str:
    """Return one line with the missing package and the command that installs it."""
    return f'{feature} needs {package}, which is not installed: pip install "wallpaint[{EXTRAS[package]}]"'


def is_installed(package: str) -> bool:
    """Return whether a package can be imported, without importing it."""
    if package in sys.modules:
        return sys.modules[package] is not None
    return find_spec(package) is not None
