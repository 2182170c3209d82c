"""A recipe from nothing to a wall finder: rooms rendered, labelled, learnt from; calibrated, judged, written.

run/config.yaml   the recipe with every value    log.jsonl   a line every few steps
    checkpoints/  to go on from                  scores.json how well it finds walls of test rooms
    segmenter/    the result, in transformers' layout: config.json, model.safetensors (float16), calibration.json, card;
                  and refiner.safetensors, which refines its map
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wallpaint.errors import ConfigError
from wallpaint.files import atomic
from wallpaint.train.engine import config as recipes
from wallpaint.train.segmenter.config import SegmenterConfig
from wallpaint.version import __version__

if TYPE_CHECKING:
    from torch import Tensor, nn

    from wallpaint.segment.network import Calibration, Finder
    from wallpaint.train.room_sets import Report
    from wallpaint.train.segmenter.evaluation import Scores

LABELS, SCORES, RESULT = "labels", "scores.json", "segmenter"
WEIGHTS = "model.safetensors"


def run(
    config: SegmenterConfig,
    folder: Path,
    *,
    resume: bool = False,
    start: Path | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> Report:
    """Make a wall finder.

    resume: go on from the newest checkpoint. start: a folder as this writes it, whose weights are begun with; its
    network may have fewer blocks a stage, and fewer channels of the refiner, than the recipe's. log: takes lines of
    progress. Raises ConfigError, InputError or ModelError.
    """
    from wallpaint.rooms.sets import labels as labelling
    from wallpaint.train import room_sets
    from wallpaint.train.engine import optimizer, trackers
    from wallpaint.train.engine.loop import fit, refuse_existing_checkpoints
    from wallpaint.train.segmenter.task import SegmenterTask, WallNetwork

    optimizer.check_installed(config.optimizer)
    trackers.check_installed(config.tracking)
    if not resume:
        refuse_existing_checkpoints(folder)
    if start is not None:  # before hours of rendering
        _begin_with(WallNetwork(config.network), start)
    if not resume:  # a run that goes on keeps what it was begun with until it is sure that this is the same
        recipes.write(config, folder)
    labels = config.labels or folder / LABELS
    found = room_sets.prepare(config.sets, config.render_workers, log)
    log(f"looking at {sum(map(len, found.values()))} rooms")
    seen = {use: labelling.derive_all(rooms, labels, config.render_workers) for use, rooms in found.items()}
    rooms = room_sets.settle(seen["rooms"], folder, resume=resume)
    task = SegmenterTask(rooms, labels, config)
    if start is not None:
        _begin_with(task.network, start)
    log(f"training on {len(rooms)} rooms")
    outcome = fit(
        task,
        config.loop,
        config.optimizer,
        folder,
        seed=config.seed,
        digest=room_sets.digest(config, ("labels", "input_px"), rooms, start and start / WEIGHTS),
        device="cpu",
        resume=resume,
        tracking=config.tracking,
        on_start=lambda: recipes.write(config, folder),
        on_step=lambda step, loss: log(f"step {step}: loss {loss:.4f}") if step % config.loop.log_every == 0 else None,
    )
    parameters = sum(value.numel() for value in task.network.parameters())
    report = room_sets.Report(outcome.step, config.loop.steps, len(rooms), parameters)
    if outcome.stopped:
        return report
    whole = {**dict(task.network.named_buffers()), **outcome.weights}
    scores = finish(config, whole, folder, labels, {**seen, "rooms": rooms})
    judged = () if scores is None else (scores.line(),)
    return dataclasses.replace(report, judged=judged, written=f"{folder / RESULT} (use it with --bundle)")


def _begin_with(network: nn.Module, start: Path) -> None:
    """Put a wall finder's weights into a `WallNetwork`, see `growth`; a refiner that it lacks stays as it is. Raises
    ModelError; ConfigError where it is no smaller network of the same kind."""
    from wallpaint.errors import ModelError
    from wallpaint.segment.network import load
    from wallpaint.train.segmenter import net2net as growth
    from wallpaint.train.segmenter.task import WALL

    if not all((start / name).is_file() for name in ("config.json", WEIGHTS)):
        raise ModelError(f"{start}: is no folder with config.json and {WEIGHTS}: name the one that a run has written")
    finder = load(start)
    try:
        growth.deeper(network.get_submodule("segformer"), finder.model.state_dict())
        if finder.refiner is not None:
            growth.wider(network.refiner, finder.refiner.state_dict())  # type: ignore[arg-type]
    except ValueError as error:
        raise ConfigError(f"{start}: its network is no smaller one of the recipe's kind: {error}") from error
    if finder.wall != WALL:
        raise ConfigError(f"{start}: wall is its class {finder.wall}, expected {WALL}")


def finish(
    config: SegmenterConfig,
    weights: Mapping[str, Tensor],
    folder: Path,
    labels: Path,
    rooms: Mapping[str, Sequence[Path]],
) -> Scores | None:
    """Calibrate on validation rooms, judge on test rooms, and write the result. rooms: by what they are for."""
    from wallpaint.segment.network import Calibration
    from wallpaint.train.segmenter import evaluation as segmenter_eval

    made = {use: list(segmenter_eval.shots(rooms[use], labels)) for use in ("validation", "test")}
    plain = Calibration(input_px=config.input_px)
    finder = _finder(config, weights, plain)
    calibration = segmenter_eval.calibrate(finder, made["validation"]) if made["validation"] else plain
    scores = None
    if made["test"]:
        scores = segmenter_eval.evaluate(dataclasses.replace(finder, calibration=calibration), made["test"])
        told = {**scores.to_dict(), "by_photo": {name: round(value, 4) for name, value in scores.by_shot.items()}}
        atomic.put(folder / SCORES, json.dumps(told, indent=1).encode() + b"\n")
    write(folder / RESULT, config, weights, calibration, scores, len(rooms["rooms"]))
    return scores


def _finder(config: SegmenterConfig, weights: Mapping[str, Tensor], calibration: Calibration) -> Finder:
    import torch

    from wallpaint.bundles.configurations import IMAGENET_MEAN, IMAGENET_STD
    from wallpaint.segment.network import Finder
    from wallpaint.train.segmenter.task import WALL, WallNetwork

    network = WallNetwork(config.network).eval()
    state = network.state_dict()
    with torch.no_grad():
        for name, value in weights.items():
            state[name].copy_(value.half())  # as it will be stored
    mean, std = tuple(IMAGENET_MEAN), tuple(IMAGENET_STD)
    return Finder(network.segformer, WALL, mean, std, calibration, "trained", network.refiner)  # type: ignore[arg-type]


def write(
    folder: Path,
    config: SegmenterConfig,
    weights: Mapping[str, Tensor],
    calibration: Calibration,
    scores: Scores | None,
    rooms: int,
) -> None:
    """The result: the SegFormer in transformers' layout, float16, with refiner, calibration and model card."""
    import torch
    from safetensors.torch import save

    from wallpaint.bundles.configurations import IMAGENET_MEAN, IMAGENET_STD
    from wallpaint.bundles.layout import write_json
    from wallpaint.segment.network import CALIBRATION, REFINER
    from wallpaint.train.segmenter.task import WallNetwork, network_values

    network = WallNetwork(config.network)

    def halves(part: str) -> dict[str, Tensor]:
        values = {
            name: weights.get(f"{part}.{name}", value).detach().clone().contiguous()
            for name, value in network.get_submodule(part).state_dict().items()
        }
        return {name: value.half() if value.dtype == torch.float32 else value for name, value in values.items()}

    names = {"architectures": ["SegformerForSemanticSegmentation"], "model_type": "segformer"}
    values = network_values(config.network)
    values["id2label"] = {str(number): name for number, name in values["id2label"].items()}
    write_json(folder / "config.json", {**names, **values})
    size = {"height": config.input_px, "width": config.input_px}
    processor = {"image_mean": IMAGENET_MEAN, "image_std": IMAGENET_STD, "size": size, "rescale_factor": 1 / 255}
    write_json(folder / "preprocessor_config.json", processor)
    write_json(folder / CALIBRATION, dataclasses.asdict(calibration))
    atomic.put(folder / "README.md", card(config, scores, rooms).encode())
    told = {"format": "pt", "widths": json.dumps(list(config.network.refiner))}
    atomic.put(folder / REFINER, save(halves("refiner"), metadata=told))
    atomic.put(folder / WEIGHTS, save(halves("segformer"), metadata={"format": "pt"}))


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

A SegFormer ({widths} channels, two classes: other, wall) that says where the walls are in a photo of a room, and a
small U-Net (`refiner.safetensors`) that puts the edges of its map where the photo has them. Made by wallpaint
{__version__} from nothing: no pretrained weights, no real photo. {rooms} rendered rooms, each shown in other paints,
patterns, patches of sun, cameras and crops; {config.loop.steps} steps of {config.loop.batch_size} pictures.

Wall is what a painter would paint: walls in any paint, papered or panelled. Ceiling, floor, doors, windows, skirting,
rails, pictures, curtains and furniture are not.

{judged}

It has seen rendered rooms only. On real photos it is less sure than on these, and it says so: look at the mask.

    wallpaint mask room.jpg -o mask.png --overlay look.png
"""
