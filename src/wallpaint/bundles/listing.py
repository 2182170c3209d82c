"""What `wallpaint models list` shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from wallpaint.bundles.bundle import Bundle, load_bundle
from wallpaint.bundles.manifest import FILE_NAME
from wallpaint.bundles.paths import BUILT_IN, advice, resolve
from wallpaint.bundles.published import PUBLISHED
from wallpaint.bundles.verify import parameters
from wallpaint.errors import ModelError


def lines(folders: Sequence[Path]) -> Iterator[str]:
    """A few lines a bundle: the built-in ones by name, then those of the folders given."""
    for name in BUILT_IN:
        if (resolve(name) / FILE_NAME).is_file():
            yield from _described(name)
        else:
            yield f"{name}: not here; {advice(name)}"
            if name in PUBLISHED:
                yield f"    {PUBLISHED[name].description}"
                yield from _counted(PUBLISHED[name].parameters)
    for folder in folders:
        yield from _described(folder)


def _described(which: str | Path) -> Iterator[str]:
    try:
        bundle = load_bundle(which)
        counts = parameters(bundle)
    except ModelError as error:
        yield f"{which}: cannot be used: {error}"
        return
    yield f"{bundle.name}: {bundle.folder}{' (random weights)' if bundle.random else ''}"
    if bundle.description:
        yield f"    {bundle.description}"
    yield from _counted({**counts, **_others(bundle)})


def _others(bundle: Bundle) -> dict[str, int]:
    return {part: 0 for part in ("tokenizer", "scheduler") if bundle.has(part)}


def _counted(counts: Mapping[str, int]) -> Iterator[str]:
    for part, count in counts.items():
        yield f"    {part:<14}{count:>14,}" if count else f"    {part}"
    yield f"    {'parameters':<14}{sum(counts.values()):>14,}"
