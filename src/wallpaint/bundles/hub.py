"""Download files of model hub repositories through huggingface_hub's cache.

HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE are those of huggingface_hub. An interrupted download
resumes.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wallpaint.errors import ModelError
from wallpaint.progress import is_terminal


@dataclass(frozen=True)
class Snapshot:
    """Files of one commit of a repository, on disk."""

    repo: str
    commit: str
    folder: Path
    files: tuple[str, ...]


def fetch(repo: str, revision: str | None, select: Callable[[Sequence[str]], list[str]]) -> Snapshot:
    """Download files of a repository into the hub's cache, or find them there.

    select: selects from the names of all files and raises where a required one is missing; offline it gets the cached
    names. Raises ModelError.
    """
    from huggingface_hub import HfApi, constants, snapshot_download

    if not is_terminal():
        terminal: Any = importlib.import_module("huggingface_hub.utils")
        terminal.disable_progress_bars()
    with _as_model_error(repo, revision):
        if constants.is_offline_mode():
            folder = Path(
                snapshot_download(repo, revision=revision, allow_patterns=["*.nothing"], local_files_only=True)
            )
            files = select(sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()))
            return Snapshot(repo, folder.name, folder, tuple(files))
        info = HfApi().model_info(repo, revision=revision)
        files = select(sorted(sibling.rfilename for sibling in info.siblings or []))
        # Download by the revision's name, so that the cache resolves it offline too.
        folder = Path(snapshot_download(repo, revision=revision, allow_patterns=files))
        return Snapshot(repo, folder.name, folder, tuple(files))


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
