"""Choosing what renders."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wallpaint.rooms.tracing import backend


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
def test_the_version_is_read_off_the_file_name(name: str, version: int | None) -> None:
    assert backend.llvm_version(name) == version


def test_a_named_library_is_taken_at_its_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tmp_path / "mine.so"
    monkeypatch.setenv("DRJIT_LIBLLVM_PATH", str(library))
    assert backend.find_llvm() is None
    library.touch()
    assert backend.find_llvm() == library


def test_old_libraries_are_left_alone_and_the_newest_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("libLLVM-14.so.1", "libLLVM-15.so.1", "libLLVM-17.so", "libLLVM.so.18.1"):
        (tmp_path / name).touch()
    monkeypatch.delenv("DRJIT_LIBLLVM_PATH", raising=False)
    monkeypatch.setattr(backend, "LIBRARY_FOLDERS", (str(tmp_path),))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "none"))
    assert backend.find_llvm() == tmp_path / "libLLVM.so.18.1"


def test_an_unknown_variant_is_one_clear_line() -> None:
    code = "from wallpaint.rooms.tracing import backend; backend.activate()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"WALLPAINT_ROOMS_VARIANT": "cuda", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 'must be llvm_ad_rgb or scalar_rgb, not "cuda"' in done.stderr.splitlines()[-1]
