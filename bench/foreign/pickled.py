"""Which names a pickle would call, read from its instructions; none is looked up, and nothing is run."""

from __future__ import annotations

import io
import pickletools
import re
from collections.abc import Iterator

SCANNED = 32 * 2**20
"""Bytes of a pickle that are looked at; the tensors' own bytes are not among them."""

STREAMS = 5
"""Pickles at the beginning of a file in torch's old format: its magic number, version, machine, content, and keys."""

_MEMORY = {"BINPUT", "LONG_BINPUT", "PUT", "MEMOIZE"}
_RECALL = {"BINGET", "LONG_BINGET", "GET"}

_TORCH = re.compile(
    r"torch\.((_utils|_tensor|storage|serialization|sparse|cuda|cuda\.sparse)\.)?\w+|torch\.nn\.parameter\.Parameter"
    r"|collections\.(OrderedDict|Counter)|_codecs\.encode|(__builtin__|builtins)\.(set|complex)"
)
"""What tensors and plain containers are made of."""


def classes(content: bytes) -> list[str]:
    """The names in a pickle, each once in their order, that stand for something else than tensors and containers.

    Args:
        content: the pickle, or several of them; damage ends the list.
    """
    names = dict.fromkeys(name for name in _names(content) if not _TORCH.fullmatch(name))
    return list(names)


def _names(content: bytes) -> Iterator[str]:
    stream = io.BytesIO(content)
    try:
        for _ in range(STREAMS):
            yield from _called(stream)
    except Exception:  # pickletools raises whatever it knows at damage, and the reader of tensors tells of it
        return


def _called(stream: io.BytesIO) -> Iterator[str]:
    """The names that one pickle refers to: by GLOBAL, or by STACK_GLOBAL from the two texts before it."""
    texts: list[str] = []
    memory: dict[int, str] = {}
    top = ""
    for code, value, _ in pickletools.genops(stream):
        if code.name in ("GLOBAL", "INST"):
            yield str(value).replace(" ", ".")
        elif code.name == "STACK_GLOBAL":
            yield ".".join(texts[-2:])
        elif code.name in _MEMORY:
            memory[len(memory) if value is None else int(value)] = top
            continue
        text = value if isinstance(value, str) else ""
        top = memory.get(int(value or 0), "") if code.name in _RECALL else text
        if top:
            texts = [*texts[-1:], top]
