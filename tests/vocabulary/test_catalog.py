"""Methods are found by file name; hyper-parameters are validated."""

import sys

import pytest

import methods
from bench import catalog, names
from bench.allocation import ERK, Global, Uniform
from bench.errors import UserError
from bench.method import Method, Stage
from bench.schedule import AtInit, Cubic, Doubling, Periodic, Schedule


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder whose files are methods too, and are forgotten afterwards."""
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path)])
    catalog.method_class.cache_clear()
    before = set(sys.modules)
    yield tmp_path
    catalog.method_class.cache_clear()
    for name in set(sys.modules) - before:
        if name.startswith("methods."):
            del sys.modules[name]


def test_every_method_of_the_project_is_found_and_sound():
    assert {"dense", "random", "magnitude", "gmp", "snip", "rigl", "dpf"} <= set(catalog.names())
    assert catalog.problems() == {}


def test_a_dropped_in_file_is_a_method(folder):
    (folder / "dropped_in.py").write_text(
        "from bench.method import Method\nclass DroppedIn(Method):\n    strength: float = 2.0\n"
    )
    assert "dropped_in" in catalog.names()
    assert catalog.create("dropped_in", {}).name == "dropped_in"
    assert catalog.create("dropped_in", {"strength": 3}).strength == 3.0


def test_a_broken_file_is_one_line_and_breaks_nothing_else(folder):
    (folder / "broken_syntax.py").write_text("x = 1\nclass (:\n")
    (folder / "broken_import.py").write_text("\n\nimport no_such_module_anywhere\n")
    (folder / "broken_empty.py").write_text("x = 1\n")
    problems = catalog.problems()
    assert set(problems) == {"broken_syntax", "broken_import", "broken_empty"}
    assert "methods/broken_syntax.py cannot be loaded: SyntaxError" in problems["broken_syntax"]
    assert "(line 2)" in problems["broken_syntax"]
    assert "(line 3)" in problems["broken_import"]
    assert "must define exactly one subclass of Method" in problems["broken_empty"]
    assert catalog.create("gmp", {}).name == "gmp"


def test_an_unknown_method_suggests_the_closest():
    with pytest.raises(UserError, match="no method 'rigel' in methods/; did you mean 'rigl'"):
        catalog.create("rigel", {})


def test_choices_and_inner_fields_can_be_set():
    assert catalog.create("random", {"allocation": "erk"}).allocation == ERK()
    assert catalog.create("gmp", {"allocation": "uniform[dense_first=true]"}).allocation == Uniform(dense_first=True)
    assert catalog.create("gmp", {"schedule.every": 7}).schedule.every == 7
    assert catalog.create("rigl", {"drop.initial": 0.5}).drop.initial == 0.5


@pytest.mark.parametrize(
    ("name", "fields", "sentence"),
    [
        ("snip", {"batch": 2}, "method 'snip' has no hyper-parameter 'batch'; did you mean 'batches'"),
        ("snip", {"batches": "many"}, r"snip\[batches\] has to be a whole number, not 'many'\."),
        ("gmp", {"allocation": "erq"}, r"gmp\[allocation\]: 'erq' is unknown; did you mean 'er' or 'erk'"),
        ("gmp", {"schedule.evry": 3}, r"gmp\[schedule\.evry\]: there is no 'evry'; did you mean 'every'"),
    ],
)
def test_wrong_hyperparameters_are_one_sentence(name, fields, sentence):
    with pytest.raises(UserError, match=sentence):
        catalog.create(name, fields)


def test_what_equals_the_default_is_dropped_from_the_text():
    assert catalog.parse("gmp[allocation=uniform,schedule.every=5]") == ("gmp", {"schedule.every": 5})


def test_overriding_an_inherited_field_without_an_annotation_works():
    """Plain dataclasses silently keep the parent's default; see `Method.__init_subclass__`."""

    class Parent(Method):
        allocation = Global()
        strength: float = 1.0

    class Child(Parent):
        allocation = ERK()
        strength = 2.0
        schedule = Cubic(every=5)

    assert (Child().allocation, Child().strength, Child().schedule.every) == (ERK(), 2.0, 5)
    assert Child(strength=3.0).strength == 3.0
    assert Parent().strength == 1.0


def test_default_stages_follow_the_schedule():
    assert Method().schedule == AtInit()
    assert Method().stages((0.9,)) == [Stage("train", 0.9, yields=(0.9,))]
    assert [stage.name for stage in catalog.create("magnitude", {}).stages((0.9,))] == ["pretrain", "finetune"]
    assert catalog.create("dense", {}).stages(()) == [Stage("train", yields=(None,))]
    assert catalog.create("dense", {}).schedule == Schedule()


def test_a_field_inside_a_choice_counts_in_whatever_order_it_is_given():
    for text in ("gmp[schedule=periodic,schedule.every=50]", "gmp[schedule.every=50,schedule=periodic]"):
        assert catalog.create(*names.parse(text)).schedule == Periodic(every=50)
        name, fields = catalog.parse(text)
        assert names.show(name, fields) == "gmp[schedule=periodic,schedule.every=50]"


def test_what_equals_the_default_is_dropped_unless_it_says_something_inside_another_choice():
    assert catalog.create("dpf", {}).schedule.every == 16  # and the default of `Periodic` is 100
    assert catalog.parse("dpf[schedule.every=16]") == ("dpf", {})
    name, fields = catalog.parse("dpf[schedule=periodic,schedule.every=16]")
    assert catalog.create(name, fields).schedule == Periodic(every=16)
    assert catalog.parse("dpf[schedule=periodic,schedule.every=100]")[1] == {
        "schedule": "periodic",
        "schedule.every": 100,
    }


def test_a_field_that_only_another_choice_has_may_be_set_with_it():
    name, fields = catalog.parse("gmp[schedule=doubling,schedule.at=[0.5]]")
    assert catalog.create(name, fields).schedule == Doubling(at=(0.5,))
    with pytest.raises(UserError, match="there is no 'at'"):
        catalog.parse("gmp[schedule.at=[0.5]]")
