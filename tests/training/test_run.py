"""A job leaves a record whatever happens; each outcome has its reason."""

from types import SimpleNamespace

import pytest

import bench.training.train
import methods
from bench import catalog
from bench.errors import UserError
from bench.plan.job import Job
from bench.results import record
from bench.training.run import exclusively, execute, main
from tests.contract.harness import POINT, VIT, Laboratory, spec_for
from tests.jobs import asked, handed

HEAD = "from bench.method import Method\nfrom bench.schedule import Periodic\n"
BROKEN = {
    "raises": "    def saliency(self, run):\n        raise RuntimeError('no idea\\nwhat to prune')\n",
    "collapses": "    def saliency(self, run):\n        return run.weights * 0\n",
    "not_finite": "    def saliency(self, run):\n        return run.weights * float('nan')\n",
    "diverges": "    def saliency(self, run):\n        return run.weights.abs()\n"
    "    def penalty(self, run):\n        return run.weights.sum() * float('inf')\n",
    "too_sparse": "    def update_masks(self, run):\n        run.masks.keep(run.weights.abs(), 0.9)\n",
    "prunes_all": "    def update_masks(self, run):\n        [mask.zero_() for mask in run.masks.values()]\n",
    "tells": "    def saliency(self, run):\n        run.state['seen'] = run.weights.abs().sum()\n"
    "        return run.weights.abs()\n"
    "    def diagnostics(self, run):\n"
    "        return {'seen': float(run.state['seen']), 'training': float(run.model.training)}\n",
    "dirty": "    schedule = Periodic(every=1)\n"
    "    def update_masks(self, run):\n        run.masks.keep(run.weights.abs(), run.target)\n"
    "    def on_train_end(self, run):\n        [weight.add_(1) for weight in run.weights.values()]\n",
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A results folder and a folder of methods that misbehave."""
    folder = tmp_path_factory.mktemp("misbehaving")
    for name, body in BROKEN.items():
        cls = name.title().replace("_", "")
        (folder / f"{name}.py").write_text(f"{HEAD}class {cls}(Method):\n{body}")
    methods.__path__.append(str(folder))
    catalog.method_class.cache_clear()
    yield Laboratory(tmp_path_factory.mktemp("results"))
    methods.__path__.remove(str(folder))
    catalog.method_class.cache_clear()


@pytest.mark.parametrize(
    ("method", "outcome", "reason"),
    [
        ("raises", "error", "RuntimeError: no idea what to prune"),
        ("collapses", "collapsed", "only 0 saliencies in .* layers together are not 0"),
        ("not_finite", "collapsed", "saliencies in .* are not finite"),
        ("diverges", "diverged", "the training loss was (inf|nan) in epoch 1 of stage 'train'"),
        ("too_sparse", "wrong_sparsity", r"at 0.7 the mask misses its target by \d+ units"),
    ],
)
def test_a_method_that_misbehaves_is_an_outcome_with_a_reason(lab, method, outcome, reason):
    spec = spec_for(method)
    found = execute(spec, lab.results)
    written = record.read(lab.results / "runs" / spec.id / "record.json")
    assert (written.outcome, written.reason) == (found.outcome, found.reason)
    assert found.outcome == outcome
    import re

    assert re.search(reason, found.reason), found.reason
    assert "\n" not in found.reason
    assert found.provenance["command"]


@pytest.mark.parametrize("network", ["resnet8_cifar", VIT])  # whose dead paths are undefined
def test_an_empty_network_is_collapsed_at_chance_level_and_said_to_be(lab, network):
    found = execute(spec_for("prunes_all", network=network), lab.results)
    assert (found.results[0].counts.effective_sparsity is None) == (network == VIT)
    assert found.outcome == "collapsed"
    assert found.reason == "no path from the input to the output is left"
    assert found.results[0].counts.prunable_sparsity == 1
    assert len(found.results[0].empty_layers) > 3


def test_a_method_that_ends_by_writing_weights_where_the_mask_is_zero_does_not_pollute_the_export(lab):
    found = execute(spec_for("dirty"), lab.results)
    assert found.outcome == "ok"
    assert found.results[0].counts.prunable_sparsity == pytest.approx(POINT, abs=0.001)


def test_what_a_method_wants_kept_is_in_the_record_also_after_the_stage_was_loaded(lab):
    spec = spec_for("tells")
    first = execute(spec, lab.results).results[0].diagnostics
    assert first["seen"] > 0
    assert first["training"] == 0
    (lab.results / "runs" / spec.id / "record.json").unlink()
    assert execute(spec, lab.results).results[0].diagnostics == first


def test_a_finished_run_is_only_read(lab, monkeypatch):
    spec = spec_for("snip")
    first = execute(spec, lab.results)
    monkeypatch.setattr(bench.training.train.Trainer, "train", lambda *a, **k: pytest.fail("trained twice"))
    assert execute(spec, lab.results).model_dump() == first.model_dump()


def test_a_record_that_was_lost_is_made_again_without_training(lab, monkeypatch):
    spec = spec_for("snip")
    first = execute(spec, lab.results)
    (lab.results / "runs" / spec.id / "record.json").unlink()
    monkeypatch.setattr(bench.training.train.Trainer, "train", lambda *a, **k: pytest.fail("trained twice"))
    again = execute(spec, lab.results)
    assert again.results == first.results
    assert again.cost.training_macs == first.cost.training_macs


def test_a_record_says_whether_its_grid_adds_seeds_at_looks(lab):
    spec = spec_for("raises")
    for looks in (True, False):
        assert exclusively(spec, Job.of(spec, results=lab.results, looks=looks)) == 0
        written = record.read(lab.results / "runs" / spec.id / "record.json")
        assert (written.looks, "looks" in written.provenance) == (looks, looks)


def test_an_error_is_tried_again(lab, monkeypatch):
    spec = spec_for("raises")
    execute(spec, lab.results)
    monkeypatch.setattr(catalog.method_class("raises"), "saliency", lambda self, run: run.weights.abs())
    assert execute(spec, lab.results).outcome == "ok"


def words(**changes):
    values = {"dataset": "digits", "architecture": "resnet8_cifar", "method": "gmp", "points": "0.9"}
    values |= {"recipe": "digits"} | changes
    return [word for name, value in values.items() for word in (f"--{name}", value)]


def test_the_command_line_refuses_a_run_that_changed_since_it_was_planned():
    with pytest.raises(UserError, match="changed since the workflow was planned; start it again"):
        asked(words(expect="0" * 64)).spec()


def test_the_command_of_a_spec_gives_the_same_spec_back():
    spec = asked(words(method="gmp[schedule.every=7,allocation=erk]", budget="0.25")).spec()
    assert asked(spec.arguments()).spec() == spec


def test_a_mistake_on_the_command_line_is_one_sentence_and_status_2(capsys):
    assert main(handed(words(method="gpm"))) == 2
    assert capsys.readouterr().err == "reprune: there is no method 'gpm' in methods/; did you mean 'gmp'?\n"


def test_data_that_are_not_prepared_are_one_sentence_and_no_record(tmp_path, capsys):
    assert main(handed([*words(), "--results", str(tmp_path)])) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("reprune: data set 'digits' is not prepared: there is no ")
    assert not list(tmp_path.glob("runs/*/record.json"))


def test_held_out_images_choose_an_epoch_whose_test_accuracy_is_kept(lab, monkeypatch):
    # Accuracies are made up: of four epochs the second is the first of the best on held-out images.
    accuracies = {"validation": iter([50.0, 60.0, 55.0, 60.0]), "test": iter([40.0, 41.0])}
    seen = []

    def made_up(run, split):
        seen.append(split)
        return SimpleNamespace(accuracy=next(accuracies[split]), loss=1.0)

    monkeypatch.setattr(bench.training.train, "evaluate_run", made_up)
    found = execute(spec_for("random", data={"validation": 12}), lab.results).results[0]
    assert seen == ["validation", "test"] * 2 + ["validation"] * 2, "the test set only where it matters"
    assert (found.selected_accuracy, found.best_accuracy) == (41.0, None)


def test_without_held_out_images_no_epoch_is_chosen(lab):
    assert execute(spec_for("random"), lab.results).results[0].selected_accuracy is None
