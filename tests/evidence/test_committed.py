"""What is committed: the pages, README's line, and verdicts computed once more from records and CSV alone."""

from __future__ import annotations

import csv
import json
import math
import random
import statistics
from pathlib import Path

import pytest
import yaml
from scipy.stats import t

from bench import names, published
from bench.evidence import show
from bench.evidence.chapters import State, headline
from bench.evidence.findings import REPRODUCTIONS, Finding
from bench.published.outcomes import Evidence, Outcome
from bench.published.verdict import Scale, judge
from bench.report import kept

ROOT = Path(__file__).parents[2]
REPORTS = ROOT / "reports"
AGAIN = "renew it with `reprune evidence -o reports`"

MARGINS = {"lenet_300_100": (0.2, 0.3), "mlp_1000_1000_1000_set": (1.0, 2.0)}
"""Below 98 % and from there on, as in ``published/margins.yaml``; networks of small grids only."""

IMAGES = {"mnist": 10_000, "fashion_mnist_2000": 1_000}
"""Of the test, of which a spread is one or more."""


@pytest.fixture(scope="module")
def state() -> State:
    return show.state()


def test_the_pages_say_what_the_records_say(state: State) -> None:
    pages = {"index.md": show.index(state), "evidence.md": show.markdown(state), "evidence.html": show.page(state)}
    stale = [name for name, text in pages.items() if (REPORTS / name).read_text(encoding="utf-8") != text]
    assert stale == [], AGAIN


def test_readme_says_what_the_records_say(state: State) -> None:
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert [line for line in headline(state) if line not in text] == []


def test_no_code_behind_a_committed_verdict_has_changed(state: State) -> None:
    """From the first verdict on, the identities behind them stay."""
    folders = {each.folder for each in state.findings if each.kind is Evidence.RETRAINED and each.decided}
    assert [run for name in folders for run in kept.read(REPRODUCTIONS / name).outdated] == []


def test_a_tenth_of_the_rate_is_not_reproduced() -> None:
    """The deliberately wrong recipe, judged as if it had been the right one."""
    wrong = _accuracies(REPRODUCTIONS / "snfs-mnist", "snfs", 0.98, "snfs_mnist[train.lr=0.01]")
    if len(wrong) < 5:
        pytest.skip("the runs at a tenth of the rate have not ended yet")
    rows = {row.id: row for row in published.load().rows}
    verdict = judge(wrong, rows["snfs-sparse-momentum-lenet-300-100-mnist-98"], Scale.of("mnist"))
    assert verdict.outcome in (Outcome.BELOW, Outcome.INCONCLUSIVE)


def test_five_verdicts_drawn_at_random_come_out_again(state: State) -> None:
    """Of each kind that has so many, from records' JSON and lines of CSVs, by the rules as the docs state them."""
    again = {Evidence.RETRAINED: _retrained, Evidence.RECOMPUTED: _recomputed}
    for kind, compute in again.items():
        decided = [each for each in state.findings if each.kind is kind and each.decided]
        chosen = random.Random(len(decided)).sample(decided, min(5, len(decided)))
        assert chosen, kind
        for each in chosen:
            compute(each)


def _retrained(finding: Finding) -> None:
    row = _row(finding.number)
    sparsity, recipe = float(row["sparsity"]), published.load().protocols[row["protocol"]].recipe
    ours = _accuracies(REPRODUCTIONS / finding.folder, row["method"], sparsity or None, recipe or "")
    runs = len(ours)
    assert runs == len(kept.read(REPRODUCTIONS / finding.folder).grid.seeds) >= 5
    difference = statistics.mean(ours) - float(row["value"])
    image = 100 / IMAGES[row["dataset"]]
    if row["n_seeds"]:
        assert row["std_kind"] == "std"
        degrees, theirs = min(runs, int(row["n_seeds"])) - 1, max(float(row["std"]), image) / int(row["n_seeds"]) ** 0.5
    else:
        assert row["std_kind"] == "sem", "a standard error without runs: 1.8 of it, and our degrees"
        degrees, theirs = runs - 1, 1.8 * float(row["std"])
    spread = max(statistics.stdev(ours), image)
    half = t.ppf(0.95, degrees) * (spread**2 / runs + theirs**2) ** 0.5 + float(row["reading_error"])
    margin = MARGINS[row["architecture"]][sparsity >= 0.98]
    if finding.outcome in (Outcome.REPRODUCED, Outcome.LEVEL_ONLY):
        assert abs(difference) + half <= margin
    else:
        assert abs(difference) - half > margin
        assert (difference < 0) == (finding.outcome is Outcome.BELOW)


def _recomputed(finding: Finding) -> None:
    source, _, cell = finding.number.partition("/")
    lines = _lines(ROOT / "published" / "networks" / f"{source}.csv")
    line = next(line for line in lines if line["id"] == cell)
    records = [json.loads(path.read_bytes()) for path in (REPRODUCTIONS / finding.folder / "records").glob("*.json")]
    numbers = next(record["numbers"][cell] for record in records if cell in record["numbers"])
    aside = yaml.safe_load((ROOT / "published" / "networks" / f"{source}.yaml").read_text()).get("aside", [])
    close = [
        abs(numbers[metric.strip()]["value"] - float(text)) <= _half_unit(text)
        for metric, text in zip(line["metrics"].split(";"), line["printed"].split(";"), strict=True)
        if metric.strip() not in aside
    ]
    assert all(close) == (finding.outcome is Outcome.EQUAL)


def _half_unit(text: str) -> float:
    """Of the last printed digit, or of the sixth significant one: losses are compared no further."""
    value = float(text)
    sixth = 0.5 * 10.0 ** (math.floor(math.log10(abs(value))) - 5) if value else 0.0
    return max(0.5 * 10.0 ** -len(text.strip().partition(".")[2]), sixth) * (1 + 1e-9)


def _accuracies(folder: Path, method: str, point: float | None, recipe: str) -> list[float]:
    """By seed, straight from the records."""
    name, fields = names.parse(method)
    found = {}
    for path in (folder / "records").glob("*.json"):
        record = json.loads(path.read_bytes())
        spec = record["spec"]
        if (spec["method"], spec["hyperparameters"], spec["recipe_text"]) == (name, fields, recipe):
            for result in record["results"]:
                if result["point"] == point or (point is not None and abs(result["point"] - point) < 5e-4):
                    found[spec["seed"]] = result["accuracy"]
    return [found[seed] for seed in sorted(found)]


def _row(number: str) -> dict[str, str]:
    files = (ROOT / "published").glob("*.csv")
    return next(line for file in files for line in _lines(file) if line["id"] == number)


def _lines(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
