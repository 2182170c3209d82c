"""Uploads: photos with their walls, and palettes.

    data/jobs.sqlite                  the records
    data/photos/ID/source             the photo as uploaded
    data/photos/ID/preview.jpg        sRGB, at most 2,048 px on the longer side
    data/photos/ID/transparency.png   of a photo that has one, at preview size
    data/photos/ID/ID.png             alpha of a wall, at preview size
    data/photos/ID/JOB-CLAIM.EXT      the result of a job
    data/palettes/ID                  a palette as uploaded

The server makes all names; a client's file name is kept as text and is no part of a path.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Row
from typing import Any

from wallpaint.errors import InputError
from wallpaint.paints.paint import Paint
from wallpaint.paints.palette import Palette, read_palette
from wallpaint.serve.database import Database
from wallpaint.serve.settings import ServeSettings

SOURCE, PREVIEW, TRANSPARENCY = "source", "preview.jpg", "transparency.png"
RECENT_PALETTES = 8  # that are kept in memory
KEPT = (SOURCE, PREVIEW, TRANSPARENCY)  # files of a photo
STRAY_S = 900.0  # after which files that nothing refers to are deleted
_MAX_NAME = 120


def new_id() -> str:
    """Return 128 random bits as 22 letters: an id is the right to use what it names."""
    return secrets.token_urlsafe(16)


@dataclass(frozen=True)
class StoredPalette:
    """A palette. file: as uploaded. expires: None for one of the server's own."""

    id: str
    palette: Palette
    file: Path
    expires: float | None


class Store:
    """Photos, walls and palettes: records in the database, files in the data folder."""

    def __init__(self, settings: ServeSettings) -> None:
        self.settings = settings
        self.root = settings.data.expanduser()
        try:
            self.photos = self.root / "photos"
            self.palettes = self.root / "palettes"
            for folder in (self.photos, self.palettes):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.chmod(0o700)
        except OSError as error:
            raise InputError(f"{self.root}: cannot be used for `data` ({error.strerror}): choose another") from error
        self.database = Database(self.root / "jobs.sqlite")
        self._own = {
            f"server-{number}": StoredPalette(f"server-{number}", read_palette(path), path, None)
            for number, path in enumerate(settings.palettes, 1)
        }
        self._recent: OrderedDict[str, StoredPalette] = OrderedDict()

    # -- photos

    def new_folder(self) -> tuple[str, Path]:
        """Create the folder of a new photo: its id and path."""
        photo_id = new_id()
        folder = self.photos / photo_id
        folder.mkdir(mode=0o700)
        return photo_id, folder

    def folder(self, photo: Row) -> Path:
        """Return the folder of a photo's record."""
        return self.photos / str(photo["id"])

    def add_photo(self, photo_id: str, filename: str, info: Mapping[str, Any]) -> Row:
        """Record a photo. filename: the client's, kept as text. info: the result of the task `read`."""
        now = time.time()
        columns = ("format", "width", "height", "preview_width", "preview_height")
        self.database.run(
            f"INSERT INTO photos (id, created, expires, filename, bytes, warnings, {', '.join(columns)}) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(photo_id, now, now + self.settings.keep_s, clean_filename(filename), info["bytes"]),
                *(json.dumps(info["warnings"]), *(info[name] for name in columns)),
            ),
        )
        row = self.photo(photo_id)
        assert row is not None
        return row

    def photo(self, photo_id: str) -> Row | None:
        """Return a photo's record; None if it is unknown or expired."""
        return self.database.row("SELECT * FROM photos WHERE id = ? AND expires > ?", (photo_id, time.time()))

    def keep(self, photo_id: str) -> None:
        """Postpone the deletion of a photo, since a job needs it or has a result for it."""
        expires = time.time() + self.settings.keep_s
        self.database.run("UPDATE photos SET expires = max(expires, ?) WHERE id = ?", (expires, photo_id))

    def delete_photo(self, photo_id: str) -> None:
        """Delete a photo, its walls, its jobs and all their files."""
        self.database.run("DELETE FROM photos WHERE id = ?", (photo_id,))
        shutil.rmtree(self.photos / photo_id, ignore_errors=True)

    def used_bytes(self) -> int:
        """Return the size of all files of photos."""
        total = 0
        for path in self.photos.glob("*/*"):
            with contextlib.suppress(OSError):
                total += path.stat().st_size
        return total

    # -- walls

    def walls(self, photo_id: str) -> list[Row]:
        """Return the walls of a photo in order."""
        return self.database.rows("SELECT * FROM walls WHERE photo = ? ORDER BY position", (photo_id,))

    def wall(self, photo_id: str, name: str) -> Row | None:
        """Return one wall; None if there is none of that name."""
        return self.database.row("SELECT * FROM walls WHERE photo = ? AND name = ?", (photo_id, name))

    def replace_walls(self, photo_id: str, walls: Sequence[Mapping[str, Any]]) -> None:
        """Set all walls of a photo, as the task `detect` returns them."""
        with self.database.transaction():
            self.database.run("DELETE FROM walls WHERE photo = ?", (photo_id,))
            for position, wall in enumerate(walls):
                self._insert_wall(photo_id, wall, position)

    def put_wall(self, photo_id: str, wall: Mapping[str, Any]) -> None:
        """Add one wall, or replace the one of its name."""
        sql = "UPDATE walls SET file = ?, share = ?, confidence = NULL WHERE photo = ? AND name = ?"
        if self.database.run(sql, (wall["file"], wall["share"], photo_id, wall["name"])):
            return
        row = self.database.row("SELECT coalesce(max(position), -1) + 1 FROM walls WHERE photo = ?", (photo_id,))
        assert row is not None
        self._insert_wall(photo_id, wall, row[0])

    def delete_wall(self, photo_id: str, name: str) -> bool:
        """Delete a wall; False if there is none of that name."""
        return bool(self.database.run("DELETE FROM walls WHERE photo = ? AND name = ?", (photo_id, name)))

    def _insert_wall(self, photo_id: str, wall: Mapping[str, Any], position: int) -> None:
        self.database.run(
            "INSERT INTO walls (photo, name, file, share, confidence, position) VALUES (?, ?, ?, ?, ?, ?)",
            (photo_id, wall["name"], wall["file"], wall["share"], wall.get("confidence"), position),
        )

    # -- palettes

    def add_palette(
        self, palette_id: str, name: str, paints: Sequence[Mapping[str, Any]], warnings: Sequence[str]
    ) -> StoredPalette:
        """Record a palette whose file is in `palettes` under its id, as the task `palette` returns it."""
        expires = time.time() + self.settings.keep_s
        self.database.run(
            "INSERT INTO palettes (id, name, expires, paints, warnings) VALUES (?, ?, ?, ?, ?)",
            (palette_id, clean_filename(name), expires, json.dumps(paints), json.dumps(warnings)),
        )
        stored = self.palette(palette_id)
        assert stored is not None
        return stored

    def palette(self, palette_id: str) -> StoredPalette | None:
        """Return a palette; None if it is unknown or expired."""
        if palette_id in self._own:
            return self._own[palette_id]
        recent = self._recent.get(palette_id)
        if recent is not None and recent.expires is not None and recent.expires > time.time():
            return recent
        row = self.database.row("SELECT * FROM palettes WHERE id = ? AND expires > ?", (palette_id, time.time()))
        if row is None:
            return None
        palette = palette_of(json.loads(row["paints"]), row["name"], row["warnings"])
        stored = StoredPalette(palette_id, palette, self.palettes / palette_id, row["expires"])
        self._recent[palette_id] = stored
        if len(self._recent) > RECENT_PALETTES:
            self._recent.popitem(last=False)
        return stored

    def own_palettes(self) -> list[StoredPalette]:
        """Return the palettes that every user may choose from."""
        return list(self._own.values())

    # -- time

    def delete_expired(self) -> list[str]:
        """Delete photos and palettes whose time is over, and folders of no photo. Returns the photos' ids."""
        now = time.time()
        busy = "SELECT photo FROM jobs WHERE state IN ('queued', 'running')"
        rows = self.database.rows(f"SELECT id FROM photos WHERE expires <= ? AND id NOT IN ({busy})", (now,))
        for row in rows:
            self.delete_photo(row["id"])
        for row in self.database.rows("DELETE FROM palettes WHERE expires <= ? RETURNING id", (now,)):
            (self.palettes / row["id"]).unlink(missing_ok=True)
            self._recent.pop(row["id"], None)
        for path in list(self._unused(now - STRAY_S)):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        return [row["id"] for row in rows]

    def _unused(self, before: float) -> Iterator[Path]:
        """Yield folders of no photo, and files that no wall and no job uses, last changed before a time.

        Alphas that were replaced are among them: a job that was queued earlier may still need them.
        """
        rows = self.database.rows
        busy = {row["photo"] for row in rows("SELECT photo FROM jobs WHERE state IN ('queued', 'running')")}
        used = {(row["photo"], row["file"]) for row in rows("SELECT photo, file FROM walls")}
        used |= {(row["photo"], row["result_file"]) for row in rows("SELECT photo, result_file FROM jobs")}
        photos = {row["id"] for row in rows("SELECT id FROM photos")}
        for folder in self.photos.iterdir():
            if folder.name in busy:
                continue
            with contextlib.suppress(OSError):
                for path in folder.iterdir() if folder.name in photos else [folder]:
                    is_used = path.name in KEPT or (folder.name, path.name) in used
                    if not is_used and path.stat().st_mtime < before:
                        yield path


def palette_of(paints: Sequence[Mapping[str, Any]], name: str, warnings: str = "[]") -> Palette:
    """Return a palette from plain data: albedo_linear, name, code, sheen and lrv of each paint."""
    fields = ("albedo_linear", "name", "code", "sheen", "lrv")
    made = tuple(Paint(**{field: paint[field] for field in fields}) for paint in paints)
    return Palette(made, name, tuple(json.loads(warnings)))


def clean_filename(name: str) -> str:
    """Return a client's file name as text without folders and control characters; it is never used as a path."""
    last = name.replace("\\", "/").rpartition("/")[2]
    text = "".join(letter for letter in last if letter.isprintable()).strip()
    return text.encode("utf-8", "ignore").decode()[-_MAX_NAME:] or "photo"
