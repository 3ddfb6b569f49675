"""`reprune decide`: looks one after the other, with runs that a stand-in for Snakemake writes down at once."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench import published, report
from bench.commands.cli import call
from bench.commands.runs import decide
from bench.plan import grid as grids
from bench.plan import resolved
from tests import factories
from tests.published.test_looks import OFFSETS, PUBLISHED, accuracies, made

FIELDS: dict[str, Any] = {
    **{"recipe": "cifar10", "datasets": ["cifar10"], "architectures": ["resnet20_cifar"], "sparsities": [0.9]},
    **{"methods": ["gmp", "snip", "random"], "seeds": list(range(20)), "looks": True},
}


class Place:
    """A folder with a grid in it, and what was asked of Snakemake there."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked, self.stops = folder, [], 10**6

    def write(self, **changes: Any) -> None:
        (self.folder / "added.yaml").write_text(yaml.safe_dump(FIELDS | changes))

    def decide(self, *words: str) -> int:
        return call(["decide", "added.yaml", *words])

    def workflow(self, words: Sequence[str], *, quiet: bool) -> int:
        """Leaves the records that are asked for, or the first of them, and fails then."""
        targets = words[words.index("--cores") + 2 :]
        runs = {spec.id: spec for spec in grids.expand(grids.load(Path("added.yaml"))).runs}
        self.asked.append([runs[Path(path).parent.name] for path in targets])
        for spec in self.asked[-1][: self.stops]:
            value = accuracies(OFFSETS.get(spec.method, 2.0))[spec.seed]
            factories.write(made(factories.record(spec, value)), Path("results"))
        return int(self.stops < len(self.asked[-1]))

    @property
    def rounds(self) -> list[dict[str, list[int]]]:
        """The seeds of each method, call by call."""
        found = []
        for specs in self.asked:
            seeds: dict[str, list[int]] = {}
            for spec in specs:
                seeds.setdefault(spec.method, []).append(spec.seed)
            found.append(seeds)
        return found


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    found = Place(tmp_path)
    found.write()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(published, "load", lambda: PUBLISHED)
    monkeypatch.setattr(decide, "workflow", found.workflow)
    monkeypatch.setattr(report, "build", lambda grid, plan: [])
    return found


def test_only_open_verdicts_get_more_seeds(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert place.decide() == 0
    first, second, third = list(range(5)), list(range(5, 10)), list(range(10, 20))
    assert place.rounds == [
        dict.fromkeys(("dense", "gmp", "snip", "random"), first),
        dict.fromkeys(("snip", "random"), second),
        {"random": third},
    ]
    printed = capsys.readouterr().out
    assert "20 runs to the next look" in printed
    lines = {line.split(" at ")[0]: line.split() for line in printed.splitlines() if " at 90 % " in line}
    assert {name: line[-2:] for name, line in lines.items()} == {
        "gmp": ["5", "reproduced"],
        "snip": ["10", "reproduced"],
        "random": ["20", "reproduced"],
    }
    assert place.decide("--json") == 0 and len(place.asked) == 3  # nothing is left to run
    cells = json.loads(capsys.readouterr().out)["cells"]
    assert [(cell["method"], cell["ended"], cell["look"]) for cell in cells[1:]] == [
        ("gmp", 5, 5),
        ("snip", 10, 10),
        ("random", 20, 20),
    ]


def test_what_was_interrupted_goes_on(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.stops = 3
    assert place.decide() == 1
    assert len(place.asked) == 1
    assert "17 of 20 runs left no record; the same call starts them again:" in capsys.readouterr().out
    place.stops = 10**6
    assert place.decide() == 0
    assert [len(specs) for specs in place.asked] == [20, 17, 10, 10]


def test_errors_are_not_made_up_for_by_other_seeds(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert place.decide() == 0
    run = next(spec for spec in place.asked[0] if spec.method == "random")
    later = [Path("results/runs") / spec.id / "record.json" for specs in place.asked[1:] for spec in specs]
    for path in later:
        path.unlink()
    factories.write(made(factories.record(run, outcome="error", reason="ValueError: no", results=[])), Path("results"))
    assert place.decide() == 1
    assert place.rounds[3:] == [{"snip": list(range(5, 10))}]
    assert "1 of 25 runs ended in an error" in capsys.readouterr().out


def test_beforehand_it_says_what_is_likely(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert place.decide("--dry-run", "--no-probe") == 0
    printed = capsys.readouterr().out
    assert "To the next look: 20 runs; at most 65 in all. Likely:\n20 runs; 4 cells" in printed
    assert place.decide("-n", "--no-probe", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (len(found["to_run"]), found["estimate"]["runs"], found["looks"]) == (20, 20, [5, 10, 20])
    assert not place.asked and not Path("results").exists()


def test_snakemake_is_asked_for_the_runs_of_a_look_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("added.yaml").write_text(yaml.safe_dump(FIELDS))
    found = resolved.resolve(Path("added.yaml"), {})
    found.write()
    records = [f"results/runs/{spec.id}/record.json" for spec in found.plan.runs[3:5]]
    assert decide.workflow(["--configfile", str(found.path), "-n", "--cores", "1", *records], quiet=False) == 0
    assert "2 of 80 runs would be trained" in capfd.readouterr().out


def fixed(place: Place) -> None:
    place.write(looks=False)


def fixed_and_run(place: Place) -> None:
    spec = grids.expand(grids.load(Path("added.yaml"))).runs[5]
    factories.write(factories.record(spec), Path("results"))
    place.write(looks=False)


def switched_after_runs(place: Place) -> None:
    first, second, *_ = (spec for spec in grids.expand(grids.load(Path("added.yaml"))).runs if spec.method == "gmp")
    factories.write(factories.record(first), Path("results"))
    factories.write(made(factories.record(second)), Path("results"))


REFUSED = [
    (fixed, (), "its seeds are fixed; write `looks: true` and 20 seeds into it, and commit it before its first run"),
    (fixed_and_run, (), "its seeds were fixed beforehand, and 1 of its 80 runs have ended; who may have seen them"),
    (switched_after_runs, (), "1 of its runs were made under fixed seeds, first cifar10-resnet20_cifar-gmp-0.9-s0"),
    (lambda place: place.write(seeds=[0, 1]), (), "the field 'seeds' lists 2; looks are at 5, 10 and 20 seeds, so"),
    (lambda place: place.write(methods=["lth"]), (), "none of its published numbers can be compared, so there is"),
    (lambda place: None, ("budget=0.5",), "'budget' cannot be changed for a call; what is decided is the grid as"),
]


@pytest.mark.parametrize(("prepare", "words", "sentence"), REFUSED)
def test_who_may_have_peeked_cannot_choose_the_rule(
    prepare: Callable[[Place], None],
    words: tuple[str, ...],
    sentence: str,
    place: Place,
    capsys: pytest.CaptureFixture[str],
) -> None:
    prepare(place)
    assert place.decide(*words) == 2
    assert sentence in capsys.readouterr().err
    assert not place.asked


def test_the_grid_is_committed_before_its_first_run(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    def git(*words: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        subprocess.run(["git", *who, *words], check=True, capture_output=True)

    git("init")
    assert place.decide() == 2 and not place.asked
    assert "added.yaml: commit it as it is; the rule has to be fixed before the first run." in capsys.readouterr().err
    git("add", "added.yaml")
    git("commit", "-m", "The rule")
    assert place.decide() == 0
    place.write(title="Another")
    assert place.decide() == 2
