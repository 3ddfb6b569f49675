"""Content hashes: what determines a result names it, so nothing is trained twice and nothing stale is reused."""

from __future__ import annotations

import ast
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

ENGINE_VERSION = 1
"""Raised by hand when the engine's numbers change; `tests/test_golden.py` fails until it is."""


def digest(payload: Any) -> str:
    """SHA-256 (64 hex digits) of a JSON-like value, independent of the order of keys."""
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 (64 hex digits) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def source_digest(path: Path) -> str:
    """SHA-256 of what a method's file does.

    The syntax tree without docstrings and comments, together with that of every other file of the same folder which
    it imports (``from methods.snip import Snip``): reformatting or documenting a method re-trains nothing, changing
    it or its parent class does.
    """
    return digest({file.stem: _skeleton(file) for file in with_imports(path)})


def _skeleton(path: Path) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [
                statement
                for statement in node.body
                if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
            ]
    return ast.dump(tree)


def with_imports(path: Path) -> list[Path]:
    """A method's file and all others of its folder that it imports, directly or not."""
    found, queue = {path}, [path]
    while queue:
        for node in ast.walk(ast.parse(queue.pop().read_text(encoding="utf-8"))):
            for module in _imported(node):
                sibling = path.parent / f"{module.rpartition('.')[2]}.py"
                if module.startswith(f"{path.parent.name}.") and sibling.exists() and sibling not in found:
                    found.add(sibling)
                    queue.append(sibling)
    return sorted(found)


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []
