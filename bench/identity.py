"""Content hashes: what determines a result names it, so nothing is trained twice and nothing stale is reused.

This file needs nothing but the standard library, so that any Python can be asked for a digest.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

ENGINE_VERSION = 1
"""Raised by hand when the engine's numbers change; `tests/test_golden.py` fails until it is."""

STATEMENTS = frozenset({"bounds", "reports"})
"""What a class states about itself, beside what it does: bounds of hyper-parameters, titles of diagnostics."""


def digest(payload: Any) -> str:
    """SHA-256 (64 hex digits) of a JSON-like value, independent of the order of keys."""
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 (64 hex digits) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Package(NamedTuple):
    """A package whose modules a file may import: its name and its folders, as in ``__path__``."""

    name: str
    folders: tuple[Path, ...]

    def find(self, module: str) -> Path | None:
        """The file of ``methods.snip`` or ``methods.snip.Snip``, in the first folder that has one; None if none has."""
        start = f"{self.name}."
        if not module.startswith(start):
            return None
        stem = module.removeprefix(start).partition(".")[0]
        return next((file for folder in self.folders if (file := folder / f"{stem}.py").is_file()), None)


@cache
def source_digest(path: Path, package: Package) -> str:
    """SHA-256 of what a method's file does, the same under every Python and on every system.

    The syntax tree without docstrings and comments, together with that of every other file of `package` which it
    imports (``from methods.snip import Snip``): reformatting or documenting a method re-trains nothing, changing it or
    its parent class does. Literals that a class calls ``bounds`` or ``reports`` are documentation too, unless the files
    themselves read what is called so.

    Strings are written as Python 3.11 shows them; characters newer than it (Unicode 15) may be shown otherwise.
    """
    return digest(skeletons(path, package))


def skeletons(path: Path, package: Package, *, imports: bool = True) -> dict[str, str]:
    """What a file and all that it imports from `package` do, by module; `imports` says whether import lines count."""
    trees = _trees(path, package)
    stated = STATEMENTS - {name for tree in trees.values() for name in _read(tree)}
    return {file.stem: _skeleton(tree, stated, imports) for file, tree in trees.items()}


def with_imports(path: Path, package: Package) -> list[Path]:
    """A file and all others of `package` that it imports, directly or not."""
    return sorted(_trees(path, package))


def _trees(path: Path, package: Package) -> dict[Path, ast.Module]:
    trees: dict[Path, ast.Module] = {}
    queue = [path]
    while queue:
        file = queue.pop()
        if file not in trees:
            # Bytes, which Python decodes as it does for an import: coding lines, byte order marks and line ends.
            trees[file] = ast.parse(file.read_bytes(), filename=str(file))
            modules = (module for node in ast.walk(trees[file]) for module in _imported(node, package.name))
            queue += filter(None, map(package.find, modules))
    return trees


@cache
def asks_for_gradients(path: Path, package: Package) -> bool:
    """Whether a method's file, or one that it imports, names `Run.gradients` or `Run.hessian_product`.

    Read from the syntax tree, so a function of that name that is not the run's counts as well.
    """
    nodes = (node for tree in _trees(path, package).values() for node in ast.walk(tree))
    return any(isinstance(node, ast.Attribute) and node.attr in ("gradients", "hessian_product") for node in nodes)


def _imported(node: ast.AST, package: str) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level < 2:  # `from .snip import Snip` is one level
        module = ".".join(filter(None, [package if node.level else "", node.module]))
        return [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return []


def _read(tree: ast.Module) -> set[str]:
    """The names of all attributes, and of all variables that are read."""
    nodes = list(ast.walk(tree))
    variables = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return variables | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def _skeleton(tree: ast.Module, stated: Collection[str], imports: bool) -> str:
    for node in ast.walk(tree):
        for _, value in ast.iter_fields(node):
            if isinstance(value, list):
                value[:] = [each for each in value if not _is_silent(each, node, stated, imports)]
    return _written(tree)


def _is_silent(node: ast.AST | None, parent: ast.AST, stated: Collection[str], imports: bool) -> bool:
    """Whether a part of a tree does nothing, or nothing that counts."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return not imports
    if isinstance(node, ast.Constant):
        return isinstance(parent, ast.JoinedStr) and node.value == ""  # Python 3.12 ends some f-strings with one
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return isinstance(parent, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    return isinstance(parent, ast.ClassDef) and _states(node, stated)


def _states(node: ast.AST | None, names: Collection[str]) -> bool:
    """Whether a statement gives one of these names a literal value."""
    if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
        return False
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    if not all(isinstance(target, ast.Name) and target.id in names for target in targets):
        return False
    try:
        ast.literal_eval(node.value)
    except (ValueError, TypeError):
        return False
    return True


def _written(node: Any) -> str:
    """A part of a syntax tree as `ast.dump` of Python 3.11 writes it; that of later versions writes something else."""
    if isinstance(node, list):
        return f"[{', '.join(map(_written, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [(name, value) for name, value in ast.iter_fields(node) if not _is_absent(node, name, value)]
    return f"{type(node).__name__}({', '.join(f'{name}={_written(value)}' for name, value in fields)})"


def _is_absent(node: ast.AST, name: str, value: Any) -> bool:
    if name == "type_params":  # Python 3.12 knows generic functions and classes
        return not value
    return value is None and getattr(type(node), name, ...) is None  # an optional part that is not there
