"""The names that somebody may have meant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

MANY = 40
"""More names than this are not listed in a sentence."""


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """The known names that look like a name, whatever its case, the nearest first."""
    folded: dict[str, str] = {}
    for each in known:
        folded.setdefault(each.casefold(), each)
    return [folded[found] for found in get_close_matches(name.casefold()[:100], list(folded))]


def beginning(text: str, known: Iterable[str]) -> list[str]:
    """The known names whose beginning, or one word of it, looks like a text: papers, say, by an author's name."""
    keys: dict[str, str] = {}
    for each in known:
        words = [word for word in re.split(r"[^\w.-]+", each) if len(word) > 3]
        for key in (each[: len(text) + 1], *words):
            keys.setdefault(key.casefold(), each)
    return list(dict.fromkeys(keys[key] for key in nearest(text, keys)))


def hint(name: str, known: Iterable[str]) -> str:
    """What to say of a name that is unknown: ``did you mean 'snip'?``, or which names there are."""
    known = list(known)
    close = nearest(name, known)
    if close:
        return meant(close)
    return f"there are {', '.join(known)}." if 0 < len(known) <= MANY else f"there are {len(known)}, none like it."


def meant(close: list[str]) -> str:
    """``did you mean 'a', 'b' or 'c'?``."""
    quoted = [f"'{each}'" for each in close]
    return f"did you mean {' or '.join(filter(None, [', '.join(quoted[:-1]), quoted[-1]]))}?"
