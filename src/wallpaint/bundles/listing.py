"""Output of `wallpaint models list`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from wallpaint.bundles.bundle import load_bundle
from wallpaint.bundles.download_table import format_bytes
from wallpaint.bundles.manifest import FILE_NAME
from wallpaint.bundles.paths import BUILT_IN_NAMES, hint, resolve
from wallpaint.bundles.published import PUBLISHED
from wallpaint.bundles.verify import count_parameters
from wallpaint.errors import ModelError


def describe_bundles(folders: Sequence[Path]) -> Iterator[str]:
    """Yield a few lines for each bundle: the built-in names, then the given folders."""
    for name in BUILT_IN_NAMES:
        if (resolve(name) / FILE_NAME).is_file():
            yield from _describe(name)
        else:
            yield f"{name}: not installed; {hint(name)}"
            if name in PUBLISHED:
                yield f"    {PUBLISHED[name].description}; {format_bytes(PUBLISHED[name].download_bytes)} to fetch"
                yield from _parameter_lines(PUBLISHED[name].parameters)
    for folder in folders:
        yield from _describe(folder)


def _describe(which: str | Path) -> Iterator[str]:
    try:
        bundle = load_bundle(which)
        counts = count_parameters(bundle)
    except ModelError as error:
        yield f"{which}: cannot be used: {error}"
        return
    yield f"{bundle.name}: {bundle.folder}{' (random weights)' if bundle.random else ''}"
    if bundle.description:
        yield f"    {bundle.description}"
    without_weights = {component: 0 for component in ("tokenizer", "scheduler") if bundle.has(component)}
    yield from _parameter_lines({**counts, **without_weights})


def _parameter_lines(counts: Mapping[str, int]) -> Iterator[str]:
    for component, count in counts.items():
        yield f"    {component:<14}{count:>14,}" if count else f"    {component}"
    yield f"    {'parameters':<14}{sum(counts.values()):>14,}"
