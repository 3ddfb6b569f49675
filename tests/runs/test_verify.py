"""Each kind of damage is one line; what is whole is none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bench.commands.runs import check_files, check_predictions, check_run, verify
from bench.errors import UserError
from bench.identity import file_digest
from bench.results import record
from tests import factories
from tests.runs.conftest import spec

DIGITS = Path(__file__).parents[2] / "reports" / "reproductions" / "digits"

FIELDS = {
    "recipe": "digits",
    "datasets": ["digits"],
    "architectures": ["convnet_small"],
    "methods": ["snip"],
    "sparsities": [0.9],
}


@pytest.fixture
def copy(results: Path, tmp_path: Path) -> Path:
    """Results of one's own, to be damaged."""
    return Path(shutil.copytree(results, tmp_path / "results"))


def problems(place: Path) -> list[tuple[str, str]]:
    found = verify.examine(place)
    assert [each.said for each in found.notes] == [check_files.NO_MANIFEST]
    return [(each.path.name, each.said) for each in found.problems]


def edited(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def flip(path: Path, at: int) -> None:
    """Change one bit of a file."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(bytes(content))


def test_what_is_whole_has_no_problem(results, capsys):
    assert verify.verify(results) == 0
    out = capsys.readouterr().out
    # snip trains one stage a seed; magnitude the dense network and its fine-tuning.
    note, *unchecked, last = out.splitlines()
    assert last == "3 records, 4 stages, 1 data set, 1 network checked: all is well."
    assert note == f"note: {results}: {check_files.NO_MANIFEST}"
    assert unchecked == [f"not checked: {each}" for each in (verify.TRAINING, verify.NETWORKS, verify.STORE)]


def test_a_bit_of_the_weights(copy, capsys):
    flip(copy / "runs" / spec().id / "weights.safetensors", -1)
    ((name, said),) = problems(copy)
    assert name == "weights.safetensors" and said.startswith("its SHA-256 is ")
    assert verify.verify(copy) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith(f"{copy}/runs/{spec().id}/weights.safetensors: its SHA-256 is ")
    assert out[-1] == "3 records, 4 stages, 1 data set, 1 network checked: 1 problem."


def test_an_accuracy_that_was_touched_up(copy):
    path = copy / "runs" / spec().id / "record.json"
    values = json.loads(path.read_text())
    was = values["results"][0]["accuracy"]
    values["results"][0]["accuracy"] = 99.0
    path.write_text(json.dumps(values))
    assert problems(copy) == [
        ("record.json", "its accuracy 99 % is no share of 899 images"),
        ("predictions.npz", f"its accuracy is {was:.4f} %, and 99.0000 % was recorded"),
    ]


def test_a_sparsity_that_was_touched_up(copy):
    path = copy / "runs" / spec().id / "record.json"
    values = json.loads(path.read_text())
    layer = next(each for each in values["results"][0]["layers"] if each["prunable"])
    layer["kept"] -= 1
    path.write_text(json.dumps(values))
    said = f"'{layer['name']}' has {layer['kept'] + 1:,} weights that are not 0, and {layer['kept']:,} recorded"
    *sums, weights = problems(copy)
    assert weights == ("weights.safetensors", said)
    assert {name for name, _ in sums} == {"record.json"} and all(layer["name"] in said for _, said in sums[:1])


def test_weights_and_record_of_another_run(copy):
    """Somebody copies the better seed's files over, and mends the hash."""
    one, other = (copy / "runs" / spec(seed=seed).id for seed in (0, 1))
    for name in ("weights.safetensors", "predictions.npz"):
        shutil.copy(other / name, one / name)
    mine, theirs = record.read(one / "record.json"), record.read(other / "record.json")
    mine.results = theirs.results
    record.write(mine, one / "record.json")
    assert problems(copy) == [("weights.safetensors", f"it holds the network of '{other.name}'")]
    shutil.copy(other / "record.json", one / "record.json")
    assert problems(copy) == [("record.json", f"it is the record of '{other.name}', and lies under another name")]


def test_a_seed_that_was_touched_up(copy):
    path = copy / "runs" / spec().id / "record.json"
    edited(path, '"seed": 0', '"seed": 5')
    found = verify.examine(copy)
    problem, *_ = found.problems
    assert "and what was asked is called 'digits-convnet_small-snip-0.9-s5-" in problem.said
    assert [note.said for note in found.notes] == [check_files.NO_MANIFEST]


def test_files_that_are_gone_or_cannot_be_read(copy):
    first, second, third = (copy / "runs" / each.id for each in (spec(), spec(seed=1), spec("magnitude")))
    (first / "predictions.npz").unlink()
    (second / "predictions.npz").write_bytes(b"PK")
    edited(third / "record.json", '"outcome": "ok"', '"outcome": "fine"')
    *predictions, (name, said) = sorted(problems(copy))
    assert predictions == [("predictions.npz", "cannot be read"), ("predictions.npz", "is not there")]
    assert name == "record.json" and said.startswith("the record: field 'outcome' has to be 'ok', ")


def test_weights_that_are_no_weights(copy):
    """Their hash was mended, too."""
    path = copy / "runs" / spec().id / "weights.safetensors"
    was, _ = file_digest(path), path.write_bytes(b"\xff" * 100)
    edited(path.parent / "record.json", was, file_digest(path))
    ((name, said),) = problems(copy)
    assert name == "weights.safetensors" and said.startswith("cannot be read as the weights that were recorded (")


def test_a_path_that_leads_out_of_the_folder_is_not_followed(copy):
    edited(copy / "runs" / spec().id / "record.json", '"predictions.npz"', '"../predictions.npz"')
    ((_, said),) = problems(copy)
    assert said == "it names the file '../predictions.npz', which is not one of its folder"


def test_stages_that_are_damaged_or_of_another_run(copy):
    one, other = sorted((copy / "stages").iterdir())[:2]
    flip(one / "final.pt", -1)
    shutil.copy(one / "final.pt", one / "checkpoint.pt.previous")
    shutil.copy(other / "final.pt", other / "snapshot-3.pt")
    third = sorted((copy / "stages").iterdir())[2]
    shutil.copy(other / "final.pt", third / "final.pt")
    found = sorted(problems(copy))
    assert [name for name, _ in found] == ["checkpoint.pt.previous", "final.pt", "final.pt"]
    assert sum("its checksum does not match" in said for _, said in found) == 2
    assert sum("it belongs to another run" in said for _, said in found) == 1


def test_without_data_or_weights_that_is_said_and_is_no_problem(copy, capsys):
    shutil.rmtree(copy / "data")
    (copy / "runs" / spec().id / "weights.safetensors").unlink()
    assert verify.verify(copy) == 0
    out = capsys.readouterr().out
    assert check_run.NO_WEIGHTS in out and check_predictions.NO_LABELS in out and " and 2 more: " in out
    assert verify.verify_all([copy], [], as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["ok"], found["checked"]) == (True, {"record": 3, "stage": 4, "network": 1})
    assert (len(found["notes"]), len(found["not_checked"])) == (5, 3)


def test_a_place_that_holds_nothing_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="'seeds=3' is for grids; "):
        verify.examine(tmp_path, ["seeds=3"])
    with pytest.raises(UserError, match="holds no runs; name a folder of results, a kept folder or a grid"):
        verify.examine(tmp_path)


@pytest.fixture
def kept_folder(tmp_path: Path) -> Path:
    """A kept folder of six committed runs, with its tables."""
    from bench.report import kept

    folder = tmp_path / "folder"
    asked = FIELDS | {"sparsities": [0.95], "name": "kept", "seeds": [0, 1, 2]}
    (folder / "records").mkdir(parents=True)
    (folder / "grid.yaml").write_text(json.dumps(asked))
    for method in ("dense", "snip-0.95"):
        for path in (DIGITS / "records").glob(f"digits-convnet_small-{method}-s*.json"):
            shutil.copy(path, folder / "records")
    kept.rebuild(folder, figures=False)
    return folder


def test_tables_are_what_the_records_give(kept_folder, capsys):
    capsys.readouterr()
    assert verify.verify(kept_folder) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "6 records, 1 set of tables checked: all is well."
    table = kept_folder / "table.tex"
    edited(table, "snip", "snap")
    found = verify.examine(kept_folder)
    (problem,) = found.problems
    assert problem.path == table
    assert problem.said.startswith("line ") and problem.said.endswith("`reprune report` writes it anew")


def test_a_record_that_was_touched_up_is_betrayed_by_the_tables(kept_folder):
    path = sorted((kept_folder / "records").glob("*snip*"))[0]
    values = json.loads(path.read_text())
    values["results"][0]["accuracy"] += 100 / 899
    path.write_text(json.dumps(values))
    assert {each.path.name for each in verify.examine(kept_folder).problems} >= {"table.md", "table.csv", "table.tex"}


def test_a_kept_folder_with_a_record_too_many(kept_folder):
    edited(next((kept_folder / "records").glob("*snip*-s0-*")), '"seed": 0', '"seed": 9')
    said = [each.said for each in verify.examine(kept_folder).problems]
    assert any("belongs to no cell of grid.yaml" in each for each in said)


def test_a_grids_tables_are_checked_too(tmp_path):
    from bench import report
    from bench.plan.grid import expand, load

    folders = {"results": str(tmp_path / "results"), "reports": str(tmp_path / "reports")}
    config = tmp_path / "grid.yaml"
    config.write_text(json.dumps(FIELDS | folders | {"name": "checked", "seeds": [0, 1]}))
    grid = load(config)
    plan = expand(grid)
    for each in plan.runs:
        factories.write(factories.record(each, 90.0 + each.seed), tmp_path / "results")
    from bench.results import measurements

    records, broken = measurements.read_records(plan, Path(grid.results))
    table = measurements.from_records(plan, records, broken)
    report.write(grid, plan, report.Measured(table, records, report.WITHOUT_STORE), grid.report_folder, figures=False)

    def wrong() -> list[str]:  # the records are of no real network, and their numbers are not looked at here
        return [each.path.name for each in verify.examine(config).problems if each.path.parent == grid.report_folder]

    assert verify.examine(config).counted == {"record": 4, "set of tables": 1}
    assert wrong() == []
    edited(grid.report_folder / "table.md", "90.50", "95.50")
    assert wrong() == ["table.md"]
