"""Where bundles lie: names that are built in, and where fetching puts them."""

from __future__ import annotations

import os
from pathlib import Path

BUILT_IN = ("mini", "sd15", "sd15-plus")


def home() -> Path:
    """$HF_HOME/wallpaint: where `wallpaint models pull` puts bundles."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    place = os.environ.get("HF_HOME") or f"{cache}/huggingface"
    return Path(os.path.expandvars(place)).expanduser() / "wallpaint"


def prompt_cache() -> Path:
    """$HF_HOME/wallpaint/prompts: what was computed of folders and files that are not ours to write to."""
    return home() / "prompts"


def resolve(which: str | Path) -> Path:
    """Folder or file of a bundle. A built-in name wins over a folder of that name: write ./sd15 for the folder."""
    if isinstance(which, str) and which in BUILT_IN:
        return Path(__file__).parent / "mini" if which == "mini" else home() / which
    return Path(which).expanduser()


def advice(which: str | Path) -> str:
    """What to do where a bundle is not found."""
    if which in ("sd15", "sd15-plus"):
        return f"fetch it with `wallpaint models pull {which}`"
    if which == "mini":
        return "this installation was made without it"
    return f"give a folder with a bundle, a .safetensors file, or one of {', '.join(BUILT_IN)}"
