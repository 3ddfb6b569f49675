"""A grid as files and commands."""

from __future__ import annotations

import os
import shlex
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench import data
from bench.counting import flops
from bench.errors import UserError
from bench.plan import grid
from bench.plan.resolved import changes, resolve
from bench.workflow.flow import Flow, plan
from tests.jobs import planned

QUICK = Path(__file__).parents[2] / "configs" / "quick.yaml"
FIELDS = {
    "recipe": "digits",
    "datasets": ["digits"],
    "architectures": ["convnet_small"],
    "methods": ["magnitude", "gmp[schedule.every=10]"],
    "sparsities": [0.95],
    "seeds": [0, 1],
    "threads": 2,
    "results": "a folder",
    "data_dir": "of data",
}


@pytest.fixture(autouse=True)
def _own_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """`plan` puts its interpreter in front of PATH; the next test gets the old one back."""
    monkeypatch.setenv("PATH", os.environ["PATH"])


@pytest.fixture
def flow() -> Flow:
    found = grid.load(FIELDS | {"name": "small"})
    return Flow(found, grid.expand(found), "configs/small.yaml", 0)


def test_a_run_needs_its_data_its_counts_and_the_dense_run_of_its_seed(flow: Flow) -> None:
    ids = {(spec.method, spec.seed): spec.id for spec in flow.plan.runs}
    before = ["a folder/data/digits.safetensors", "a folder/archs/convnet_small-10x1x8x8.json"]
    assert flow.needs(ids["dense", 1]) == before
    assert flow.needs(ids["gmp", 1]) == before
    assert flow.needs(ids["magnitude", 1]) == [*before, flow.record(ids["dense", 1])]


def test_the_job_is_the_run_that_was_planned(flow: Flow) -> None:
    for spec in flow.plan.runs:
        job = planned(flow.job(spec.id))
        assert job.spec() == spec
        assert (job.results, job.threads) == (Path("a folder"), 2)


def test_a_job_is_told_whether_seeds_are_added_at_looks(flow: Flow) -> None:
    run = flow.plan.runs[0].id
    assert not planned(flow.job(run)).looks
    found = grid.load(FIELDS | {"name": "small", "looks": True})
    added = Flow(found, grid.expand(found), "configs/small.yaml", 0)
    assert planned(added.job(run)).looks


def test_processes_that_decode_are_asked_for_and_counted_where_there_are_photographs(flow: Flow) -> None:
    run = flow.plan.runs[0].id
    assert flow.threads(run) == 2
    changed = {"name": "photographs", "recipe": "imagenet", "datasets": ["signdigits"], "workers": 5}
    found = grid.load(FIELDS | changed)
    photographs = Flow(found, grid.expand(found), "configs/small.yaml", 0)
    run = photographs.plan.runs[0].id
    assert photographs.threads(run) == 2 + 5
    assert planned(photographs.job(run)).workers == 5


def test_every_record_is_planned_once(flow: Flow) -> None:
    assert len(flow.records) == len(set(flow.records)) == 2 * 3


def test_commands_quote_what_needs_it(flow: Flow) -> None:
    assert flow.preparation("digits") == "digits --results 'a folder' --data-dir 'of data'"
    assert flow.counting("convnet_small-10x1x8x8") == "convnet_small digits --results 'a folder'"


def test_counts_are_written_where_the_workflow_looks(flow: Flow, tmp_path: Path) -> None:
    flops.count("convnet_small", data.info("digits"), tmp_path)
    assert [path.stem for path in tmp_path.iterdir()] == list(flow.networks)


def test_changes_are_read_as_yaml() -> None:
    assert changes(["budget=0.1", "methods=[dense, gmp]", "name=a=b"]) == {
        "budget": 0.1,
        "methods": ["dense", "gmp"],
        "name": "a=b",
    }
    with pytest.raises(UserError, match="'budget' is not of the form FIELD=VALUE"):
        changes(["budget"])


def snakemake(config_file: Path, resources: dict[str, Any]) -> Any:
    """What `plan` uses of Snakemake's workflow object, in a job's process."""
    return SimpleNamespace(
        configfiles=[config_file],
        global_resources=resources,
        register_resource=lambda name, value: resources.update({name: value}),
        exec_mode="a job's",
        config_settings=SimpleNamespace(config={}),
    )


def test_a_changed_grid_is_named_so_that_the_report_opens_the_same() -> None:
    found = resolve(QUICK, {"budget": 0.5, "seeds": [7]})
    source, *words = shlex.split(found.words)
    assert grid.load(Path(source), changes(words)) == found.grid
    assert (found.grid.budget, found.grid.seeds, found.grid.name) == (0.5, (7,), "quick")


@pytest.mark.parametrize(
    "fields",
    [
        {"budget": 1 / 3, "sparsities": [1 - 10**-0.5, 1e-07, 1 - 2**-13]},
        {"title": "null"},
        {"title": "1e3, [a] {b}: 'c' \"d\" # $HOME \\n \u2028 \U0001f600 = ü"},
        {
            "methods": ['one_shot[of="magnitude[allocation=erk]"]', "gmp[schedule.every=10,allocation=erk]"],
            "claims": [],
        },
        {"methods": ["gmp"], "overrides": [OrderedDict(points=[1 / 3, 0.9], recipe="digits[label_smoothing=1.0e-07]")]},
    ],
)
def test_changes_come_back_equal_from_the_words_that_name_them(fields: dict[str, Any]) -> None:
    found = resolve(QUICK, {"claims": []} | fields)
    source, *words = shlex.split(found.words)
    again = grid.load(Path(source), changes(words))
    assert again == found.grid
    assert again != grid.load(QUICK)
    assert [spec.id for spec in grid.expand(again).runs] == [spec.id for spec in found.plan.runs]


def test_gpus_limit_how_many_runs_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPRUNE_GPUS", "a,b")
    resources: dict[str, Any] = {}
    plan(snakemake(QUICK, resources), {"slots_per_gpu": 3})
    assert resources == {"gpu_slots": 6}
    asked = {"gpu_slots": 1}
    plan(snakemake(QUICK, asked), {"slots_per_gpu": 3})
    assert asked == {"gpu_slots": 1}


@pytest.mark.parametrize(("gpu_slots", "gpus", "slots"), [(0, 0, 0), (9, 2, 6)])
def test_a_run_on_several_gpus_takes_all_of_their_slots(gpu_slots: int, gpus: int, slots: int) -> None:
    found = grid.load(FIELDS | {"name": "small", "recipe": "digits[gpus=2]", "slots_per_gpu": 3})
    flow = Flow(found, grid.expand(found), "configs/small.yaml", gpu_slots)
    run = flow.plan.runs[0].id
    assert (flow.gpus(run), flow.slots(run), flow.threads(run)) == (gpus, slots, 2 * 2)


@pytest.mark.parametrize(("gpu_slots", "asked"), [(0, 0), (9, 1)])
def test_a_run_on_one_gpu_takes_one_slot_of_it(gpu_slots: int, asked: int) -> None:
    found = grid.load(FIELDS | {"name": "small"})
    flow = Flow(found, grid.expand(found), "configs/small.yaml", gpu_slots)
    run = flow.plan.runs[0].id
    assert (flow.gpus(run), flow.slots(run), flow.threads(run)) == (asked, asked, 2)


def test_a_wrong_grid_ends_the_call_with_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        plan(snakemake(QUICK, {}), {"sparsities": [1.5]})
    assert ended.value.code == 2
    printed = capsys.readouterr().err
    assert printed.startswith("reprune: ") and printed.count("\n") == 1
    assert "quick.yaml: field 'sparsities': 1.5 is not in [0, 1)" in printed
