"""A training run of one component of a bundle on photos of rendered rooms: what VAE, depth and UNet have in common.

run/config.yaml   the resolved recipe            log.jsonl    log entries
    checkpoints/  to resume from                 scores.json  evaluation of the stored result
    photos/       photos of the rooms            COMPONENT/   the result, in the layout of a bundle
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from wallpaint.bundles.configurations import CONFIGURATION_NAMES
from wallpaint.errors import ConfigError
from wallpaint.options import field_errors, option
from wallpaint.train import component_files, room_photos, room_training
from wallpaint.train.engine.evaluation import Evaluator
from wallpaint.train.engine.loop import TrainingResult, TrainingTask
from wallpaint.train.room_photos import RoomPhotos
from wallpaint.train.room_sets import RoomSetConfig, RoomTrainingConfig
from wallpaint.train.room_training import InitialWeights, PreparedTraining, RoomsByUse, RoomTrainingReport

PHOTOS_DIR = "photos"
PHOTOS_PER_EVALUATED_ROOM = 2


@dataclass(frozen=True)
class PhotoTrainingConfig(RoomTrainingConfig):
    """Keys of every recipe for training a component on photos of rooms. Raises ConfigError that lists all errors."""

    configuration: str = option("model configuration of the component", "mini", choices=CONFIGURATION_NAMES)
    test: tuple[RoomSetConfig, ...] = option("rooms for evaluation of the result, test split", ())
    photos: Path | None = option("folder of the rooms' photos; in the run folder if not given", None)
    photos_per_room: int = option("photos of each training room, in different paints", 16, ge=1)

    REQUIRED_SETS: ClassVar[tuple[str, ...]] = ("rooms", "validation")
    SECTIONS: ClassVar[tuple[str, ...]] = ()  # fields that are dataclasses of options

    @property
    def sets(self) -> dict[str, tuple[RoomSetConfig, ...]]:
        """Sets of rooms by use."""
        return {**super().sets, "test": self.test}

    def _errors(self) -> Iterator[str]:
        yield from super()._errors()
        for section in self.SECTIONS:
            yield from field_errors(getattr(self, section), f"{section}.")


@dataclass(frozen=True)
class Quality:
    """Quality of a component on one set of photos. scores: plain data for scores.json. line: the main figures."""

    scores: Mapping[str, Any]
    line: str


class ComponentTrainer(Protocol):
    """What depends on the component that is trained."""

    component: str  # as in bundle.toml

    def make(self) -> Any:
        """Create the model with its initial weights."""
        ...

    def task(self, model: Any, rooms: Sequence[RoomPhotos]) -> TrainingTask:
        """Make the task that trains a model."""
        ...

    def evaluator(self, rooms: Sequence[RoomPhotos]) -> Evaluator:
        """Make the evaluation on validation rooms."""
        ...

    def finalize(self, model: Any, rooms: Sequence[RoomPhotos]) -> Mapping[str, Any]:
        """Change a trained model before it is stored, and return plain data on it for scores.json. rooms: of the
        training."""
        ...

    def quality(self, model: Any, rooms: Sequence[RoomPhotos]) -> Quality:
        """Evaluate a model, loaded as it is stored, on validation or test rooms."""
        ...


def run(
    trainer: ComponentTrainer,
    config: PhotoTrainingConfig,
    folder: Path,
    *,
    resume: bool = False,
    init: Path | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> RoomTrainingReport:
    """Train a component. init: its safetensors file, of the recipe's configuration. Else as `room_training.run`."""
    return room_training.run(PhotoSteps(trainer, config, folder), config, folder, resume=resume, init=init, log=log)


@dataclass(frozen=True)
class PhotoSteps:
    """The steps of a run, see `RoomTrainingSteps`."""

    trainer: ComponentTrainer
    config: PhotoTrainingConfig
    folder: Path
    preparing = "taking photos of"

    @property
    def changeable(self) -> tuple[str, ...]:
        return ("photos",)

    def read_init(self, init: Path) -> InitialWeights:
        component = self.trainer.component
        component_files.check_weights(component, self.trainer.make(), init)
        return InitialWeights(init, lambda network: component_files.load_weights(component, network, init))

    def prepare(self, rooms_by_use: RoomsByUse) -> RoomsByUse:
        folder = self.config.photos or self.folder / PHOTOS_DIR
        counts = dict.fromkeys(rooms_by_use, PHOTOS_PER_EVALUATED_ROOM) | {"rooms": self.config.photos_per_room}
        return {use: room_photos.photograph_rooms(rooms, folder, counts[use]) for use, rooms in rooms_by_use.items()}

    def start(self, rooms_by_use: RoomsByUse) -> PreparedTraining:
        for use in self.config.REQUIRED_SETS:
            if not rooms_by_use[use]:
                raise ConfigError(f"{use} has no room with enough wall: use more seeds")
        rooms = {use: [room_photos.read(path) for path in paths] for use, paths in rooms_by_use.items()}
        task = self.trainer.task(self.trainer.make(), rooms["rooms"])

        def finish(outcome: TrainingResult) -> list[str]:
            weights = outcome.weights if outcome.best is None else outcome.best.weights
            return self._write_result({**task.network.state_dict(), **weights}, rooms)

        evaluator = self.trainer.evaluator(rooms["validation"])
        return PreparedTraining(task, evaluator, finish, str(self.folder / self.trainer.component))

    def _write_result(self, weights: Mapping[str, Any], rooms: Mapping[str, Sequence[RoomPhotos]]) -> list[str]:
        """Store the model, evaluate it as stored, and return lines on its quality."""
        import torch

        from wallpaint.bundles import components

        trainer, folder = self.trainer, self.folder / self.trainer.component
        model = trainer.make().eval()
        model.load_state_dict(weights)
        facts = trainer.finalize(model, rooms["rooms"])
        component_files.save(trainer.component, model, self.config.configuration, folder)
        stored = components.load(trainer.component, folder, torch.float32)
        quality = {use: trainer.quality(stored, rooms[use]) for use in ("validation", "test") if rooms[use]}
        figures = {use: one.scores for use, one in quality.items()}
        component_files.write_scores(
            self.folder, trainer.component, stored, {"rooms": len(rooms["rooms"]), **facts, **figures}
        )
        return [f"{use}: {one.line}" for use, one in quality.items()]
