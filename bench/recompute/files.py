"""Network files that somebody brings along: looked for, and compared with their checksums before anything is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.data.prepare import VARIABLE, data_root
from bench.errors import UserError
from bench.identity import file_digest
from bench.recompute.cells import Facts, NetworkFile


@dataclass(frozen=True)
class Found:
    """Which files are there as registered, and a sentence for each that is not."""

    files: dict[str, Path]
    missing: dict[str, str]


def find(facts: Facts, data_dir: Path | None = None) -> Found:
    """Look for the files of a source and compare their checksums; nothing of them is read otherwise."""
    files: dict[str, Path] = {}
    missing: dict[str, str] = {}
    for key, file in facts.files.items():
        path = data_root(data_dir) / file.path
        if not path.is_file():
            missing[key] = _wanted(facts, file, path)
        elif (sha256 := file_digest(path)) != file.sha256:
            raise UserError(
                f"{path}: its SHA-256 is {sha256}, not {file.sha256}, so it is not the file behind the numbers; put "
                f"the one from {facts.repository}, {file.origin}, in its place."
            )
        else:
            files[key] = path
    return Found(files, missing)


def _wanted(facts: Facts, file: NetworkFile, path: Path) -> str:
    terms = f"licence {facts.licence}" if facts.shippable else "no licence, so fetch it yourself if you may"
    return (
        f"there is no {path} (SHA-256 {file.sha256}); it is {file.origin} of github.com/{facts.repository} "
        f"({terms}), and its place is in the folder that --data-dir or ${VARIABLE} names."
    )
