"""The wall finder's network: a SegFormer that says of each place how likely it is wall.

The one in this package is small and was trained on rendered rooms alone (`weights/README.md`); a refiner, trained
beside it, puts the edges of its map where the photo has them (`refiner`). Any SegFormer that knows a class called wall
takes its place: a bundle's, or a folder in transformers' layout such as the ones trained on ADE20K, where wall is the
first of 150.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from wallpaint.errors import ModelError
from wallpaint.typing import Array

if TYPE_CHECKING:
    import torch

    from wallpaint.segment.refiner import Refiner

BUILT_IN = Path(__file__).parent / "weights"
CALIBRATION, REFINER = "calibration.json", "refiner.safetensors"
COARSEST = 32  # pixels that one place of the last stage sees: sides are multiples of it
SCALES = (0.65, 0.8, 1.0, 1.2)  # sizes that a picture is seen at, against the network's own
FINER = 2.0  # how much finer than the network itself its refiner sees a photo that has the pixels
MOST_STRETCHED = 3.0  # longest side against the shortest, as the network sees it


@dataclass(frozen=True)
class Calibration:
    """What turns a logit into a probability that holds: sigmoid(scale * logit + shift), fitted on rooms that the
    network was not trained on. Source: Platt 1999. input_px: side of the square area that it is used at."""

    scale: float = 1.0
    shift: float = 0.0
    input_px: int = 512


@dataclass(frozen=True, eq=False)
class Finder:
    """A loaded network. model: transformers' own, in eval mode. wall: number of its class. name: for reports. refiner:
    what its map is refined by, in eval mode, where there is one."""

    model: Any
    wall: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    calibration: Calibration
    name: str
    refiner: Refiner | None = None

    def probability(self, rgb: Array) -> Array:
        """How likely each pixel is wall: (h, w) float32, at the size the picture is seen at, by the refiner last.

        rgb: (H, W, 3) uint8 sRGB. The mean of the logits of the picture and its mirror image, seen at a few sizes;
        refined, where there is a refiner, at the photo's own size or up to `FINER` times the network's.
        """
        input_px = self.calibration.input_px
        whole = seen_size(rgb.shape[:2], input_px)
        odds = np.mean([_enlarged(self._odds(rgb, share), whole) for share in SCALES], axis=0)
        if self.refiner is not None:
            own_px = math.sqrt(rgb.shape[0] * rgb.shape[1])
            fine = seen_size(rgb.shape[:2], min(max(own_px, input_px), FINER * input_px))
            odds = self._refined(rgb, _enlarged(odds, fine), self.refiner)
        return sigmoid(self.calibration.scale * odds + self.calibration.shift)

    def _refined(self, rgb: Array, odds: Array, refiner: Refiner) -> Array:
        """Log odds, (h, w) float32, with their edges where the photo has them: the mean over both mirror images."""
        import torch

        pictures = self._seen(rgb, (odds.shape[0], odds.shape[1]))
        with torch.inference_mode():
            both = refiner(pictures, torch.from_numpy(np.stack([odds, odds[:, ::-1]]).astype(np.float32)))
            return ((both[0] + both[1].flip(-1)) / 2).numpy()

    def _odds(self, rgb: Array, share: float) -> Array:
        """Log odds of wall, (h / 4, w / 4) float32. share: of the calibration's size."""
        import torch

        pictures = self._seen(rgb, seen_size(rgb.shape[:2], share * self.calibration.input_px))
        with torch.inference_mode():
            logits = self.model(pixel_values=pictures).logits.float()
            rest = [k for k in range(logits.shape[1]) if k != self.wall]
            odds = logits[:, self.wall] - torch.logsumexp(logits[:, rest], 1)  # [2, h / 4, w / 4]
            return ((odds[0] + odds[1].flip(-1)) / 2).numpy()

    def _seen(self, rgb: Array, size: tuple[int, int]) -> torch.Tensor:
        """The picture and its mirror image as networks take it, [2, 3, h, w] float32. size: (h, w)."""
        import torch

        shrinks = size[0] * size[1] < rgb.shape[0] * rgb.shape[1]
        small = cv2.resize(rgb, size[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
        values = (small.astype(np.float32) / 255 - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
        return torch.from_numpy(np.stack([values, values[:, ::-1]]).transpose(0, 3, 1, 2).copy())


def load(which: str | Path | None = None) -> Finder:
    """A wall finder. which: None for the package's own; else a bundle's name or folder, or a SegFormer's folder.

    Raises ModelError.
    """
    from wallpaint.bundles import components
    from wallpaint.bundles import image_prompt
    from wallpaint.bundles.bundle import load_bundle

    if which is None:
        folder, name = BUILT_IN, "built-in"
        if not (folder / "config.json").is_file():
            raise ModelError(f"{folder}: this installation was made without the wall finder's weights")
    elif _is_segformer(Path(which).expanduser()):
        folder = Path(which).expanduser()
        name = folder.resolve().name
    else:
        bundle = load_bundle(which)
        folder, name = bundle.path("segmenter"), bundle.name
        return _ready(bundle.load("segmenter"), bundle.config("segmenter"), bundle.processor("segmenter"), folder, name)
    import torch

    config = components.read_config("segmenter", folder)
    processor = image_prompt.processor("segmenter", folder, config)
    return _ready(components.load("segmenter", folder, torch.float32), config, processor, folder, name)


def _ready(model: Any, config: dict[str, Any], processor: dict[str, Any], folder: Path, name: str) -> Finder:
    mean, std = (tuple(float(v) for v in processor[key]) for key in ("image_mean", "image_std"))
    px = round(math.sqrt(processor["size"]["height"] * processor["size"]["width"]))
    known = read_calibration(folder)
    return Finder(
        model=model,
        wall=_wall_of(config, folder),
        mean=mean,  # type: ignore[arg-type]
        std=std,  # type: ignore[arg-type]
        calibration=known or Calibration(input_px=px),
        name=name,
        refiner=read_refiner(folder),
    )


def _is_segformer(folder: Path) -> bool:
    return (folder / "config.json").is_file() and not (folder / "bundle.toml").is_file()


def _wall_of(config: dict[str, Any], folder: Path) -> int:
    """The number of the class that is called wall."""
    names = config.get("id2label") or {}
    for number, name in names.items():
        if str(name).strip().lower() == "wall" and str(number).isdigit():
            return int(number)
    raise ModelError(f"{folder / 'config.json'}: none of its {len(names)} classes is called wall: take another network")


def read_calibration(folder: Path) -> Calibration | None:
    """The calibration beside a network's weights; None where there is none. Raises ModelError where it is damaged."""
    path = folder / CALIBRATION
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text())
        made = Calibration(float(found["scale"]), float(found["shift"]), int(found["input_px"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: is no calibration ({type(error).__name__}): fetch the file again") from error
    if not (math.isfinite(made.scale) and math.isfinite(made.shift) and 32 <= made.input_px <= 4096):
        raise ModelError(f"{path}: holds numbers that make no sense: fetch the file again")
    return made


def read_refiner(folder: Path) -> Refiner | None:
    """The refiner beside a network's weights; None where there is none. Raises ModelError where it is damaged."""
    path = folder / REFINER
    if not path.is_file():
        return None
    from safetensors import SafetensorError, safe_open

    from wallpaint.segment.refiner import Refiner

    try:
        with safe_open(path, "pt") as stored:
            weights = {name: stored.get_tensor(name).float() for name in stored.keys()}  # noqa: SIM118
            made = Refiner(tuple(json.loads(stored.metadata()["widths"])))
        made.load_state_dict(weights)
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: is no refiner ({type(error).__name__}): fetch the file again") from error
    return made.eval()


def seen_size(size: tuple[int, ...], px: float) -> tuple[int, int]:
    """(height, width) that a network of side px sees a picture at: its shape kept, within multiples of 32."""
    stretch = min(MOST_STRETCHED, max(1 / MOST_STRETCHED, size[0] / size[1]))
    sides = (px * math.sqrt(stretch), px / math.sqrt(stretch))
    height, width = (max(COARSEST, round(side / COARSEST) * COARSEST) for side in sides)
    return height, width


def _enlarged(odds: Array, size: tuple[int, int]) -> Array:
    return np.asarray(cv2.resize(odds, size[::-1], interpolation=cv2.INTER_CUBIC))


def sigmoid(values: Array) -> Array:
    """float32; no overflow."""
    return (0.5 * (1 + np.tanh(0.5 * values))).astype(np.float32)
