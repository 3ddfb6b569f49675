"""One workflow at a time in a folder, and no lock to clear after one that was killed.

Snakemake locks the files of a workflow by listing them in `.snakemake/locks`. If it is killed, the list stays and every
later call is refused until a person unlocks the folder. So a workflow of ours also holds a lock that dies with it. Who
has that one knows that no other workflow lives here, and that a list it finds is a dead one's.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.base.disk import writing
from bench.base.locks import held
from bench.errors import UserError


def guard(workflow: Any, begin: Callable[[], None], folder: Path = Path(".snakemake")) -> None:
    """Make Snakemake's `workflow` carry out jobs only while it is the only one in this folder.

    Dry runs and what only looks (``--summary``, ``--lint``, …) are not concerned. A call that is refused ends with one
    sentence and exit status 2.

    Args:
        workflow: Snakemake's.
        begin: called once it is the only one, before Snakemake looks at any file.
        folder: where Snakemake keeps its state.
    """
    execute = workflow.execute

    def guarded(*arguments: Any, **options: Any) -> Any:
        try:
            with only_one(folder):
                begin()
                return execute(*arguments, **options)
        except UserError as error:
            print(f"reprune: {error}", file=sys.stderr)
            raise SystemExit(2) from None

    workflow.execute = guarded


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Be the only workflow that keeps its state in `folder`; raises `UserError` if there is another."""
    lock = folder / "workflow.lock"

    def busy() -> None:
        raise UserError(
            f"another workflow ({lock.read_text() or 'just started'}) is at work in this folder; wait until it has "
            "ended, stop it, or start this one in a clone of its own, which may share the folder of results."
        )

    with held(lock, busy):
        with writing(lock):
            lock.write_text(f"process {os.getpid()} on {socket.gethostname()}")
        if any((folder / "locks").glob("*")):
            print("The last call was killed: its lock is cleared, and what it was training goes on from checkpoints.")
            shutil.rmtree(folder / "locks")
        yield
