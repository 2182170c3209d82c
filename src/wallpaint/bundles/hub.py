"""List and download files of model hub repositories through huggingface_hub's cache.

HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE are those of huggingface_hub. An interrupted download
resumes.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wallpaint.errors import ModelError
from wallpaint.progress import is_terminal

Select = Callable[[Sequence[str]], list[str]]


@dataclass(frozen=True)
class Listing:
    """Files to download from one revision of a repository.

    revision: None for the default branch. sizes: bytes by file name. cached: names of complete files in the cache.
    license: as the hub states it, None offline or where it states none.
    """

    repo: str
    revision: str | None
    sizes: Mapping[str, int]
    cached: frozenset[str]
    license: str | None = None


@dataclass(frozen=True)
class Snapshot:
    """Files of one commit of a repository, on disk."""

    repo: str
    commit: str
    folder: Path
    files: tuple[str, ...]


def find(repo: str, revisions: Sequence[str | None], select: Select) -> Listing:
    """Return the files to download from the first of some revisions that has them.

    revisions: branches, tags or commits, None for the default branch. select: selects from the names of all files and
    raises ModelError where a required one is missing; offline it gets the cached names. Raises ModelError: the first
    revision's error if none has the files.
    """
    from huggingface_hub import constants

    errors = []
    for revision in revisions:
        try:
            with _as_model_error(repo, revision):
                listing = _cached(repo, revision) if constants.is_offline_mode() else _listed(repo, revision)
        except ModelError as error:
            if not constants.is_offline_mode():
                raise  # a later revision does not replace one that cannot be reached
            errors.append(error)
            continue
        try:
            names = select(sorted(listing.sizes))
        except ModelError as error:
            errors.append(error)
            continue
        sizes = {name: listing.sizes[name] for name in names}
        return Listing(repo, revision, sizes, listing.cached & set(names), listing.license)
    raise errors[0]


def download(listing: Listing) -> Snapshot:
    """Download the files of a listing into the hub's cache, or find them there. Raises ModelError."""
    from huggingface_hub import constants, snapshot_download

    if not is_terminal():
        terminal: Any = importlib.import_module("huggingface_hub.utils")
        terminal.disable_progress_bars()
    repo, revision, files = listing.repo, listing.revision, list(listing.sizes)
    with _as_model_error(repo, revision):
        # Download by the revision's name, so that the cache resolves it offline too.
        offline = constants.is_offline_mode()
        folder = Path(snapshot_download(repo, revision=revision, allow_patterns=files, local_files_only=offline))
        return Snapshot(repo, folder.name, folder, tuple(files))


def _listed(repo: str, revision: str | None) -> Listing:
    """All files of a revision, from the hub."""
    from huggingface_hub import HfApi, try_to_load_from_cache

    info = HfApi().model_info(repo, revision=revision, files_metadata=True)
    sizes = {sibling.rfilename: int(sibling.size or 0) for sibling in info.siblings or []}
    cached = {name for name in sizes if isinstance(try_to_load_from_cache(repo, name, revision=info.sha), str)}
    stated = [tag.removeprefix("license:") for tag in info.tags or [] if tag.startswith("license:")]
    return Listing(repo, revision, sizes, frozenset(cached), stated[0] if stated else None)


def _cached(repo: str, revision: str | None) -> Listing:
    """All files of a revision that are in the cache."""
    from huggingface_hub import snapshot_download

    folder = Path(snapshot_download(repo, revision=revision, allow_patterns=["*.nothing"], local_files_only=True))
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    sizes = {name: path.stat().st_size for name, path in files.items()}
    return Listing(repo, revision, sizes, frozenset(sizes))


@contextmanager
def _as_model_error(repo: str, revision: str | None) -> Iterator[None]:
    """Convert errors of the hub client into a one-line ModelError with a remedy."""
    from huggingface_hub import errors

    where = f"{repo} at {revision}" if revision else repo
    try:
        yield
    except (ModelError, MemoryError):
        raise
    except errors.GatedRepoError as error:
        raise ModelError(f"{where}: its licence must be accepted: accept it on its page and set HF_TOKEN") from error
    except errors.RepositoryNotFoundError as error:
        raise ModelError(f"{where}: the hub has no such repository, or it is private: set HF_TOKEN") from error
    except errors.RevisionNotFoundError as error:
        raise ModelError(f"{where}: the repository has no such revision: give one that it has") from error
    except (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError) as error:
        raise ModelError(f"{where}: is not in the cache, and the hub cannot be reached: go online and pull") from error
    except Exception as error:
        lines = [line for line in str(error).splitlines() if line.strip()] or [""]
        reason = f"{type(error).__name__}: {lines[0][:200]}"
        raise ModelError(f"{where}: cannot be fetched ({reason}): pull again, complete files are cached") from error
