"""Rendering of room folders: resuming, interruption, conflicting settings, worker failures."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wallpaint.cli import rooms as cli_rooms
from wallpaint.errors import ConfigError, InputError, WallpaintError
from wallpaint.rooms.materials import TEXTURE_PX, Material, Texture
from wallpaint.rooms.room import EXTENDED_SEEDS, GENERATOR_VERSION, WallVariant
from wallpaint.rooms.sets import render, room_file, sheet, workers
from wallpaint.rooms.sets.render import RenderJob

SIZE = (24, 32)
TIMEOUT_S = 300.0  # only ends a test that hangs
# SIGINT has its default handler, even if the tests run with SIGINT ignored, as under `nohup` or with `&` in a script.
PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
from wallpaint.rooms.sets.render import RenderJob, run
run(RenderJob({count}, 0, (24, 32), 4, Path({out!r}), {workers}, "support.synthetic_rooms:{renderer}"))
"""


def job(out: Path, count: int = 6, renderer: str = "render", **changes: object) -> RenderJob:
    options: dict[str, object] = {"seed": 0, "size": SIZE, "samples": 4, "num_workers": 1} | changes
    return RenderJob(count, out=out, renderer=f"support.synthetic_rooms:{renderer}", **options)  # type: ignore[arg-type]


def results_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != render.LOCK_FILE}


def wait_for(what: Callable[[], bool]) -> None:
    end = time.monotonic() + TIMEOUT_S
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "rooms"
    done = render.run(job(out, 16))
    assert (done.rendered, done.reused, done.skipped) == (14, 0, (3, 11))
    return out


def test_folder_contains_rooms_skip_files_and_settings(whole: Path) -> None:
    names = set(results_in(whole))
    assert {"job.json", "room_000000.npz", "room_000003.json", "room_000015.npz"} <= names
    assert "room_000003.npz" not in names
    assert room_file.read(whole / "room_000007.npz").seed == 7
    skip_file = json.loads((whole / "room_000003.json").read_text(encoding="utf-8"))
    assert skip_file["state"] == "unusable"
    assert skip_file["why"] == "a sofa blocks the view"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_resume_after_repeated_sigkill_gives_the_same_files(whole: Path, tmp_path: Path) -> None:
    out, pids = tmp_path / "rooms", tmp_path / "pids"
    pids.mkdir()
    code = PROGRAM.format(count=16, out=str(out), workers=2, renderer="block_after_two")
    env = os.environ | {"SYNTHETIC_ROOMS_PIDS": str(pids)}
    before = 0
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", code], env=env)
        wait_for(lambda: len(list(out.glob("room_*"))) >= before + 2 if out.exists() else False)  # noqa: B023
        process.send_signal(signal.SIGKILL)
        process.wait()
        wait_for(lambda: not any(alive(int(p.name)) for p in pids.iterdir()))
        before = len(list(out.glob("room_*")))
    assert before < 16
    (out / ".0123456789abcdef.part").write_bytes(b"half a room")
    done = render.run(job(out, 16))
    assert done.reused >= 4
    assert results_in(out) == results_in(whole)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_resume_after_ten_random_sigkills_gives_the_same_files(tmp_path: Path) -> None:
    """Every run is killed between the start of Python and the last room; finished rooms are kept."""
    out, pids = tmp_path / "rooms", tmp_path / "pids"
    pids.mkdir()
    code = PROGRAM.format(count=1000, out=str(out), workers=2, renderer="render_slowly")
    env = os.environ | {"SYNTHETIC_ROOMS_PIDS": str(pids)}
    generator = np.random.default_rng(9)
    before: dict[str, bytes] = {}
    for kill in range(10):
        process = subprocess.Popen([sys.executable, "-c", code], env=env)
        time.sleep(generator.uniform(0.2, 5.0))
        if kill == 9:  # on a busy machine the start alone may take longer than the delays of all kills before
            wait_for(lambda: out.exists() and any(out.glob("room_*")))
        process.send_signal(signal.SIGKILL)
        process.wait()
        wait_for(lambda: not any(alive(int(p.name)) for p in pids.iterdir()))
        after = (
            {name: data for name, data in results_in(out).items() if name.startswith("room_")} if out.exists() else {}
        )
        assert before.items() <= after.items()
        before = after
    assert 0 < len(before) < 1000
    render.run(job(out, 1000, num_workers=2))
    render.run(job(tmp_path / "undisturbed", 1000, num_workers=2))
    assert results_in(out) == results_in(tmp_path / "undisturbed")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_ctrl_c_stops_at_once_and_leaves_no_process_behind(tmp_path: Path) -> None:
    out, pids = tmp_path / "rooms", tmp_path / "pids"
    pids.mkdir()
    code = PROGRAM.format(count=200, out=str(out), workers=1, renderer="block_after_two")
    env = os.environ | {"SYNTHETIC_ROOMS_PIDS": str(pids)}
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=env,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )
    wait_for(lambda: out.exists() and any(out.glob("room_*")))
    os.killpg(process.pid, signal.SIGINT)  # to the process group, as a terminal does
    _, stderr = process.communicate(timeout=TIMEOUT_S)
    assert stderr.count("Traceback") <= 1
    assert "KeyboardInterrupt" in stderr
    assert len(list(out.glob("room_*"))) <= 2
    assert not any(alive(int(p.name)) for p in pids.iterdir())
    assert not list(out.glob(".*.part"))


def test_damaged_rooms_and_rooms_of_other_settings_are_rendered_again(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "rooms"
    render.run(job(out, 5))
    path = out / "room_000002.npz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    (out / "room_000001.npz").write_bytes((out / "room_000000.npz").read_bytes())
    (out / "room_000003.json").write_bytes(b"{")
    done = render.run(job(out, 5))
    assert (done.rendered, done.reused, done.skipped) == (2, 2, (3,))
    for name in ("room_000001.npz", "room_000002.npz", "room_000003.json"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()


def rewrite_meta(path: Path, changes: dict[str, object]) -> None:
    """Replace entries of the JSON record of a room file or skip file."""
    if path.suffix == ".json":
        path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")
        return
    with zipfile.ZipFile(path) as archive:
        members = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    meta = json.loads(np.lib.format.read_array(io.BytesIO(members["meta.npy"])).tobytes()) | changes
    stored = io.BytesIO()
    np.save(stored, np.frombuffer(json.dumps(meta).encode(), np.uint8))
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (members | {"meta.npy": stored.getvalue()}).items():
            archive.writestr(name, content)


def test_rooms_of_an_earlier_generator_are_kept_where_their_pictures_are_unchanged(tmp_path: Path) -> None:
    out, extended = tmp_path / "rooms", tmp_path / "extended"
    render.run(job(out, 4))
    render.run(job(extended, 2, seed=EXTENDED_SEEDS["train"].start))
    for path in (*out.glob("room_*"), *extended.glob("room_*")):
        rewrite_meta(path, {"generator": 1})
    before = results_in(out)
    done = render.run(job(out, 4))
    assert (done.rendered, done.reused, done.skipped) == (0, 3, (3,))
    assert results_in(out) == before
    assert render.run(job(extended, 2, seed=EXTENDED_SEEDS["train"].start)).rendered == 2
    assert render.run(job(extended, 2, seed=EXTENDED_SEEDS["train"].start)).reused == 2
    for path in out.glob("room_*"):
        rewrite_meta(path, {"generator": GENERATOR_VERSION + 1})
    assert render.run(job(out, 4)).rendered == 3


def test_package_version_does_not_affect_rooms(tmp_path: Path) -> None:
    """Folders of earlier releases stored the package version: they remain valid."""
    out = tmp_path / "rooms"
    render.run(job(out, 4))
    settings = json.loads((out / "job.json").read_text(encoding="utf-8")) | {"version": "0.1.0"}
    (out / "job.json").write_text(json.dumps(settings), encoding="utf-8")
    (out / "room_000003.json").write_text('{"seed": 3, "state": "unusable", "why": "", "version": "0.1.0"}')
    done = render.run(job(out, 4))
    assert (done.rendered, done.reused, done.skipped) == (0, 3, (3,))


def test_more_rooms_are_added_to_the_same_folder(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "rooms"
    render.run(job(out, 4, seed=12))
    states = []
    render.run(job(out, 16, num_workers=2), on_progress=lambda result: states.append(result.cached))
    assert sorted(states) == [False] * 12 + [True] * 4
    assert results_in(out) == results_in(whole)


@pytest.mark.parametrize(("change", "words"), [({"size": (32, 32)}, "32x24, not 32x32"), ({"samples": 8}, "4, not 8")])
def test_other_settings_in_one_folder_are_rejected(whole: Path, change: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        render.run(job(whole, 16, **change))


def test_second_run_is_rejected_and_stale_lock_is_ignored(tmp_path: Path) -> None:
    out = tmp_path / "rooms"
    out.mkdir()
    (out / render.LOCK_FILE).write_text("4194303", encoding="utf-8")  # left by a run that is gone
    with render.locked(out), pytest.raises(ConfigError, match="another run"):
        render.run(job(out))
    assert render.run(job(out, 1)).rendered == 1


def test_invalid_settings_are_reported_together(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"`count` .* 1, not 0; `samples` .*; `num_workers` .*; `size` .*8x32"):
        job(tmp_path, 0, size=(32, 8), samples=0, num_workers=0)
    with pytest.raises(ConfigError, match="leave 0"):
        job(tmp_path, 10, seed=999_995)


def test_missing_mitsuba_gives_an_install_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "mitsuba" else find(name))
    with pytest.raises(ConfigError, match=r"pip install 'wallpaint\[rooms\]'"):
        render.run(RenderJob(1, 0, SIZE, 4, tmp_path / "rooms"))
    assert not (tmp_path / "rooms").exists()


def test_output_folder_that_cannot_be_created_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be created"):
        render.run(job(tmp_path / "file" / "rooms"))


def test_killed_worker_and_worker_exception_are_reported(tmp_path: Path) -> None:
    with pytest.raises(WallpaintError, match=r"signal 9.*`num_workers`") as killed:
        render.run(job(tmp_path / "a", renderer="die"))
    assert "\n" not in str(killed.value)
    with pytest.raises(RuntimeError, match="ZeroDivisionError: seed 0"):
        render.run(job(tmp_path / "b", renderer="fail"))
    with pytest.raises(ConfigError, match="no function"):
        render.run(job(tmp_path / "c", renderer="nowhere"))
    assert workers.available_cpus() >= 1


def test_swatch_is_the_most_visible_texture() -> None:
    rows = np.linspace(0, 1, TEXTURE_PX, dtype=np.float32)[:, None, None]
    rising, flat = (
        Texture(np.broadcast_to(rows, (TEXTURE_PX, TEXTURE_PX, 3)).copy()),
        Texture(np.full((TEXTURE_PX, TEXTURE_PX, 3), 0.25, "f4")),
    )
    papers = {n: Material("paper", (1.0, 0.5, 0.25), texture=t) for n, t in ((0, flat), (1, rising), (4, rising))}
    number = np.zeros((8, 8), int)
    number[:, 3:] = 4
    number[:, 6:] = 1
    view = render.wall_variant_view(WallVariant("paper", "patterned", papers), np.zeros((8, 8, 3), "f4"), number)
    assert view.walls == (1, 4)
    assert view.swatch is not None
    assert view.swatch.shape == (render.SWATCH_PX, render.SWATCH_PX, 3)
    np.testing.assert_allclose(view.swatch[0, 0], [255, 188, 137], atol=1)  # v = 1 is on top; albedo tints it
    assert view.swatch[-1].max() < 8
    several = WallVariant("two-tone", "several", {0: Material("a", (0.5, 0.5, 0.5))})
    assert render.wall_variant_view(several, np.zeros((8, 8, 3), "f4"), number).swatch is None


def test_write_sheet(whole: Path, tmp_path: Path) -> None:
    assert sheet.write_sheet(whole, tmp_path / "sheet.png", rooms=3) == 3
    assert (tmp_path / "sheet.png").stat().st_size > 1000
    with pytest.raises(InputError, match="file name ending in"):
        sheet.write_sheet(whole, tmp_path / "sheet.txt")
    with pytest.raises(InputError, match="no room from seed 500"):
        sheet.write_sheet(whole, tmp_path / "sheet.png", first=500)


@pytest.mark.parametrize(("text", "size"), [("256", (256, 256)), ("384x256", (256, 384)), (" 96X64 ", (64, 96))])
def test_parse_size(text: str, size: tuple[int, int]) -> None:
    assert cli_rooms.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "big", "256x", "-3", "1x2x3", "999999"])
def test_parse_size_rejects_invalid_text(text: str) -> None:
    with pytest.raises(ConfigError, match="--size expects"):
        cli_rooms.parse_size(text)
