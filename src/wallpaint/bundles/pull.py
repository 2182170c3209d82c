"""Fetch a published bundle: files from the hub, put in our layout, locked with the sums that they have.

The marks of a bundle, model_index.json and bundle.toml, are taken away first and written last, so that a folder in
between is never opened as one.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from wallpaint.bundles import lock
from wallpaint.bundles.bundle import Bundle
from wallpaint.bundles.components import KINDS
from wallpaint.bundles.hub import Snapshot, fetch
from wallpaint.bundles.layout import PLACES, model_index, put_json
from wallpaint.bundles.manifest import FILE_NAME, INDEX_NAME, Manifest, write
from wallpaint.bundles.paths import home
from wallpaint.bundles.prompts import EMPTY_NAME
from wallpaint.bundles.published import SEGMENTER, Published, Source
from wallpaint.bundles.verify import check_headers
from wallpaint.errors import InputError, ModelError
from wallpaint.files.atomic import PART

_TOKENIZER = ("vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json", "tokenizer.json")

_UNDER_WAY = ".bundle.pull"  # in a folder from the first file to the last
_FOLDERS = {place.split("/")[0] for place in PLACES.values()}
_OURS = {FILE_NAME, INDEX_NAME, EMPTY_NAME, lock.FILE_NAME, lock.STAMP_NAME, _UNDER_WAY, *_FOLDERS}

Say = Callable[[str], None]


def pull(
    spec: Published,
    to: Path | None = None,
    *,
    revisions: Mapping[str, str] | None = None,
    segmenter: bool = False,
    say: Say = lambda _: None,
) -> Path:
    """Fetch a bundle; returns its folder.

    to: a folder for real files; if not given, links into the hub's cache under $HF_HOME/wallpaint.
    revisions: branch, tag or commit by repository. segmenter: with the optional part. say: takes lines of progress.
    Broken off, the next call goes on. Raises ModelError, InputError.
    """
    sources = (*spec.sources, *((SEGMENTER,) if segmenter else ()))
    wanted = dict(revisions or {})
    unknown = [repo for repo in wanted if repo not in {source.repo for source in sources}]
    if unknown:
        raise InputError(f"{unknown[0]!r} is no source of {spec.name}: {', '.join(source.repo for source in sources)}")
    folder = to if to is not None else home() / spec.name
    _check_folder(folder)
    snapshots = []
    for source in sources:
        say(f"{source.repo}: fetching")
        snapshots.append(fetch(source.repo, wanted.get(source.repo), partial(choose, source)))
    written = {**spec.places, **({"segmenter": PLACES["segmenter"]} if segmenter else {})}
    try:
        _clear(folder)
        say(f"{folder}: putting the parts together")
        entries = {
            place: _lay(snapshot, name, folder / place, linked=to is None)
            for source, snapshot in zip(sources, snapshots, strict=True)
            for name, place in _moves(source, snapshot.files)
        }
        return _finish(spec, folder, written, entries)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be written ({error.strerror or error}): check the folder and its space"
        ) from error


def _finish(spec: Published, folder: Path, written: Mapping[str, str], entries: dict[str, lock.Entry]) -> Path:
    """Check the parts, write what is ours: lock, empty prompt, index and, last of all, bundle.toml."""
    manifest = Manifest(
        folder=folder,
        name=spec.name,
        description=spec.description,
        native_px=spec.native_px,
        places={part: folder / place for part, place in written.items()},
        written=written,
    )
    lock.write(folder, entries)
    bundle = Bundle(manifest)
    check_headers(bundle)
    bundle.empty_prompt()
    put_json(folder / INDEX_NAME, model_index(str(bundle.scheduler_config().get("_class_name"))))
    write(manifest)
    (folder / _UNDER_WAY).unlink()
    return folder


def _check_folder(folder: Path) -> None:
    """Raise InputError unless a folder is new or empty, or was pulled before, by half or wholly."""
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file: give a new or an empty folder")
    strangers = sorted(name for name in there - _OURS if not name.endswith(PART))
    if there and (strangers or not there & {_UNDER_WAY, lock.FILE_NAME}):
        raise InputError(
            f"{folder}: has something else in it ({min(strangers or there)}): give a new or an empty folder"
        )


def _clear(folder: Path) -> None:
    """Leave nothing of an earlier pull, and first of all nothing by which the folder could be opened."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _UNDER_WAY).touch()
    for name in (FILE_NAME, INDEX_NAME, EMPTY_NAME, lock.FILE_NAME, lock.STAMP_NAME):
        (folder / name).unlink(missing_ok=True)
    for place in _FOLDERS:
        shutil.rmtree(folder / place, ignore_errors=True)


def choose(source: Source, names: Sequence[str]) -> list[str]:
    """The files of a repository that a bundle needs: configs, and weights as safetensors. Raises ModelError."""
    chosen = [name for part, folder in source.folders.items() for name in _choose_part(source, part, folder, names)]
    if source.adapter:
        if source.adapter not in names:
            raise ModelError(f"{source.repo}: has no {source.adapter}: give a revision that has it")
        chosen.append(source.adapter)
    return chosen


def _choose_part(source: Source, part: str, folder: str, names: Sequence[str]) -> list[str]:
    """Files of one part, which lie right in its folder."""
    start = f"{folder}/" if folder else ""
    here = [name.removeprefix(start) for name in names if name.startswith(start)]
    if part == "tokenizer":
        chosen, needed = [name for name in _TOKENIZER if name in here], ["vocab.json", "merges.txt"]
        if "tokenizer.json" in here:
            needed = []
    elif part == "scheduler":
        chosen, needed = ["scheduler_config.json"], ["scheduler_config.json"]
    else:
        weights = _choose_weights(KINDS[part].stem, here)
        if not weights:
            raise ModelError(
                f"{source.repo}: has no {KINDS[part].stem}.safetensors for part {part!r} (pickles are not fetched): "
                "give a revision that has one"
            )
        extra = [name for name in ("preprocessor_config.json",) if name in here]
        chosen, needed = ["config.json", *extra, *weights], ["config.json"]
    lacking = [name for name in needed if name not in here]
    if lacking:
        raise ModelError(f"{source.repo}: has no {start}{lacking[0]}: give a revision that has it")
    return [start + name for name in chosen]


def _choose_weights(stem: str, here: Sequence[str]) -> list[str]:
    """In the order of `weights.find`: plain, else fp16; one file, else an index and its shards."""
    for variant in ("", ".fp16"):
        if f"{stem}{variant}.safetensors" in here:
            return [f"{stem}{variant}.safetensors"]
        index = f"{stem}.safetensors.index{variant}.json"
        if index in here:
            shard = re.compile(rf"{re.escape(stem)}(\.fp16)?-\d+-of-\d+(\.fp16)?\.safetensors")
            shards = [name for name in here if shard.fullmatch(name) and (".fp16" in name) == bool(variant)]
            return [index, *shards]
    return []


def _moves(source: Source, names: Sequence[str]) -> list[tuple[str, str]]:
    """Name in the repository -> place in the bundle."""
    moves = []
    for name in names:
        if name == source.adapter:
            moves.append((name, name))
            continue
        parent = name.rpartition("/")[0]
        part = next(part for part, folder in source.folders.items() if folder == parent)
        moves.append((name, f"{PLACES[part]}/{name.rpartition('/')[2]}"))
    return moves


def _lay(snapshot: Snapshot, name: str, target: Path, *, linked: bool) -> lock.Entry:
    """One file of a snapshot at its place in the bundle; returns what the lock says of it. Raises ModelError."""
    link = snapshot.folder / name
    blob = link.resolve()
    digest = lock.sha256(blob)
    if re.fullmatch(r"[0-9a-f]{64}", blob.name) and blob.name != digest:  # the hub names large files by their sum
        blob.unlink()
        link.unlink(missing_ok=True)
        raise ModelError(
            f"{snapshot.repo}: {name} came damaged (sha256 {digest[:12]}…, not {blob.name[:12]}…): pull again"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    if linked:
        target.symlink_to(os.path.relpath(link.absolute(), target.parent.resolve()))
    else:
        temporary = target.with_name(f".{target.name}{PART}")
        temporary.unlink(missing_ok=True)
        try:
            os.link(blob, temporary)
        except OSError:  # another disk
            shutil.copyfile(blob, temporary)
        temporary.replace(target)
    size = blob.stat().st_size
    return {"repo": snapshot.repo, "commit": snapshot.commit, "path": name, "size": size, "sha256": digest}
