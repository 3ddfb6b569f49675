"""Damage as hypothesis draws it: to the bytes of a real file, and to values deep inside what it holds."""

from __future__ import annotations

import copy
import re
from typing import Any

from hypothesis import strategies as st

TOKENS = (
    *("0", "-1", "1e999", ".nan", ".inf", "-.inf", "NaN", "1e-320", "9" * 30, "9" * 5000, "0x41", "1:30", "true", "~"),
    *("", "[", "]", "{", "}", "[" * 400, "{a: " * 200, "- " * 300, "a" * 300, "x" * 20_000, "'", '"', "\\", ":", ","),
    *("=", "#", "&a [*a, *a]", "*a", "<<: *a", "!!python/object/apply:os.system ['touch pwned']", "!!binary aGk="),
    *("2001-01-01", "2001-99-99", "!!set {a}", "!!int x", "? [a]\n: b", "---\n", "%YAML 9.9\n", "\t", "\0", "\r"),
    *("\x1b]0;t\x07", "\u2028", "\U0001f600", "../../../../tmp/pwned", "/etc/passwd", "~/x", "; touch pwned"),
    *("$(touch pwned)", "`touch pwned`", "{wildcards}", "hf-hub:a/b", "__class__", "{{7*7}}", "<script>", "dense"),
    *("gmp[schedule.every=0]", "lth[fraction=.nan]", "digits[batch_size.x=1]"),
)
"""What parsers, numbers, paths, shells and templates trip over."""

VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 2**31, 2**63, 10**30, 1e308, -1e308, 5e-324, float("nan"), float("inf"), "NaN", "Infinity"),
    *("", "x", "x" * 5000, "../../x", "/etc/passwd", "a\nb", "\x1b[2J", "$\\frac$", "{x}", "<b>|`_*&amp;", "\ud800"),
    *([], [[]], [0] * 300, {}, {"": {}}, {"a": [None]}, [1, "a", None]),
)
"""What a field of JSON or YAML may hold instead of what it should."""


@st.composite
def damaged(draw: st.DrawFn, original: bytes) -> bytes:
    """Bytes with one to three damages: cut off, overwritten, doubled, a hostile token put in or in a word's place."""
    data = original
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 40)))
        kind = draw(st.sampled_from(("cut", "overwrite", "drop", "double", "insert", "word", "word", "word")))
        if kind == "cut":
            data = data[:start]
        elif kind == "overwrite":
            data = data[:start] + draw(st.binary(min_size=1, max_size=8)) + data[end:]
        elif kind == "drop":
            data = data[:start] + data[end:]
        elif kind == "double":
            data = data[:end] + data[start:]
        else:
            data = _with_token(draw, data, start, kind == "word")
    return data


def _with_token(draw: st.DrawFn, data: bytes, start: int, replace: bool) -> bytes:
    token = draw(st.sampled_from(TOKENS)).encode()
    word = re.compile(rb"[\w.+-]+").search(data, start) if replace else None
    return data[: word.start()] + token + data[word.end() :] if word else data[:start] + token + data[start:]


@st.composite
def altered(draw: st.DrawFn, original: Any) -> Any:
    """Values like JSON's with one to three of them replaced, removed, renamed or put in twice, at any depth."""
    values = copy.deepcopy(original)
    for _ in range(draw(st.integers(1, 3))):
        _alter(draw, values)
    return values


def _alter(draw: st.DrawFn, values: Any) -> None:
    place = values
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return
        key = draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key] or draw(st.integers(0, 4)) == 0:
            break
        place = place[key]
    kind = draw(st.sampled_from(("replace", "replace", "replace", "remove", "add")))
    if kind == "replace":
        place[key] = copy.deepcopy(draw(st.sampled_from(VALUES)))
    elif kind == "remove":
        del place[key]
    elif isinstance(place, dict):
        place[draw(st.sampled_from(("new", "", "0", "__proto__", "name")))] = copy.deepcopy(place[key])
    else:
        place.insert(0, copy.deepcopy(place[key]))


def texts(like: list[str]) -> st.SearchStrategy[str]:
    """Texts like real ones: damaged, put together of tokens, and random."""
    real = (
        st.sampled_from(like)
        .flatmap(lambda text: damaged(text.encode()))
        .map(lambda data: data.decode(errors="replace"))
    )
    joined = st.lists(st.sampled_from([*like, *TOKENS, "[", "]", "=", ",", "."]), max_size=6).map("".join)
    return st.one_of(real, joined, st.text(max_size=60))
