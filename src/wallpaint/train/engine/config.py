"""A recipe for training: one YAML file, every key known, every error told at once; and its copy beside the result."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from wallpaint.data.settings import DataSettings
from wallpaint.errors import ConfigError
from wallpaint.files import atomic
from wallpaint.options import option
from wallpaint.train.engine.schedule import SCHEDULES
from wallpaint.version import __version__

T = TypeVar("T")
CONFIG = "config.yaml"  # in a run's folder
MODES = ("document", "image_prompt", "paired")
SPACINGS = ("trailing", "leading", "linspace")
PRECISIONS = ("no", "bf16", "fp16")
OPTIMIZERS = ("adamw", "adamw_8bit")


@dataclass(frozen=True)
class LoraConfig:
    """What learns."""

    rank: int = option("rank of the low-rank update", 8)
    alpha: int = option("the update is scaled by alpha / rank", 8)


@dataclass(frozen=True)
class OptimizerConfig:
    """How it learns: AdamW."""

    kind: str = option("adamw, or adamw_8bit: what it remembers in 8 bits, by bitsandbytes", "adamw")
    learning_rate: float = option("of AdamW, after the warm-up", 1e-4)
    schedule: str = option("constant or cosine, after the warm-up", "constant")
    warmup_steps: int = option("steps of linear rise", 100)
    weight_decay: float = option("decoupled", 1e-2)
    beta1: float = option("decay of the mean of gradients", 0.9)
    beta2: float = option("decay of the mean of their squares", 0.999)
    epsilon: float = option("added to the root", 1e-8)
    clip_norm: float = option("longest gradient, all parameters taken as one vector; 0 is no limit", 1.0)

    def __post_init__(self) -> None:
        _refuse(self._wrong())

    def _wrong(self) -> Iterator[str]:
        yield from _unknown("optimizer.kind", self.kind, OPTIMIZERS)
        yield from _unknown("optimizer.schedule", self.schedule, SCHEDULES)
        names = ("learning_rate", "warmup_steps", "weight_decay", "epsilon", "clip_norm")
        yield from _under(self, "optimizer", dict.fromkeys(names, 0))
        for name, rate in (("beta1", self.beta1), ("beta2", self.beta2)):
            if not 0 <= rate < 1:
                yield f"optimizer.{name} must lie in 0..1, not {rate}"
        yield from _infinite(self, "optimizer.")


@dataclass(frozen=True)
class ConditioningConfig:
    """What the UNet is told beside the masked image."""

    captions: bool = option("text from the samples' captions; else the zero-prompt mode", False)
    reference_dropout: float = option("share of samples that are shown no reference, for guidance", 0.1)
    image_scale: float = option("strength of the image prompt", 1.0)
    depth: bool = option("whether the ControlNet, frozen, holds the room's depth", False)
    control_scale: float = option("strength of the depth control", 1.0)


@dataclass(frozen=True)
class ObjectiveConfig:
    """What is minimised: the error of the noise, and of the picture that follows from it."""

    min_snr_gamma: float = option("0, or the signal-to-noise ratio at which a timestep's weight stops growing", 0.0)
    noise_offset: float = option("strength of noise that is one number a channel", 0.0)
    prediction: str = option("epsilon, v_prediction, or bundle for what the bundle was trained with", "bundle")
    timestep_spacing: str = option("trailing, leading, linspace, or bundle: how samplers walk the schedule", "bundle")
    zero_terminal_snr: bool = option("let the schedule end in pure noise; v_prediction and trailing only", False)
    color_weight: float = option("of the wall's CIELAB distance in the decoded picture, in hundreds", 0.0)
    ssim_weight: float = option("of 1 - SSIM on the wall of the decoded picture", 0.0)
    lpips_weight: float = option("of LPIPS (VGG) of the decoded picture; needs the lpips package", 0.0)
    picture_timesteps: tuple[int, int] = option(
        "from, up to: where pictures are decoded; below, the latents show the colour already", (200, 700)
    )

    @property
    def looks_at_pictures(self) -> bool:
        """Whether any term needs the decoded picture."""
        return self.color_weight > 0 or self.ssim_weight > 0 or self.lpips_weight > 0


@dataclass(frozen=True)
class LoopConfig:
    """How long, and what is kept."""

    steps: int = option("updates of the weights", 2000)
    batch_size: int = option("samples an update, over all processes and accumulated parts", 4)
    accumulation: int = option("parts that a batch is computed in", 1)
    precision: str = option("no, bf16 or fp16: of the forward pass", "no")
    workers: int = option("processes that load data", 0)
    ema_decay: float = option("0, or the decay of a moving average of the weights, which is then exported", 0.0)
    save_every: int = option("steps between checkpoints", 200)
    keep_last: int = option("checkpoints that are kept", 3)
    log_every: int = option("steps between lines of the log", 10)
    eval_every: int = option("steps between looks at what it has learnt; 0 is never", 0)
    best: str = option("what the best weights are kept by, least is best; -name for what should be large", "")
    gradient_checkpointing: bool = option("compute activations again going back, to keep fewer of them", False)

    def __post_init__(self) -> None:
        _refuse(self._wrong())

    def _wrong(self) -> Iterator[str]:
        yield from _unknown("loop.precision", self.precision, PRECISIONS)
        names = ("steps", "batch_size", "accumulation", "save_every", "keep_last", "log_every")
        yield from _under(self, "loop", {**dict.fromkeys(names, 1), "workers": 0, "eval_every": 0})
        if not 0 <= self.ema_decay < 1:
            yield f"loop.ema_decay must lie in 0..1, not {self.ema_decay}"


@dataclass(frozen=True)
class TrackingConfig:
    """Where the numbers of the log, and pictures, go besides."""

    tensorboard: bool = option("to run/tensorboard", False)
    wandb: bool = option("to Weights & Biases", False)
    project: str = option("name of the project there", "wallpaint")


@dataclass(frozen=True)
class SamplingConfig:
    """What is painted at each look: samples of the validation split, or of the training one where there is none."""

    count: int = option("samples, the first of the split", 4)
    steps: int = option("denoising steps, with DDIM", 20)


@dataclass(frozen=True)
class CacheConfig:
    """What is encoded before training."""

    variants: int = option("versions of each sample that are encoded once; 0 encodes anew at every step", 8)
    folder: Path | None = option("where; the run's own folder if not given", None)


@dataclass(frozen=True)
class TrainConfig:
    """A whole recipe. Raises ConfigError that lists everything wrong with it."""

    bundle: str
    data: Path
    mode: str = option(
        "document: the photo alone, as the source document trains; image_prompt: with a reference, through the frozen "
        "IP-Adapter; paired: the same, noise on the target in the new paint, context from the photo",
        "document",
    )
    device: str = option("auto, cpu, cuda or mps", "auto")
    seed: int = option("of everything random", 0)
    samples: DataSettings = field(default_factory=DataSettings)
    lora: LoraConfig = field(default_factory=LoraConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    conditioning: ConditioningConfig = field(default_factory=ConditioningConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    cache: CacheConfig = field(default_factory=CacheConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)

    def __post_init__(self) -> None:
        _refuse(self._wrong())

    @property
    def takes_references(self) -> bool:
        """Whether the image prompt is active."""
        return self.mode != "document"

    def _wrong(self) -> Iterator[str]:
        yield from _unknown("mode", self.mode, MODES)
        yield from _unknown("objective.prediction", self.objective.prediction, ("bundle", "epsilon", "v_prediction"))
        yield from _unknown("objective.timestep_spacing", self.objective.timestep_spacing, ("bundle", *SPACINGS))
        if self.seed < 0:
            yield f"seed must be at least 0, not {self.seed}"
        weights = ("min_snr_gamma", "noise_offset", "color_weight", "ssim_weight", "lpips_weight")
        yield from _under(self.lora, "lora", {"rank": 1, "alpha": 1})
        yield from _under(self.conditioning, "conditioning", {"image_scale": 0, "control_scale": 0})
        yield from _under(self.objective, "objective", dict.fromkeys(weights, 0))
        yield from _under(self.cache, "cache", {"variants": 0})
        yield from _under(self.sampling, "sampling", {"count": 1, "steps": 1})
        if self.loop.batch_size % self.loop.accumulation:
            yield f"loop.batch_size {self.loop.batch_size} cannot be split into {self.loop.accumulation} equal parts"
        if self.loop.best and not self.loop.eval_every:
            yield f"loop.best {self.loop.best} is never measured: set loop.eval_every"
        if self.objective.zero_terminal_snr and self.objective.prediction != "v_prediction":
            yield "objective.zero_terminal_snr asks for objective.prediction v_prediction: pure noise tells no epsilon"
        if self.objective.zero_terminal_snr and self.objective.timestep_spacing != "trailing":
            yield "objective.zero_terminal_snr asks for objective.timestep_spacing trailing: others never start there"
        yield from _infinite(self, "")
        if not 0 <= self.conditioning.reference_dropout < 1:
            yield f"conditioning.reference_dropout must lie in 0..1, not {self.conditioning.reference_dropout}"
        if not _is_stretch(self.objective.picture_timesteps):
            yield f"objective.picture_timesteps is a timestep and a later one, not {self.objective.picture_timesteps}"
        if self.mode == "paired" and not self.samples.random_color_prob > 0:
            yield "mode paired asks for samples.random_color_prob above 0: the share of samples that are repainted"


def _refuse(wrong: Iterator[str]) -> None:
    """Raise ConfigError that lists all that is wrong, if anything is."""
    told = list(wrong)
    if told:
        raise ConfigError("; ".join(told))


def _unknown(name: str, value: str, known: Sequence[str]) -> Iterator[str]:
    if value not in known:
        yield f"{name} must be one of {', '.join(known)}, not {value!r}"


def _under(config: Any, section: str, least: Mapping[str, int]) -> Iterator[str]:
    """A line for each number that is less than it may be. least: by name."""
    for name, lowest in least.items():
        if not getattr(config, name) >= lowest:
            yield f"{section}.{name} must be at least {lowest}, not {getattr(config, name)}"


def _infinite(config: Any, prefix: str) -> Iterator[str]:
    """A line for each number of a config, and of those in it, that is not finite."""
    for about in dataclasses.fields(config):
        value, name = getattr(config, about.name), f"{prefix}{about.name}"
        if dataclasses.is_dataclass(value):
            yield from _infinite(value, f"{name}.")
        elif isinstance(value, float) and not math.isfinite(value):
            yield f"{name} must be a finite number, not {value}"


def _is_stretch(value: Any) -> bool:
    is_two = isinstance(value, tuple) and len(value) == 2 and all(type(number) is int for number in value)
    return is_two and 0 <= value[0] < value[1]


def read(path: Path) -> TrainConfig:
    """Read a recipe for a LoRA. Raises ConfigError."""
    return read_as(TrainConfig, path)


def read_as(kind: type[T], path: Path) -> T:
    """Read a recipe, YAML, as a dataclass. Relative paths in it are relative to where the program runs.

    Raises ConfigError that starts with the file's name.
    """
    import yaml  # type: ignore[import-untyped]

    try:
        data = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is no YAML ({' '.join(str(error).split())[:200]})") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: should hold keys and values")
    return from_mapping(kind, data, str(path))


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
        errors += _also_wrong(kind, {name: value for name, value in values.items() if value is not None})
        return None
    try:
        return kind(**values)
    except ConfigError as error:
        errors.append(str(error))
        return None


def _also_wrong(kind: type[Any], values: Mapping[str, Any]) -> Iterator[str]:
    """What a dataclass would refuse of the values that could be read, were the others at their defaults."""
    if not hasattr(kind, "_wrong"):
        return
    trial = object.__new__(kind)
    for about in dataclasses.fields(kind):
        made = about.default_factory() if about.default_factory is not dataclasses.MISSING else about.default
        object.__setattr__(trial, about.name, values.get(about.name, made))
    yield from trial._wrong()


def _value(kind: Any, value: Any, name: str, errors: list[str]) -> Any:
    if isinstance(kind, types.UnionType):
        if value is None and type(None) in kind.__args__:
            return None
        kind = next(k for k in kind.__args__ if k is not type(None))
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list):
            errors.append(f"{name} should be a list, not {value!r}")
            return None
        part = typing.get_args(kind)[0]
        if isinstance(part, type) and dataclasses.is_dataclass(part):
            built = [_build(part, one, f"{name}[{number}].", errors) for number, one in enumerate(value)]
            return tuple(one for one in built if one is not None)
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


def write(config: Any, folder: Path) -> None:
    """Save a recipe with every value in a run's folder, which is made. Raises ConfigError or InputError."""
    import yaml

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be made ({error.strerror}): name another folder") from error
    told = f"# Every value of this run, by wallpaint {__version__}.\n"
    atomic.put(folder / CONFIG, (told + yaml.safe_dump(to_mapping(config), sort_keys=False)).encode())


_FREE = ("save_every", "keep_last", "log_every", "workers", "eval_every", "best", "gradient_checkpointing")


def lasting(config: Any, free: Sequence[str]) -> dict[str, Any]:
    """What may not change between the parts of a run, as plain data: all of a recipe but how often it saves and looks,
    what it tells, and the keys that are named."""
    plain = {name: value for name, value in to_mapping(config).items() if name not in (*free, "tracking")}
    plain["loop"] = {name: value for name, value in plain["loop"].items() if name not in _FREE}
    return plain


def to_mapping(config: Any) -> dict[str, Any]:
    """Plain data of a config, as it would be written in YAML."""
    values = {f.name: getattr(config, f.name) for f in dataclasses.fields(config)}
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_mapping(value)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value
