"""The painters by name. A new painter is one module and one entry here.

Nothing heavy is imported until a painter is made, so that help pages can list the painters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from wallpaint import extras
from wallpaint.diffusion.settings import DiffusionSettings
from wallpaint.errors import ConfigError, InputError
from wallpaint.options import Constraint, raise_errors

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from wallpaint.painters.protocol import Painter

AUTO = "auto"


class MakePainter(Protocol):
    """Creates a painter from checked arguments."""

    def __call__(self, bundle: str | Path | None, settings: Any, *, count_flops: bool) -> Painter:
        """bundle: None if the painter needs none. settings: of the factory's class, or None for its defaults."""
        ...


@dataclass(frozen=True)
class PainterFactory:
    """How to make a painter, and how it presents itself.

    label: what it is, for help pages. make: creates it; weights are loaded on first use. settings: the dataclass of its
    own settings, None if it has none. needs_bundle: it runs on a bundle of models. room_accuracy: the clause on a
    wall's accuracy in the `room` match, from the wall's entry of the report and the light's. digital_source_type: IPTC
    term for pictures with its walls.
    """

    label: str
    make: MakePainter
    room_accuracy: Callable[[Mapping[str, Any], Mapping[str, Any]], str]
    settings: type[DataclassInstance] | None = None
    needs_bundle: bool = False
    digital_source_type: str = "algorithmicallyEnhanced"


def make_painter(
    name: str,
    bundle: str | Path | None = None,
    settings: DataclassInstance | None = None,
    *,
    count_flops: bool = False,
) -> Painter:
    """Create a painter by name.

    name: one of `PAINTERS`, or "auto", see `painter_name`. bundle: the models of a painter that needs some: a name, a
    folder or a file. settings: of the painter, such as `DiffusionSettings`; settings of another painter are accepted
    if they have their default values. count_flops: add operation counts to the report's profile. Weights are loaded on
    first use. Raises InputError, ConfigError or ModelError.
    """
    name = painter_name(name, bundle)
    factory = PAINTERS[name]
    if bundle is not None and not factory.needs_bundle:
        raise ConfigError(f"the {name} painter takes no `bundle`: leave it out, or choose another `painter`")
    if settings is not None and not isinstance(settings, factory.settings or ()):
        _refuse_changes(settings)
        settings = None
    if bundle is None and factory.needs_bundle:
        raise ConfigError(f'the {name} painter needs models: pass `bundle`, or `painter="analytic"`')
    return factory.make(bundle, settings, count_flops=count_flops)


def painter_name(name: str, bundle: str | Path | None) -> str:
    """Return the painter that a name stands for. Raises InputError for an unknown one.

    "auto" is the first painter that needs a bundle if one is given, and the first that needs none otherwise.
    """
    check_name(name)
    if name != AUTO:
        return name
    return next(name for name, factory in PAINTERS.items() if factory.needs_bundle == (bundle is not None))


def check_name(name: str) -> None:
    """Raise InputError for a name that stands for no painter."""
    raise_errors(Constraint(choices=(AUTO, *PAINTERS)).errors("painter", name), InputError)


def _refuse_changes(settings: DataclassInstance) -> None:
    """Raise ConfigError if settings of another painter differ from their defaults."""
    owner = next((name for name, factory in PAINTERS.items() if factory.settings is type(settings)), None)
    if owner is None:
        raise ConfigError(f"{type(settings).__name__} belongs to no painter: leave `settings` out")
    default = type(settings)()
    changed = [f"`{f.name}`" for f in fields(settings) if getattr(settings, f.name) != getattr(default, f.name)]
    if changed:
        verb = "belongs" if len(changed) == 1 else "belong"
        hint = "pass its `bundle`" if PAINTERS[owner].needs_bundle else f'pass `painter="{owner}"`'
        raise ConfigError(f"{', '.join(changed)} {verb} to the {owner} painter: {hint}")


# -- the painters


def _make_analytic(bundle: str | Path | None, settings: Any, *, count_flops: bool) -> Painter:
    from wallpaint.painters.analytic import AnalyticPainter

    return AnalyticPainter()


def _analytic_room_accuracy(wall: Mapping[str, Any], light: Mapping[str, Any]) -> str:
    if "estimate" in wall:
        low, high = wall["estimate"]["expected_error_range"]
        mask = ", errors of the detected mask included" if "mask_confidence" in wall["estimate"] else ""
        return f"the paint in this light, by the light model (expected error {low:.0f} to {high:.0f} CIEDE2000{mask})"
    return f"the paint in this light (confidence {light['confidence']:.1f}, from {' and '.join(light['anchors'])})"


def _make_diffusion(bundle: str | Path | None, settings: Any, *, count_flops: bool) -> Painter:
    if count_flops and settings is not None and settings.compile:
        raise ConfigError("operations cannot be counted in compiled networks: leave out `count_flops` or `compile`")
    extras.require("the diffusion painter", *extras.DIFFUSION)
    from wallpaint.bundles.bundle import load_bundle
    from wallpaint.diffusion.profile import Profile
    from wallpaint.painters.diffusion.painter import DiffusionPainter

    assert bundle is not None
    return DiffusionPainter(load_bundle(bundle), settings, profile=Profile(count_flops=count_flops))


def _diffusion_room_accuracy(wall: Mapping[str, Any], light: Mapping[str, Any]) -> str:
    return "rendered by the networks in this room's light"


PAINTERS: dict[str, PainterFactory] = {
    "analytic": PainterFactory("by formula", _make_analytic, _analytic_room_accuracy),
    "diffusion": PainterFactory(
        "Stable Diffusion inpainting",
        _make_diffusion,
        _diffusion_room_accuracy,
        DiffusionSettings,
        needs_bundle=True,
        digital_source_type="compositeWithTrainedAlgorithmicMedia",
    ),
}
"""The painters by name, in the order in which "auto" considers them."""


def room_accuracy(painter: str, wall: Mapping[str, Any], light: Mapping[str, Any]) -> str:
    """Return the clause on a wall's accuracy in the `room` match. painter: the report's; it need not be registered."""
    factory = PAINTERS.get(painter)
    return f"rendered by the {painter} painter" if factory is None else factory.room_accuracy(wall, light)


def digital_source_type(painter: str) -> str:
    """Return the IPTC term for pictures by a painter. painter: the report's; it need not be registered."""
    factory = PAINTERS.get(painter)
    return "compositeWithTrainedAlgorithmicMedia" if factory is None else factory.digital_source_type
