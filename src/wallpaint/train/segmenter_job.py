"""A recipe from nothing to a wall finder: rooms rendered, labelled, learnt from; calibrated, judged, written.

run/config.yaml   the recipe with every value    log.jsonl   a line every few steps
    checkpoints/  to go on from                  scores.json how well it finds walls of test rooms
    segmenter/    the result, in transformers' layout: config.json, model.safetensors (float16), calibration.json, card
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wallpaint.errors import ConfigError
from wallpaint.files import atomic
from wallpaint.train.config import to_mapping
from wallpaint.train.segmenter_config import RoomSet, SegmenterConfig
from wallpaint.version import __version__

if TYPE_CHECKING:
    from torch import Tensor

    from wallpaint.segment.network import Calibration, Finder
    from wallpaint.train.segmenter_eval import Scores

CONFIG, SCORES, RESULT = "config.yaml", "scores.json", "segmenter"


@dataclass(frozen=True)
class Report:
    """How a run ended. scores: None where it was stopped, or the recipe has no test rooms."""

    step: int
    steps: int
    rooms: int
    folder: Path | None
    scores: Scores | None

    def lines(self) -> list[str]:
        """For people."""
        told = [f"{self.step} of {self.steps} steps on {self.rooms} rooms"]
        if self.scores is not None:
            told.append(
                f"IoU on {self.scores.photos} photos of {self.scores.rooms} test rooms: mean {self.scores.mean:.3f}, "
                f"tenth percentile {self.scores.worst:.3f}, all pixels {self.scores.pooled:.3f}"
            )
        if self.folder is not None:
            told.append(f"written: {self.folder} (use it with --bundle {self.folder})")
        else:
            told.append("stopped and saved: go on with --resume latest")
        return told


def run(
    config: SegmenterConfig, folder: Path, *, resume: bool = False, say: Callable[[str], None] = lambda line: None
) -> Report:
    """Make a wall finder. say: takes lines of progress. Raises ConfigError or InputError."""
    from wallpaint.train import optimizer, tracking
    from wallpaint.train.loop import fit
    from wallpaint.train.segmenter import SegmenterTask

    optimizer.check(config.optimizer)
    tracking.check(config.tracking)
    _write_config(config, folder)
    rooms = prepare(config.sets("rooms"), config, say)
    others = {which: prepare(config.sets(which), config, say) for which in ("validation", "test")}
    _keep_apart(rooms, others)
    task = SegmenterTask(rooms, config.labels, config)
    say(f"training on {len(rooms)} rooms")
    outcome = fit(
        task,
        config.loop,
        config.optimizer,
        folder,
        seed=config.seed,
        digest=_digest(config, rooms),
        device="cpu",
        resume=resume,
        told=config.tracking,
        tick=lambda step, loss: say(f"step {step}: loss {loss:.4f}") if step % config.loop.log_every == 0 else None,
    )
    if outcome.step < config.loop.steps:
        return Report(outcome.step, config.loop.steps, len(rooms), None, None)
    scores = finish(config, outcome.weights, folder, rooms, others)
    return Report(outcome.step, config.loop.steps, len(rooms), folder / RESULT, scores)


def prepare(sets: Sequence[RoomSet], config: SegmenterConfig, say: Callable[[str], None]) -> list[Path]:
    """Render what sets lack, look at what is where, and return the room files of all."""
    from wallpaint.rooms.sets import labels, render, room_file

    found: list[Path] = []
    for one in sets:
        wanted = [one.folder / room_file.name_of(seed) for seed in range(one.seed, one.seed + one.count)]
        notes = [one.folder / room_file.skipped_name_of(seed) for seed in range(one.seed, one.seed + one.count)]
        if not all(room.exists() or note.exists() for room, note in zip(wanted, notes, strict=True)):
            say(f"rendering rooms {one.seed} to {one.seed + one.count - 1} into {one.folder}")
            job = render.RenderJob(one.count, one.seed, (one.px, one.px), one.samples, one.folder, config.crew)
            render.run(job)
        found += [room for room in wanted if room.exists()]
    if found:
        say(f"looking at {len(found)} rooms")
    return labels.derive_all(found, config.labels, config.crew)


def _keep_apart(rooms: Sequence[Path], others: Mapping[str, Sequence[Path]]) -> None:
    """Raise ConfigError where rooms that judge are learnt from."""
    learnt = {room.name for room in rooms}
    for which, judging in others.items():
        twice = sorted(learnt & {room.name for room in judging})
        if twice:
            raise ConfigError(f"{which} has rooms that are learnt from: {', '.join(twice[:3])}: choose other seeds")


def finish(
    config: SegmenterConfig,
    weights: Mapping[str, Tensor],
    folder: Path,
    rooms: Sequence[Path],
    others: Mapping[str, Sequence[Path]],
) -> Scores | None:
    """Calibrate on validation rooms, judge on test rooms, and write the result's folder."""
    from wallpaint.segment.network import Calibration
    from wallpaint.train import segmenter_eval

    made = {which: list(segmenter_eval.shots(found, config.labels)) for which, found in others.items()}
    plain = Calibration(seen_px=config.seen_px)
    finder = _finder(config, weights, plain)
    calibration = segmenter_eval.calibrate(finder, made["validation"]) if made["validation"] else plain
    scores = None
    if made["test"]:
        scores = segmenter_eval.evaluate(dataclasses.replace(finder, calibration=calibration), made["test"])
        told = {**scores.to_dict(), "by_photo": {name: round(value, 4) for name, value in scores.by_shot.items()}}
        atomic.put(folder / SCORES, json.dumps(told, indent=1).encode() + b"\n")
    write(folder / RESULT, config, weights, calibration, scores, len(rooms))
    return scores


def _finder(config: SegmenterConfig, weights: Mapping[str, Tensor], calibration: Calibration) -> Finder:
    import torch

    from wallpaint.bundles.configurations import IMAGENET_MEAN, IMAGENET_STD
    from wallpaint.segment.network import Finder
    from wallpaint.train.segmenter import WALL, make_network

    network = make_network(config.network)
    state = network.state_dict()
    with torch.no_grad():
        for name, value in weights.items():
            state[name].copy_(value.half())  # as it will be stored
    mean, std = tuple(IMAGENET_MEAN), tuple(IMAGENET_STD)
    return Finder(network.eval(), WALL, mean, std, calibration, "trained")  # type: ignore[arg-type]


def write(
    folder: Path,
    config: SegmenterConfig,
    weights: Mapping[str, Tensor],
    calibration: Calibration,
    scores: Scores | None,
    rooms: int,
) -> None:
    """The result in transformers' layout, float16, with calibration and model card."""
    import torch
    from safetensors.torch import save

    from wallpaint.bundles.configurations import IMAGENET_MEAN, IMAGENET_STD
    from wallpaint.bundles.layout import put_json
    from wallpaint.segment.network import CALIBRATION
    from wallpaint.train.segmenter import make_network, network_values

    state = make_network(config.network).state_dict()
    tensors = {name: weights.get(name, value).detach().clone().contiguous() for name, value in state.items()}
    halves = {name: value.half() if value.dtype == torch.float32 else value for name, value in tensors.items()}
    names = {"architectures": ["SegformerForSemanticSegmentation"], "model_type": "segformer"}
    values = network_values(config.network)
    values["id2label"] = {str(number): name for number, name in values["id2label"].items()}
    put_json(folder / "config.json", {**names, **values})
    size = {"height": config.seen_px, "width": config.seen_px}
    processor = {"image_mean": IMAGENET_MEAN, "image_std": IMAGENET_STD, "size": size, "rescale_factor": 1 / 255}
    put_json(folder / "preprocessor_config.json", processor)
    put_json(folder / CALIBRATION, dataclasses.asdict(calibration))
    atomic.put(folder / "README.md", card(config, scores, rooms).encode())
    atomic.put(folder / "model.safetensors", save(halves, metadata={"format": "pt"}))


def card(config: SegmenterConfig, scores: Scores | None, rooms: int) -> str:
    """A model card: what it is, what it was made from, how well it does, what it does not know."""
    judged = "It was not judged: the recipe has no test rooms."
    if scores is not None:
        judged = (
            f"On {scores.photos} photos of {scores.rooms} test rooms that it never learnt from: IoU {scores.mean:.3f}\n"
            f"on average, {scores.worst:.3f} at the tenth percentile, {scores.pooled:.3f} over all pixels, and\n"
            f"{scores.rough:.3f} on average before edges are taken from the photo. The overlap that it foretells is\n"
            f"off by {scores.expected_error:.3f} on average."
        )
    widths = ", ".join(str(width) for width in config.network.widths)
    return f"""---
tags: [image-segmentation, segformer, walls]
license: apache-2.0
---
# A small wall finder

A SegFormer ({widths} channels, two classes: other, wall) that says where the walls are in a photo of a room.
Made by wallpaint {__version__} from nothing: no pretrained weights, no real photo. {rooms} rendered rooms, each shown
in other paints, patterns, cameras and crops; {config.loop.steps} steps of {config.loop.batch_size} pictures.

Wall is what a painter would paint: walls in any paint, papered or panelled. Ceiling, floor, doors, windows, skirting,
rails, pictures, curtains and furniture are not.

{judged}

It has seen rendered rooms only. On real photos it is less sure than on these, and it says so: look at the mask.

    wallpaint mask room.jpg -o mask.png --overlay look.png
"""


def _write_config(config: SegmenterConfig, folder: Path) -> None:
    import yaml  # type: ignore[import-untyped]

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be made ({error.strerror}): name another folder") from error
    plain: dict[str, Any] = to_mapping(config)
    for which in ("rooms", "validation", "test"):
        plain[which] = [to_mapping(one) for one in config.sets(which)]
    told = f"# Every value of this run, by wallpaint {__version__}.\n"
    atomic.put(folder / CONFIG, (told + yaml.safe_dump(plain, sort_keys=False)).encode())


def _digest(config: SegmenterConfig, rooms: Sequence[Path]) -> str:
    """Of all that must not change between the parts of a run."""
    plain = to_mapping(config)
    for name in ("rooms", "validation", "test", "labels", "crew", "tracking", "seen_px"):
        plain.pop(name)
    for name in ("save_every", "keep_last", "log_every", "workers", "watch_every"):
        plain["loop"].pop(name)
    told = json.dumps([plain, [room.name for room in rooms]], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()
