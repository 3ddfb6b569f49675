"""A real disk of a few megabytes, to be filled at a chosen moment or mounted read-only.

It is mounted in a mount namespace of its own, so nothing stays mounted however a test ends, and where user namespaces
are allowed no root is needed. What happens on it is a scenario, a function of another module that is carried out in a
process inside the namespace, ``python -m tests.small_disk MODULE:FUNCTION FOLDER``, and answers with JSON.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
NAMESPACES = (["unshare", "-rm"], ["unshare", "-m"])
PAGE = 4096


class Disk:
    """A tmpfs of some megabytes on a folder."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder, self.ballast = folder, folder / "ballast"
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder], check=True)
        self._moments: list[tuple[str, int, Any]] = []
        sys.addaudithook(self._watch)

    def fill(self, pages: int = 0) -> None:
        """Take all the room there is, but for some pages."""
        with self.ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(PAGE))
            except OSError as error:
                assert error.errno == errno.ENOSPC
            file.truncate(max(file.tell() - pages * PAGE, 0))

    def free(self) -> None:
        """Give the room back."""
        self.ballast.unlink(missing_ok=True)

    def read_only(self) -> None:
        """Allow no more writing, whoever has files open."""
        subprocess.run(["mount", "--bind", self.folder, self.folder], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", self.folder], check=True)

    def when_opened(self, name: str, action: Any, times: int = 1) -> None:
        """Do something at the moment at which a file is opened for writing for so many times."""
        self._moments.append((name, times, action))

    def _watch(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or not self._moments:
            return
        name, times, action = self._moments[0]
        opened, mode, _ = arguments
        if f"{name}" not in Path(str(opened)).name or not str(mode).strip("rb"):
            return
        if times > 1:
            self._moments[0] = (name, times - 1, action)
            return
        del self._moments[0]
        action()


def answer(scenario: str, folder: Path, *more: str) -> Any:
    """Carry a scenario out on a disk mounted on `folder`; skips where nothing can be mounted."""
    folder.mkdir(exist_ok=True)
    mount = ["sh", "-c", 'mount -t tmpfs -o size=1m tmpfs "$0" && "$1" -c ""', str(folder), sys.executable]
    space = next((each for each in NAMESPACES if _works([*each, *mount])), None)
    if space is None:
        pytest.skip("a disk can't be mounted here: neither root nor user namespaces")
    words = [*space, sys.executable, "-m", "tests.small_disk", scenario, str(folder), *more]
    done = subprocess.run(words, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def _works(words: list[str]) -> bool:
    try:
        return subprocess.run(words, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    module, function = sys.argv[1].split(":")
    print(json.dumps(getattr(importlib.import_module(module), function)(Path(sys.argv[2]), *sys.argv[3:])))
