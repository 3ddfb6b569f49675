"""YAML from anybody: plain values come out of it, nothing else, and never more than was written.

`yaml.safe_load` runs no code, but a few lines of aliases can stand for 10⁹ values, brackets can be nested until
Python's stack ends, and dates, sets and bytes are values that no field here takes. All of that is refused while it is
read.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from bench.errors import UNPRINTABLE

LONGEST = 1_000_000
"""Characters; the longest file of this project has 26,000."""

MOST_VALUES = 20_000
"""Values, those that aliases stand for counted each time."""

DEEPEST = 50
"""Brackets or indentations inside one another."""

_PLAIN = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq", "merge")}


def parse(text: str) -> Any:
    """The value of a YAML document: dicts, lists, texts, numbers, true, false and null.

    Raises `yaml.YAMLError` for everything else, whatever the text is.
    """
    if len(text) > LONGEST:
        raise yaml.YAMLError(f"{len(text):,} characters are more than the {LONGEST:,} that are read")
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _size(node, {})
        return loader.construct_document(node)
    except (ValueError, OverflowError, TypeError) as error:  # an integer of 5,000 digits, `!!int x`
        raise yaml.YAMLError(f"a value is not what it says it is: {str(error)[:100]}") from None


def write(value: Any, quoted: bool = False) -> str:
    """The inverse of `parse`, on one line; with `quoted`, every text inside is in double quotes, needed or not."""
    dumper = _Quoting if quoted else _Dumper
    text = yaml.dump(value, Dumper=dumper, default_flow_style=True, width=math.inf, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


_BREAK = re.compile("[\n\x85\u2028\u2029]")


class _Dumper(yaml.SafeDumper):
    """Writes what is there twice twice, and line breaks as escapes."""

    quoted = False

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def text(self, value: str) -> yaml.ScalarNode:
        style = '"' if self.quoted or _BREAK.search(value) else None
        return self.represent_scalar("tag:yaml.org,2002:str", value, style=style)


class _Quoting(_Dumper):
    quoted = True


_Dumper.add_representer(str, _Dumper.text)
_Dumper.add_multi_representer(dict, _Dumper.represent_dict)  # Snakemake's are ordered ones


class _Loader(yaml.SafeLoader):
    """Refuses nesting and numbers of values while nodes are made, before they fill stack or memory."""

    depth = values = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.depth += 1
        self.values += 1
        if self.depth > DEEPEST:
            raise yaml.YAMLError(f"more than {DEEPEST} brackets or indentations inside one another")
        _count(self.values)
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _size(node: yaml.Node, known: dict[yaml.Node, int]) -> int:
    """How many values a node stands for, all aliases written out."""
    if node in known:
        if not known[node]:
            raise yaml.YAMLError("an alias stands inside what it stands for")
        return known[node]
    if node.tag not in _PLAIN:
        kind = node.tag.rpartition(":")[2]
        raise yaml.YAMLError(f"'{str(node.value)[:40]}' is a {kind[:40]}; texts that look like one need quotes")
    known[node] = 0
    if isinstance(node, yaml.ScalarNode):
        if found := UNPRINTABLE.search(node.value):
            raise yaml.YAMLError(f"a text has the unprintable character {found[0]!a}")
        known[node] = 1
        return 1
    parts = node.value if isinstance(node, yaml.SequenceNode) else [each for pair in node.value for each in pair]
    known[node] = _count(1 + sum(_size(part, known) for part in parts))
    return known[node]


def _count(values: int) -> int:
    if values > MOST_VALUES:
        raise yaml.YAMLError(f"more than {MOST_VALUES:,} values, aliases written out")
    return values
