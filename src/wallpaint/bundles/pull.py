"""Fetch a published bundle: download its files from the hub, put them in the bundle layout, and write the lock.

model_index.json and bundle.toml, which make a folder a bundle, are removed first and written last, so that an
incomplete folder is never opened.
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
from wallpaint.bundles.components import COMPONENTS
from wallpaint.bundles.download_table import describe_download
from wallpaint.bundles.hub import Snapshot, download, find
from wallpaint.bundles.layout import COMPONENT_PATHS, model_index, write_json
from wallpaint.bundles.manifest import FILE_NAME, INDEX_NAME, Manifest, write
from wallpaint.bundles.paths import bundles_dir
from wallpaint.bundles.prompts import EMPTY_PROMPT_NAME
from wallpaint.bundles.published import SEGMENTER, HubRepository, PublishedBundle
from wallpaint.bundles.verify import check_headers
from wallpaint.errors import InputError, ModelError
from wallpaint.files.atomic import PART

_TOKENIZER_FILES = ("vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json", "tokenizer.json")

_IN_PROGRESS = ".bundle.pull"  # marker file in an incomplete folder
_FOLDERS = {path.split("/")[0] for path in COMPONENT_PATHS.values()}
_BUNDLE_ENTRIES = {FILE_NAME, INDEX_NAME, EMPTY_PROMPT_NAME, lock.FILE_NAME, lock.STAMP_NAME, _IN_PROGRESS, *_FOLDERS}


def pull(
    spec: PublishedBundle,
    to: Path | None = None,
    *,
    revisions: Mapping[str, str] | None = None,
    segmenter: bool = False,
    log: Callable[[str], None] = lambda _: None,
) -> Path:
    """Fetch a bundle; returns its folder.

    to: a folder for real files; by default links into the hub's cache under $HF_HOME/wallpaint.
    revisions: branch, tag or commit by repository. segmenter: include the optional component. log: gets sizes and
    licences, before the first file is fetched, and progress lines. The next call resumes an interrupted one. Raises
    ModelError, InputError.
    """
    sources = (*spec.sources, *((SEGMENTER,) if segmenter else ()))
    revisions = dict(revisions or {})
    unknown = [repo for repo in revisions if repo not in {source.repo for source in sources}]
    if unknown:
        raise InputError(f"{unknown[0]!r} is no source of {spec.name}: {', '.join(source.repo for source in sources)}")
    folder = to if to is not None else bundles_dir() / spec.name
    _check_folder(folder)
    listings = []
    for source in sources:
        given = revisions.get(source.repo)
        candidates = (given,) if given else (None, *source.fallback_revisions)
        listings.append(find(source.repo, candidates, partial(select_files, source)))
    for line in describe_download(sources, listings):
        log(line)
    snapshots = []
    for listing in listings:
        log(f"{listing.repo}: fetching")
        snapshots.append(download(listing))
    raw_paths = {**spec.paths, **({"segmenter": COMPONENT_PATHS["segmenter"]} if segmenter else {})}
    try:
        _clear(folder)
        log(f"{folder}: assembling the bundle")
        entries = {
            path: _install(snapshot, name, folder / path, linked=to is None)
            for source, snapshot in zip(sources, snapshots, strict=True)
            for name, path in _target_paths(source, snapshot.files)
        }
        return _finalize(spec, folder, raw_paths, entries)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be written ({error.strerror or error}): check the folder and its space"
        ) from error


def _finalize(
    spec: PublishedBundle, folder: Path, raw_paths: Mapping[str, str], entries: dict[str, lock.LockEntry]
) -> Path:
    """Write the lock, check the components, and write the empty prompt, the index and, last, bundle.toml."""
    manifest = Manifest(
        folder=folder,
        name=spec.name,
        description=spec.description,
        native_px=spec.native_px,
        paths={component: folder / raw for component, raw in raw_paths.items()},
        raw_paths=raw_paths,
    )
    lock.write(folder, entries)
    bundle = Bundle(manifest)
    check_headers(bundle)
    bundle.empty_prompt()
    write_json(folder / INDEX_NAME, model_index(str(bundle.scheduler_config().get("_class_name"))))
    write(manifest)
    (folder / _IN_PROGRESS).unlink()
    return folder


def _check_folder(folder: Path) -> None:
    """Raise InputError unless a folder is new, empty, or the result of an earlier pull, complete or not."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file: give a new or an empty folder")
    foreign = sorted(name for name in names - _BUNDLE_ENTRIES if not name.endswith(PART))
    if names and (foreign or not names & {_IN_PROGRESS, lock.FILE_NAME}):
        raise InputError(f"{folder}: has other files in it ({min(foreign or names)}): give a new or an empty folder")


def _clear(folder: Path) -> None:
    """Remove an earlier pull; first the files that make the folder a bundle."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _IN_PROGRESS).touch()
    for name in (FILE_NAME, INDEX_NAME, EMPTY_PROMPT_NAME, lock.FILE_NAME, lock.STAMP_NAME):
        (folder / name).unlink(missing_ok=True)
    for name in _FOLDERS:
        shutil.rmtree(folder / name, ignore_errors=True)


def select_files(source: HubRepository, names: Sequence[str]) -> list[str]:
    """Select the files of a repository that a bundle needs: configs, and weights as safetensors. Raises ModelError."""
    selected = [
        name
        for component, folder in source.folders.items()
        for name in _select_component_files(source, component, folder, names)
    ]
    if source.ip_adapter:
        if source.ip_adapter not in names:
            raise ModelError(f"{source.repo}: has no {source.ip_adapter}: give a revision that has it")
        selected.append(source.ip_adapter)
    return selected


def _select_component_files(source: HubRepository, component: str, folder: str, names: Sequence[str]) -> list[str]:
    """Select the files of one component, directly in its folder."""
    start = f"{folder}/" if folder else ""
    available = [name.removeprefix(start) for name in names if name.startswith(start)]
    if component == "tokenizer":
        selected, required = [name for name in _TOKENIZER_FILES if name in available], ["vocab.json", "merges.txt"]
        if "tokenizer.json" in available:
            required = []
    elif component == "scheduler":
        selected, required = ["scheduler_config.json"], ["scheduler_config.json"]
    else:
        stem = COMPONENTS[component].stem
        weights = _select_weights(stem, available)
        if not weights:
            raise ModelError(
                f"{source.repo}: has no {stem}.safetensors for component {component!r} (pickles are not fetched): "
                "give a revision that has one"
            )
        extra = [name for name in ("preprocessor_config.json",) if name in available]
        selected, required = ["config.json", *extra, *weights], ["config.json"]
    missing = [name for name in required if name not in available]
    if missing:
        raise ModelError(f"{source.repo}: has no {start}{missing[0]}: give a revision that has it")
    return [start + name for name in selected]


def _select_weights(stem: str, available: Sequence[str]) -> list[str]:
    """Select weights in the order of `find_weights`: plain, else fp16; one file, else an index and its shards."""
    for variant in ("", ".fp16"):
        if f"{stem}{variant}.safetensors" in available:
            return [f"{stem}{variant}.safetensors"]
        index = f"{stem}.safetensors.index{variant}.json"
        if index in available:
            shard = re.compile(rf"{re.escape(stem)}(\.fp16)?-\d+-of-\d+(\.fp16)?\.safetensors")
            shards = [name for name in available if shard.fullmatch(name) and (".fp16" in name) == bool(variant)]
            return [index, *shards]
    return []


def _target_paths(source: HubRepository, names: Sequence[str]) -> list[tuple[str, str]]:
    """Map file names in the repository to paths in the bundle."""
    targets = []
    for name in names:
        component = source.component_of(name)
        path = name if component == "ip_adapter" else f"{COMPONENT_PATHS[component]}/{name.rpartition('/')[2]}"
        targets.append((name, path))
    return targets


def _install(snapshot: Snapshot, name: str, target: Path, *, linked: bool) -> lock.LockEntry:
    """Link or copy one file of a snapshot into the bundle; returns its lock entry. Raises ModelError."""
    link = snapshot.folder / name
    blob = link.resolve()
    digest = lock.sha256(blob)
    if re.fullmatch(r"[0-9a-f]{64}", blob.name) and blob.name != digest:  # the hub names large files by their SHA-256
        blob.unlink()
        link.unlink(missing_ok=True)
        raise ModelError(
            f"{snapshot.repo}: {name} is damaged (sha256 {digest[:12]}…, not {blob.name[:12]}…): pull again"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    if linked:
        target.symlink_to(os.path.relpath(link.absolute(), target.parent.resolve()))
    else:
        temporary = target.with_name(f".{target.name}{PART}")
        temporary.unlink(missing_ok=True)
        try:
            os.link(blob, temporary)
        except OSError:  # another file system
            shutil.copyfile(blob, temporary)
        temporary.replace(target)
    size = blob.stat().st_size
    return {"repo": snapshot.repo, "commit": snapshot.commit, "path": name, "size": size, "sha256": digest}
