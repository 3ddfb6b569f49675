"""``reprune new-method NAME``: a method file that already works, to be changed line by line."""

from __future__ import annotations

import keyword
from pathlib import Path

import methods
from bench.base.atomic import write_atomic
from bench.errors import UserError

TEMPLATE = '''"""One line: what it does. Then the paper: authors, year, arXiv id."""

from bench.method import Method, NamedTensors, Run
from bench.schedule import OneShot


class {name}(Method):
    """Every choice below is a default: see the docstring of Method for the others, and for the hooks."""

    schedule = OneShot(after="pretrain")  # when: AtInit(), Cubic(every=100), Periodic(every=100), …
    strength: float = 1.0  # a hyper-parameter with the paper's value; a grid may say {module}[strength=2]
    bounds = {{"strength": "(0, 100]"}}  # what it may be: above 0 and at most 100; also [0, 1), [1, inf), …
    # reports = {{"angle": {{"title": "Angle", "better": "lower"}}}}  # of a number that diagnostics(run) returns

    def saliency(self, run: Run) -> NamedTensors:
        """What matters most has the largest value: run.weights, run.gradients(batches=1), run.random(), …"""
        return run.weights.abs() ** self.strength
'''


def create(name: str, folder: Path | None = None) -> Path:
    """Write ``<folder>/<name>.py`` (in methods/ by default) and return its path.

    Raises `UserError` if the name is no lower-case Python name or is taken.
    """
    if not name.isidentifier() or keyword.iskeyword(name) or name != name.lower() or name.startswith("_"):
        raise UserError(
            f"'{name}' cannot name a method: use lower-case letters, digits and _, beginning with a letter."
        )
    path = (folder or Path(methods.__path__[0])) / f"{name}.py"
    if path.exists():
        raise UserError(f"{path} exists already; choose another name.")
    write_atomic(path, TEMPLATE.format(module=name, name="".join(map(str.capitalize, name.split("_")))).encode())
    return path
