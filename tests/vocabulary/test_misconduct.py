"""Methods that break what they promised, in every hook: an outcome with its reason, and never a number."""

import logging
import re

import pytest
import torch

import bench.training.run
import methods
from bench import catalog, data
from bench.errors import UserError
from bench.plan import grid
from bench.plan.lineage import skipped
from bench.results import record
from bench.training.run import FAILED, INTERRUPTED, execute, main
from bench.training.train import Trainer
from tests.contract.harness import Laboratory, spec_for
from tests.jobs import handed

HEAD = """import sys
import torch
from bench.method import Method, Stage
from bench.schedule import Periodic
from bench.structure import Filters
class {name}(Method):
    schedule = Periodic(every=2)
    def saliency(self, run):
        return run.weights.abs()
"""
LINES = {
    # leaves, or gives up
    "exits": ("saliency", "sys.exit(0)"),
    "recurses": ("saliency", "self.saliency(run)"),
    # its saliency is none
    "transposed": ("saliency", "return {n: w.abs().transpose(0, -1) for n, w in run.weights.items()}"),
    "nothing": ("saliency", "return None"),
    "forgets": ("saliency", "return dict(list(run.weights.abs().items())[1:])"),
    # scoring leaves a trace
    "moves_buffers": ("saliency", "run.model(torch.ones(4, 3, 32, 32)); return run.weights.abs()"),
    "moves_weights": ("saliency", "run.weights['fc.weight'].mul_(2); return run.weights.abs()"),
    "draws": ("saliency", "torch.rand(1); return run.weights.abs()"),
    # the masks are not what the engine applies and counts
    "replaces_masks": ("update_masks", "run.masks['fc.weight'] = torch.zeros(4, 64)"),
    "adds_a_mask": ("on_train_end", "run.masks['mine'] = torch.zeros(4)"),
    "halves": ("update_masks", "[mask.fill_(0.5) for mask in run.masks.values()]"),
    "half_filters": ("update_masks", "[mask[:, 0].zero_() for mask in run.masks.values()]"),
    # the optimizer is left dirty
    "momentum": ("on_after_step", "[s['momentum_buffer'].add_(1) for s in run.optimizer.state.values()]"),
    "rate": ("on_after_backward", "run.optimizer.param_groups[0]['lr'] = 1.0"),
    "no_decay": ("on_train_start", "run.optimizer.param_groups[0]['weight_decay'] = 0.0"),
    "own_optimizer": ("on_train_start", "run.optimizer = torch.optim.SGD(run.model.parameters(), lr=0.1)"),
    "unmasks": ("on_after_step", "[weight.add_(1) for weight in run.weights.values()]"),
    # the network is spoilt once it is trained
    "blows_up": ("on_after_step", "[w.fill_(torch.nan) for w in run.weights.values() if run.step == run.steps - 1]"),
    "poisons": ("on_train_end", "run.weights['fc.weight'][0, 0] = float('nan')"),
    "overflows": ("on_train_end", "[weight.fill_(3e38) for weight in run.weights.values()]"),
    "touches": ("diagnostics", "run.weights['fc.weight'].zero_(); return {}"),
    "remembers": ("diagnostics", "run.state['late'] = torch.ones(1); return {}"),
    # the wrong kind of answer
    "says_text": ("diagnostics", "return {'mood': 'good'}"),
    "penalises_each": ("penalty", "return run.weights['fc.weight'].abs()"),
    "effective_shape": ("effective", "return {'fc.weight': run.parameters['fc.weight'][:2]}"),
}
HOOKS = [
    *("build", "parameter_groups", "on_train_start", "saliency", "update_masks", "effective", "penalty"),
    *("on_after_backward", "on_after_step", "on_train_end", "diagnostics"),
]
FIELDS = {"half_filters": "    structure = Filters()\n"}
ANSWERS = {"stages": "points", "skip": "spec"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A results folder, and a folder of methods that do one thing each that they must not."""
    folder = tmp_path_factory.mktemp("misconduct")
    bodies = {name: (FIELDS.get(name, ""), hook, line) for name, (hook, line) in LINES.items()}
    bodies |= {f"raises_in_{hook}": ("", hook, "open('nowhere')") for hook in (*HOOKS, *ANSWERS)}
    bodies |= {
        "out_of_memory": ("", "saliency", "raise MemoryError"),
        "interrupts": ("", "saliency", "raise KeyboardInterrupt"),
        "full_of_nan": ("", "diagnostics", "return {'unknown': float('nan')}"),
        "counts": ("", "saliency", "return {n: (w.abs() * 2**20).long() for n, w in run.weights.items()}"),
        "declines": ("", "skip", "return 'it knows nothing of this data set'"),
    }
    for name, (fields, hook, line) in bodies.items():
        method = f"    def {hook}(self, {ANSWERS.get(hook, 'run')}):\n        {line}\n"
        (folder / f"{name}.py").write_text(HEAD.format(name=name.title().replace("_", "")) + fields + method)
    (folder / "misspelt.py").write_text("class Misspelt(Method:\n")
    (folder / "needs_more.py").write_text("import a_package_nobody_has\n")
    (folder / "leaves.py").write_text("import sys\nsys.exit(0)\n")
    (folder / "demands.py").write_text(HEAD.format(name="Demands") + "    strength: float\n")
    methods.__path__.append(str(folder))
    catalog.method_class.cache_clear()
    yield Laboratory(tmp_path_factory.mktemp("results"))
    methods.__path__.remove(str(folder))
    catalog.method_class.cache_clear()


def carried_out(lab, method):
    """The record of a short run of a method, as it lies on the disk."""
    spec = spec_for(method, network="convnet_small", train={"epochs": 1, "lr": 0.02})
    execute(spec, lab.results)
    return record.read(lab.results / "runs" / spec.id / "record.json")


@pytest.mark.parametrize("hook", HOOKS)
def test_what_a_hook_raises_is_an_outcome_even_if_it_looks_like_the_machines_fault(lab, hook):
    found = carried_out(lab, f"raises_in_{hook}")
    assert found.outcome == "error"
    assert found.reason == "FileNotFoundError: [Errno 2] No such file or directory: 'nowhere'"


@pytest.mark.parametrize(
    ("method", "outcome", "reason"),
    [
        ("exits", "error", "SystemExit: 0"),
        ("recurses", "error", "RecursionError: maximum recursion depth exceeded"),
        ("transposed", "error", r"the saliency of '\S+' is 3 × 3 × .*, its weight is .* × 3 × 3\."),
        ("nothing", "error", "TypeError: 'NoneType' object is not subscriptable"),
        ("forgets", "error", r"KeyError: '\S+\.weight'"),
        ("moves_buffers", "error", r"computing its saliency changed '\S+\.running_mean'"),
        ("moves_weights", "error", "computing its saliency changed 'fc.weight'"),
        ("draws", "error", "computing its saliency changed the default random generator"),
        ("replaces_masks", "error", "it replaced the mask of 'fc.weight'; masks are changed in place"),
        ("adds_a_mask", "error", "masks are changed in place"),
        ("halves", "error", r"the mask of '\S+' holds other values than 0 and 1"),
        ("half_filters", "error", r"the mask of '\S+' removes parts of filters, and its structure is whole ones"),
        ("momentum", "error", r"the optimizer's state of pruned weights of '\S+' is not 0, as it declares"),
        ("rate", "error", "it changed the learning rate from 0.02 to 1"),
        ("no_decay", "error", "it changed the optimizer's parameter groups or settings"),
        ("own_optimizer", "error", "it replaced the optimizer"),
        ("unmasks", "error", r"pruned weights of '\S+' are not 0, as it declares"),
        ("blows_up", "diverged", "'conv1.weight' is not finite at the end of stage 'train'"),
        ("poisons", "diverged", "'fc.weight' is not finite at the end of stage 'train'"),
        ("overflows", "diverged", "the test loss is (nan|inf) though all weights are finite"),
        ("touches", "error", "its diagnostics changed 'fc.weight'"),
        ("remembers", "error", "its diagnostics changed 'late' of its state"),
        ("says_text", "error", "ValidationError: 1 validation error for Result diagnostics.mood"),
        ("penalises_each", "error", "RuntimeError: grad can be implicitly created only for scalar outputs"),
        ("effective_shape", "error", r"\w+: .*"),
    ],
)
def test_what_a_method_must_not_do_is_found_and_named(lab, method, outcome, reason):
    found = carried_out(lab, method)
    assert found.outcome == outcome, found.reason
    assert re.search(reason, found.reason), found.reason
    assert "\n" not in found.reason


def test_what_is_odd_but_right_is_a_result(lab):
    assert carried_out(lab, "counts").outcome == "ok"
    (result,) = carried_out(lab, "full_of_nan").results
    assert result.diagnostics["unknown"] != result.diagnostics["unknown"]


def test_each_case_has_its_line():
    told = test_what_a_method_must_not_do_is_found_and_named.pytestmark[0].args[1]
    assert {method for method, *_ in told} == set(LINES)


@pytest.mark.parametrize(("method", "status"), [("out_of_memory", FAILED), ("interrupts", INTERRUPTED)])
def test_a_machine_out_of_memory_and_a_person_at_the_keyboard_leave_no_record(
    lab, tmp_path, capsys, caplog, method, status
):
    caplog.set_level(logging.INFO)
    data.prepare("digits", tmp_path / "data")
    words = ["--dataset", "digits", "--architecture", "convnet_small", "--method", method, "--points", "0.9"]
    assert main(handed([*words, "--recipe", "digits", "--budget", "0.02", "--results", str(tmp_path)])) == status
    assert list(tmp_path.glob("runs/*/record.json")) == []
    said = capsys.readouterr().err
    if status == FAILED:
        assert said == "reprune: the machine failed this run (there is not enough memory); start the same call again.\n"
    else:
        assert "stopped on request; the same command goes on from the checkpoint" in caplog.text


DEVICE_FAILURES = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    torch.AcceleratorError("CUDA error: uncorrectable ECC error encountered"),
    torch.distributed.DistBackendError("NCCL error in: ProcessGroupNCCL.cpp:268"),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
]


@pytest.mark.parametrize("failure", DEVICE_FAILURES, ids=lambda failure: type(failure).__name__)
def test_a_device_that_fails_leaves_no_record_and_is_tried_again(tmp_path, monkeypatch, capsys, failure):
    data.prepare("digits", tmp_path / "data")
    words = ["--dataset", "digits", "--architecture", "convnet_small", "--method", "dense", "--recipe", "digits"]
    words = handed([*words, "--budget", "0.02", "--results", str(tmp_path)])
    with monkeypatch.context() as broken:
        broken.setattr(Trainer, "_region", lambda *_: (_ for _ in ()).throw(failure))
        assert main(words) == FAILED
    sentence = " ".join(str(failure).split())
    assert capsys.readouterr().err == f"reprune: the machine failed this run ({sentence}); start the same call again.\n"
    assert list(tmp_path.glob("runs/*/record.json")) == []
    assert main(words) == 0
    assert len(list(tmp_path.glob("runs/*/record.json"))) == 1


def test_a_run_asks_its_method_whether_to_skip_it(lab, monkeypatch):
    monkeypatch.setattr(bench.training.stages, "Workshop", lambda *a: pytest.fail("nothing is to be trained"))
    found = carried_out(lab, "declines")
    assert (found.outcome, found.reason, found.results) == ("skipped", "it knows nothing of this data set", [])


BROKEN = {
    "misspelt": "methods/misspelt.py cannot be loaded: SyntaxError: .*line 1",
    "needs_more": "methods/needs_more.py cannot be loaded: ModuleNotFoundError: No module named 'a_package_nobody_has'",
    "leaves": "methods/leaves.py cannot be loaded: SystemExit: 0",
    "demands": "methods/demands.py cannot be used: TypeError: .*'strength'",
    "raises_in_stages": "methods/raises_in_stages.py cannot be used: FileNotFoundError: .* 'nowhere'",
    "raises_in_skip": "methods/raises_in_skip.py cannot be used: FileNotFoundError: .* 'nowhere'",
}


def planned(*names):
    fields = {"recipe": "digits", "datasets": ["digits"], "architectures": ["convnet_small"], "seeds": [0]}
    return grid.expand(grid.load(fields | {"methods": names, "sparsities": [0.9]}))


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_sentence_for_grids_that_name_it_and_nothing_to_others(lab, name):
    with pytest.raises(UserError, match=re.escape(BROKEN[name]).replace(r"\.\*", ".*")) as error:
        planned("snip", name)
    assert "\n" not in str(error.value)
    assert len(planned("snip").cells) == 2
    if not name.startswith("raises"):
        assert re.search(re.escape(BROKEN[name]).replace(r"\.\*", ".*"), catalog.problems()[name])


def test_skipping_is_asked_in_one_place(lab):
    assert skipped(spec_for("declines", network="convnet_small")) == "it knows nothing of this data set"
    (_, cell) = planned("declines").cells
    assert cell.skipped == "it knows nothing of this data set"
