"""What stands in published/networks: the real files, and what is said about wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import UserError
from bench.recompute import cells
from bench.recompute.metric import Metric
from bench.recompute.work import tasks
from tests.recompute.synthetic import Synthetic


@pytest.mark.parametrize("name", cells.sources())
def test_every_source_is_read_and_has_code_that_takes_each_cell_once(name: str) -> None:
    source = cells.load(name)
    asked = [question.cell for task in tasks(source) for question in task.questions]
    assert sorted(asked) == sorted(cell.id for cell in source.cells)
    used = {cell.file for cell in source.cells}
    assert used == set(source.facts.files), "a file that no cell needs"


def test_distillers_tables_have_as_many_cells_as_it_printed() -> None:
    """22 tensors at 5 to 90 %, 21 convolutions at 5 to 45 % of their filters."""
    found = cells.load("distiller").cells
    assert sum(cell.table == "sensitivity.csv" for cell in found) == 22 * 18
    assert sum(cell.table == "sensitivity_filter_wise.csv" for cell in found) == 21 * 9


def test_at_most_571_pruned_networks_stand_behind_distillers_cells() -> None:
    """What is cut is a whole number: 5 % of 16 filters are none of them, 25 and 30 % are both four."""
    sizes = {"layer1": 16, "layer2": 32, "layer3": 64}
    filters = {
        (layer, int(cell.question.arguments["sparsity"] * sizes.get(layer[:6], 16)))
        for cell in cells.load("distiller").cells
        if cell.question.procedure == "prune_filters" and (layer := cell.question.arguments["layer"])
    }
    assert 22 * 18 + len({each for each in filters if each[1]}) == 571


def test_a_question_does_not_tell_what_is_printed(made_up: Synthetic) -> None:
    cell = made_up.load().cells[1]
    assert vars(cell.question) == {
        "cell": "double",
        "file": "small",
        "procedure": "size",
        "arguments": {"times": 2},
        "metrics": (Metric.PARAMETERS,),
    }


def test_a_cell_may_print_several_numbers() -> None:
    values = {"metrics": "top1; top5", "printed": "91.70;99.6", "names_file": "no", "procedure": "evaluate"}
    others = {"id": "a", "table": "t", "file": "f", "source": "s", "verified": "primary"}
    cell = cells.Cell.read(values | others, "here")
    assert (cell.metrics, cell.printed) == ((Metric.TOP1, Metric.TOP5), ("91.70", "99.6"))


@pytest.mark.parametrize(
    ("printed", "sentence"),
    [
        ((("a", "size", "about 3"),), "line 2: 'printed': 'about 3' is not a decimal number."),
        ((("a", "size", "1e3"),), "line 2: 'printed': '1e3' is not a decimal number."),
        ((("a", "size[", "3"),), "field 'procedure': 'size[' is not of the form name or name[field=value, …]."),
        ((("a", "size", "3"), ("a", "size", "3")), "line 3: field 'id': 'a' is there twice."),
        ((("a", "size", "3", "huge"),), "line 2: field 'file': 'huge' is not in "),
        ((), "made_up.csv: there is no cell."),
    ],
)
def test_a_wrong_cell_is_said_in_one_sentence(
    made_up: Synthetic,
    printed: tuple[tuple[str, ...], ...],
    sentence: str,
) -> None:
    made_up.print_cells(*printed)
    with pytest.raises(UserError) as caught:
        made_up.load()
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"aside": "[loss]"}, "'aside' and 'why_aside' belong together"),
        ({"licence": '""'}, "field 'licence'"),
        ({"note": "fine", "colour": "blue"}, "unknown field 'colour'"),
    ],
)
def test_wrong_facts_are_said_in_one_sentence(made_up: Synthetic, changes: dict[str, str], sentence: str) -> None:
    made_up.describe(**changes)
    with pytest.raises(UserError, match=sentence):
        made_up.load()


def test_an_unknown_source_is_told_which_there_are(made_up: Synthetic) -> None:
    with pytest.raises(UserError, match=r"^source 'other' is unknown; there are made_up\.$"):
        cells.load("other", made_up.networks)


def test_a_network_on_an_unknown_data_set_is_refused(made_up: Synthetic) -> None:
    path: Path = made_up.networks / "made_up.yaml"
    path.write_text(path.read_text().replace("dataset: digits", "dataset: digit"))
    with pytest.raises(UserError, match="data set 'digit' is unknown"):
        made_up.load()
