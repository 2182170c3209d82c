"""What a small network sees of the light: from a photo and a mask to how each place would look in any paint.

    photo, mask (about 80 px) -> network -> coefficients a pixel -> appearance in a paint of albedo rho

The network is not told the new paint. It gives the numbers of a formula, so that one pass serves every paint, the
picture changes smoothly with the paint, and the old paint gives the photo itself:

    painted = roll_off(unroll(photo) x exp(e (1 + spread x shade)))
    e = contrast x log( coat(rho) / coat(old) ),    coat(rho) = rho / (1 - bounce rho) + gloss

old: the albedo that is there now; bounce: share of a white wall's light that comes back to it, a geometric series;
gloss: light that no paint changes, as an albedo (outside the walls nearly all of it); contrast: of the camera's tone
curve; spread: how far shadows fill when walls grow bright. The roll-off stands for the end of the camera's range.
Where the old paint is known the network is told it, and it stands in the formula as it is.

It runs in NumPy, so that nothing waits for a deep-learning library to load; `train.light_network` is
the same network for training, and a test holds the two together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import cv2
import numpy as np

from wallpaint.imaging import color
from wallpaint.light import statistics
from wallpaint.typing import Array

FILE = "light_model.safetensors"
SIDE_MULTIPLE = 16  # of the network's input, so that it can be halved four times
SHORTEST_SIDE = 32
CLIPPED = 0.97
DARKEST = 1e-3
BRIGHTEST = 0.985  # linear light that is taken for clipped when the roll-off is undone
ROLL = 6.0
MOST_OLD, MOST_BOUNCE = 0.97, 0.9
CONTRASTS = (0.6, 1.5)
GLOSS_LOGS = (-7.0, 5.0)
GLOSS_OUTSIDE = 5.0  # log; beside the walls nothing changes but the light that they send
MOST_SPREAD = 0.6
SIZES = (1.0, 1.25)  # that a photo is seen at, against the size that the network learnt at
INPUTS, OUTPUTS = 10, 12  # channels in, and numbers a pixel out
HINTS = 4  # of the numbers in: whether the old paint is known, and how much brighter it is than the wall, log
LOWEST_OLD = 0.01  # albedo that an old paint may be told to be
GROUP = 8  # channels that are normalised together
NORM_EPS = 1e-5
LARGE = 4096  # values from which on a tensor is stored in 8 bits each
STEP = ".step"  # in names of the steps that such tensors are counted in


@dataclass(frozen=True)
class Coefficients:
    """What the network says of a photo, (h, w) pixels.

    photo: (h, w, 3) float32, linear sRGB, what it was shown. shade: (h, w), log luminance against the wall's median.
    old, bounce, gloss: (h, w, 3). contrast, spread: (h, w, 1). error: (h, w), CIEDE2000 by which it expects to be off.
    """

    photo: Array
    shade: Array
    old: Array
    bounce: Array
    gloss: Array
    contrast: Array
    spread: Array
    error: Array

    def change(self, albedo: Array) -> tuple[Array, Array]:
        """The change of light by a new paint of albedo (3,), linear sRGB: (e, slope), natural logs.

        e: (h, w, 3) at the wall's median brightness. slope: (h, w, 1), what shade adds to it.
        """
        new, then = (
            np.log(rho / (1 - self.bounce * rho) + self.gloss)
            for rho in (np.maximum(np.asarray(albedo, np.float32), 1e-4), self.old)
        )
        e = self.contrast * (new - then)
        return e.astype(np.float32), (self.spread * color.luminance(e)[..., None]).astype(np.float32)

    def appearance(self, albedo: Array) -> Array:
        """The picture with its walls in this paint, (h, w, 3) linear sRGB: right on walls and, as bounced light
        changes, round them."""
        e, slope = self.change(albedo)
        return relit(self.photo, e + slope * self.shade[..., None])


def relit(rgb: Array, change: Array) -> Array:
    """Light that changes before the camera rolls it off: rgb (..., 3) linear sRGB, change natural logs.

    No change gives rgb back.
    """
    scene = np.exp(np.minimum(unrolled(rgb) + change, 8.0))
    beyond = np.maximum(rgb / BRIGHTEST, 1)
    return (scene / (1 + scene**ROLL) ** (1 / ROLL) * beyond).astype(np.float32)


def unrolled(rgb: Array) -> Array:
    """Natural log of the light before the camera rolled it off. rgb: (..., 3) linear sRGB."""
    capped = np.clip(rgb, 1e-5, BRIGHTEST)
    return (np.log(capped) - np.log1p(-(capped**ROLL)) / ROLL).astype(np.float32)


def size_for(height: int, width: int, longer: int) -> tuple[int, int]:
    """The size, (height, width), at which the network looks at a photo: `longer` pixels or so on the longer side."""
    scale = longer / max(height, width)
    fit = (max(SHORTEST_SIDE, SIDE_MULTIPLE * round(side * scale / SIDE_MULTIPLE)) for side in (height, width))
    return (next(fit), next(fit))


def inputs(photo: Array, mask: Array, old: Array | None = None) -> tuple[Array, Array, Array]:
    """What the network is shown: (h, w, 10) planes, (F,) numbers, and the wall's median, (3,) linear sRGB.

    photo: (h, w, 3) float32, linear sRGB, small. mask: (h, w) float32, 0..1. old: (3,) albedo of the old paint, linear
    sRGB, where it is known and the same all over the wall.
    """
    rgb = np.clip(photo, 0, 1).astype(np.float32)
    inside = mask > 0.5
    if not inside.any():
        inside = mask >= mask.max()
    median = np.median(rgb[inside], axis=0).clip(DARKEST, 1)
    row = np.broadcast_to(np.linspace(-1, 1, len(rgb), dtype=np.float32)[:, None], mask.shape)
    planes: list[Array] = [
        2 * color.linear_to_srgb(rgb).astype(np.float32) - 1,
        0.5 * np.log(np.maximum(rgb, DARKEST) / median.astype(np.float32)),
        np.stack([mask, mask * (rgb.max(-1) > CLIPPED), rgb.max(-1) > CLIPPED, row], -1).astype(np.float32),
    ]
    numbers = np.concatenate([statistics.photo_features(rgb, mask, median), hint(median, old)])
    return np.concatenate(planes, -1).astype(np.float32), numbers, median


def hint(median: Array, old: Array | None) -> Array:
    """The last numbers of `inputs`, (4,) float32: what is known of the old paint; zeros where nothing is."""
    if old is None:
        return np.zeros(HINTS, np.float32)
    return np.array([1, *np.log(_told(old) / np.maximum(median, DARKEST))], np.float32)


def _told(old: Array) -> Array:
    return np.clip(np.asarray(old, np.float32), LOWEST_OLD, MOST_OLD)


def interpret(out: Array, photo: Array, mask: Array, median: Array, told: Array | None = None) -> Coefficients:
    """What the network's (h, w, 12) outputs mean. photo, mask, median, told: see `inputs`, where told is old."""
    if told is None:
        old = np.exp(np.clip(np.log(median).astype(np.float32) - out[..., :3], -7, 3))
        old = MOST_OLD * old / (1 + old**4) ** 0.25
    else:
        old = np.broadcast_to(_told(told), photo.shape)
    low, high = CONTRASTS
    luma = color.luminance(np.clip(photo, DARKEST, 1)) / float(color.luminance(median))
    return Coefficients(
        photo=photo,
        shade=np.log(luma).astype(np.float32),
        old=old,
        bounce=MOST_BOUNCE * _sigmoid(out[..., 3:6]),
        gloss=np.exp(np.clip(out[..., 6:9] + GLOSS_OUTSIDE * (1 - mask[..., None]), *GLOSS_LOGS)),
        contrast=low + (high - low) * _sigmoid(out[..., 9:10]),
        spread=MOST_SPREAD * np.tanh(out[..., 10:11]),
        error=np.exp(np.clip(out[..., 11], -2, 4)),
    )


# -- the network


@dataclass(frozen=True)
class LightModel:
    """Weights by name, float32, laid out for `forward`, and what was settled when they were trained.

    side: pixels on the longer side of its input. calibration: factor on its expected error. depths: see `forward`.
    """

    weights: Mapping[str, Array]
    side: int
    calibration: float
    depths: tuple[int, ...]

    def look(self, photo: Array, mask: Array, old: Array | None = None) -> Coefficients:
        """Look at a photo once. photo: (H, W, 3) linear sRGB, a few hundred pixels a side. mask: (H, W), 0..1. old:
        see `inputs`."""
        small, wall = self._seen(photo, mask, SIZES[0])
        size, median = wall.shape[::-1], inputs(small, wall)[2]
        answers = [
            cv2.resize(self._answer(*self._seen(photo, mask, share), median, old), size, interpolation=cv2.INTER_LINEAR)
            for share in SIZES
        ]
        found = interpret(np.mean(answers, axis=0), np.clip(small, 0, 1), wall, median, old)
        return Coefficients(**{**vars(found), "error": found.error * np.float32(self.calibration)})

    def _seen(self, photo: Array, mask: Array, share: float) -> tuple[Array, Array]:
        """Photo and mask at a share of the network's own size."""
        size = size_for(mask.shape[0], mask.shape[1], round(share * self.side))[::-1]
        small, wall = (cv2.resize(x.astype(np.float32), size, interpolation=cv2.INTER_AREA) for x in (photo, mask))
        return small, wall

    def _answer(self, small: Array, wall: Array, against: Array, old: Array | None) -> Array:
        """The network's outputs, (h, w, 12). against: the wall's median, (3,), that they are to be read with."""
        planes, numbers, median = inputs(small, wall, old)
        out = forward(self.weights, self.depths, planes, numbers)
        # The mirror image is as good a photo; both answers together are a little better than one.
        out = (out + forward(self.weights, self.depths, planes[:, ::-1], numbers)[:, ::-1]) / 2
        out[..., :3] += np.log(against / median).astype(np.float32)
        return np.asarray(out, np.float32)


def forward(weights: Mapping[str, Array], depths: tuple[int, ...], planes: Array, numbers: Array) -> Array:
    """The network: (h, w, 10) planes and (F,) numbers -> (h, w, 12). depths: residual blocks a level, finest first.

    A U-Net whose coarsest level is pooled, over the wall and over the rest, into one vector that all levels see.
    """
    w = weights
    mask = planes[..., 6]
    x = _conv(planes, w, "stem", 2)
    kept = []
    for level, depth in enumerate(depths):
        if level:
            kept.append(x)
            x = _conv(x, w, f"down.{level - 1}", 2)
        for block in range(depth):
            x = _block(x, w, f"encoder.{level}.{block}")
    share = cv2.resize(mask, (x.shape[1], x.shape[0]), interpolation=cv2.INTER_AREA)[..., None]
    pooled = [(x * part).sum((0, 1)) / (part.sum() + 1e-2) for part in (share, 1 - share)]
    standard = np.clip((numbers - w["mean"]) / w["scale"], -4, 4)
    seen = np.concatenate([*pooled, standard])
    room = _silu(_linear(_silu(_linear(seen, w, "room.0")), w, "room.2"))
    x = x + _linear(room, w, f"tell.{len(depths) - 1}")
    x = _block(x, w, f"decoder.{len(depths) - 1}")
    for level in range(len(depths) - 2, -1, -1):
        x = _linear(x, w, f"up.{level}").repeat(2, 0).repeat(2, 1) + kept[level] + _linear(room, w, f"tell.{level}")
        x = _block(x, w, f"decoder.{level}")
    x = np.concatenate([x.repeat(2, 0).repeat(2, 1), planes], -1)
    x = _silu(_conv(x, w, "fine"))
    return _linear(x, w, "out") + _linear(room, w, "overall") + _linear(standard, w, "straight")


def _block(x: Array, w: Mapping[str, Array], name: str) -> Array:
    y = _conv(_silu(_norm(x, w, f"{name}.norm1")), w, f"{name}.conv1")
    return x + _conv(_silu(_norm(y, w, f"{name}.norm2")), w, f"{name}.conv2")


def _conv(x: Array, w: Mapping[str, Array], name: str, stride: int = 1) -> Array:
    """3 x 3, zero-padded. weight: (out, in, 3, 3)."""
    kernel = w[f"{name}.weight"]
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    height, width = x.shape[0] // stride, x.shape[1] // stride
    shifted = [
        padded[i : i + height * stride : stride, j : j + width * stride : stride] for i in range(3) for j in range(3)
    ]
    columns = np.concatenate(shifted, -1).reshape(height * width, -1)
    flat = kernel.transpose(2, 3, 1, 0).reshape(-1, len(kernel))
    return (columns @ flat + w[f"{name}.bias"]).reshape(height, width, -1)


def _linear(x: Array, w: Mapping[str, Array], name: str) -> Array:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def _norm(x: Array, w: Mapping[str, Array], name: str) -> Array:
    """Group normalisation (Wu & He 2018)."""
    groups = x.reshape(-1, x.shape[-1] // GROUP, GROUP)
    mean = groups.mean((0, 2), keepdims=True)
    spread = groups.var((0, 2), keepdims=True)
    normal = ((groups - mean) / np.sqrt(spread + NORM_EPS)).reshape(x.shape)
    return normal * w[f"{name}.weight"] + w[f"{name}.bias"]


def _silu(x: Array) -> Array:
    return x * _sigmoid(x)


def _sigmoid(x: Array) -> Array:
    return (1 / (1 + np.exp(-np.clip(x, -60, 60)))).astype(np.float32)


@cache
def load() -> LightModel | None:
    """The model that comes with the package, or None where it has none."""
    file = resources.files("wallpaint.light").joinpath(FILE)
    return parse(file.read_bytes()) if file.is_file() else None


def parse(data: bytes) -> LightModel:
    """A model out of the bytes of its safetensors file."""
    from safetensors.numpy import load as tensors_of

    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    told = json.loads(header["__metadata__"]["wallpaint"])
    stored = tensors_of(data)
    weights = {
        name: value.astype(np.float32) * stored[name + STEP] if name + STEP in stored else value.astype(np.float32)
        for name, value in stored.items()
        if not name.endswith(STEP)
    }
    return LightModel(weights, told["side"], told["calibration"], tuple(told["depths"]))


def pack(model: LightModel) -> bytes:
    """A model's file. Large weights are stored as whole numbers of 8 bits times a step for each output channel, which
    changes what the network says far less than it errs by; the others in half precision, and what numbers are
    standardised with as it is."""
    from safetensors.numpy import save

    stored: dict[str, Array] = {}
    for name, weight in sorted(model.weights.items()):
        value = np.ascontiguousarray(weight)  # safetensors writes memory as it lies, whatever its strides
        if value.size < LARGE:
            stored[name] = value if name in ("mean", "scale") else value.astype(np.float16)
            continue
        largest = np.abs(value).max(axis=tuple(range(1, value.ndim)), keepdims=True)
        step = np.maximum(largest / 127, 1e-12).astype(np.float32)
        stored[name], stored[name + STEP] = np.round(value / step).astype(np.int8), step
    told = {
        "format": "wallpaint.light/1",
        "side": model.side,
        "depths": list(model.depths),
        "calibration": round(model.calibration, 4),
    }
    return save(stored, {"wallpaint": json.dumps(told)})  # one entry: several come out in any order
