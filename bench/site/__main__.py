"""``python -m bench.site`` (``make docs``): lay out the pages and build ``build/site/`` from them, strictly."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from bench.errors import UserError
from bench.site.pages import CONFIG, lay_out

ROOT = Path(__file__).parents[2]

_COLOURS = re.compile(r"\x1b\[[\d;]*m")
"""The generator colours every single letter, whether or not it writes to a terminal."""


def build(root: Path, into: Path) -> int:
    """Build the site of the checkout `root` as ``<into>/site`` from ``<into>/pages``; the generator's exit status."""
    for folder in ("pages", "site"):
        shutil.rmtree(into / folder, ignore_errors=True)
    lay_out(root, into)
    return generate(into)


def generate(into: Path) -> int:
    """Turn pages that are laid out into HTML. Whatever the generator warns of (a dead link, above all) is an error."""
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean", "--config-file", CONFIG]
    done = subprocess.run(command, cwd=into, capture_output=True, text=True, check=False)
    if done.returncode:
        print(_COLOURS.sub("", done.stdout + done.stderr.partition("Traceback")[0]), file=sys.stderr)
    return done.returncode


if __name__ == "__main__":
    try:
        status = build(ROOT, ROOT / "build")
    except UserError as error:
        sys.exit(f"bench.site: {error}")
    print("build/site/index.html" if status == 0 else "bench.site: the site was not built; see above.")
    sys.exit(status)
