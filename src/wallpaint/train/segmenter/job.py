"""From a recipe to a wall segmenter: render and label rooms, train, calibrate, evaluate and export.

run/config.yaml   the resolved recipe            log.jsonl   log entries
    checkpoints/  to resume from                 scores.json evaluation on test rooms
    segmenter/    the result: segformer.onnx and refiner.onnx (float16), and a model card
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wallpaint.errors import ConfigError, ModelError
from wallpaint.files import atomic
from wallpaint.segment.network import REFINER, REFINER_KIND, SEGFORMER, SEGFORMER_KIND
from wallpaint.train.engine import config as recipes
from wallpaint.train.segmenter.config import SegmenterConfig
from wallpaint.version import __version__

if TYPE_CHECKING:
    from torch import Tensor, nn

    from wallpaint.segment.network import WallSegmenter
    from wallpaint.train.room_sets import RoomTrainingReport
    from wallpaint.train.segmenter.evaluation import SegmenterScores

LABELS_DIR, SCORES_FILE, RESULT_DIR, CARD_FILE = "labels", "scores.json", "segmenter", "README.md"


def run(
    config: SegmenterConfig,
    folder: Path,
    *,
    resume: bool = False,
    init: Path | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> RoomTrainingReport:
    """Train a wall segmenter.

    resume: from the latest checkpoint. init: the result folder of a run, with the weights to start from; its network
    may have fewer blocks per stage, and a refiner with fewer channels, than the recipe's. log: takes lines on the
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
    if init is not None:  # fails before hours of rendering
        _load_initial_weights(WallNetwork(config.network), init)
    if not resume:  # a resumed run keeps its config until the digest was compared
        recipes.write(config, folder)
    labels = config.labels or folder / LABELS_DIR
    rooms_by_use = room_sets.prepare(config.sets, config.render_workers, log)
    log(f"labelling {sum(map(len, rooms_by_use.values()))} rooms")
    labelled = {use: labelling.derive_all(rooms, labels, config.render_workers) for use, rooms in rooms_by_use.items()}
    rooms = room_sets.select_rooms(labelled["rooms"], folder, resume=resume)
    task = SegmenterTask(rooms, labels, config)
    if init is not None:
        _load_initial_weights(task.network, init)
    log(f"training on {len(rooms)} rooms")
    outcome = fit(
        task,
        config.loop,
        config.optimizer,
        folder,
        seed=config.seed,
        digest=room_sets.digest(config, ("labels", "input_px"), rooms, init and init / SEGFORMER),
        device="cpu",
        resume=resume,
        tracking=config.tracking,
        on_start=lambda: recipes.write(config, folder),
        on_step=lambda step, loss: log(f"step {step}: loss {loss:.4f}") if step % config.loop.log_every == 0 else None,
    )
    parameters = sum(value.numel() for value in task.network.parameters())
    report = room_sets.RoomTrainingReport(outcome.step, config.loop.steps, len(rooms), parameters)
    if outcome.stopped:
        return report
    weights = {**dict(task.network.named_buffers()), **outcome.weights}
    scores = finish(config, weights, folder, labels, {**labelled, "rooms": rooms})
    evaluation = () if scores is None else (scores.line(),)
    return dataclasses.replace(report, evaluation=evaluation, output=f"{folder / RESULT_DIR} (use it as `bundle`)")


def _load_initial_weights(network: nn.Module, init: Path) -> None:
    """Load a wall segmenter's weights into a `WallNetwork`, see `net2net`.

    Without a refiner file, the refiner keeps its weights. Raises ModelError; ConfigError if the network cannot be
    extended to the recipe's.
    """
    from wallpaint.train.engine import onnx_export
    from wallpaint.train.segmenter import net2net
    from wallpaint.train.segmenter.task import CLASSES

    if not (init / SEGFORMER).is_file():
        raise ModelError(f"{init}: has no {SEGFORMER}: name the folder that a run has written")
    weights, metadata = onnx_export.read(init / SEGFORMER, SEGFORMER_KIND)
    try:
        net2net.load_deeper(network.get_submodule("segformer"), weights)
        if (init / REFINER).is_file():
            refiner_weights, _ = onnx_export.read(init / REFINER, REFINER_KIND)
            net2net.load_wider(network.refiner, refiner_weights)  # type: ignore[arg-type]
    except ValueError as error:
        raise ConfigError(f"{init}: its network cannot be extended to the recipe's: {error}") from error
    if metadata.get("classes") != list(CLASSES):
        raise ConfigError(f"{init}: its classes are {metadata.get('classes')}, expected {list(CLASSES)}")


def finish(
    config: SegmenterConfig,
    weights: Mapping[str, Tensor],
    folder: Path,
    labels: Path,
    rooms_by_use: Mapping[str, Sequence[Path]],
) -> SegmenterScores | None:
    """Export, calibrate on validation rooms, evaluate on test rooms, and write the result. Returns None without test
    rooms."""
    from wallpaint.train.engine import onnx_export
    from wallpaint.train.segmenter import evaluation

    photos = {use: list(evaluation.labelled_photos(rooms_by_use[use], labels)) for use in ("validation", "test")}
    files = _export(config, weights)
    segmenter = _stored_segmenter(files)
    calibration = segmenter.calibration
    if photos["validation"]:
        calibration = evaluation.calibrate(segmenter, photos["validation"])
    scores = None
    if photos["test"]:
        scores = evaluation.evaluate(dataclasses.replace(segmenter, calibration=calibration), photos["test"])
        by_photo = {name: round(value, 4) for name, value in scores.by_photo.items()}
        text = json.dumps({**scores.to_dict(), "by_photo": by_photo}, indent=1)
        atomic.put(folder / SCORES_FILE, text.encode() + b"\n")
    files[SEGFORMER] = onnx_export.with_metadata(files[SEGFORMER], calibration=dataclasses.asdict(calibration))
    (folder / RESULT_DIR).mkdir(exist_ok=True)
    for name, data in files.items():
        atomic.put(folder / RESULT_DIR / name, data)
    card = model_card(config, scores, len(rooms_by_use["rooms"]))
    atomic.put(folder / RESULT_DIR / CARD_FILE, card.encode())
    return scores


def _export(config: SegmenterConfig, weights: Mapping[str, Tensor]) -> dict[str, bytes]:
    from wallpaint.train.segmenter.task import WallNetwork, export

    network = WallNetwork(config.network)
    network.load_state_dict({**network.state_dict(), **weights})
    return export(network, config.input_px)


def _stored_segmenter(files: Mapping[str, bytes]) -> WallSegmenter:
    """Return the wall segmenter with its weights as stored."""
    from wallpaint import onnx_session
    from wallpaint.segment.network import build_segmenter, refiner_fn

    segformer, refiner = (
        onnx_session.load(files[name], kind, name=name)
        for name, kind in ((SEGFORMER, SEGFORMER_KIND), (REFINER, REFINER_KIND))
    )
    return build_segmenter(segformer, refiner_fn(refiner), "trained", SEGFORMER)


def model_card(config: SegmenterConfig, scores: SegmenterScores | None, rooms: int) -> str:
    """Return a model card in Markdown. rooms: number of training rooms."""
    evaluation = "Not evaluated: the recipe has no test rooms."
    if scores is not None:
        evaluation = (
            f"On {scores.photos} photos of {scores.rooms} test rooms that were not trained on: mean IoU "
            f"{scores.mean:.3f},\n10th percentile {scores.worst:.3f}, pooled {scores.pooled:.3f}, mean without "
            f"edge-aware refinement {scores.rough:.3f}.\nThe mean absolute error of the expected IoU is "
            f"{scores.expected_error:.3f}."
        )
    widths = ", ".join(str(width) for width in config.network.widths)
    return f"""---
tags: [image-segmentation, segformer, walls]
license: apache-2.0
---
# Wall segmenter

A SegFormer (`segformer.onnx`: {widths} channels, two classes: other, wall) that segments walls in photos of
rooms, and a small U-Net (`refiner.onnx`) that aligns the edges of its map with those of the photo. Trained by wallpaint
{__version__} from random weights: no pretrained weights, no real photo. {rooms} rendered rooms, augmented with other
paints, patterns, patches of sunlight, cameras and crops; {config.loop.steps} steps of {config.loop.batch_size} crops.

The class wall is what a painter would paint: painted, papered or panelled walls. It excludes ceiling, floor, doors,
windows, skirting, rails, pictures, curtains and furniture.

## Evaluation

{evaluation}

## Limitations

Trained on rendered rooms only. Results on real photos are worse, and the expected IoU shows it: check the mask.

    wallpaint mask room.jpg -o mask.png --overlay overlay.png
"""
