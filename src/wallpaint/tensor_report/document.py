"""Write docs/pipeline.md and docs/pipeline.vi.md from a full-size and a small trace."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from wallpaint.bundles.bundle import Bundle, load_bundle
from wallpaint.bundles.random_bundle import write_random
from wallpaint.diffusion.settings import DiffusionSettings
from wallpaint.errors import ConfigError
from wallpaint.files.atomic import put
from wallpaint.tensor_report.record import Trace
from wallpaint.tensor_report.tables import TraceTable, markdown, sections
from wallpaint.tensor_report.trace import make_scene, trace
from wallpaint.tensor_report.vocabulary import LANGUAGES, Vocabulary, load_vocabulary

NUMBERS_FILE = "pipeline.json"
FILES = {"en": "pipeline.md", "vi": "pipeline.vi.md"}
SMALL, FULL = "mini", "sd15"
SMALL_SETTINGS = DiffusionSettings(steps=2, device="cpu", dtype="float32")
FULL_SETTINGS = DiffusionSettings(steps=2, device="cpu", dtype="bfloat16")
Log = Callable[[str], None]


def small_trace(folder: Path, log: Log = lambda _: None) -> Trace:
    """Trace a new random bundle of the small architecture. folder: new or empty, for the bundle."""
    return _trace(load_bundle(write_random(SMALL, folder)), SMALL_SETTINGS, log)


def full_trace(bundle: Bundle, log: Log = lambda _: None) -> Trace:
    """Trace a full-size bundle with the settings of the documents."""
    return _trace(bundle, FULL_SETTINGS, log)


def _trace(bundle: Bundle, settings: DiffusionSettings, log: Log) -> Trace:
    return trace(bundle, make_scene(bundle, None, None), settings, log=log)


def write(folder: Path, bundle: str | None, log: Log = lambda _: None) -> list[Path]:
    """Trace both bundles and write both documents and pipeline.json; returns the files.

    bundle: the full-size one; None keeps the full-size trace of the folder's pipeline.json. Raises ConfigError,
    InputError or ModelError.
    """
    if bundle is None and not (folder / NUMBERS_FILE).is_file():
        raise ConfigError(
            f"{folder}: has no {NUMBERS_FILE} with a full-size trace: pass a full-size `bundle`, "
            f"for example of `wallpaint models random {FULL} DIR`"
        )
    opened = None if bundle is None else load_bundle(bundle)
    with TemporaryDirectory() as temporary:
        log("tracing the small bundle")
        small = small_trace(Path(temporary) / SMALL, log)
    if opened is not None:
        log("tracing the full-size bundle, which takes minutes")
    full = full_trace(opened, log) if opened is not None else read_traces(folder)[0]
    return write_from(folder, full, small)


def write_from(folder: Path, full: Trace, small: Trace) -> list[Path]:
    """Write the documents and pipeline.json from given traces."""
    traces = {"full": full.to_dict(), "small": small.to_dict()}
    # One line per tensor, so that diffs are readable.
    text = re.sub(r"\{[^{}]*\}", lambda match: " ".join(match[0].split()), json.dumps(traces, indent=1))
    put(folder / NUMBERS_FILE, f"{text}\n".encode())
    for language in LANGUAGES:
        put(folder / FILES[language], render(full, small, load_vocabulary(language)).encode())
    return [folder / name for name in (NUMBERS_FILE, *FILES.values())]


def read_traces(folder: Path) -> tuple[Trace, Trace]:
    """Read the full-size and the small trace of a folder's pipeline.json."""
    plain = json.loads((folder / NUMBERS_FILE).read_text(encoding="utf-8"))
    return Trace.from_dict(plain["full"]), Trace.from_dict(plain["small"])


def render(full: Trace, small: Trace, vocabulary: Vocabulary) -> str:
    """Render a document as Markdown."""
    text = vocabulary.document
    facts: dict[str, Any] = {
        **full.facts,
        "minutes": max(1, round(sum(full.seconds.values()) / 60)),
        "gigabytes": round(full.peak_bytes / 1e9),
    }
    corrections = tuple((wrong, right.format(**facts)) for wrong, right in text.corrections)
    blocks = [
        f"# {text.title}",
        text.introduction,
        f"## {text.flow_title}",
        f"```\n{text.flow}\n```",
        f"## {text.reading_title}",
        text.reading.format(**facts),
        f"## {text.full_title}",
        sections(full, vocabulary, level=3),
        f"## {text.small_title}",
        text.small,
        sections(small, vocabulary, level=3, explained=False),
        f"## {text.corrections_title}",
        text.corrections_introduction,
        markdown(TraceTable(text.corrections_title, text.correction_columns, corrections)),
        f"## {text.regenerate_title}",
        text.regenerate.format(**facts),
    ]
    return "\n\n".join(blocks) + "\n"
