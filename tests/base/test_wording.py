"""What is wrong in a file is said in our words, whatever file and whatever is wrong."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import bench
from bench.base.nearest import beginning, hint, nearest
from bench.base.schema import Strict
from bench.errors import UserError
from bench.published.margins import Margin
from bench.recipe import Recipe
from bench.results.record import Record
from bench.site.fields import models

FOLDER = Path(bench.__file__).parent
STATING = sorted(
    ".".join(file.relative_to(FOLDER.parent).with_suffix("").parts).removesuffix(".__init__")
    for file in FOLDER.rglob("*.py")
    if re.search(r"^class \w+\(Strict\)", file.read_text(encoding="utf-8"), re.MULTILINE)
)
TRIED = [
    None,
    True,
    -1,
    0,
    0.5,
    2,
    10**30,
    float("nan"),
    float("inf"),
    "",
    "text",
    "1e-3",
    [],
    [1, "a"],
    {},
    {"a": 1},
    {1: 2},
]
THEIRS = re.compile(r"[Ii]nput should|[Vv]alid |[Ee]xtra inputs|[Uu]nable to|type=|pydantic|Error|of another kind|\n")


def all_models() -> list[type[BaseModel]]:
    """Every class of ours that is read from a file."""
    for name in STATING:
        importlib.import_module(name)
    found = [cls for cls in Strict.__subclasses__() if cls.__module__.startswith("bench.")]
    return sorted({each for cls in [*found, Record] for each in models(cls)}, key=lambda cls: cls.__name__)


MODELS = all_models()


def test_all_of_them_are_looked_at() -> None:
    assert {"Grid", "Recipe", "Row", "Margin", "Facts", "Cell", "Folder", "Count", "Claim", "Phase"} <= {
        cls.__name__ for cls in MODELS
    }


@pytest.mark.parametrize("model", [cls for cls in MODELS if issubclass(cls, Strict)], ids=lambda cls: cls.__name__)
def test_any_value_of_any_field_is_taken_or_refused_in_a_sentence_of_ours(model: type[Strict]) -> None:
    for field in [*model.model_fields, "no_such_field"]:
        for value in TRIED:
            try:
                model.read({field: value}, "f.yaml")
            except UserError as error:
                assert not THEIRS.search(str(error)), error
                assert str(error).startswith("f.yaml") and str(error).endswith((".", "?")), error


def said(model: type[Strict], **values: Any) -> str:
    with pytest.raises(UserError) as caught:
        model.read(values, "f.yaml")
    return str(caught.value)


def test_sentences_name_field_value_and_what_is_allowed() -> None:
    assert said(Margin, dataset="a", margin=0, extreme=1, why="x") == "f.yaml: field 'margin' has to be above 0, not 0."
    assert said(Margin, dataset="", margin=1, extreme=1, why="x") == (
        "f.yaml: field 'dataset' has to be a text of at least 1 character, not ''."
    )
    assert said(Margin, datasett="a") == "f.yaml: the field 'dataset' is missing."
    assert said(Margin, dataset="a", margin=1, extreme=1, why="x", whi=1) == (
        "f.yaml: unknown field 'whi'; did you mean 'why'?"
    )
    assert said(Recipe, batch_size=1, train={"epochs": 1, "lr": 1}, initialisation={"file": "a", "sha256": "ab"}) == (
        "f.yaml: field 'initialisation.sha256' has to be 64 hexadecimal digits in lower case, not 'ab'."
    )


def test_the_nearest_names_come_first() -> None:
    assert nearest("SNIPP", ["gmp", "snip", "rigl"]) == ["snip"]
    assert hint("snipp", ["gmp", "snip"]) == "did you mean 'snip'?"
    assert hint("erq", ["er", "erk", "global"]) == "did you mean 'er' or 'erk'?"
    assert hint("x", ["gmp", "snip"]) == "there are gmp, snip."
    assert hint("x", map(str, range(1000, 2000))) == "there are 1000, none like it."
    assert beginning("Evcy", ["Evci et al., Rigging the Lottery", "Lee, SNIP"]) == ["Evci et al., Rigging the Lottery"]
