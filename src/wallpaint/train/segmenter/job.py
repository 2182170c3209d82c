"""From a recipe to a wall segmenter: render and label rooms, train, calibrate, evaluate and export.

run/config.yaml   the resolved recipe            log.jsonl   log entries
    checkpoints/  to resume from                 scores.json evaluation on test rooms
    segmenter/    the result: segformer.onnx and refiner.onnx (float16), and a model card
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from wallpaint import onnx_session
from wallpaint.errors import ConfigError, ModelError
from wallpaint.files import atomic
from wallpaint.rooms.sets import labels as labelling
from wallpaint.segment.network import (
    REFINER,
    REFINER_KIND,
    SEGFORMER,
    SEGFORMER_KIND,
    WallSegmenter,
    build_segmenter,
    refiner_fn,
)
from wallpaint.train import room_training
from wallpaint.train.engine import onnx_export
from wallpaint.train.engine.loop import TrainingResult
from wallpaint.train.room_training import InitialWeights, PreparedTraining, RoomsByUse, RoomTrainingReport
from wallpaint.train.segmenter import evaluation, net2net
from wallpaint.train.segmenter.config import SegmenterConfig
from wallpaint.train.segmenter.evaluation import SegmenterScores
from wallpaint.train.segmenter.task import CLASSES, SegmenterTask, WallNetwork, export
from wallpaint.version import __version__

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

    init: the result folder of a run; its network may have fewer blocks per stage, and a refiner with fewer channels,
    than the recipe's. Else as `room_training.run`.
    """
    return room_training.run(SegmenterSteps(config, folder), config, folder, resume=resume, init=init, log=log)


@dataclass(frozen=True)
class SegmenterSteps:
    """The steps of a wall segmenter's run, see `RoomTrainingSteps`."""

    config: SegmenterConfig
    folder: Path
    preparing = "labelling"

    @property
    def changeable(self) -> tuple[str, ...]:
        without_subset = () if self.config.max_rooms else ("max_rooms",)  # runs of earlier versions do not have the key
        return ("labels", "input_px", *without_subset)

    @property
    def labels(self) -> Path:
        """The folder of the rooms' labels."""
        return self.config.labels or self.folder / LABELS_DIR

    def read_init(self, init: Path) -> InitialWeights:
        _load_initial_weights(WallNetwork(self.config.network), init)
        return InitialWeights(init / SEGFORMER, lambda network: _load_initial_weights(network, init))

    def prepare(self, rooms_by_use: RoomsByUse) -> RoomsByUse:
        workers = self.config.render_workers
        return {use: labelling.derive_all(rooms, self.labels, workers) for use, rooms in rooms_by_use.items()}

    def start(self, rooms_by_use: RoomsByUse) -> PreparedTraining:
        task = SegmenterTask(rooms_by_use["rooms"], self.labels, self.config)

        def finish(outcome: TrainingResult) -> list[str]:
            weights = {**dict(task.network.named_buffers()), **outcome.weights}
            scores = write_result(self.config, weights, self.folder, self.labels, rooms_by_use)
            return [] if scores is None else [scores.line()]

        return PreparedTraining(task, None, finish, f"{self.folder / RESULT_DIR} (use it as `bundle`)")


def _load_initial_weights(network: nn.Module, init: Path) -> None:
    """Load a wall segmenter's weights into a `WallNetwork`, see `net2net`.

    Without a refiner file, the refiner keeps its weights. Raises ModelError; ConfigError if the network cannot be
    extended to the recipe's.
    """
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


def write_result(
    config: SegmenterConfig,
    weights: Mapping[str, Tensor],
    folder: Path,
    labels: Path,
    rooms_by_use: RoomsByUse,
) -> SegmenterScores | None:
    """Export, calibrate on validation rooms, evaluate on test rooms, and write the result. Returns None without test
    rooms."""
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
    network = WallNetwork(config.network)
    network.load_state_dict({**network.state_dict(), **weights})
    return export(network, config.input_px)


def _stored_segmenter(files: Mapping[str, bytes]) -> WallSegmenter:
    """Return the wall segmenter with its weights as stored."""
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
