"""Sizes and licences of the files that a pull fetches, as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wallpaint.bundles.hub import Listing
from wallpaint.bundles.published import HubRepository


def describe_download(sources: Sequence[HubRepository], listings: Sequence[Listing]) -> Iterator[str]:
    """Yield a line for each component, size, licence and source, and one for the total.

    sources, listings: in the same order. A licence other than the expected one is that of the hub.
    """
    for source, listing in zip(sources, listings, strict=True):
        sizes: dict[str, int] = {}
        for name, size in listing.sizes.items():
            component = source.component_of(name)
            sizes[component] = sizes.get(component, 0) + size
        where = f"{listing.repo} at {listing.revision}" if listing.revision else listing.repo
        for component, size in sizes.items():
            yield f"    {component:<14}{format_bytes(size):>9}  {_license(source, listing):<22} {where}"
    total = sum(sum(listing.sizes.values()) for listing in listings)
    cached = sum(listing.sizes[name] for listing in listings for name in listing.cached)
    rest = f", {format_bytes(cached)} in the cache, {format_bytes(total - cached)} to fetch" if cached else ""
    yield f"    {'total':<14}{format_bytes(total):>9}{rest}"


def _license(source: HubRepository, listing: Listing) -> str:
    expected = source.license.split()[0]
    return source.license if listing.license in (None, expected) else f"{listing.license} (was {expected})"


def format_bytes(count: int) -> str:
    """Format a number of bytes in decimal units, as hubs and disks do: "1.72 GB", "246 MB", "3 kB"."""
    if count >= 1e9:
        return f"{count / 1e9:.2f} GB"
    return f"{count / 1e6:.0f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
