"""docs/pipeline.md and docs/pipeline.vi.md, written from two traces: one at full size, one small."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from wallpaint.bundles.bundle import Bundle, load_bundle
from wallpaint.bundles.random_bundle import write_random
from wallpaint.diffusion.settings import Settings
from wallpaint.errors import ConfigError
from wallpaint.files.atomic import put
from wallpaint.tensor_report.record import Trace
from wallpaint.tensor_report.tables import Table, markdown, sections
from wallpaint.tensor_report.trace import make_scene, trace
from wallpaint.tensor_report.vocabulary import LANGUAGES, Words, words

NUMBERS = "pipeline.json"
FILES = {"en": "pipeline.md", "vi": "pipeline.vi.md"}
SMALL, FULL = "mini", "sd15"
SMALL_SETTINGS = Settings(steps=2, device="cpu", dtype="float32")
FULL_SETTINGS = Settings(steps=2, device="cpu", dtype="bfloat16")
Say = Callable[[str], None]


def small_trace(folder: Path, say: Say = lambda _: None) -> Trace:
    """The trace of a new random bundle of the small architecture. folder: new or empty."""
    return _trace(load_bundle(write_random(SMALL, folder)), SMALL_SETTINGS, say)


def full_trace(bundle: Bundle, say: Say = lambda _: None) -> Trace:
    """The trace of a full-size bundle, as the documents show it."""
    return _trace(bundle, FULL_SETTINGS, say)


def _trace(bundle: Bundle, settings: Settings, say: Say) -> Trace:
    return trace(bundle, make_scene(bundle, None, None), settings, say=say)


def write(folder: Path, bundle: str | None, say: Say = lambda _: None) -> list[Path]:
    """Trace both bundles and write both documents and their numbers; returns the files.

    bundle: the full-size one; None keeps the full-size numbers that lie in the folder. Raises ConfigError, InputError
    or ModelError.
    """
    if bundle is None and not (folder / NUMBERS).is_file():
        raise ConfigError(
            f"{folder}: has no {NUMBERS} to take full-size numbers from: name a full-size bundle with --bundle, "
            f"such as `wallpaint models random {FULL} DIR` writes"
        )
    opened = None if bundle is None else load_bundle(bundle)
    with TemporaryDirectory() as temporary:
        say("the small bundle")
        small = small_trace(Path(temporary) / SMALL, say)
    if opened is not None:
        say("the full-size bundle: minutes")
    full = full_trace(opened, say) if opened is not None else read_numbers(folder)[0]
    return write_from(folder, full, small)


def write_from(folder: Path, full: Trace, small: Trace) -> list[Path]:
    """Write the documents and their numbers from traces that are there."""
    numbers = {"full": full.to_dict(), "small": small.to_dict()}
    # One line for each tensor, so that a change can be read.
    text = re.sub(r"\{[^{}]*\}", lambda found: " ".join(found[0].split()), json.dumps(numbers, indent=1))
    put(folder / NUMBERS, f"{text}\n".encode())
    for language in LANGUAGES:
        put(folder / FILES[language], render(full, small, words(language)).encode())
    return [folder / name for name in (NUMBERS, *FILES.values())]


def read_numbers(folder: Path) -> tuple[Trace, Trace]:
    """The full-size and the small trace that documents were written from."""
    plain = json.loads((folder / NUMBERS).read_text())
    return Trace.from_dict(plain["full"]), Trace.from_dict(plain["small"])


def render(full: Trace, small: Trace, said: Words) -> str:
    """A document as Markdown."""
    prose = said.document
    told: dict[str, Any] = {
        **full.facts,
        "minutes": max(1, round(sum(full.seconds.values()) / 60)),
        "gigabytes": round(full.peak_bytes / 1e9),
    }
    corrections = tuple((wrong, right.format(**told)) for wrong, right in prose.corrections)
    blocks = [
        f"# {prose.title}",
        prose.introduction,
        f"## {prose.flow_title}",
        f"```\n{prose.flow}\n```",
        f"## {prose.reading_title}",
        prose.reading.format(**told),
        f"## {prose.full_title}",
        sections(full, said, level=3),
        f"## {prose.small_title}",
        prose.small,
        sections(small, said, level=3, explained=False),
        f"## {prose.corrections_title}",
        prose.corrections_introduction,
        markdown(Table(prose.corrections_title, prose.correction_columns, corrections)),
        f"## {prose.again_title}",
        prose.again.format(**told),
    ]
    return "\n\n".join(blocks) + "\n"
