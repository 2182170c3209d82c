"""The one door to the model hub: what a repository holds, and files of it, through huggingface_hub's cache.

HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE are huggingface_hub's own, and honoured. A fetch
that was broken off goes on where it was.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wallpaint.errors import ModelError


@dataclass(frozen=True)
class Snapshot:
    """Files of one commit of a repository, on this disk."""

    repo: str
    commit: str
    folder: Path
    files: tuple[str, ...]


def fetch(repo: str, revision: str | None, choose: Callable[[Sequence[str]], list[str]]) -> Snapshot:
    """Fetch files of a repository into the hub's cache, or find them there.

    choose: picks from the names of all files, and raises where one is lacking. Offline, it sees those in the cache.
    Raises ModelError, with what to do.
    """
    from huggingface_hub import HfApi, constants, snapshot_download

    if sys.stderr is None or not sys.stderr.isatty():
        terminal: Any = importlib.import_module("huggingface_hub.utils")
        terminal.disable_progress_bars()
    with _in_one_line(repo, revision):
        if constants.is_offline_mode():
            folder = Path(
                snapshot_download(repo, revision=revision, allow_patterns=["*.nothing"], local_files_only=True)
            )
            files = choose(sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()))
            return Snapshot(repo, folder.name, folder, tuple(files))
        info = HfApi().model_info(repo, revision=revision)
        files = choose(sorted(sibling.rfilename for sibling in info.siblings or []))
        # By the revision's own name, which the cache remembers for a time without the hub.
        folder = Path(snapshot_download(repo, revision=revision, allow_patterns=files))
        return Snapshot(repo, folder.name, folder, tuple(files))


@contextmanager
def _in_one_line(repo: str, revision: str | None) -> Iterator[None]:
    """Turn whatever the hub's client raises into one line that says what to do."""
    from huggingface_hub import errors

    where = f"{repo} at {revision}" if revision else repo
    try:
        yield
    except (ModelError, MemoryError):
        raise
    except errors.GatedRepoError as error:
        raise ModelError(f"{where}: its licence is to be accepted first: do so on its page and set HF_TOKEN") from error
    except errors.RepositoryNotFoundError as error:
        raise ModelError(f"{where}: the hub has no such repository, or it is private: set HF_TOKEN") from error
    except errors.RevisionNotFoundError as error:
        raise ModelError(f"{where}: the repository has no such revision: give one that it has") from error
    except (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError) as error:
        raise ModelError(f"{where}: is not in the cache, and the hub cannot be reached: go online and pull") from error
    except Exception as error:
        lines = [line for line in str(error).splitlines() if line.strip()] or [""]
        reason = f"{type(error).__name__}: {lines[0][:200]}"
        raise ModelError(f"{where}: cannot be fetched ({reason}): pull again, what came is kept") from error
