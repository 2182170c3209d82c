"""Small synthetic data sets: walls of known paint, with masks, true repaints and metadata."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from support.drawn_rooms import Room, make_room, rgb
from wallpaint.data.settings import SampleSettings

PALE, GREEN = "#d9cfc0", "#5f8a6b"
STILL = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue_deg": 0.0, "flip_prob": 0.0}


def still(**others: Any) -> SampleSettings:
    """DiffusionSettings for 64 px samples without jitter and flips, except where given."""
    return SampleSettings(**{"size": 64, "dilation_px": 4.0, **STILL, **others})


def small_room(seed: int, old: str = PALE) -> Room:
    return make_room(96, 128, old=old, seed=seed, noise=0.01, shadow=0.1 + 0.1 * (seed % 4))


def save(path: Path, codes: np.ndarray, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(codes).save(path, **options)


def write_lines(folder: Path, lines: list[dict[str, Any]]) -> None:
    (folder / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def make_set(root: Path, split: str = "train", count: int = 3, *, targets: bool = False, first: int = 0) -> Path:
    """Write rooms in one pale paint, with green targets if `targets`. Returns the split folder."""
    folder = root / split
    lines = []
    for seed in range(first, first + count):
        room = small_room(seed)
        save(folder / f"images/room_{seed}.png", room.photo)
        save(folder / f"masks/room_{seed}.png", room.soft_mask)
        line = {"image_path": f"images/room_{seed}.png", "mask_path": f"masks/room_{seed}.png", "quality_score": 0.9}
        line["caption"], line["color_name"] = "a room with pale walls", "pale"
        if targets:
            save(folder / f"targets/room_{seed}.png", room.repainted(rgb(GREEN)))
            line |= {"target_path": f"targets/room_{seed}.png", "color_rgb": [95, 138, 107]}
            line |= {"caption": "a room with green walls", "color_name": "green"}
        lines.append(line)
    write_lines(folder, lines)
    return folder


def into_shard(folder: Path, shard: Path, *, targets: bool = False) -> None:
    """Write the samples of a split folder as a WebDataset shard, image files byte for byte."""
    with tarfile.open(shard, "w") as archive:
        for text in (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines():
            line = json.loads(text)
            key = Path(line["image_path"]).stem
            files = {"image.png": line["image_path"], "mask.png": line["mask_path"]}
            files |= {"target.png": line["target_path"]} if targets else {}
            for end, name in files.items():
                add(archive, f"{key}.{end}", (folder / name).read_bytes())
            add(archive, f"{key}.json", json.dumps(line).encode())


def add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))
