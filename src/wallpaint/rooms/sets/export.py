"""Export of rendered rooms as a training data set: image folders and one line of metadata per pair.

    OUT/export.json
    OUT/{train,validation,test}/metadata.jsonl
                                images/  masks/  targets/  depth/  references/ (textures)  clean/ (not for training)

Paths are relative to metadata.jsonl. `file_name` repeats `image_path` for the ImageFolder of Hugging Face Datasets.
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
from wallpaint.options import Constraint, raise_errors
from wallpaint.rooms.room import SPLITS
from wallpaint.rooms.sets import camera, pairs, render, room_file, workers
from wallpaint.rooms.sets.pairs import RenderedPair
from wallpaint.typing import Array
from wallpaint.version import __version__

SETTINGS_FILE = "export.json"
SETTINGS_FORMAT = "wallpaint.pairs/1"
METADATA_FILE = "metadata.jsonl"
ENTRIES_DIR = ".lines"  # one file per room, written after its images: marks it as exported


@dataclass(frozen=True)
class ExportSummary:
    """Number of rooms, and number of pairs by split."""

    rooms: int
    pairs: dict[str, int]


def export(
    records_dir: Path,
    out_dir: Path,
    pairs_per_room: int,
    *,
    seed: int = 0,
    clean: bool = True,
    home_paints: bool = False,
    num_workers: int | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> ExportSummary:
    """Export all rooms of a folder as pairs; an interrupted run resumes.

    pairs_per_room: pairs from paint to paint; wall variants add more, see `pairs.sample_pairs`. seed: of paints and
    cameras. clean: also write noise-free photos (large) for validation and test rooms. home_paints: the existing paints
    are those of homes, see `paints.sample_home`. num_workers: by default one per CPU. on_progress: called with the file
    name of each exported room. Raises InputError for a folder without rooms or an unreadable room, ConfigError if
    out_dir was exported with other settings.
    """
    rooms = room_files(records_dir)
    raise_errors(Constraint(ge=1).errors("pairs_per_room", pairs_per_room, whole=True), InputError)
    try:
        (out_dir / ENTRIES_DIR).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out_dir}: the folder cannot be created ({error.strerror}): choose another") from error
    with render.locked(out_dir):
        settings = {
            "format": SETTINGS_FORMAT,
            "pairs": pairs_per_room,
            "seed": seed,
            "clean": clean,
            "version": __version__,
            "home_paints": True if home_paints else None,  # None equals the absence of the key in earlier exports
        }
        render.check_settings(out_dir / SETTINGS_FILE, settings | _rooms_settings(rooms[0]))
        tasks = [(str(path), str(out_dir), pairs_per_room, seed, clean, home_paints) for path in rooms]
        for name in workers.imap_unordered(f"{__name__}:export_room", tasks, num_workers or workers.available_cpus()):
            if on_progress is not None:
                on_progress(name)
        return ExportSummary(len(rooms), _merge_metadata(out_dir))


def room_files(folder: Path) -> list[Path]:
    """List the room files of a folder by seed. Raises InputError if there are none."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder: expected the output of `wallpaint rooms render`")
    paths = sorted(folder.glob("room_*.npz"))
    if not paths:
        raise InputError(f"{folder}: contains no rooms: create them with `wallpaint rooms render`")
    return paths


def export_room(path: str, out: str, count: int, seed: int, clean: bool = True, home_paints: bool = False) -> str:
    """Export all pairs of one room, then its metadata entries. This is the task of a worker process."""
    source, folder = Path(path), Path(out)
    lines = folder / ENTRIES_DIR / f"{source.stem}.jsonl"
    if not _is_exported(lines, folder):
        record = room_file.read(source)
        if record.split not in SPLITS:
            raise InputError(f"{source}: its split is {record.split!r}, expected one of {', '.join(SPLITS)}")
        from wallpaint.rooms.surfaces import paints

        existing_paint = paints.sample_home if home_paints else None
        entries = [
            write_pair(pair, folder / record.split, clean=clean and record.split != "train")
            for pair in pairs.sample_pairs(record, count, seed, existing_paint=existing_paint)
        ]
        text = "".join(json.dumps({"split": record.split, **entry}, ensure_ascii=False) + "\n" for entry in entries)
        atomic.put(lines, text.encode())
    return source.name


def write_pair(pair: RenderedPair, folder: Path, *, clean: bool) -> dict[str, Any]:
    """Write the images of a pair and return its metadata entry. clean: also write the noise-free photo, 16 bit."""
    files = {
        "image_path": (f"images/{pair.name}.jpg", pair.jpeg),
        "mask_path": (f"masks/{pair.name}.png", _png(camera.to_uint8(pair.alpha))),
        "target_path": (f"targets/{pair.name}.png", _png(camera.to_uint8(pair.target))),
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
    wall_name = "textured" if pair.new_albedo is None else color_name(pair.new_albedo)
    return {
        "file_name": files["image_path"][0],
        **{key: name for key, (name, _) in files.items()},
        "color_rgb": _srgb_255(pair.new_albedo),
        "color_name": None if pair.new_albedo is None else wall_name,
        "old_color_rgb": _srgb_255(pair.old_albedo),
        "caption": f"{_article(pair.room_type)} {pair.room_type} with {wall_name} walls",
        "quality_score": 1.0,
        "tracks": list(pair.tracks),
        "room": pair.seed,
        "room_kind": pair.room_type,
        "hdr": pair.camera.is_hdr,
    }


def color_name(albedo: Array) -> str:
    """Return the CSS colour name nearest to a paint by CIEDE2000. albedo: (3,) linear sRGB."""
    names, lab = _css_colors()
    return names[int(np.argmin(delta_e_2000(lab, linear_to_lab(np.asarray(albedo, np.float64))[None])))]


@cache
def _css_colors() -> tuple[tuple[str, ...], Array]:
    from coloraide.css.color_names import name2val_map

    opaque = {name: value[:3] for name, value in name2val_map.items() if value[3] == 255}
    return tuple(opaque), linear_to_lab(srgb_to_linear(np.array(list(opaque.values()), np.float64) / 255))


def _rooms_settings(room: Path) -> dict[str, Any]:
    """Return size and samples of a room, as settings of the export."""
    meta = room_file.read_meta(room)
    height, width = meta["size"]
    return {"size": f"{width}x{height}", "samples": meta["samples"]}


def _is_exported(lines: Path, folder: Path) -> bool:
    """Return whether the entries of a room exist, with all of their files."""
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


def _merge_metadata(folder: Path) -> dict[str, int]:
    """Merge the entries of all rooms into one metadata file per split; return the number of entries by split."""
    lines_by_split: dict[str, list[str]] = {}
    for path in sorted((folder / ENTRIES_DIR).glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            lines_by_split.setdefault(entry.pop("split"), []).append(json.dumps(entry, ensure_ascii=False))
    for split, lines in lines_by_split.items():
        atomic.put(folder / split / METADATA_FILE, ("\n".join(lines) + "\n").encode())
    return {split: len(lines_by_split[split]) for split in SPLITS if split in lines_by_split}


def _srgb_255(albedo: Array | None) -> list[float] | None:
    if albedo is None:
        return None
    return [round(float(value), 3) for value in 255 * linear_to_srgb(np.clip(np.asarray(albedo, np.float64), 0, 1))]


def _png(codes: Array) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(codes).save(buffer, "PNG")
    return buffer.getvalue()


def _png_16(image: Array) -> bytes:
    codes = np.round(np.clip(image, 0, 1) * 65535).astype(np.uint16)
    encoded, data = cv2.imencode(".png", cv2.cvtColor(codes, cv2.COLOR_RGB2BGR))
    assert encoded
    return data.tobytes()


def _article(noun: str) -> str:
    return "an" if noun[:1] in "aeiou" else "a"
