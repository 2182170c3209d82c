"""Which Mitsuba variant renders: the fast one where an LLVM library is found, else the one that needs nothing."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from functools import cache
from pathlib import Path

from wallpaint.errors import ConfigError

FAST, PLAIN = "llvm_ad_rgb", "scalar_rgb"
OLDEST_LLVM = 16  # Dr.Jit 1.5 stops the whole process on 15
LIBRARY_FOLDERS = (
    "/usr/lib/*-linux-gnu",
    "/usr/lib/llvm-*/lib",
    "/usr/lib64",
    "/usr/lib64/llvm*/lib64",
    "/usr/lib",
    "/usr/local/lib",
    "/opt/homebrew/opt/llvm/lib",
    "/usr/local/opt/llvm/lib",
)


@cache
def activate() -> str:
    """Set Mitsuba's variant for this process, once, and return its name.

    WALLPAINT_ROOMS_VARIANT forces one of the two. Raises ConfigError where Mitsuba is missing.
    """
    name, library = _choice()
    if library is not None:
        os.environ["DRJIT_LIBLLVM_PATH"] = str(library)
    import mitsuba as mi

    mi.set_variant(name)
    return name


def describe() -> str:
    """One line for people: what renders, and why. Nothing is loaded for it."""
    name, library = _choice()
    if library is not None:
        return f"rendering with {name} ({library.name})"
    return f"rendering with {name}, many times slower: no libLLVM {OLDEST_LLVM} or newer was found"


def _choice() -> tuple[str, Path | None]:
    """The variant, and the LLVM library that it takes."""
    if importlib.util.find_spec("mitsuba") is None:
        raise ConfigError("rooms are rendered with Mitsuba, which is not installed: pip install 'wallpaint[rooms]'")
    wanted = os.environ.get("WALLPAINT_ROOMS_VARIANT", "")
    if wanted not in ("", FAST, PLAIN):
        raise ConfigError(f'WALLPAINT_ROOMS_VARIANT must be {FAST} or {PLAIN}, not "{wanted}"')
    library = None if wanted == PLAIN else find_llvm()
    if wanted == FAST and library is None:
        raise ConfigError(f"{FAST} needs libLLVM {OLDEST_LLVM} or newer: install it or set DRJIT_LIBLLVM_PATH")
    return (PLAIN if library is None else FAST), library


def find_llvm() -> Path | None:
    """The newest LLVM library that Dr.Jit can use; DRJIT_LIBLLVM_PATH is taken at its word."""
    named = os.environ.get("DRJIT_LIBLLVM_PATH")
    if named:
        return Path(named) if Path(named).is_file() else None
    libraries: dict[int, Path] = {}
    for pattern in (*LIBRARY_FOLDERS, f"{sys.prefix}/lib"):
        for folder in Path("/").glob(pattern.lstrip("/")):
            for path in sorted(folder.glob("libLLVM*")):
                version = llvm_version(path.resolve().name)
                if version is not None and version >= OLDEST_LLVM:
                    libraries.setdefault(version, path)
    return libraries[max(libraries)] if libraries else None


def llvm_version(name: str) -> int | None:
    """The major version in a library's file name: libLLVM-19.so, libLLVM.so.19.1, libLLVM-14.so.1, libLLVM.dylib."""
    match = re.fullmatch(r"libLLVM(?:-(\d+))?(?:\.\d+)*\.(?:so|dylib)(?:\.(\d+))?[\d.]*", name)
    if match is None or not (match[1] or match[2]):
        return None
    return int(match[1] or match[2])
