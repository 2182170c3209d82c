"""Configs of the training loop, and the reader of recipes.

A recipe is one YAML file, read into a frozen dataclass. Unknown keys are refused, all errors are reported together, and
the resolved config is saved beside the result.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from wallpaint.errors import ConfigError
from wallpaint.files import atomic
from wallpaint.files.names import decode_text
from wallpaint.options import field_errors, option, raise_errors
from wallpaint.train.engine.schedule import SCHEDULES
from wallpaint.version import __version__

T = TypeVar("T")
CONFIG_FILE = "config.yaml"  # in the run folder
PRECISIONS = ("no", "bf16", "fp16")
OPTIMIZERS = ("adamw", "adamw_8bit")

RENAMED_KEYS = {
    "optimizer.clip_norm": "optimizer.max_grad_norm",
    "loop.accumulation": "loop.gradient_accumulation_steps",
    "loop.workers": "loop.num_workers",
    "loop.watch_every": "loop.eval_every",
    "loop.best": "loop.best_metric",
    "conditioning.image_scale": "conditioning.ip_adapter_scale",
    "conditioning.control_scale": "conditioning.controlnet_scale",
    "objective.picture_timesteps": "objective.image_loss_timesteps",
    "crew": "render_workers",
    "most_rooms": "max_rooms",
    "paints_each": "paints_per_photo",
    "seen_px": "input_px",
    "small": "room_cache",
    "checks": "photos_per_validation_room",
    "network.room": "network.global_channels",
    "network.fine": "network.full_res_channels",
}
"""Recipe keys of earlier versions, and their names now."""

RENAMED_VALUES = {"samples.match": {"literal": "swatch", "lit": "room"}}
"""Values of earlier versions by recipe key, and their names now."""


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW and the learning rate schedule. Raises ConfigError that lists all errors."""

    kind: str = option("adamw, or adamw_8bit: AdamW with 8-bit state, from bitsandbytes", "adamw", choices=OPTIMIZERS)
    learning_rate: float = option("peak learning rate, reached after warmup", 1e-4, ge=0)
    schedule: str = option("learning rate schedule after warmup: constant or cosine", "constant", choices=SCHEDULES)
    warmup_steps: int = option("steps of linear warmup", 100, ge=0)
    weight_decay: float = option("decoupled weight decay", 1e-2, ge=0)
    beta1: float = option("Adam beta1", 0.9, ge=0, lt=1)
    beta2: float = option("Adam beta2", 0.999, ge=0, lt=1)
    epsilon: float = option("Adam epsilon", 1e-8, ge=0)
    max_grad_norm: float = option("max gradient norm, over all parameters; 0 turns clipping off", 1.0, ge=0)

    def __post_init__(self) -> None:
        raise_errors(self._errors())

    def _errors(self) -> Iterator[str]:
        yield from field_errors(self, "optimizer.")


@dataclass(frozen=True)
class LoopConfig:
    """Steps, batch size, precision, evaluation and checkpoints. Raises ConfigError that lists all errors."""

    steps: int = option("optimizer steps", 2000, ge=1)
    batch_size: int = option("samples per optimizer step, over all processes and accumulation steps", 4, ge=1)
    gradient_accumulation_steps: int = option("forward and backward passes per optimizer step", 1, ge=1)
    precision: str = option("mixed precision of the forward pass: no, bf16 or fp16", "no", choices=PRECISIONS)
    num_workers: int = option("data loader worker processes", 0, ge=0)
    ema_decay: float = option(
        "EMA decay of the weights, which are then the ones exported; 0 turns EMA off", 0.0, ge=0, lt=1
    )
    save_every: int = option("steps between checkpoints", 200, ge=1)
    keep_last: int = option("number of checkpoints to keep", 3, ge=1)
    log_every: int = option("steps between log entries", 10, ge=1)
    eval_every: int = option("steps between evaluations; 0 turns evaluation off", 0, ge=0)
    best_metric: str = option("metric that selects the best weights, lower is better; -name: higher is better", "")
    gradient_checkpointing: bool = option("recompute activations in the backward pass to save memory", False)

    def __post_init__(self) -> None:
        raise_errors(self._errors())

    def _errors(self) -> Iterator[str]:
        yield from field_errors(self, "loop.")


@dataclass(frozen=True)
class TrackingConfig:
    """Trackers that metrics and images are logged to, besides log.jsonl."""

    tensorboard: bool = option("log to TensorBoard, in run/tensorboard", False)
    wandb: bool = option("log to Weights & Biases", False)
    project: str = option("Weights & Biases project", "wallpaint")


# -- reading


def load_yaml(path: Path) -> dict[str, Any]:
    """Load a YAML file that holds a mapping. Raises ConfigError that starts with the path."""
    import yaml  # type: ignore[import-untyped]

    try:
        data = yaml.safe_load(decode_text(path.read_bytes()))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is no YAML ({' '.join(str(error).split())[:200]})") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: should hold keys and values")
    return data


def read_recipe(config_type: type[T], path: Path) -> T:
    """Read a recipe, YAML, into a dataclass. Relative paths in it are relative to the working directory, ~ is home.

    Raises ConfigError that starts with the path and lists all errors.
    """
    return from_mapping(config_type, load_yaml(path), str(path))


def from_mapping(config_type: type[T], data: Mapping[str, Any], source: str) -> T:
    """Build a dataclass from plain data. source: the file, for messages. Raises ConfigError that lists all errors.

    A key `task` must have the default value of the dataclass's field of that name.
    """
    errors: list[str] = []
    defaults = {field.name: field.default for field in dataclasses.fields(config_type)}  # type: ignore[arg-type]
    if "task" in defaults and data.get("task", defaults["task"]) != defaults["task"]:
        errors.append(f"task should be {defaults['task']} here, not {data['task']!r}")
    built = _build(config_type, data, "", errors)
    if errors or built is None:
        raise ConfigError(f"{source}: {'; '.join(errors)}")
    return built


def check_saved_config(folder: Path) -> None:
    """Raise ConfigError if a run folder's config.yaml has keys or values of an earlier version, naming the new ones.

    A folder without a readable config.yaml passes.
    """
    path = folder / CONFIG_FILE
    try:
        saved = load_yaml(path)
    except ConfigError:
        return
    if errors := list(renamed_errors(saved)):
        raise ConfigError(f"{path}: {'; '.join(errors)}")


def renamed_errors(data: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """An error line for each key or value of an earlier version, in all sections of a recipe of any task."""
    for key, value in data.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from renamed_errors(value, f"{name}.")
        elif name in RENAMED_KEYS:
            yield f"{name} is now {RENAMED_KEYS[name]}"
        elif new := _new_value(name, value):
            yield f"{name} {value} is now {new}"


def _new_value(name: str, value: Any) -> str | None:
    return RENAMED_VALUES.get(name, {}).get(value) if isinstance(value, str) else None


def _build(config_type: type[T], data: Any, prefix: str, errors: list[str]) -> T | None:
    if not isinstance(data, Mapping):
        errors.append(f"{prefix.rstrip('.')} should hold keys and values, not {data!r}")
        return None
    hints = typing.get_type_hints(config_type)
    known = {field.name: field for field in dataclasses.fields(config_type)}  # type: ignore[arg-type]
    values, errors_before = {}, len(errors)
    errors += [
        _unknown_key(f"{prefix}{key}", known, _sections_with(key, hints, prefix)) for key in data if key not in known
    ]
    for name, field in known.items():
        if name in data and (new := _new_value(f"{prefix}{name}", data[name])):
            errors.append(f"{prefix}{name} {data[name]} is now {new}")
        elif name in data:
            values[name] = _value(hints[name], data[name], f"{prefix}{name}", errors, _choices(field))
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            errors.append(f"{prefix}{name} is missing")
    if len(errors) > errors_before:
        others = _other_errors(config_type, {name: value for name, value in values.items() if value is not None})
        errors += [_with_prefix(error, known, prefix) for error in others]
        return None
    try:
        return config_type(**values)
    except ConfigError as error:
        errors.append(_with_prefix(str(error), known, prefix))
        return None


def _with_prefix(error: str, known: Mapping[str, Any], prefix: str) -> str:
    """An error of a section with the full keys: `samples.size` for `size`."""
    return re.sub(r"`(\w+)`", lambda match: f"`{prefix}{match[1]}`" if match[1] in known else match[0], error)


def _sections_with(key: Any, hints: Mapping[str, Any], prefix: str) -> list[str]:
    """The full keys of that name in the sections of a config. hints: types of its fields."""
    sections = ((name, hint) for name, hint in hints.items() if dataclasses.is_dataclass(hint))
    return [f"{prefix}{name}.{key}" for name, hint in sections if key in {one.name for one in dataclasses.fields(hint)}]


def _unknown_key(name: str, known: Mapping[str, Any], elsewhere: Sequence[str]) -> str:
    """The error line on a key that is not in `known`: its new name if an earlier version had it, or its section."""
    new = RENAMED_KEYS.get(name, "")
    if new.rpartition(".")[2] in known:
        return f"{name} is now {new}"
    if elsewhere:
        return f"{name} is not known here: the key is {' or '.join(elsewhere)}"
    return f"{name} is not known (known: {', '.join(known)})"


def _other_errors(config_type: type[Any], values: Mapping[str, Any]) -> Iterator[str]:
    """Errors that a dataclass finds in the values that could be read, with all other fields at their defaults."""
    if not hasattr(config_type, "_errors"):
        return
    trial = object.__new__(config_type)
    for field in dataclasses.fields(config_type):
        factory = field.default_factory
        default = factory() if factory is not dataclasses.MISSING else field.default
        object.__setattr__(trial, field.name, values.get(field.name, default))
    yield from trial._errors()


def _choices(field: dataclasses.Field[Any]) -> Sequence[Any]:
    constraint = field.metadata.get("constraint")
    return getattr(constraint, "choices", None) or ()


def _value(hint: Any, value: Any, name: str, errors: list[str], choices: Sequence[Any] = ()) -> Any:
    """A YAML value as its field's type; None, and an error line, if it has another type. choices: of the field."""
    if isinstance(hint, types.UnionType):
        if value is None and type(None) in hint.__args__:
            return None
        hint = next(one for one in hint.__args__ if one is not type(None))
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, list):
            errors.append(f"{name} should be a list, not {value!r}")
            return None
        element = typing.get_args(hint)[0]
        if isinstance(element, type) and dataclasses.is_dataclass(element):
            built = [_build(element, one, f"{name}[{number}].", errors) for number, one in enumerate(value)]
            return tuple(one for one in built if one is not None)
        return tuple(_number(element, one) for one in value)  # the dataclass checks its numbers
    if dataclasses.is_dataclass(hint):
        return _build(hint, value, f"{name}.", errors)  # type: ignore[arg-type]
    if hint in (int, float):
        value = _number(hint, value)
    if hint is Path and isinstance(value, str):
        return _expanded(value, name, errors)
    if hint is str and isinstance(value, bool):  # YAML reads no, off and false, unquoted, as False
        words = ("no", "off", "false") if value is False else ("yes", "on", "true")
        word = next((word for word in words if word in choices), None)
        if word is not None:
            return word
    if isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    advice = ": write it in quotes" if hint in (str, Path) and isinstance(value, bool | int | float) else ""
    errors.append(f"{name} should be {_TYPE_NAMES.get(hint, hint.__name__)}, not {value!r}{advice}")
    return None


def _number(hint: Any, value: Any) -> Any:
    """A number as its field's type, int or float; other values unchanged. YAML reads 1e-4, without a dot, as text."""
    if isinstance(value, str) and re.fullmatch(_EXPONENT if hint is int else r"(?!.*_).+", value.strip()):
        try:
            number = float(value)
        except ValueError:
            return value
        return int(number) if hint is int and number.is_integer() else number
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return int(value) if hint is int and isinstance(value, float) and value.is_integer() else value


_EXPONENT = r"[+-]?\d+(\.\d*)?[eE][+-]?\d+"  # a number with an exponent


def _expanded(value: str, name: str, errors: list[str]) -> Path | None:
    try:
        return Path(value).expanduser()
    except RuntimeError:  # no such user
        errors.append(f"{name} is {value}, and there is no such home folder: give the whole path")
        return None


_TYPE_NAMES = {int: "a whole number", float: "a number", str: "text", bool: "true or false", Path: "a path"}


# -- writing, and what resuming compares


def write(config: Any, folder: Path) -> None:
    """Save a config with all values in a run folder, creating the folder. Raises ConfigError or InputError."""
    import yaml

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be made ({error.strerror}): name another folder") from error
    header = f"# All values of this run, by wallpaint {__version__}.\n"
    atomic.put(folder / CONFIG_FILE, (header + yaml.safe_dump(to_mapping(config), sort_keys=False)).encode())


_CHANGEABLE = (
    "steps",
    "save_every",
    "keep_last",
    "log_every",
    "num_workers",
    "eval_every",
    "best_metric",
    "gradient_checkpointing",
)


def resume_relevant(config: Any, changeable: Sequence[str]) -> dict[str, Any]:
    """Return the values of a recipe that must be the same when a run is resumed, as plain data.

    Left out: steps, tracking, evaluation and saving intervals, and the top-level keys named in `changeable`.
    """
    plain = {name: value for name, value in to_mapping(config).items() if name not in (*changeable, "tracking")}
    plain["loop"] = {name: value for name, value in plain["loop"].items() if name not in _CHANGEABLE}
    return plain


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested plain data with full keys: {"loop.steps": 4} for {"loop": {"steps": 4}}."""
    flattened: dict[str, Any] = {}
    for key, value in values.items():
        flattened |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flattened


def to_mapping(config: Any) -> dict[str, Any]:
    """Return a config as plain data, as it is written in YAML."""
    values = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_mapping(value)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value
