"""Resolve bundle names: the built-in ones and the folder of pulled bundles."""

from __future__ import annotations

import os
from pathlib import Path

BUILT_IN_NAMES = ("mini", "sd15", "sd15-plus")


def bundles_dir() -> Path:
    """$HF_HOME/wallpaint: the folder of bundles fetched by `wallpaint models pull`."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    hf_home = os.environ.get("HF_HOME") or f"{cache}/huggingface"
    return Path(os.path.expandvars(hf_home)).expanduser() / "wallpaint"


def prompt_cache_dir() -> Path:
    """$HF_HOME/wallpaint/prompts: embeddings computed for folders and files that wallpaint does not write to."""
    return bundles_dir() / "prompts"


def resolve(which: str | Path) -> Path:
    """Return the folder or file of a bundle. A built-in name takes precedence over a folder: write ./sd15 for that."""
    if isinstance(which, str) and which in BUILT_IN_NAMES:
        return Path(__file__).parent / "mini" if which == "mini" else bundles_dir() / which
    return Path(which).expanduser()


def hint(which: str | Path) -> str:
    """What to do when a bundle does not exist, for error messages."""
    here = f", or write ./{which} for the folder of that name here" if Path(which).is_dir() else ""
    if which in ("sd15", "sd15-plus"):
        return f"fetch it with `wallpaint models pull {which}`{here}"
    if which == "mini":
        return f"this installation does not include it{here}"
    return f"give a folder with a bundle, a .safetensors file, or one of {', '.join(BUILT_IN_NAMES)}"
