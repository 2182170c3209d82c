"""Small data sets of painted rooms for training tests."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from support.drawn_rooms import make_room

COLORS = ("#b9a58c", "#7d9b84", "#c27d5f", "#8a93a8", "#d8cfa0", "#6f8f8f")


def write_set(root: Path, count: int = 5, side: int = 96) -> Path:
    """Write root/train with metadata.jsonl, images/ and masks/; returns root."""
    for folder in ("images", "masks"):
        (root / "train" / folder).mkdir(parents=True)
    lines = []
    for number in range(count):
        room = make_room(old=COLORS[number % len(COLORS)], noise=0.01, seed=number)
        for folder, image in (("images", room.photo), ("masks", room.hard_mask)):
            small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
            small = np.where(small > 127, 255, 0).astype(np.uint8) if folder == "masks" else small
            Image.fromarray(small).save(root / "train" / folder / f"{number}.png")
        lines.append(
            {"image_path": f"images/{number}.png", "mask_path": f"masks/{number}.png", "caption": f"room {number}"}
        )
    (root / "train" / "metadata.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return root
