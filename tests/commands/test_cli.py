"""The commands: each forwards to its module; what a user got wrong is one sentence and exit status 2."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bench import archs, data
from bench.commands import cli
from tests import factories

QUICK = str(Path(__file__).parents[2] / "configs" / "quick.yaml")


@pytest.fixture
def reprune(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> object:
    """Run a command; returns (exit status, standard output, standard error)."""

    def call(*words: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["reprune", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, *capsys.readouterr()

    return call


def test_help_and_plans_need_no_torch() -> None:
    modules = "bench.commands.cli, bench.workflow.flow, bench.workflow.final_rule, bench.workflow.progress"
    program = f"import sys; import {modules}; print('torch' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"


def test_plan_counts_runs_and_lists_them_when_asked_to(reprune) -> None:
    words = (QUICK, "seeds=[5]", "methods=[gmp]", "sparsities=[0.5]", "--no-probe")
    # dense comes along; two architectures
    status, out, _ = reprune("plan", *words)
    assert status == 0
    assert "\n4 runs; 4 cells\n" in out and "seed 5" not in out
    lines = reprune("plan", *words, "--runs")[1].splitlines()
    assert lines[0] == "digits · resnet8_cifar · dense · seed 5"
    assert lines[1] == "digits · resnet8_cifar · gmp · 50 % · seed 5"
    assert json.loads(reprune("plan", *words, "--json")[1])["runs"] == 4


def test_a_mistake_is_one_sentence(reprune) -> None:
    status, out, err = reprune("plan", QUICK, "methods=[gmpp]")
    assert (status, out) == (2, "")
    assert err.startswith("reprune: ") and err.count("\n") == 1
    assert "gmpp" in err


def test_methods_are_listed_with_their_defaults(reprune) -> None:
    status, out, err = reprune("methods")
    assert (status, err) == (0, "")
    assert any("snip" in line and "arXiv:1810.02340" in line and "batches = 1" in line for line in out.splitlines())
    status, out, _ = reprune("methods", "snip", "--json")
    assert (status, json.loads(out)["hyperparameters"]["batches"]) == (0, 1)
    assert reprune("methods", "snipp")[0::2] == (
        1,
        "reprune: there is no method 'snipp' in methods/; did you mean 'snip'?\n",
    )


def test_prepare_decodes_a_data_set(reprune, tmp_path: Path) -> None:
    status, out, _ = reprune("prepare", "digits", "--results", str(tmp_path))
    assert status == 0
    assert Path(out.strip()) == tmp_path / "data" / "digits.safetensors"
    assert len(data.load("digits", tmp_path / "data").test_x) == 899


def test_count_prints_the_sum(reprune, tmp_path: Path) -> None:
    status, out, _ = reprune("count", "convnet_small", "digits", "--results", str(tmp_path))
    (file,) = tmp_path.glob("archs/*.json")
    assert status == 0
    assert f"{sum(json.loads(file.read_text()).values()):,} multiply-adds" in out


def test_retry_clears_errors(reprune, tmp_path: Path) -> None:
    config = tmp_path / "small.yaml"
    fields = {"recipe": "digits", "datasets": ["digits"], "architectures": ["convnet_small"], "methods": ["dense"]}
    config.write_text(json.dumps(fields | {"seeds": [0], "results": str(tmp_path)}))
    from bench.plan import grid

    (spec,) = grid.expand(grid.load(config)).runs
    path = factories.write(factories.record(spec, outcome="error", reason="ValueError: no"), tmp_path)
    assert reprune("retry", str(config))[:2] == (
        0,
        "cleared digits · convnet_small · dense · seed 0\n1 runs will be run again\n",
    )
    assert not path.exists()
    assert reprune("retry", str(config))[:2] == (0, "No run of this grid ended in an error.\n")


def test_run_and_report_have_their_own_options(reprune) -> None:
    status, out, _ = reprune("run", "--help")
    assert status == 0
    assert "--architecture" in out


def test_numbers_of_evaluate_are_checked(reprune, tmp_path: Path) -> None:
    words = ("evaluate", str(tmp_path / "w.pt"), "--arch", "resnet20_cifar", "--dataset", "cifar10")
    assert reprune(*words, "--mean", "0.5,x")[0::2] == (
        2,
        "reprune: --mean '0.5,x' is not a list of numbers separated by commas.\n",
    )


def test_extract_says_what_is_wrong(reprune, tmp_path: Path) -> None:
    status, out, err = reprune("extract", "nothing", "-o", "model.safetensors", "--results", str(tmp_path))
    assert (status, out) == (2, "")
    assert err == f"reprune: no finished run in {tmp_path}/runs is called 'nothing' or begins so.\n"


def test_evaluate_says_the_accuracy(reprune, tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = archs.create("convnet_strided", 10, 1, 8).state_dict()
    state["fc.weight"].zero_()
    state["fc.bias"] = torch.eye(10)[3]  # everything is a three
    torch.save(state, tmp_path / "w.pt")
    words = ("evaluate", str(tmp_path / "w.pt"), "--arch", "convnet_strided", "--dataset", "digits")
    status, out, err = reprune(*words, "--results", str(tmp_path), "--json")
    assert (status, err) == (0, "")
    threes = int((data.load("digits", tmp_path / "data").test_y == 3).sum())
    assert json.loads(out)["images"] == 899
    assert json.loads(out)["accuracy"] == pytest.approx(100 * threes / 899)
    printed = reprune(*words, "--results", str(tmp_path))[1]
    assert printed.splitlines()[0] == f"{100 * threes / 899:.2f} % of 899 test images"
