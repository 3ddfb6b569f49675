"""Whether files are what the manifest says, and whether what runs share is what the code gives: data and networks."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import data
from bench.base import regular
from bench.commands.runs import networks
from bench.commands.runs.finding import Finding
from bench.errors import UserError
from bench.identity import file_digest
from bench.results import manifest

NO_MANIFEST = f"has no {manifest.NAME}, so that nothing tells whether its files were edited since; older code made it"
GONE = f"is in {manifest.NAME} and not there any more"
NEW = f"is not in {manifest.NAME}: it was added since, or no call of Snakemake ended"

Look = Callable[[], list[Finding]]


def listed(folder: Path, kept: bool) -> tuple[list[Look], list[Finding]]:
    """A look at each file that a folder's manifest names, and what is wrong with the manifest itself.

    Of a kept folder none may be missing, and which others lie there is told.
    """
    try:
        digests = manifest.read(folder)
    except UserError as error:
        return [], [Finding(folder / manifest.NAME, str(error))]
    if digests is None:
        return [], [Finding(folder, NO_MANIFEST, harmless=True)]
    new = [path for path in manifest.files(folder) if path.relative_to(folder).as_posix() not in digests]
    looks = [partial(_file, folder / name, folder, digest, kept) for name, digest in digests.items()]
    return [*looks], [Finding(path, NEW, harmless=True) for path in new if kept]


def _file(path: Path, folder: Path, digest: str, kept: bool) -> list[Finding]:
    try:
        regular.opened(path, folder).close()
    except FileNotFoundError:
        return [Finding(path, GONE, harmless=not kept)]
    except OSError as error:
        return [Finding(path, f"cannot be read ({error.strerror})")]
    if (found := file_digest(path)) != digest:
        return [Finding(path, f"its SHA-256 is {found[:12]}…, and {manifest.NAME} has {digest[:12]}…")]
    return []


def dataset(path: Path, results: Path) -> list[Finding]:
    """What is wrong with a prepared data set: training and test images against the registered fingerprint."""
    if not path.is_file():
        return [Finding(path, "is no regular file")]
    try:
        data.load(path.stem, results / "data")
    except UserError as error:
        return [Finding(path, str(error))]
    return []


def network(path: Path, results: Path) -> list[Finding]:
    """What is wrong with the dense multiply-adds of a network, which are counted once more."""
    architecture, _, shape = path.stem.rpartition("-")
    known = (name for name in data.names() if _shape(name) == shape)
    try:
        recorded = json.loads(regular.read_bytes(path, results, regular.LONGEST_TEXT))
    except (OSError, ValueError, RecursionError):
        return [Finding(path, "cannot be read as multiply-adds of a network")]
    try:
        found = networks.of(architecture, next(known))
    except (UserError, StopIteration):
        return [Finding(path, "was not counted again: no such network or no such images are known here", harmless=True)]
    if found is None:
        return [Finding(path, "was not counted again: the code of its network has changed since", harmless=True)]
    if recorded != dict(found.macs):
        return [Finding(path, "is not what counting again gives; delete it, and it is counted anew")]
    return []


def _shape(name: str) -> str:
    info = data.info(name)
    return f"{info.classes}x{info.channels}x{info.height}x{info.width}"
