"""What a run is called and how it is written down: text from which the very same run comes back."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import catalog, data, names
from bench.base import plain_yaml
from bench.plan import grid
from bench.plan.lineage import identify
from bench.report import kept
from bench.results import record
from bench.spec import RunSpec
from bench.training.run import execute
from bench.workflow.flow import Flow
from tests.jobs import asked, planned

ROOT = Path(__file__).parents[2]
AWKWARD = (1 / 3, 2 / 3, 0.1 + 0.2, 1 - 10**-0.5, 1 - 10**-2.75, 1 - 2**-13, 1 - 0.8**17, 0.9999999999999999, 1e-17)
"""Numbers whose decimals go on: SynFlow's axis 1 − 10⁻ˣ, halvings, rounds of 20 %, the largest below 1."""

fractions = st.sampled_from(AWKWARD) | st.floats(0, 1, exclude_max=True)
steps = st.integers(1, 10**5)
budgets = st.sampled_from((1 / 3, 0.1, 1.0, 1e-6, 1e6)) | st.floats(1e-6, 1e6)
seeds = st.integers(-(2**63), 2**63 - 1)
ODD = ("null", "1e3", "1e-7", "yes", "~", "", "0x10", "2001-01-01", "12:30", "<<", "=", "a,b", "a]", "[a", "it's", '"')
texts = st.sampled_from(ODD) | st.text(
    st.characters(exclude_categories=("Cc", "Cs")) | st.sampled_from(",[]{}'\"\n\t:#=\\")
)


def written(**fields: Any) -> Any:
    """A strategy for fields as the mini-language writes them, each left out now and then."""
    return st.fixed_dictionaries({}, optional={name.replace("__", "."): each for name, each in fields.items()})


def methods(name: str, **fields: Any) -> st.SearchStrategy[str]:
    return written(**fields).map(lambda found: names.show(name, found))


allocations = st.sampled_from(["global", "erk", "uniform", "uniform[dense_first=true]"])
rigl = methods("rigl", schedule__every=steps, drop__initial=fractions, drop_noise=fractions, allocation=allocations)
force = methods("force", ramp__steps=steps, loss=st.sampled_from(["raw_logit", "cross_entropy"]), batches=steps)
magnitude = methods("magnitude", allocation=allocations)
single = st.one_of(
    methods("gmp", schedule__every=steps, schedule__initial=fractions, allocation=allocations),
    st.sampled_from(["gmp[schedule=periodic, schedule.every=100]", "dpf[schedule.every=16,schedule=periodic]"]),
    rigl,
    methods("sr_ste", decay=fractions),
    methods("sanity_check", of=force, check=st.sampled_from(["shuffle", "invert"])),
    methods("one_shot", of=magnitude, recalibrate=st.booleans()),
    magnitude.map(lambda inner: f'one_shot[ of="{inner}" ]'),
)
joint = methods("lth", rewind=fractions, fraction=st.floats(0.1, 0.9)) | methods(
    "elsa", of=rigl, bn=st.just("recalibrate")
)
recipes = written(
    train__epochs=st.floats(21, 1000),
    label_smoothing=fractions,
    optimizer__weight_decay=fractions,
    optimizer__betas=st.tuples(fractions, fractions).map(list),
    source=texts,
).map(lambda fields: names.show("digits", fields))
prunables = st.lists(texts, max_size=3).map(lambda found: names.show("all", {"exclude": found} if found else {}))


@st.composite
def commands(draw: st.DrawFn) -> list[str]:
    """Words of ``reprune run`` as somebody may type them."""
    method, points = draw(
        st.tuples(single, fractions.map(lambda point: [point]))
        | st.tuples(
            joint,
            st.lists(
                st.floats(0.01, 0.99) | st.sampled_from((1 / 3, 0.9, 1 - 0.8**3)), min_size=1, max_size=4, unique=True
            ),
        )
    )
    words = {
        "--dataset": "digits",
        "--architecture": "convnet_small",
        "--method": method,
        "--points": ",".join(map(repr, points)),
        "--seed": str(draw(seeds)),
        "--recipe": draw(recipes),
        "--budget": repr(draw(budgets)),
        "--prunable": draw(prunables),
    }
    return [f"{option}={value}" for option, value in words.items()]


@settings(deadline=None)
@given(commands())
def test_the_command_of_a_run_gives_the_very_same_run(words: list[str]) -> None:
    spec = asked(words).spec()
    again = asked(spec.arguments()).spec()
    assert (again, again.identity, again.id) == (spec, spec.identity, spec.id)
    assert shlex.split(spec.command) == ["reprune", "run", *spec.arguments()]


@settings(deadline=None)
@given(commands())
def test_a_run_read_back_from_its_record_is_the_same(words: list[str]) -> None:
    spec = asked(words).spec()
    again = RunSpec.model_validate_json(spec.model_dump_json())
    assert again == identify(again) == spec


@settings(deadline=None)
@given(st.lists(fractions, min_size=1, max_size=5, unique=True), budgets, seeds, recipes, prunables, single)
def test_every_job_of_a_grid_is_the_run_that_was_planned(
    sparsities: list[float], budget: float, seed: int, recipe: str, prunable: str, method: str
) -> None:
    fields = {"name": "some", "datasets": ["digits"], "architectures": ["convnet_small"], "seeds": [seed]}
    found = grid.load(
        fields
        | {"sparsities": sparsities, "budget": budget, "recipe": recipe, "prunable": prunable, "methods": [method]}
    )
    assert grid.load(plain_yaml.parse(kept.description(found))) == found
    flow = Flow(found, grid.expand(found), "some.yaml", 0)
    for run, spec in flow.runs.items():
        assert planned(flow.job(run)).spec() == spec


NESTED = {
    "elsa[of=rigl[schedule.every=10]]": 'elsa[ of = "rigl[schedule.every=10]" ]',
    "sanity_check[check=invert,of=force[ramp.steps=10,loss=raw_logit]]": (
        'sanity_check[of="force[ramp.steps=10,loss=raw_logit]", check=invert]'
    ),
    "one_shot[of=magnitude[allocation=uniform[dense_first=true]]]": (
        "one_shot[of='magnitude[allocation=uniform[dense_first=true]]']"
    ),
}
"""Methods inside methods as tables name them, and as somebody may write them."""


def test_a_method_inside_a_method_is_the_same_wherever_a_grid_names_it() -> None:
    shown, typed = list(NESTED), list(NESTED.values())
    fields = {
        "recipe": "digits",
        "datasets": ["digits"],
        "architectures": ["convnet_small"],
        "methods": typed,
        "sparsities": [0.9],
        "seeds": [0],
        "claims": [{"claim": f"{typed[1]} >= {shown[2]}", "source": "here"}],
        "overrides": [{"methods": [shown[0]], "points": [0.9, 1 / 3]}, {"methods": [typed[2]], "prunable": "conv"}],
        "trainings": [{"label": "2x", "methods": [typed[1]], "recipe": "digits[train.epochs=48]"}],
    }
    found = grid.load(fields)
    plan = grid.expand(found)
    trained = "sanity_check[check=invert,of=force[ramp.steps=10,loss=raw_logit],training=2x]"
    assert {cell.method for cell in plan.cells} == {"dense", *shown, trained}
    assert found.claims[0].methods == (shown[1], shown[2])
    assert {(cell.method, cell.point) for cell in plan.cells if cell.method == shown[0]} == {
        (shown[0], 0.9),
        (shown[0], 1 / 3),
    }
    assert {spec.prunable for spec in plan.runs if spec.method == "one_shot"} == {"conv"}
    for spec in plan.runs:
        assert catalog.parse(spec.method_text) == (spec.method, spec.hyperparameters)
        assert asked(shlex.split(spec.command)[2:]).spec() == spec


@pytest.mark.parametrize("points", [(-5.0, -4.0), (-1e-05,), (-0.5,)])
def test_what_begins_with_a_dash_is_no_option(points: tuple[float, ...]) -> None:
    words = ["--dataset=digits", "--architecture=convnet_small", "--method=str", "--recipe=digits", "--seed=-7"]
    spec = asked([*words, "--points=0.5"]).spec()
    assert asked(spec.arguments()).spec() == spec
    written = asked(spec.model_copy(update={"points": points}).arguments())  # of a method with such a knob
    assert written.points == points
    assert written.seed == -7


def test_numbers_of_few_digits_are_written_as_ever() -> None:
    words = ["--dataset=digits", "--architecture=convnet_small", "--method=lth", "--recipe=digits"]
    spec = asked([*words, "--points=0.90,0.0001", "--budget=1.0"]).spec()
    found = dict(zip(spec.arguments()[::2], spec.arguments()[1::2], strict=True))
    assert (found["--points"], found["--budget"]) == ("0.9,0.0001", "1")


@pytest.fixture(scope="module")
def awkward(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunSpec, Path]:
    """A finished run with numbers whose decimals go on, and texts that a shell and YAML could misread."""
    folder = tmp_path_factory.mktemp("it's")
    data.prepare("digits", folder / "data")
    note = names.show("digits", {"source": 'a, [b] # "it\'s" $HOME `x` \n ü', "label_smoothing": 0.1 / 3})
    words = [
        "--dataset=digits",
        "--architecture=convnet_small",
        "--recipe",
        note,
        "--prunable",
        'all[exclude="fc[.]w*"]',
    ]
    words += ["--method", 'sanity_check[of="force[ramp.steps=3,loss=raw_logit]"]', "--points", repr(1 - 10**-0.5)]
    spec = asked([*words, "--budget", repr(0.1 / 3)]).spec()
    assert execute(spec, folder).outcome == "ok"
    return spec, folder


def test_the_command_in_a_record_runs_in_a_shell_and_finds_its_own_run(awkward: tuple[RunSpec, Path]) -> None:
    spec, folder = awkward
    path = folder / "runs" / spec.id / "record.json"
    before = path.read_bytes()
    command = record.read(path).provenance["command"]
    assert command.startswith("reprune run ")
    program = shlex.join([sys.executable, "-m", "bench.commands.cli"])
    line = f"{program} {command.removeprefix('reprune ')} --results {shlex.quote(str(folder))}"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "This run is finished" in done.stdout
    assert path.read_bytes() == before
