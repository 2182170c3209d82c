"""A recipe for training: one YAML file, every key known, every error told at once."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from wallpaint.data.settings import DataSettings
from wallpaint.errors import ConfigError
from wallpaint.train.schedule import SCHEDULES

T = TypeVar("T")
MODES = ("document",)
PRECISIONS = ("no", "bf16", "fp16")


def _about(text: str, default: Any) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class LoraConfig:
    """What learns."""

    rank: int = _about("rank of the low-rank update", 8)
    alpha: int = _about("the update is scaled by alpha / rank", 8)


@dataclass(frozen=True)
class OptimizerConfig:
    """How it learns: AdamW."""

    learning_rate: float = _about("of AdamW, after the warm-up", 1e-4)
    schedule: str = _about("constant or cosine, after the warm-up", "constant")
    warmup_steps: int = _about("steps of linear rise", 100)
    weight_decay: float = _about("decoupled", 1e-2)
    beta1: float = _about("decay of the mean of gradients", 0.9)
    beta2: float = _about("decay of the mean of their squares", 0.999)
    epsilon: float = _about("added to the root", 1e-8)
    clip_norm: float = _about("longest gradient, all parameters taken as one vector; 0 is no limit", 1.0)


@dataclass(frozen=True)
class ObjectiveConfig:
    """What is minimised."""

    min_snr_gamma: float = _about("0, or the signal-to-noise ratio at which a timestep's weight stops growing", 0.0)
    noise_offset: float = _about("strength of noise that is one number a channel", 0.0)
    prediction: str = _about("epsilon, v_prediction, or bundle for what the bundle was trained with", "bundle")
    zero_terminal_snr: bool = _about("let the noise schedule end in pure noise; v_prediction only", False)
    captions: bool = _about("text from the samples' captions; else the zero-prompt mode", False)


@dataclass(frozen=True)
class LoopConfig:
    """How long, and what is kept."""

    steps: int = _about("updates of the weights", 2000)
    batch_size: int = _about("samples an update, over all processes and accumulated parts", 4)
    accumulation: int = _about("parts that a batch is computed in", 1)
    precision: str = _about("no, bf16 or fp16: of the forward pass", "no")
    workers: int = _about("processes that load data", 0)
    ema_decay: float = _about("0, or the decay of a moving average of the weights, which is then exported", 0.0)
    save_every: int = _about("steps between checkpoints", 200)
    keep_last: int = _about("checkpoints that are kept", 3)
    log_every: int = _about("steps between lines of the log", 10)


@dataclass(frozen=True)
class CacheConfig:
    """What is encoded before training."""

    variants: int = _about("versions of each sample that are encoded once; 0 encodes anew at every step", 8)
    folder: Path | None = field(default=None, metadata={"help": "where; the run's own folder if not given"})


@dataclass(frozen=True)
class TrainConfig:
    """A whole recipe. Raises ConfigError that lists everything wrong with it."""

    bundle: str
    data: Path
    mode: str = _about("document: as the source document trains, without image prompt", "document")
    device: str = _about("auto, cpu, cuda or mps", "auto")
    seed: int = _about("of everything random", 0)
    samples: DataSettings = field(default_factory=DataSettings)
    lora: LoraConfig = field(default_factory=LoraConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    cache: CacheConfig = field(default_factory=CacheConfig)

    def __post_init__(self) -> None:
        wrong = list(self._wrong())
        if wrong:
            raise ConfigError("; ".join(wrong))

    def _wrong(self) -> Iterator[str]:
        choices = (
            ("mode", self.mode, MODES),
            ("optimizer.schedule", self.optimizer.schedule, SCHEDULES),
            ("loop.precision", self.loop.precision, PRECISIONS),
            ("objective.prediction", self.objective.prediction, ("bundle", "epsilon", "v_prediction")),
        )
        for name, value, known in choices:
            if value not in known:
                yield f"{name} must be one of {', '.join(known)}, not {value!r}"
        least = (
            ("lora.rank", self.lora.rank, 1),
            ("lora.alpha", self.lora.alpha, 1),
            ("optimizer.learning_rate", self.optimizer.learning_rate, 0),
            ("optimizer.warmup_steps", self.optimizer.warmup_steps, 0),
            ("optimizer.weight_decay", self.optimizer.weight_decay, 0),
            ("optimizer.clip_norm", self.optimizer.clip_norm, 0),
            ("objective.min_snr_gamma", self.objective.min_snr_gamma, 0),
            ("loop.steps", self.loop.steps, 1),
            ("loop.batch_size", self.loop.batch_size, 1),
            ("loop.accumulation", self.loop.accumulation, 1),
            ("loop.workers", self.loop.workers, 0),
            ("loop.save_every", self.loop.save_every, 1),
            ("loop.keep_last", self.loop.keep_last, 1),
            ("loop.log_every", self.loop.log_every, 1),
            ("cache.variants", self.cache.variants, 0),
        )
        for name, number, lowest in least:
            if not number >= lowest:
                yield f"{name} must be at least {lowest}, not {number}"
        if not 0 <= self.loop.ema_decay < 1:
            yield f"loop.ema_decay must lie in 0..1, not {self.loop.ema_decay}"
        if self.loop.batch_size % self.loop.accumulation:
            yield f"loop.batch_size {self.loop.batch_size} cannot be split into {self.loop.accumulation} equal parts"
        if self.objective.zero_terminal_snr and self.objective.prediction != "v_prediction":
            yield "objective.zero_terminal_snr asks for objective.prediction v_prediction: pure noise tells no epsilon"


def read(path: Path) -> TrainConfig:
    """Read a recipe. Relative paths in it are relative to where the program runs. Raises ConfigError."""
    import yaml  # type: ignore[import-untyped]

    try:
        data = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is no YAML ({' '.join(str(error).split())[:200]})") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: should hold keys and values")
    return from_mapping(TrainConfig, data, str(path))


def from_mapping(kind: type[T], data: Mapping[str, Any], where: str) -> T:
    """A dataclass out of plain data. where: the file, for messages. Raises ConfigError for all wrong keys at once."""
    errors: list[str] = []
    made = _build(kind, data, "", errors)
    if errors or made is None:
        raise ConfigError(f"{where}: {'; '.join(errors)}")
    return made


def _build(kind: type[T], data: Any, prefix: str, errors: list[str]) -> T | None:
    if not isinstance(data, Mapping):
        errors.append(f"{prefix.rstrip('.')} should hold keys and values, not {data!r}")
        return None
    hints = typing.get_type_hints(kind)
    known = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    errors += [f"{prefix}{key} is not known (known: {', '.join(known)})" for key in data if key not in known]
    values, before = {}, len(errors)
    for name, about in known.items():
        if name in data:
            values[name] = _value(hints[name], data[name], f"{prefix}{name}", errors)
        elif about.default is dataclasses.MISSING and about.default_factory is dataclasses.MISSING:
            errors.append(f"{prefix}{name} is missing")
    if len(errors) > before:
        return None
    try:
        return kind(**values)
    except ConfigError as error:
        errors.append(str(error))
        return None


def _value(kind: Any, value: Any, name: str, errors: list[str]) -> Any:
    if isinstance(kind, types.UnionType):
        if value is None and type(None) in kind.__args__:
            return None
        kind = next(k for k in kind.__args__ if k is not type(None))
    if typing.get_origin(kind) is tuple and isinstance(value, list):
        return tuple(value)  # whose numbers its own dataclass looks at
    if dataclasses.is_dataclass(kind):
        return _build(kind, value, f"{name}.", errors)  # type: ignore[arg-type]
    if kind is float and isinstance(value, str):  # YAML reads 1e-4 as text
        try:
            return float(value)
        except ValueError:
            pass
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is Path and isinstance(value, str):
        return Path(value)
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    errors.append(f"{name} should be {_WORDS.get(kind, kind.__name__)}, not {value!r}")
    return None


_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false", Path: "a path"}


def to_mapping(config: Any) -> dict[str, Any]:
    """Plain data of a config, as it would be written in YAML."""
    values = {f.name: getattr(config, f.name) for f in dataclasses.fields(config)}
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_mapping(value)
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Path) else value
