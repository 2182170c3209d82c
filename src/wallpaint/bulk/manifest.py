"""Read a manifest, a CSV file with one photo and its paints on each row, or a folder of photos.

    photo,mask,color,match
    kitchen.jpg,kitchen_mask.png,#7d9b84|navy,room
    hall.jpg,,#f4f1e8,swatch

Columns have the names of the options of `wallpaint repaint`. Everything that can be checked without decoding a photo is
checked here, and all mistakes are reported together.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wallpaint.bulk.columns import column_name, parse_row
from wallpaint.errors import InputError, WallpaintError
from wallpaint.files.names import decode_text, list_content, without_separator_line
from wallpaint.imaging.write import FORMATS
from wallpaint.paints.paint import Paint
from wallpaint.pipeline.job import RepaintJob, walls_and_paints

_DELIMITERS = (",", ";", "\t")


class ManifestError(InputError):
    """A manifest with mistakes.

    mistakes: one line each, in the order of the file, such as "line 3: `photo` is missing".
    """

    def __init__(self, name: str, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        count = f"{len(mistakes)} mistake{'s' if len(mistakes) > 1 else ''}"
        super().__init__(f"{name} has {count}, nothing was done: {'; '.join(mistakes)}")


@dataclass(frozen=True)
class Row:
    """One photo and its paints.

    line: in the manifest, from 1; 0 for a folder's photo. masks: by wall, none where walls are to be detected.
    assignments: paints by wall, one for each result.
    """

    line: int
    job: RepaintJob
    masks: Mapping[str, Path]
    assignments: tuple[Mapping[str, Paint], ...]


def read_manifest(path: Path, output: Path, defaults: Mapping[str, str] | None = None) -> tuple[Row, ...]:
    """Return the rows of a CSV manifest, in UTF-8 or UTF-16, separated by commas, semicolons or tabs.

    output: the folder of the results. defaults: text by column, for the cells that are empty or missing. Relative paths
    start at the manifest's folder. Raises ManifestError with all mistakes, InputError for a file that is no manifest.
    """
    text, delimiter = without_separator_line(_read_text(path))
    if delimiter is None:
        header = next((line for line in text.split("\n") if line.strip()), "")
        delimiter = max(_DELIMITERS, key=header.count)
    records = _records(text, delimiter)
    try:
        first = next(records)
    except StopIteration:
        raise InputError(f"{path.name} is empty: a manifest needs a header and at least one row") from None
    columns, mistakes = _columns(*first)
    rows: list[Row] = []
    for line, cells in records:
        if isinstance(cells, str):
            mistakes.append(f"line {line}: {cells}")
            continue
        texts = {name: cell.strip() for name, cell in zip(columns, cells, strict=False) if name and cell.strip()}
        errors = []
        if any(cell.strip() for cell in cells[len(columns) :]):
            errors.append(f"has {len(cells)} cells, the header {len(columns)}: put cells with a separator in quotes")
        job, more = parse_row({**(defaults or {}), **texts}, path.parent, output)
        errors += more
        if job is not None:
            errors += _append(rows, line, job)
        mistakes += [f"line {line}: {error}" for error in errors]
    if not rows and not mistakes:
        raise InputError(f"{path.name} has no rows: give at least one below the header")
    mistakes += [f"line {line}: {error}" for line, error in _repeats(rows)]
    if mistakes:
        raise ManifestError(path.name, mistakes)
    return tuple(rows)


def read_folder(folder: Path, output: Path, options: Mapping[str, str]) -> tuple[Row, ...]:
    """Return a row for each photo of a folder, sorted by name, all with the same options.

    output: the folder of the results. options: text by column. Raises ManifestError, InputError.
    """
    rows: list[Row] = []
    mistakes: list[str] = []
    photos = [path for path in list_content(folder) if path.suffix.lower() in FORMATS and path.is_file()]
    if not photos:
        raise InputError(f"{folder}: no photo is in this folder: photos end in {', '.join(FORMATS)}")
    for photo in photos:
        job, errors = parse_row({**options, "photo": photo.name}, folder, output)
        if job is None:  # the options are the same for all photos
            raise InputError("; ".join(errors))
        mistakes += [f"{photo.name}: {error}" for error in _append(rows, 0, job)]
    if mistakes:
        raise ManifestError(str(folder), mistakes)
    return tuple(rows)


def _append(rows: list[Row], line: int, job: RepaintJob) -> list[str]:
    """Append the row of a job, or return its mistake."""
    try:
        masks, assignments = walls_and_paints(job)
    except WallpaintError as error:
        return [str(error)]
    rows.append(Row(line, job, masks, tuple(assignments)))
    return []


def _repeats(rows: Sequence[Row]) -> Iterator[tuple[int, str]]:
    """Yield (line, mistake) of each row that asks for the same as an earlier one."""
    first: dict[RepaintJob, int] = {}
    for row in rows:
        key = replace(row.job, photo=row.job.photo.resolve())
        if key in first:
            yield row.line, f"repeats line {first[key]}"
        else:
            first[key] = row.line


def _columns(line: int, headers: Sequence[str] | str) -> tuple[list[str | None], list[str]]:
    """Return the column of each header, None if it is unknown, and the mistakes."""
    if isinstance(headers, str):
        return [], [f"line {line}: {headers}"]
    columns: list[str | None] = []
    mistakes: list[str] = []
    for header in headers:
        try:
            columns.append(column_name(header) if header.strip() else None)
        except InputError as error:
            columns.append(None)
            mistakes.append(f"line {line}: {error}")
    counts = Counter(name for name in columns if name)
    mistakes += [f"line {line}: column {name} is given {n} times" for name, n in counts.items() if n > 1]
    if "photo" not in counts:
        mistakes.append(f"line {line}: there is no column photo")
    return columns, mistakes


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """Yield (line where it ends, cells) of the records that are not blank; at last the error where it is no CSV."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        yield reader.line_num, f"not CSV ({error}): check the quotes of this record"


def _read_text(path: Path) -> str:
    try:
        return decode_text(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): give a manifest in CSV, or a folder") from None
    except UnicodeDecodeError:
        raise InputError(f"{path.name} is not UTF-8 text: save the manifest as CSV UTF-8") from None
