"""What a record, its files and the store beside it say is computed again: every edit of one of them is found."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from bench import tracking
from bench.commands import cli
from bench.commands.runs import (
    check_asked,
    check_files,
    check_predictions,
    check_run,
    check_states,
    check_store,
    verify,
)
from bench.commands.runs.finding import Finding
from bench.identity import file_digest
from bench.plan.grid import Cell, Plan
from bench.results import manifest, record
from bench.workflow import final_rule as closing_page
from tests import factories
from tests.runs.conftest import spec

Values = dict[str, Any]


@pytest.fixture
def copy(results: Path, tmp_path: Path) -> Path:
    """Results of one's own, to be damaged."""
    return Path(shutil.copytree(results, tmp_path / "results"))


def looked(results: Path) -> list[Finding]:
    """What is found of snip's first seed."""
    labels, states = check_predictions.Labels(results / "data"), check_states.States(results / "stages", [])
    return check_run.run(results / "runs" / spec().id / "record.json", results, labels, states)


def change(results: Path, edit: Callable[[Values], None]) -> None:
    path = results / "runs" / spec().id / "record.json"
    values = json.loads(path.read_text())
    edit(values)
    path.write_text(json.dumps(values))


def first(name: str, by: float) -> Callable[[Values], None]:
    """Add a number to a field of the first result, or of its counts or its first prunable layer."""

    def edit(values: Values) -> None:
        found = values["results"][0]
        where, _, field = name.rpartition(".")
        layer = next(each for each in found["layers"] if each["prunable"])
        {"": found, "counts": found["counts"], "layer": layer}[where][field] += by

    return edit


def asked(values: Values) -> None:
    values["spec"]["recipe"]["train"]["lr"] = 0.5


def other_points(values: Values) -> None:
    values["spec"]["prunable"] = "conv"


def other_hyperparameter(values: Values) -> None:
    values["hyperparameters"] = dict.fromkeys(values["hyperparameters"], "Uniform()")


def one_file_twice(values: Values) -> None:
    values["results"][0]["predictions"] = values["results"][0]["weights"]


EDITS: dict[str, tuple[Callable[[Values], None], str]] = {
    "accuracy": (first("accuracy", 100 / 899), "% was recorded"),
    "an impossible accuracy": (first("accuracy", 0.01), "is no share of 899 images"),
    "loss": (first("loss", 0.5), "its loss is "),
    "images": (first("test_images", 1), "it tells of 900 test images, and digits has 899"),
    "sparsity": (first("counts.prunable_sparsity", -0.001), "its prunable_sparsity is "),
    "global sparsity": (first("counts.global_sparsity", 0.001), "its global_sparsity is "),
    "parameters": (first("counts.parameters", 1), "parameters, and its network has "),
    "parameters that are left": (first("counts.parameters_kept", 1), "parameters that are not 0"),
    "prunable weights": (first("counts.prunable_weights", 1), "its prunable_weights is "),
    "MACs": (first("counts.macs", -100), "its macs is "),
    "dense MACs": (first("counts.macs_dense", 100), "its macs_dense is "),
    "a layer's density": (first("layer.density", 0.01), "' has the density "),
    "a layer's MACs": (first("layer.macs", -1), "MACs, and its density gives "),
    "a layer's dense MACs": (first("layer.macs_dense", 64), "dense MACs, and the network gives "),
    "the recipe": (asked, check_asked.NOT_ITS_OWN),
    "the prunable set": (other_points, "its identity is not made of those of its stages"),
    "a hyper-parameter": (other_hyperparameter, "its hyper-parameter "),
    "weights as predictions": (one_file_twice, "is named twice, for different things"),
}


def test_what_is_whole_has_none_of_these(results: Path) -> None:
    assert looked(results) == []


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_of_the_record_is_found(copy: Path, name: str) -> None:
    edit, said = EDITS[name]
    change(copy, edit)
    found = looked(copy)
    assert [each.said for each in found if said in each.said and not each.harmless], found


def test_accuracy_and_predictions_that_were_touched_up_together_disagree_with_the_logits(copy: Path) -> None:
    path = copy / "runs" / spec().id / "predictions.npz"
    labels = load_file(copy / "data" / "digits.safetensors")["test_y"]
    with np.load(path) as file:
        predictions, logits = file["predictions"], file["logits"]
    wrong = np.flatnonzero(predictions != labels)[:3]
    predictions[wrong] = labels[wrong]
    np.savez_compressed(path, predictions=predictions, logits=logits)
    change(copy, first("accuracy", 300 / 899))
    (finding,) = looked(copy)
    assert (finding.path, finding.said) == (path, "of 3 images the predicted class has not the largest logit")


def test_logits_that_became_equal_when_they_were_stored_are_no_disagreement(tmp_path: Path) -> None:
    """1 and 1 + 2⁻¹² are one number of float16; infinite logits are equal, too."""
    logits = np.array([[1.0, 1.0, 0.0], [np.inf, np.inf, 0.0]], np.float16)
    assert list(check_predictions.of_logits(np.array([1, 0], np.uint16), logits, tmp_path)) == []
    assert len(list(check_predictions.of_logits(np.array([2, 0], np.uint16), logits, tmp_path))) == 1


def test_a_loss_by_hand() -> None:
    """Of two equal logits it is log 2, and storing 1 and 3 moves each term by 3·2⁻¹¹ at most."""
    loss, error = check_predictions.cross_entropy(np.array([[1.0, 1.0], [1.0, 3.0]]), np.array([0, 1]))
    assert loss == pytest.approx((np.log(2) + np.log1p(np.exp(-2))) / 2)
    assert (1 + 3) * 2**-11 < error < 1.1 * (1 + 3) * 2**-11


@pytest.mark.parametrize("name", ["predictions.npz", "weights.safetensors"])
def test_without_weights_predictions_are_looked_at_all_the_same(copy: Path, name: str) -> None:
    (copy / "runs" / spec().id / name).unlink()
    change(copy, first("accuracy", 100 / 899))
    said = [each.said for each in looked(copy) if not each.harmless]
    assert said, "it is not there, or its accuracy is another one"


def test_training_pixels_and_dense_counts_are_compared(copy: Path) -> None:
    data, (network,) = copy / "data" / "digits.safetensors", (copy / "archs").glob("*.json")
    assert check_files.dataset(data, copy) == check_files.network(network, copy) == []
    arrays = load_file(data)
    arrays["train_x"][0, 0, 0, 0] ^= 1
    save_file(arrays, data, {"sha256": record.read(next(copy.glob("runs/*/record.json"))).provenance["data_sha256"]})
    counts = json.loads(network.read_text())
    network.write_text(json.dumps(counts | {next(iter(counts)): 1}))
    assert "its checksum does not match" in check_files.dataset(data, copy)[0].said
    assert check_files.network(network, copy)[0].said.startswith("is not what counting again gives")


def test_networks_are_run_if_it_is_asked_for(copy: Path) -> None:
    """Predictions, logits, accuracy and loss of another network fit each other, and not the weights."""
    assert verify.examine(copy, evaluate=True).problems == []
    one, other = (copy / "runs" / spec(seed=seed).id for seed in (0, 1))
    shutil.copy(other / "predictions.npz", one / "predictions.npz")
    theirs = record.read(other / "record.json").results[0]

    def edit(values: Values) -> None:
        values["results"][0] |= {"accuracy": theirs.accuracy, "loss": theirs.loss, "best_accuracy": None}
        values["results"][0]["counts"]["effective_macs"] -= 1

    change(copy, edit)
    assert looked(copy) == []
    said = [each.said for each in verify.examine(copy, evaluate=True).problems]
    assert any("its network gives other logits than predictions.npz has" in each for each in said)
    assert any("its network has the effective_macs " in each for each in said)


# -- the tracking store ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def collected(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results with their tracking store."""
    folder = Path(shutil.copytree(results, tmp_path_factory.mktemp("collected") / "results"))
    runs = [spec(), spec("magnitude")]
    cells = [Cell(run.dataset, run.architecture, run.method_text, 0.9, ((run.seed, run.id),)) for run in runs]
    grid = factories.grid(folder.parent, datasets=("digits",))
    assert tracking.collect(grid, Plan(runs, cells)).logged == 2
    return folder


STORE_EDITS = {
    "UPDATE metrics SET value = value + 1 WHERE key = 'train/train_loss' AND step > 0": "'train/train_loss' at step ",
    "UPDATE metrics SET value = 99 WHERE key = 'accuracy'": "'accuracy' at step 0 is 99",
    "DELETE FROM metrics WHERE key LIKE '%/accuracy'": "is None, and the record says",
    "UPDATE latest_metrics SET value = 99 WHERE key = 'accuracy'": "the last value of 'accuracy' is 99",
    "UPDATE tags SET value = 'other' WHERE key = 'provenance.cpu.model'": "the tag 'provenance.cpu.model' is 'other'",
    "UPDATE params SET value = '7' WHERE key = 'recipe.batch_size'": "the parameter 'recipe.batch_size' is '7'",
    "DROP TABLE metrics": "it has no table 'metrics'",
}


@pytest.mark.parametrize("statement", STORE_EDITS)
def test_an_edit_of_the_store_is_found(collected: Path, tmp_path: Path, statement: str) -> None:
    assert check_store.findings(collected) == []
    for name in ("mlflow.db", "runs"):
        shutil.copytree(collected / name, tmp_path / name) if name == "runs" else shutil.copy(
            collected / name, tmp_path
        )
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        connection.execute(statement)
        connection.commit()
    said = [each.said for each in check_store.findings(tmp_path) if not each.harmless]
    assert said and all(STORE_EDITS[statement] in each for each in said)


def test_a_store_that_never_answers_is_given_up(collected: Path, tmp_path: Path, monkeypatch: Any) -> None:
    shutil.copy(collected / "mlflow.db", tmp_path)
    columns = "i AS run_uuid, i AS key, i AS step, i AS value"
    endless = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT {columns} FROM n WHERE i < 0"
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        connection.execute("DROP TABLE metrics")
        connection.execute(f"CREATE VIEW metrics AS {endless}")
        connection.commit()
    ((_, said),) = [(each.path, each.said) for each in check_store.findings(tmp_path)]
    assert "it has no table 'metrics'" in said
    monkeypatch.setattr(check_store, "TABLES", set())
    monkeypatch.setattr(check_store, "PATIENCE", 0.1)
    ((_, said),) = [(each.path, each.said) for each in check_store.findings(tmp_path)]
    assert said == "cannot be read as a tracking store (interrupted)"


# -- manifests ------------------------------------------------------------------------------------------------------


def test_a_manifest_is_what_sha256sum_reads_and_each_kind_of_damage_is_found(tmp_path: Path) -> None:
    for name in ("figure.svg", "records/a.json", "report.html"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    manifest.write(tmp_path)
    # SHA-256 of the ten letters "figure.svg", by sha256sum
    lines = (tmp_path / manifest.NAME).read_text().splitlines()
    assert [line.partition("  ")[2] for line in lines] == ["figure.svg", "records/a.json", "report.html"]
    assert all(line.startswith(file_digest(tmp_path / line.partition("  ")[2])) for line in lines)

    def found(kept: bool = True) -> dict[str, tuple[str, bool]]:
        looks, own = check_files.listed(tmp_path, kept)
        return {each.path.name: (each.said, each.harmless) for each in [*own, *(f for look in looks for f in look())]}

    assert found() == {}
    (tmp_path / "figure.svg").write_text("forged")
    (tmp_path / "report.html").unlink()
    (tmp_path / "new.md").write_text("")
    assert found()["figure.svg"][0].startswith("its SHA-256 is ")
    assert found()["report.html"] == (check_files.GONE, False)
    assert found()["new.md"] == (check_files.NEW, True)
    assert found(kept=False)["report.html"] == (check_files.GONE, True), "results may be deleted at a price"
    manifest.update(tmp_path, [tmp_path / "figure.svg", tmp_path / "report.html", tmp_path / "new.md"])
    assert found() == {}
    (tmp_path / manifest.NAME).write_text("0" * 64 + "  ../secret\n")
    assert "line 1: expected a SHA-256" in found()[manifest.NAME][0]


def test_a_finished_call_notes_the_checksums_and_reads_no_large_file_twice(copy: Path, monkeypatch: Any) -> None:
    plan = Plan([spec(), spec("magnitude")], [])
    closing_page.note_files(plan, copy)
    names = manifest.read(copy) or {}
    folders = {name.partition("/")[0] for name in names}
    assert folders == {"runs", "stages", "data", "archs"}
    assert f"runs/{spec().id}/predictions.npz" in names and f"runs/{spec(seed=1).id}/record.json" not in names
    assert not [name for name in names if name.endswith(("lock", "log.txt"))]
    read: list[Path] = []
    monkeypatch.setattr(manifest, "file_digest", lambda path: read.append(path) or "0" * 64)
    closing_page.note_files(plan, copy)
    assert read == []
    (copy / "runs" / spec().id / "predictions.npz").write_bytes(b"forged")
    assert [each.path.name for each in verify.examine(copy).problems] == ["predictions.npz"]


def test_a_kept_folder_gets_a_manifest_and_a_report_of_it_renews_its_own_lines(
    results: Path, tmp_path: Path, capsys: Any
) -> None:
    from bench.report import kept

    folder = tmp_path / "kept"
    source = Path(__file__).parents[2] / "reports" / "reproductions" / "digits"
    (folder / "records").mkdir(parents=True)
    for path in (source / "records").glob("digits-convnet_small-dense-s*.json"):
        shutil.copy(path, folder / "records")
    fields = {"recipe": "digits", "datasets": ["digits"], "architectures": ["convnet_small"], "methods": ["dense"]}
    (folder / "grid.yaml").write_text(json.dumps(fields | {"seeds": [0, 1, 2]}))
    kept.rebuild(folder, figures=False)
    assert not (folder / manifest.NAME).exists(), "a folder without one is not vouched for"
    manifest.write(folder)
    page = folder / "provenance.md"
    page.write_text(page.read_text() + "forged")
    capsys.readouterr()
    assert cli.call(["verify", str(folder)]) == 1
    assert f"{page}: its SHA-256 is" in capsys.readouterr().out
    kept.rebuild(folder, figures=False)
    assert cli.call(["verify", str(folder)]) == 0
    one = next((folder / "records").iterdir())
    values = json.loads(one.read_text())
    values["cost"]["seconds"] += 1
    one.write_text(json.dumps(values))
    kept.rebuild(folder, figures=False)
    assert cli.call(["verify", str(folder)]) == 1, "a report vouches for what it wrote, and for no record"


def test_an_edit_of_a_figure_is_found_and_one_of_another_matplotlib_is_a_note(tmp_path: Path) -> None:
    from bench.commands.runs import check_tables

    source = Path(__file__).parents[2] / "reports" / "reproductions" / "pretrained-cifar10"
    folder = Path(shutil.copytree(source, tmp_path / "kept"))
    one, other = folder / "accuracy-macs-cifar10.svg", folder / "accuracy-sparsity-cifar10.svg"
    one.write_text(one.read_text().replace("</svg>", "<!-- forged --></svg>"))
    other.write_text(other.read_text().replace("Matplotlib v", "Matplotlib v0."))
    found = {each.path: (each.said, each.harmless) for each in check_tables.of_kept(folder)}
    drawn_here = "is not what its records give; `reprune report` draws it anew"
    assert found[other] == (check_tables.OTHER_DRAWER, True)
    assert found[one] in ((drawn_here, False), (check_tables.OTHER_DRAWER, True)), "these may have been drawn elsewhere"


def test_committed_tables_without_runs_are_counted_and_judged_again(tmp_path: Path, capsys: Any) -> None:
    reproductions = Path(__file__).parents[2] / "reports" / "reproductions"
    for name, table in (("counts", "counts.csv"), ("recomputed/dns", "table.md")):
        folder = Path(shutil.copytree(reproductions / name, tmp_path / name))
        assert verify.examine(folder).problems == []
        text = (folder / table).read_text()
        (folder / table).write_text(text.replace("equal", "unequal", 1) if "equal" in text else f"{text}1")
        assert [each.path.name for each in verify.examine(folder).problems] == [table]
    assert cli.call(["verify", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert f"{tmp_path}/counts:" in out and f"{tmp_path}/recomputed/dns:" in out
    assert out.count("1 set of tables checked: 1 problem.") == 2
