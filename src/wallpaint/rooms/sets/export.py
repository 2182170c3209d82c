"""Rendered rooms as a data set: pictures in folders, and one line of metadata a pair.

    OUT/export.json
    OUT/{train,validation,test}/metadata.jsonl
                                images/  masks/  targets/  depth/  references/ (textures)  clean/ (not for training)

Paths in a line are relative to its file. `file_name` repeats `image_path`, for Hugging Face's ImageFolder.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from wallpaint.errors import InputError
from wallpaint.files import atomic
from wallpaint.imaging.color import delta_e_2000, linear_to_lab, linear_to_srgb, srgb_to_linear
from wallpaint.rooms.room import SPLITS
from wallpaint.rooms.sets import camera, pairs, render, room_file, workers
from wallpaint.rooms.sets.pairs import Pair
from wallpaint.typing import Array
from wallpaint.version import __version__

SETTINGS = "export.json"
SETTINGS_FORMAT = "wallpaint.pairs/1"
METADATA = "metadata.jsonl"
LINES = ".lines"  # one file a room, written after its pictures: what is finished


@dataclass(frozen=True)
class Exported:
    """How many rooms went into a data set, and how many pairs of each split."""

    rooms: int
    pairs: dict[str, int]


def export(
    records_dir: Path,
    out_dir: Path,
    pairs_per_room: int,
    *,
    seed: int = 0,
    clean: bool = True,
    processes: int | None = None,
    step: Callable[[str], None] | None = None,
) -> Exported:
    """Write every room of a folder as pairs; a broken run goes on where it stopped.

    pairs_per_room: from paint to paint; dressings add theirs, see `pairs.pairs_of`. seed: of paints and cameras. clean:
    for validation and test rooms also the photos without noise, which are large. processes: None for one a processor.
    step: is told each room's file as it is done. Raises InputError for a folder without rooms and for rooms that
    cannot be read; ConfigError where the set there was made otherwise.
    """
    rooms = room_files(records_dir)
    if pairs_per_room < 1:
        raise InputError(f"--pairs is {pairs_per_room}, expected 1 or more")
    try:
        (out_dir / LINES).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out_dir}: the folder cannot be made ({error.strerror}): choose another") from error
    with render.locked(out_dir):
        settings = {
            "format": SETTINGS_FORMAT,
            "pairs": pairs_per_room,
            "seed": seed,
            "clean": clean,
            "version": __version__,
        }
        render.settle(out_dir / SETTINGS, settings | _rooms_settings(rooms[0]))
        tasks = [(str(path), str(out_dir), pairs_per_room, seed, clean) for path in rooms]
        for name in workers.results(f"{__name__}:export_room", tasks, processes or workers.available()):
            if step is not None:
                step(name)
        return Exported(len(rooms), _gather(out_dir))


def room_files(folder: Path) -> list[Path]:
    """The room files of a folder by seed. Raises InputError where there are none."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder: expected one that `wallpaint rooms render` filled")
    found = sorted(folder.glob("room_*.npz"))
    if not found:
        raise InputError(f"{folder}: holds no rooms: fill it with `wallpaint rooms render`")
    return found


def export_room(path: str, out: str, count: int, seed: int, clean: bool = True) -> str:
    """The work of one worker: all pairs of a room, then its lines."""
    source, folder = Path(path), Path(out)
    lines = folder / LINES / f"{source.stem}.jsonl"
    if not _is_finished(lines, folder):
        record = room_file.read(source)
        if record.split not in SPLITS:
            raise InputError(f"{source}: its split is {record.split!r}, expected one of {', '.join(SPLITS)}")
        entries = [
            write_pair(pair, folder / record.split, clean=clean and record.split != "train")
            for pair in pairs.pairs_of(record, count, seed)
        ]
        text = "".join(json.dumps({"split": record.split, **entry}, ensure_ascii=False) + "\n" for entry in entries)
        atomic.put(lines, text.encode())
    return source.name


def write_pair(pair: Pair, folder: Path, *, clean: bool) -> dict[str, Any]:
    """Write a pair's pictures and return its line. clean: also the photo without noise, 16 bits a channel."""
    files = {
        "image_path": (f"images/{pair.name}.jpg", pair.jpeg),
        "mask_path": (f"masks/{pair.name}.png", _png(camera.codes(pair.alpha))),
        "target_path": (f"targets/{pair.name}.png", _png(camera.codes(pair.target))),
        "depth_path": (f"depth/{pair.name}.png", _png(camera.controlnet_depth(pair.depth))),
    }
    if pair.swatch is not None:
        files["reference_path"] = (f"references/{pair.name}.png", _png(pair.swatch))
    if clean:
        files["clean_path"] = (f"clean/{pair.name}.png", _png_16(pair.clean_photo))
    for name, data in files.values():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.put(path, data, durable=False)
    what = "textured" if pair.new_albedo is None else color_name(pair.new_albedo)
    return {
        "file_name": files["image_path"][0],
        **{key: name for key, (name, _) in files.items()},
        "color_rgb": _rgb(pair.new_albedo),
        "color_name": None if pair.new_albedo is None else what,
        "old_color_rgb": _rgb(pair.old_albedo),
        "caption": f"{_article(pair.kind)} {pair.kind} with {what} walls",
        "quality_score": 1.0,
        "tracks": list(pair.tracks),
        "room": pair.seed,
        "room_kind": pair.kind,
    }


def color_name(albedo: Array) -> str:
    """The CSS name nearest to a paint, by CIEDE2000. albedo: (3,) linear sRGB."""
    names, lab = _css_colors()
    return names[int(np.argmin(delta_e_2000(lab, linear_to_lab(np.asarray(albedo, np.float64))[None])))]


@cache
def _css_colors() -> tuple[tuple[str, ...], Array]:
    from coloraide.css.color_names import name2val_map

    opaque = {name: value[:3] for name, value in name2val_map.items() if value[3] == 255}
    return tuple(opaque), linear_to_lab(srgb_to_linear(np.array(list(opaque.values()), np.float64) / 255))


def _rooms_settings(room: Path) -> dict[str, Any]:
    """Size and samples of a room, which the others share."""
    meta = room_file.read_meta(room)
    height, width = meta["size"]
    return {"size": f"{width}x{height}", "samples": meta["samples"]}


def _is_finished(lines: Path, folder: Path) -> bool:
    """Whether a room's lines are there, and every picture that they name."""
    try:
        entries = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
        return all(
            (folder / entry["split"] / value).stat().st_size > 0
            for entry in entries
            for key, value in entry.items()
            if key.endswith("_path")
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _gather(folder: Path) -> dict[str, int]:
    """The rooms' lines into one metadata file a split; returns how many lines each has."""
    found: dict[str, list[str]] = {}
    for path in sorted((folder / LINES).glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            found.setdefault(entry.pop("split"), []).append(json.dumps(entry, ensure_ascii=False))
    for split, lines in found.items():
        atomic.put(folder / split / METADATA, ("\n".join(lines) + "\n").encode())
    return {split: len(found[split]) for split in SPLITS if split in found}


def _rgb(albedo: Array | None) -> list[float] | None:
    if albedo is None:
        return None
    return [round(float(value), 3) for value in 255 * linear_to_srgb(np.clip(np.asarray(albedo, np.float64), 0, 1))]


def _png(codes: Array) -> bytes:
    out = io.BytesIO()
    Image.fromarray(codes).save(out, "PNG")
    return out.getvalue()


def _png_16(picture: Array) -> bytes:
    codes = np.round(np.clip(picture, 0, 1) * 65535).astype(np.uint16)
    done, data = cv2.imencode(".png", cv2.cvtColor(codes, cv2.COLOR_RGB2BGR))
    assert done
    return data.tobytes()


def _article(noun: str) -> str:
    return "an" if noun[:1] in "aeiou" else "a"
