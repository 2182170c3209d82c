"""Selection of the Mitsuba variant and of the LLVM library."""

from __future__ import annotations

import _ctypes
import importlib.util
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support import rendered_rooms
from wallpaint.cli.app import main
from wallpaint.errors import ConfigError
from wallpaint.rooms.sets import render
from wallpaint.rooms.tracing import backend, tracer

if importlib.util.find_spec("mitsuba") is None:
    pytest.skip("Mitsuba is not installed", allow_module_level=True)

HAS_WHEEL = sys.platform == "linux" and platform.machine() == "x86_64"
needs_package = pytest.mark.skipif(not HAS_WHEEL, reason="karellen-llvm-core has no wheel for this platform")


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("libLLVM-19.so", 19),
        ("libLLVM.so.19.1", 19),
        ("libLLVM-14.so.1", 14),
        ("libLLVM-15.0.7.so", 15),
        ("libLLVM.dylib", None),
        ("libLLVM.so", None),
        ("libLLVMSupport.a", None),
    ],
)
def test_version_is_parsed_from_the_file_name(name: str, version: int | None) -> None:
    assert backend.llvm_version(name) == version


@pytest.fixture
def system_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder instead of the system's libraries; there are no other libraries, and every file can be loaded."""
    folder = tmp_path / "system"
    folder.mkdir()
    monkeypatch.delenv(backend.LIBRARY_ENV, raising=False)
    monkeypatch.delenv(backend.VARIANT_ENV, raising=False)
    monkeypatch.setattr(backend, "LIBRARY_FOLDERS", (str(folder),))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "none"))
    monkeypatch.setattr(backend, "_package_libraries", lambda: [])
    monkeypatch.setattr(backend, "_load_error", lambda library: None)
    return folder


def test_unusable_configured_library_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    not_llvm = Path(_ctypes.__file__)
    (tmp_path / "text.so").write_text("not a library", encoding="utf-8")
    for library, reason in (
        (tmp_path / "none.so", "no such file"),
        (tmp_path / "text.so", ""),
        (not_llvm, "older than"),
    ):
        monkeypatch.setenv(backend.LIBRARY_ENV, str(library))
        with pytest.raises(
            ConfigError, match=rf"DRJIT_LIBLLVM_PATH is .*{re.escape(str(library))}.*\(.*{reason}.*\): "
        ):
            backend.find_llvm()


def test_configured_library_precedes_the_package_and_the_newest_system_library(
    system_libraries: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("libLLVM-14.so.1", "libLLVM-15.so.1", "libLLVM-17.so", "libLLVM.so.18.1"):
        (system_libraries / name).touch()
    assert backend.find_llvm() == system_libraries / "libLLVM.so.18.1"
    monkeypatch.setattr(backend, "_package_libraries", lambda: [Path("/package/libLLVM.so.17.1")])
    assert backend.find_llvm() == Path("/package/libLLVM.so.17.1")
    monkeypatch.setenv(backend.LIBRARY_ENV, str(system_libraries / "libLLVM-17.so"))
    assert backend.find_llvm() == system_libraries / "libLLVM-17.so"


def test_library_that_fails_to_load_is_skipped(system_libraries: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("libLLVM-17.so", "libLLVM.so.18.1"):
        (system_libraries / name).touch()
    monkeypatch.setattr(backend, "_load_error", lambda library: "no libz" if "18" in library.name else None)
    assert backend.find_llvm() == system_libraries / "libLLVM-17.so"
    (system_libraries / "libLLVM-17.so").unlink()
    assert backend.find_llvm() is None
    assert "no libLLVM 16 or newer was found (libLLVM.so.18.1: no libz)" in backend.describe()


def test_old_libraries_are_ignored(system_libraries: Path) -> None:
    for name in ("libLLVM-14.so.1", "libLLVM-15.so.1"):
        (system_libraries / name).touch()
    assert backend.find_llvm() is None
    assert backend.describe().endswith("no libLLVM 16 or newer was found")


@needs_package
def test_extra_rooms_provides_llvm(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the kernel tests are skipped only on platforms without a wheel of the package."""
    monkeypatch.delenv(backend.LIBRARY_ENV, raising=False)
    monkeypatch.delenv(backend.VARIANT_ENV, raising=False)
    library = backend.find_llvm()
    assert library is not None
    assert library in backend._package_libraries()
    assert backend.activate() == backend.LLVM_VARIANT
    assert backend.describe() == f"rendering with llvm_ad_rgb ({library.name})"


@needs_package
def test_package_library_loads_without_its_links_and_without_libatomic(tmp_path: Path) -> None:
    """As in the first process after the installation, in a read-only environment, on a minimal system."""
    (library,) = backend._package_libraries()
    (tmp_path / library.name).symlink_to(library)
    (tmp_path / "libc++").mkdir()
    for name in backend.PACKAGE_RUNTIME:
        (path,) = (path for path in library.parent.glob(f"*/{name}.*") if not path.is_symlink())
        patched = path.read_bytes().replace(b"libatomic.so.1", b"libatomic.so.7")  # a version that does not exist
        (tmp_path / "libc++" / path.name).write_bytes(patched)
    code = (
        "from wallpaint.rooms.tracing import backend; import sys;"
        "print(backend.activate()); import mitsuba as mi; print(mi.Float([1, 2]) + 1);"
        "print(sys.argv[1] in open('/proc/self/maps').read())"
    )
    environment = {**os.environ, backend.LIBRARY_ENV: str(tmp_path / library.name), backend.VARIANT_ENV: ""}
    command = [sys.executable, "-c", code, str(tmp_path / "libc++" / "libunwind")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.stdout.splitlines() == [backend.LLVM_VARIANT, "[2, 3]", "True"], done.stderr


@pytest.mark.parametrize(("size", "samples"), [((256, 256), 64), ((64, 65), 64), ((16, 16), 1025)])
def test_large_rendering_without_llvm_is_refused(
    size: tuple[int, int], samples: int, system_libraries: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    match = rf'{size[1]}x{size[0]} pixels at {samples} samples.* 262,144 .*pip install "wallpaint\[rooms\]".*scalar_rgb'
    with pytest.raises(ConfigError, match=match):
        backend.check_size(size, samples)
    with pytest.raises(ConfigError, match=match):
        tracer.render(rendered_rooms.diffuse_room(), size, samples)
    with pytest.raises(ConfigError, match=match):
        render.run(render.RenderJob(1, 0, size, samples, tmp_path / "rooms"))
    assert not (tmp_path / "rooms").exists()
    monkeypatch.setenv(backend.VARIANT_ENV, backend.SCALAR_VARIANT)
    backend.check_size(size, samples)  # the forced variant has no limit
    monkeypatch.delenv(backend.VARIANT_ENV)
    (system_libraries / "libLLVM.so.18.1").touch()
    backend.check_size(size, samples)


@needs_package
def test_already_loaded_old_llvm_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dr.Jit would abort the process on compilation. `__wrapped__` bypasses the cache of `activate`."""
    backend.activate()
    import drjit

    assert backend.activate.__wrapped__() == backend.LLVM_VARIANT
    monkeypatch.setattr(drjit.detail, "llvm_version", lambda: (15, 0, 6))
    with pytest.raises(
        ConfigError, match=r"imported before wallpaint and has loaded LLVM 15: call .*activate\(\) first"
    ):
        backend.activate.__wrapped__()


def test_small_rendering_needs_no_llvm(system_libraries: Path) -> None:
    backend.check_size((64, 64), 64)
    backend.check_size((512, 512), 1)


def test_refused_rendering_prints_one_error_line(
    system_libraries: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rooms", "render", "--count", "1", "--size", "256", "-o", str(tmp_path / "rooms")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "rendering with scalar_rgb, many times slower: no libLLVM 16 or newer was found"
    assert len(lines) == 2
    assert 'pip install "wallpaint[rooms]"' in lines[1]


def test_unknown_variant_ends_with_one_error_line() -> None:
    code = "from wallpaint.rooms.tracing import backend; backend.activate()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"WALLPAINT_ROOMS_VARIANT": "cuda", "PATH": ""},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert 'must be llvm_ad_rgb or scalar_rgb, not "cuda"' in done.stderr.splitlines()[-1]
