"""Selects the Mitsuba variant: the LLVM variant if a suitable LLVM library is available, else the scalar one.

The LLVM library is the first of these that is available:

1. The library named by DRJIT_LIBLLVM_PATH. It is an error if that one cannot be loaded, so that an explicit choice is
   never replaced silently.
2. The library of the pip package karellen-llvm-core, which the extra "rooms" installs. It precedes the system's
   libraries because the tests use this version, and because it is the same on every machine.
3. The newest libLLVM of the system.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from wallpaint.errors import ConfigError

LLVM_VARIANT, SCALAR_VARIANT = "llvm_ad_rgb", "scalar_rgb"
VARIANT_ENV, LIBRARY_ENV = "WALLPAINT_ROOMS_VARIANT", "DRJIT_LIBLLVM_PATH"  # environment variables
MIN_LLVM_VERSION = 16  # Dr.Jit 1.5 aborts the process with LLVM 15
MAX_SCALAR_PATHS = 1 << 18  # pixels x samples without LLVM: 64 x 64 at 64 samples, about a minute of one core per room
LLVM_PACKAGE = "karellen-llvm-core"
PACKAGE_RUNTIME = ("libunwind.so.1", "libc++abi.so.1", "libc++.so.1")  # its libLLVM needs these; dependencies first
INSTALL_HINT = f"""pip install "wallpaint[rooms]", or install libLLVM {MIN_LLVM_VERSION} or newer"""
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
    """Set the Mitsuba variant of this process, once, and return its name.

    WALLPAINT_ROOMS_VARIANT forces one of the two variants. Call this before Mitsuba or Dr.Jit is imported, as Dr.Jit
    loads LLVM on import. Raises ConfigError if Mitsuba is not installed, if the variant or library set in the
    environment cannot be used, and if Dr.Jit has already loaded an LLVM library that is too old.
    """
    variant, library = _select()
    if library is not None:
        os.environ[LIBRARY_ENV] = str(library)
    import drjit
    import mitsuba as mi

    loaded = drjit.detail.llvm_version()[0] if variant == LLVM_VARIANT else 0
    if variant == LLVM_VARIANT and loaded < MIN_LLVM_VERSION:
        raise ConfigError(
            f"Dr.Jit was imported before wallpaint and has loaded {f'LLVM {loaded}' if loaded > 0 else 'no LLVM'}: "
            f"call wallpaint.rooms.tracing.backend.activate() first, or set {LIBRARY_ENV} to {library}"
        )
    mi.set_variant(variant)
    return variant


def describe() -> str:
    """Return one line with the selected variant and the reason, without importing Mitsuba."""
    variant, library = _select()
    if library is not None:
        return f"rendering with {variant} ({library.name})"
    reason = f"{VARIANT_ENV} is set" if os.environ.get(VARIANT_ENV) == SCALAR_VARIANT else _missing_llvm()
    return f"rendering with {variant}, many times slower: {reason}"


def check_size(size: tuple[int, int], samples: int) -> None:
    """Check that the selected variant can render an image of this size in reasonable time.

    size: (height, width). samples: paths per pixel. Raises ConfigError if LLVM is missing and the image takes more than
    MAX_SCALAR_PATHS paths, unless WALLPAINT_ROOMS_VARIANT forces the scalar variant; also if Mitsuba is not installed.
    """
    paths = size[0] * size[1] * samples
    if _select()[0] == SCALAR_VARIANT and paths > MAX_SCALAR_PATHS and os.environ.get(VARIANT_ENV) != SCALAR_VARIANT:
        raise ConfigError(
            f"{size[1]}x{size[0]} pixels at {samples} samples are {paths:,} paths, and the limit without LLVM is "
            f"{MAX_SCALAR_PATHS:,} paths; {_missing_llvm()}: {INSTALL_HINT}, or set "
            f"{VARIANT_ENV}={SCALAR_VARIANT} to render slowly"
        )


def _select() -> tuple[str, Path | None]:
    """Return the variant and the LLVM library that it uses."""
    if importlib.util.find_spec("mitsuba") is None:
        raise ConfigError("rooms are rendered with Mitsuba, which is not installed: pip install 'wallpaint[rooms]'")
    forced = os.environ.get(VARIANT_ENV, "")
    if forced not in ("", LLVM_VARIANT, SCALAR_VARIANT):
        raise ConfigError(f'{VARIANT_ENV} must be {LLVM_VARIANT} or {SCALAR_VARIANT}, not "{forced}"')
    library = None if forced == SCALAR_VARIANT else find_llvm()
    if forced == LLVM_VARIANT and library is None:
        raise ConfigError(f"{LLVM_VARIANT} needs LLVM; {_missing_llvm()}: {INSTALL_HINT}, or set {LIBRARY_ENV}")
    return (SCALAR_VARIANT if library is None else LLVM_VARIANT), library


def find_llvm() -> Path | None:
    """Load the LLVM library for Dr.Jit into this process and return its path, or None if there is none.

    The module docstring gives the order. Raises ConfigError if the library named by DRJIT_LIBLLVM_PATH cannot be used.
    """
    configured = os.environ.get(LIBRARY_ENV)
    if configured:
        error = _load_error(Path(configured))
        if error:
            raise ConfigError(
                f"{LIBRARY_ENV} is {configured}, which cannot be used ({error}): unset it, or set it to another libLLVM"
            )
        return Path(configured)
    return next((path for path in (*_package_libraries(), *_system_libraries()) if _load_error(path) is None), None)


def llvm_version(name: str) -> int | None:
    """Return the major version in a file name: libLLVM-19.so, libLLVM.so.19.1, libLLVM-14.so.1; None: libLLVM.dylib."""
    match = re.fullmatch(r"libLLVM(?:-(\d+))?(?:\.\d+)*\.(?:so|dylib)(?:\.(\d+))?[\d.]*", name)
    if match is None or not (match[1] or match[2]):
        return None
    return int(match[1] or match[2])


def _missing_llvm() -> str:
    """State that no LLVM library is available, with the load errors of those of a suitable version."""
    errors = [f"{path.name}: {_load_error(path)}" for path in (*_package_libraries(), *_system_libraries())]
    return f"no libLLVM {MIN_LLVM_VERSION} or newer was found" + (f" ({'; '.join(errors)})" if errors else "")


def _package_libraries() -> list[Path]:
    """Return the libraries of the pip package, without duplicates by symbolic links."""
    try:
        files = importlib.metadata.files(LLVM_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    libraries = [file for file in files if (llvm_version(file.name) or 0) >= MIN_LLVM_VERSION]
    return list(dict.fromkeys(Path(str(file.locate())).resolve() for file in libraries))


def _system_libraries() -> Iterator[Path]:
    """Yield the libraries of the system and of a conda environment, newest first."""
    libraries: dict[int, Path] = {}
    for pattern in (*LIBRARY_FOLDERS, f"{sys.prefix}/lib"):
        for folder in Path("/").glob(pattern.lstrip("/")):
            for path in sorted(folder.glob("libLLVM*")):
                version = llvm_version(path.resolve().name)
                if version is not None and version >= MIN_LLVM_VERSION:
                    libraries.setdefault(version, path)
    for version in sorted(libraries, reverse=True):
        yield libraries[version]


@cache
def _load_error(library: Path) -> str | None:
    """Load a library; return the reason why Dr.Jit cannot use it, or None if it can.

    Checked here because Dr.Jit aborts the process or only prints a warning.
    """
    if not library.is_file():
        return "no such file"
    try:
        loaded = _load(library)
    except OSError as error:
        return str(error)
    return None if hasattr(loaded, "LLVMGetVersion") else f"older than LLVM {MIN_LLVM_VERSION}, or not LLVM"


def _load(library: Path) -> ctypes.CDLL:
    """Load a library, and before it the libc++ of karellen-llvm-core if it needs that one.

    The package's libLLVM finds its libc++ through symbolic links. The first Python process after the installation
    creates them, if it may write to the environment. The dynamic loader reuses a library that is already loaded under
    the same name, so loading the files themselves replaces missing links.
    """
    with suppress(OSError):
        return ctypes.CDLL(str(library))
    for name in PACKAGE_RUNTIME:
        for path in sorted(library.parent.glob(f"*/{name}.*")):
            try:
                ctypes.CDLL(str(path))
            except OSError:
                _load_without_libatomic(path)
    return ctypes.CDLL(str(library))


def _load_without_libatomic(library: Path) -> None:
    """Load a copy without the dependency on libatomic, which the package's libc++ declares but does not use.

    Minimal Linux installations lack libatomic. It is replaced by libm, which is part of every C library.
    """
    data = library.read_bytes()
    patched = re.sub(rb"\0libatomic\.so\.\d\0", b"\0libm.so.6".ljust(16, b"\0"), data)
    descriptor = os.memfd_create(library.name)
    with os.fdopen(descriptor, "wb") as copy:
        copy.write(patched)
        copy.flush()
        ctypes.CDLL(f"/proc/self/fd/{descriptor}")
