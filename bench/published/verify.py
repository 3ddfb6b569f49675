"""Promoting a published row that somebody has now read in the paper: its one line of its CSV changes, no other byte."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from bench.base.atomic import write_atomic
from bench.base.nearest import meant, nearest
from bench.errors import UNPRINTABLE, NotFound, UserError
from bench.published import PUBLISHED, Row, load

MOST_DIGITS = 9
"""Behind the point: ``1e-999999999`` would be written out."""


@dataclass(frozen=True)
class Reading:
    """What the paper says.

    Attributes:
        value: as printed, for its last digit says how exact it is; in the row's metric, so 100 minus an error.
        page: where.
        std: as printed, None if there is none.
        seeds: how many runs the paper says it was.
        day: of the reading.
    """

    value: str
    page: str
    std: str | None = None
    seeds: int | None = None
    day: date | None = None


@dataclass(frozen=True)
class Verified:
    """The row as it is now, where, and how it differs from what it was (empty if it does not)."""

    row: Row
    path: Path
    differences: tuple[str, ...]


@dataclass(frozen=True)
class _Place:
    """A row's fields, and the lines that it fills in its file (counted from 0, the end excluded)."""

    path: Path
    head: tuple[str, ...]
    fields: dict[str, str]
    first: int
    end: int


def verify(row: str, reading: Reading, folder: Path = PUBLISHED) -> Verified:
    """Make a row `primary`, with what was read, the page and the date.

    Raises `UserError` if there is no such row, it is primary already or a copy of another, or a number is wrong.
    """
    if UNPRINTABLE.search(reading.page):
        raise UserError(f"--page {reading.page[:40]!a} has characters that no page number needs.")
    load(folder)  # so that every file is known to be well-formed
    place = _find(row, folder)
    if place.fields["verified"] == "primary":
        raise UserError(f"{place.path}: row '{row}' was already verified ({place.fields['source']}).")
    if place.fields["duplicate_of"]:
        raise UserError(f"{place.path}: row '{row}' is a copy: verify '{place.fields['duplicate_of']}' instead.")
    differences = tuple(_differences(place.fields, reading))
    fields = place.fields | _promoted(place.fields, reading, differences)
    checked = Row.read({name: value for name, value in fields.items() if value}, f"{place.path}, row '{row}'")
    _replace(place, fields)
    return Verified(checked, place.path, differences)


def _find(row: str, folder: Path) -> _Place:
    known: list[str] = []
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            end = reader.line_num
            for fields in reader:
                first, end = end, reader.line_num
                known.append(fields["id"])
                if fields["id"] == row:
                    return _Place(path, tuple(reader.fieldnames or ()), fields, first or 1, end)
    close = nearest(row, known)
    raise NotFound(
        f"there is no published row '{row}'; {meant(close) if close else '`reprune published` finds their ids.'}"
    )


def _number(option: str, text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise UserError(f"{option} '{text[:40]}' is not a number.") from None
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or abs(number) > 10**6 or exponent < -MOST_DIGITS:  # NaN's is a letter
        raise UserError(f"{option} '{text[:40]}' is not a number.")
    return number


def _differences(fields: dict[str, str], reading: Reading) -> Iterator[str]:
    """What the row said otherwise."""
    seeds = None if reading.seeds is None else str(reading.seeds)
    read = {"value": reading.value, "std": reading.std, "n_seeds": seeds}
    for name, text in read.items():
        before = fields[name]
        if text is not None and before and _number(f"--{name}", text) != Decimal(before):
            yield f"{name.removeprefix('n_')} {before}"


def _promoted(fields: dict[str, str], reading: Reading, differences: tuple[str, ...]) -> dict[str, str]:
    exponent = _number("--value", reading.value).as_tuple().exponent
    unit = Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0)
    kept = re.sub(r"Recalled[^.]*\.\s*", "", fields["note"]).strip()
    day = (reading.day or date.today()).isoformat()
    before = f"Was recorded before with {', '.join(differences)}." if differences else ""
    changed = {
        "value": reading.value,
        "reading": "exact",
        "reading_error": format(unit / 2, "f"),
        "verified": "primary",
        "source": f"the paper, page {reading.page}",
        "note": " ".join(part for part in (kept, f"Read on page {reading.page} on {day}.", before) if part),
    }
    if reading.std is not None:
        changed |= {"std": reading.std, "std_kind": fields["std_kind"] or "unknown"}
    if reading.seeds is not None:
        changed["n_seeds"] = str(reading.seeds)
    return changed


def _replace(place: _Place, fields: dict[str, str]) -> None:
    lines = place.path.read_bytes().splitlines(keepends=True)
    line = io.StringIO()
    csv.DictWriter(line, place.head, lineterminator="\n").writerow(fields)
    lines[place.first : place.end] = [line.getvalue().encode()]
    write_atomic(place.path, b"".join(lines))
