"""Every field of every method says what it may be, and takes nothing else."""

import dataclasses
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest

from bench import catalog, hyperparameters
from bench.errors import UserError
from bench.hyperparameters import CHOICES, changed, hints_of
from bench.plan.lineage import identify
from bench.recipe import Recipe
from bench.schedule import Cosine
from bench.spec import RunSpec
from tests.contract.harness import VALUES

OURS = [name for name, file in catalog.files().items() if file.parent == Path(__file__).parents[2] / "methods"]
TRIED = [-1, 0, 0.5, 2, 1e9, math.nan, math.inf, True, "text", None, [2], "1e-3"]
THEIRS = re.compile(r"[Ii]nput should|[Ii]nput|valid |Error|Traceback|pydantic|unexpected")
"""Words of pydantic's and Python's, which say nothing to who writes a grid."""


def classes() -> list[type]:
    """The choices that methods are made of, in the project's own files."""
    found = {Cosine} | {cls for base in CHOICES for cls in hyperparameters._subclasses(base)}
    return sorted((cls for cls in found if cls.__module__.startswith("bench.")), key=lambda cls: cls.__name__)


def fields_of(choice: Any, prefix: str = "") -> list[tuple[str, Any, str | None]]:
    """(field, its type, the interval that its class or a parent states), those of choices inside included."""
    found = []
    for name, hint in hints_of(type(choice)).items():
        stated = [vars(cls)["bounds"][name] for cls in type(choice).__mro__ if name in vars(cls).get("bounds", {})]
        found.append((prefix + name, hint, stated[0] if stated else None))
        if dataclasses.is_dataclass(value := getattr(choice, name)):
            found += fields_of(value, f"{prefix}{name}.")
    return found


def members(hint: Any) -> set[Any]:
    """The types of a union or of a tuple, and the words of a literal."""
    if get_origin(hint) is Literal:
        return set(get_args(hint))
    parts = [part for part in get_args(hint) if part is not ...]
    return set().union(*map(members, parts)) if parts else {hint}


def allowed(value: Any, hint: Any, stated: str | None) -> bool:
    """Whether type and interval let a value pass, read here once more."""
    kinds = members(hint)
    if get_origin(hint) is tuple:
        return isinstance(value, list) and all(allowed(each, get_args(hint)[0], stated) for each in value)
    if value is None or isinstance(value, bool):
        return type(value) in kinds or value in kinds - {0, 1}
    if value == "1e-3" and float in kinds and str not in kinds:
        value = 0.001
    if isinstance(value, str):
        return str in kinds or value in kinds
    if isinstance(value, list) or not kinds & {int, float} or (float not in kinds and value % 1 != 0):
        return value in kinds if isinstance(value, int) else False
    left, low, high, right = re.fullmatch(r"([\[(])(.*), (.*)([\])])", stated or "(-1e12, 1e12)").groups()
    above = float(low) <= value if left == "[" else float(low) < value
    return above and (value <= float(high) if right == "]" else value < float(high))


def plan(method: str, fields: dict[str, Any]) -> None:
    """What a grid does before anything is trained."""
    made = catalog.create(method, fields)
    spec = RunSpec(
        dataset="digits",
        architecture="convnet_small",
        method=method,
        hyperparameters=fields,
        points=(0.75,) if made.meaning != "none" else (),
        seed=0,
        recipe=Recipe.read(VALUES, "the contract tests"),
        recipe_text="contract",
    )
    if not made.skip(spec):
        identify(spec)


def refused(method: str, fields: dict[str, Any], use: Callable[[str, dict[str, Any]], object] = catalog.create) -> str:
    """The sentence with which a value is refused, or nothing."""
    try:
        use(method, fields)
    except UserError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("method", catalog.names())
def test_a_value_is_refused_in_a_sentence_or_allowed_by_what_is_stated(method: str) -> None:
    for field, hint, stated in fields_of(catalog.create(method, {})):
        for value in TRIED:
            sentence = refused(method, {field: value}, plan)
            assert not THEIRS.search(sentence), sentence
            if sentence:
                assert sentence.endswith((".", "?")), sentence
            elif not isinstance(hint, type) or not issubclass(hint, CHOICES):
                assert allowed(value, hint, stated), f"{method}[{field}={value!r}] is taken"


@pytest.mark.parametrize("method", OURS)
def test_what_is_stated_can_be_set(method: str) -> None:
    for field, hint, stated in fields_of(catalog.create(method, {})):
        simple = not isinstance(hint, type) or not dataclasses.is_dataclass(hint)
        for value in TRIED if simple and str not in members(hint) else ():
            if allowed(value, hint, stated):
                assert refused(method, {field: value}) == ""


@pytest.mark.parametrize("method", OURS)
def test_every_number_of_a_method_has_bounds(method: str) -> None:
    fields = fields_of(catalog.create(method, {}))
    assert [field for field, hint, stated in fields if members(hint) & {int, float} and stated is None] == []


@pytest.mark.parametrize("choice", classes())
def test_every_number_of_a_choice_has_bounds_and_keeps_to_them(choice: type) -> None:
    for field, hint, stated in fields_of(choice()):
        assert stated is not None or not members(hint) & {int, float}, f"{choice.__name__}.{field}"
        for value in TRIED:
            try:
                changed(choice(), {field: value}, "x")
            except UserError as error:
                assert not THEIRS.search(str(error)), error
            else:
                assert allowed(value, hint, stated), f"{choice.__name__}[{field}={value!r}] is taken"


@pytest.mark.parametrize(
    "text",
    [
        "snip[batches=0]",
        "rigl[drop.initial=2]",
        "set[drop=-1]",
        "gmp[schedule.initial=2]",
        "gmp[schedule=cubic[initial=2]]",
        "greg[every=0]",
        "greg[ratio=0]",
        "dsr[moved=2]",
        "dsr[threshold=-0.5]",
        "grasp[temperature=0]",
        "str[decay=-1]",
        "lth[fraction=1e-9]",
        "set[schedule=doubling[at=[0.5, 2]]]",
        "force[ramp=linear[steps=0]]",
        "one_shot[of=magnitude[structure=nm[m=0]]]",
        "sanity_check[of=force[batches=0]]",
    ],
)
def test_what_once_ended_in_an_error_or_in_a_wrong_result_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"^\w+\[[\w.]+\] has to be (from|above|at least) .*, not .*\.$"):
        catalog.parse(text)


def test_bases_that_say_nothing_cannot_be_chosen() -> None:
    for text in ("gmp[allocation=allocation]", "force[ramp=ramp]", "l1_filter[schedule=schedule]"):
        with pytest.raises(UserError, match="is unknown; there are "):
            catalog.parse(text)
