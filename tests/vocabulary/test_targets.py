"""A run's points are checked as a grid's are, before anything is prepared or trained."""

from pathlib import Path

import pytest

import methods
from bench import catalog
from bench.commands.cli import call
from bench.errors import UserError
from bench.plan.targets import check_run

WORDS = ("--dataset", "digits", "--arch", "convnet_small", "--recipe", "digits")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("gmp", "--sparsity", "95"),
            "a point of method 'gmp' has to be at least 0 and below 1, not 95 (did you mean 0.95?).",
        ),
        (("gmp", "--sparsity", "1.0"), "a point of method 'gmp' has to be at least 0 and below 1, not 1."),
        (("gmp", "--sparsity", "-0.5"), "a point of method 'gmp' has to be at least 0 and below 1, not -0.5."),
        (("gmp",), "method 'gmp' needs a sparsity, as in --sparsity 0.9."),
        (("dense", "--sparsity", "0.9"), "method 'dense' has no sparsity to reach; leave --sparsity out."),
        (
            ("gmp", "--sparsity", "0.9,0.8"),
            "method 'gmp' takes one sparsity a run, not 0.9, 0.8; a grid has a run for each.",
        ),
        (("elsa", "--sparsity", "0.9,0.9"), "the point 0.9 of method 'elsa' is listed twice."),
        (("ftwt", "--sparsity", "0"), "a point of method 'ftwt' has to be above 0 and at most 1, not 0."),
        (("snip[batches=0]", "--sparsity", "0.9"), "snip[batches] has to be from 1 to 100,000, not 0."),
    ],
)
def test_a_wrong_run_is_refused_before_anything(
    words: tuple[str, ...], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["run", *words, *WORDS, "--results", str(tmp_path / "results")]) == 2
    assert capsys.readouterr().err == f"reprune: {sentence}\n"
    assert not (tmp_path / "results").exists()


def test_what_methods_take_is_taken() -> None:
    for text, points in (("gmp", (0.0,)), ("lth", (0.5, 0.9)), ("fbs", (1.0,)), ("dense", ())):
        check_run(catalog.create(text, {}), text, points)


def test_a_method_may_state_targets_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path)])
    (tmp_path / "knob.py").write_text(
        "from bench.method import Method\nclass Knob(Method):\n    meaning = 'reached'\n"
        "    bounds = {'points': '[-10, 0)'}\n"
    )
    check_run(catalog.create("knob", {}), "knob", (-5.0,))
    with pytest.raises(UserError, match=r"has to be at least -10 and below 0, not 0\.9"):
        check_run(catalog.create("knob", {}), "knob", (0.9,))
