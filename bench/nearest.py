"""The names that somebody may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

MANY = 40
"""More names than this are not listed in a sentence."""


def nearest(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The known names that look like a name, whatever its case, the nearest first."""
    folded: dict[str, str] = {}
    for each in known:
        folded.setdefault(each.casefold(), each)
    return [folded[found] for found in get_close_matches(name.casefold()[:100], list(folded), n=most)]


def hint(name: str, known: Iterable[str]) -> str:
    """What to say of a name that is unknown: ``did you mean 'snip'?``, or which names there are."""
    known = list(known)
    close = [f"'{each}'" for each in nearest(name, known)]
    if close:
        return f"did you mean {' or '.join(filter(None, [', '.join(close[:-1]), close[-1]]))}?"
    return f"there are {', '.join(known)}." if 0 < len(known) <= MANY else f"there are {len(known)}, none like it."
