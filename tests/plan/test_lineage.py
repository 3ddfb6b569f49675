"""Identities of runs and stages: what they depend on, and what they must not depend on."""

import pytest

from bench import identity
from bench.errors import UserError
from bench.plan import grid, lineage
from bench.plan.lineage import identify, identities, stages_of
from bench.recipe import Recipe
from bench.spec import RunSpec

RECIPE = Recipe.read(
    {
        "name": "r",
        "batch_size": 8,
        "train": {"epochs": 4, "lr": 0.1, "schedule": "multistep", "milestones": [2, 3]},
        "finetune": {"epochs": 2, "lr": 0.01},
    },
    "the test",
)


def spec(method="gmp", recipe=RECIPE, **fields):
    values = {"points": () if method == "dense" else (0.9,), "seed": 0, "dataset": "digits"} | fields
    return RunSpec(method=method, recipe=recipe, recipe_text="r", architecture="resnet8_cifar", **values)


def changed(**update):
    return Recipe.read(RECIPE.model_dump() | update, "the test")


def test_the_same_run_has_the_same_identity():
    assert identify(spec()).identity == identify(spec()).identity
    assert len(identify(spec()).identity) == 64
    assert identify(spec()).id.startswith("digits-resnet8_cifar-gmp-0.9-s0-")


@pytest.mark.parametrize(
    "other",
    [
        spec(seed=1),
        spec(points=(0.95,)),
        spec(prunable="conv"),
        spec(hyperparameters={"schedule.every": 7}),
        spec(recipe=changed(label_smoothing=0.1)),
        spec(recipe=RECIPE.scaled(0.5)),
        spec("random"),
    ],
)
def test_whatever_determines_the_result_changes_the_identity(other):
    assert identify(other).identity != identify(spec()).identity


@pytest.mark.parametrize("update", [{"name": "x"}, {"source": "y"}, {"report": "best"}, {"evaluate_every": 3}])
def test_what_does_not_determine_the_result_does_not(update):
    assert identify(spec(recipe=changed(**update))).identity == identify(spec()).identity


@pytest.mark.parametrize(
    ("method", "architecture", "touched"),
    [
        ("l1_filter", "resnetv2_50", True),
        ("fbs", "convmixer_768_32", True),
        ("gmp", "resnetv2_50", False),
        ("l1_filter", "resnet50", False),
        ("l1_filter", "resnet8_cifar", False),
    ],
)
def test_norms_behind_activations_go_with_their_filter_under_another_identity(
    monkeypatch, method, architecture, touched
):
    """Once they stayed. Networks that have none, and methods that remove no filter, keep their identity."""
    now = spec(method).model_copy(update={"architecture": architecture})
    ours = identify(now).identity
    monkeypatch.setattr(lineage, "FOLLOWED", ())
    assert (identify(now).identity != ours) == touched


def test_a_field_at_its_default_leaves_the_identity_as_it_was():
    """So a field that a later version adds orphans nothing."""
    written = Recipe.read(RECIPE.model_dump(exclude_defaults=True), "the test")
    assert identify(spec(recipe=written)).identity == identify(spec(recipe=changed(dropout=0.0))).identity


def test_dense_training_is_one_stage_for_all_methods_and_targets():
    dense = identities(spec("dense"))["train"]
    for point in (0.5, 0.9):
        for prunable in ("all", "conv"):
            assert identities(spec("magnitude", points=(point,), prunable=prunable))["pretrain"] == dense
    assert identities(spec("gmp"))["train"] != dense
    assert identities(spec("magnitude", seed=1))["pretrain"] != dense


def test_fine_tuning_does_not_change_what_came_before():
    longer = changed(finetune={"epochs": 9, "lr": 0.01})
    before, after = identities(spec("magnitude")), identities(spec("magnitude", recipe=longer))
    assert before["pretrain"] == after["pretrain"]
    assert before["finetune"] != after["finetune"]


def test_the_engine_s_version_is_part_of_it(monkeypatch):
    before = identify(spec()).identity
    monkeypatch.setattr(identity, "ENGINE_VERSION", identity.ENGINE_VERSION + 1)
    assert identify(spec()).identity != before


def test_a_recipe_that_does_not_fit_the_method_is_one_sentence():
    flat = changed(train={"epochs": 4, "lr": 0.1})
    with pytest.raises(UserError, match=r"method 'dpf' under recipe 'r': .*'second_drop'.*has 0 drop\(s\)\."):
        stages_of(spec("dpf", recipe=flat))
    with pytest.raises(UserError, match="has no 'finetune' phase, which this method needs"):
        stages_of(spec("magnitude", recipe=changed(finetune=None)))


def test_the_command_in_a_record_repeats_the_run():
    words = identify(spec(hyperparameters={"schedule.every": 7})).arguments()
    assert words[words.index("--method") + 1] == "gmp[schedule.every=7]"
    assert words[words.index("--points") + 1] == "0.9"
    assert identify(spec()).command.startswith("reprune run --dataset digits")


QUICK = {
    "name": "g",
    "recipe": "digits",
    "datasets": ["digits"],
    "architectures": ["resnet8_cifar"],
    "methods": ["gmp", "magnitude"],
    "sparsities": [0.9, 0.95],
    "seeds": [0, 1],
}


def test_a_grid_expands_to_runs_cells_and_parents():
    plan = grid.expand(grid.load(QUICK))
    assert len(plan.runs) == 2 + 2 * 2 * 2  # dense, and two methods at two sparsities, with two seeds each
    assert [(cell.method, cell.point) for cell in plan.cells] == [
        ("dense", None),
        ("gmp", 0.9),
        ("gmp", 0.95),
        ("magnitude", 0.9),
        ("magnitude", 0.95),
    ]
    dense = dict(plan.cells[0].runs)
    magnitude = [run for run in plan.runs if run.method == "magnitude"]
    assert plan.parent == {run.id: dense[run.seed] for run in magnitude}


def test_adding_to_a_grid_leaves_the_old_runs_as_they_were():
    before = {run.id for run in grid.expand(grid.load(QUICK)).runs}
    for more in ({"seeds": [0, 1, 2]}, {"methods": ["gmp", "magnitude", "snip"]}, {"sparsities": [0.9, 0.95, 0.98]}):
        assert before < {run.id for run in grid.expand(grid.load(QUICK, more)).runs}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"methods": ["gpm"]}, "the grid: there is no method 'gpm' in methods/; did you mean 'gmp'"),
        ({"architectures": ["resnet21_cifar"]}, "the grid: architecture 'resnet21_cifar'.*resnet20_cifar"),
        ({"datasets": ["digit"]}, "the grid: data set 'digit' is unknown.*digits"),
        ({"sparsities": [95]}, r"the grid: field 'sparsities': 95 is not in \[0, 1\).*\(did you mean 0\.95\?\)"),
        ({"sparsities": 0.9}, r"field 'sparsities' has to be a list, such as \[0\.9\], not 0\.9"),
        ({"seeds": [1.5]}, r"field 'seeds\.0' has to be a whole number, not 1\.5"),
        ({"seeds": [True]}, r"field 'seeds\.0' has to be a number, not true or false"),
        ({"seeds": []}, r"field 'seeds' has to be a list of at least 1 entry, not \[\]"),
        (
            {"points": {"gmp": [90]}},
            r"a point of method 'gmp' has to be at least 0 and below 1, not 90 \(did you mean 0\.9\?\)",
        ),
        ({"overrides": [{"methods": ["gmp"], "points": [1.0]}]}, "a point of method 'gmp' has to be .*, not 1"),
        (
            {"overrides": [{"methods": ["gmp"], "point": [0.5]}]},
            r"unknown field 'overrides\.0\.point'; did you mean 'points'",
        ),
        ({"overrides": {"methods": ["gmp"]}}, "field 'overrides' has to be a list, not {'methods'"),
        ({"methods": ["gmp[schedule.initial=2]"]}, r"gmp\[schedule\.initial\] has to be at least 0 and below 1, not 2"),
        (
            {"paper": "Evci et all"},
            "field 'paper': no published paper's name begins with 'Evci et all'; did you mean 'Evci",
        ),
        ({"paper": "nobody"}, "no published paper's name begins with 'nobody'; `reprune published` lists them"),
        ({"sparsities": []}, "method 'gmp' needs at least one"),
        ({"seeds": [0, 0]}, "field 'seeds': 0 is listed twice"),
        ({"recipe": "none"}, "recipe 'none' is not in"),
        ({"sparsity": [0.9]}, "unknown field 'sparsity'; did you mean 'sparsities'"),
        ({"methods": ["gmp[every=3]"]}, "method 'gmp' has no hyper-parameter 'every'"),
        ({"points": {"rigl": [0.9]}}, "field 'points': 'rigl' is not among the grid's methods"),
        ({"prunable": "some"}, "'some' is not one of all, conv"),
    ],
)
def test_a_wrong_grid_is_one_sentence_before_anything_runs(change, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        grid.load(QUICK | change)
    assert "\n" not in str(caught.value)


def test_a_method_that_skips_a_cell_says_why(monkeypatch):
    from methods.gmp import GMP

    monkeypatch.setattr(GMP, "skip", lambda self, spec: "too sparse for me" if spec.points[0] > 0.92 else "")
    plan = grid.expand(grid.load(QUICK))
    skipped = [cell for cell in plan.cells if cell.skipped]
    assert [(cell.method, cell.point, cell.skipped) for cell in skipped] == [("gmp", 0.95, "too sparse for me")]
    assert not any(run.method == "gmp" and run.points == (0.95,) for run in plan.runs)


def test_a_scaled_down_grid_reports_into_a_folder_of_its_own():
    assert str(grid.load(QUICK).report_folder) == "reports/g"
    assert str(grid.load(QUICK, {"budget": 0.25}).report_folder) == "reports/g-budget-0.25"
