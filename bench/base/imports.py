"""What has to happen around ``import torchvision`` and ``import timm``.

Two things go wrong, or would have to be remembered by everybody, without this hook:

* The registry's torchvision is linked to CUDA. Beside a CPU-only torch its library ``_C.so`` cannot be loaded, and
  ``import torchvision`` (hence ``import timm``) dies with ``operator torchvision::nms does not exist``: torchvision
  describes the outputs of two operators that were never defined. Nothing in this package calls them, so it is enough
  to declare them. Users whose builds match never meet this.
* Our own architectures belong to timm's registry, so that ``timm.create_model("resnet20_cifar")`` works, but importing
  timm takes five seconds that most jobs do not need. So they are registered when, and only when, timm is imported.

Both are done by a finder on `sys.meta_path`; it imports nothing until one of the two packages is really imported.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from functools import cache
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any


def install() -> None:
    """Put the hook in front of `sys.meta_path`, once; packages imported earlier are caught up with."""
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    sys.meta_path.insert(0, _Finder())
    if "timm" in sys.modules:
        _register_architectures()


def torchvision_ops() -> str:
    """What `reprune doctor` prints about torchvision's compiled operators; imports torch, not torchvision."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None:
        return "torchvision is not installed"
    return _torchvision_operators(_folder(spec))[0]


class _Finder(MetaPathFinder):
    """Lets the other finders find, and wraps what loads the two packages."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in ("torchvision", "timm"):
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(fullname, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = _Loader(spec.loader, *_around(spec))
                return spec
        return None


class _Loader(Loader):
    """Another loader with something done just before and right after the module is executed."""

    def __init__(self, loader: Loader, before: Callable[[], object], after: Callable[[], object]) -> None:
        self.loader, self.before, self.after = loader, before, after

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # The module must not notice: resources and source are read through these two attributes.
        module.__loader__ = self.loader
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        self.before()
        self.loader.exec_module(module)
        self.after()


def _around(spec: ModuleSpec) -> tuple[Callable[[], object], Callable[[], object]]:
    if spec.name == "timm":
        return (lambda: None), _register_architectures
    return (lambda: _torchvision_operators(_folder(spec))), (lambda: None)


def _register_architectures() -> None:
    importlib.import_module("bench.archs.registration")


def _folder(spec: ModuleSpec) -> Path:
    return Path(next(iter(spec.submodule_search_locations or [""])))


@cache  # The cache also keeps the declarations alive: torch forgets them together with their Library object.
def _torchvision_operators(folder: Path) -> tuple[str, object]:
    """Load torchvision's operators, or declare `nms` and `qnms` where its library does not load."""
    import torch

    ops: Any = torch.ops
    problem = f"there is no _C*.so in {folder}"
    for library in sorted(folder.glob("_C*.so")):
        try:
            ops.load_library(str(library))
        except OSError as error:
            problem = str(error)
    if hasattr(ops.torchvision, "nms"):
        return "torchvision's compiled operators are loaded", None
    torch_library: Any = torch.library
    fragment = torch_library.Library("torchvision", "FRAGMENT")
    for operator in ("nms", "qnms"):
        fragment.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return f"torchvision works without its compiled operators, which nothing here needs ({problem})", fragment
