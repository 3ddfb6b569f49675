"""Carrying a paper out: what can be recomputed, then every grid by a call of Snakemake, one after the other."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from bench.base import plain_yaml
from bench.base.checkout import CHECKOUT
from bench.commands.reproducing.outlook import Outlook, Places
from bench.commands.reproducing.shares import Share
from bench.recompute.cells import Source
from bench.recompute.work import run
from bench.workflow.progress import relative

SNAKEMAKE = ("--cores", "all")
"""What is said to Snakemake where the user says nothing."""


def carry_out(found: Outlook, words: Sequence[str]) -> int:
    """Do what is not done yet; returns the exit status of the call that failed worst, above 128 if it was stopped.

    Args:
        found: what is to be run.
        words: for Snakemake, on cores, profile and the like.
    """
    worst = max((_recompute(source, found.places) for source in found.paper.sources), default=0)
    for number, share in enumerate(found.shares, 1):
        _say(f"grid {number} of {len(found.shares)}: {relative(share.file)}")
        share.write()
        status = _call(_words(share, found.places, words))
        worst = max(worst, status)
        if status > 128:
            break
    return worst


def _recompute(source: Source, places: Places) -> int:
    """Measure what can be; 1 if files are missing of networks that nobody has measured here."""
    records, files = run(source, places.results, places.data_dir, say=_say)
    answered = {cell for record in records for cell in record.numbers}
    wanting = files.missing.keys() & {cell.file for cell in source.cells if cell.id not in answered}
    for key in sorted(wanting):
        _say(f"{source.name}: {files.missing[key]}")
    return int(bool(wanting))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _words(share: Share, places: Places, words: Sequence[str]) -> list[str]:
    fields = [f"{name}={plain_yaml.write(value)}" for name, value in places.fields.items()]
    return [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(CHECKOUT / "Snakefile")),
        *("--configfile", str(share.file)),
        *(["--config", *fields] if fields else []),
        *(words or SNAKEMAKE),
    ]


def _call(words: Sequence[str]) -> int:
    """Carry out a command; returns its exit status, or 128 and the number of the signal that stopped us meanwhile."""
    process = subprocess.Popen(words)
    with _passed_on(process) as heard:
        status = process.wait()
    return 128 + heard[0] if heard else status


@contextmanager
def _passed_on(process: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """Wait for the process whatever signal comes; Ctrl-C it has heard itself, SIGTERM it is told."""
    heard: list[int] = []

    def hear(number: int, frame: FrameType | None) -> None:
        heard.append(number)
        if number == signal.SIGTERM:
            process.terminate()

    before = {number: signal.signal(number, hear) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
