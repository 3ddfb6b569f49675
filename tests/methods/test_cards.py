"""Every method has a card, which names its hyper-parameters and gives options that exist."""

import dataclasses
import re
from pathlib import Path

import pytest

from bench import catalog, names
from bench.method import Method

CARDS = Path(__file__).parents[2] / "docs" / "methods"
OWN = [name for name, file in catalog.files().items() if file.parent == CARDS.parents[1] / "methods"]


def card(name):
    path = CARDS / f"{name}.md"
    assert path.is_file(), f"method '{name}' has no docs/methods/{name}.md"
    return path.read_text(encoding="utf-8")


def chosen(name):
    """Fields that the method adds to those that all methods have."""
    common = {field.name for field in dataclasses.fields(Method)}
    return [field.name for field in dataclasses.fields(catalog.method_class(name)) if field.name not in common]


@pytest.mark.parametrize("name", OWN)
def test_the_card_names_every_hyper_parameter(name):
    text = card(name)
    missing = [field for field in chosen(name) if not re.search(rf"[`\[,]{field}\b", text)]
    assert not missing, f"docs/methods/{name}.md does not name {missing}"


@pytest.mark.parametrize("name", OWN)
def test_a_card_is_short_and_says_what_it_costs_and_where_the_method_is_from(name):
    lines = card(name).splitlines()
    assert lines[0].startswith("# ")
    assert len(lines) <= 50
    assert max(map(len, lines)) <= 250
    assert "cost" in card(name).lower()
    assert name == "dense" or re.search(r"arXiv:\d{4}\.\d{5}", card(name)), "no arXiv number"


def options(name):
    """What stands in code quotes and begins with the name of a method and a bracket, without those cut short by …"""
    path = CARDS / f"{name}.md"
    found = re.findall(r"`(\w+\[[^`]+\])`", path.read_text(encoding="utf-8") if path.is_file() else "")
    return [text for text in found if "…" not in text and text.partition("[")[0] in catalog.names()]


@pytest.mark.parametrize(("name", "text"), [(name, text) for name in OWN for text in options(name)])
def test_what_a_card_gives_as_an_option_can_be_written_in_a_grid(name, text):
    assert catalog.create(*names.parse(text)).name == text.partition("[")[0]
