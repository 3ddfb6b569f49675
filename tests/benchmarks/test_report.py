"""Comparing ratios with stored ones, and the table they become."""

import json
from dataclasses import asdict, replace

import pytest

from bench.errors import UserError
from benchmarks import report
from benchmarks.ratios import Ratio

SLOW = Ratio("a step of x", "a dense step", 1.20, 1.19, 1.21, 1.08, "lower")
FAST = Ratio("images/s", "the barest loop", 0.98, 0.98, 0.98, 0.97, "higher")
PRICE = Ratio("deterministic", "fast", 1.01, 1.0, 1.02, None, "lower")
FOUND = {"test_step[x]": SLOW, "test_epoch": FAST, "test_price": PRICE}


@pytest.fixture
def measured(tmp_path):
    """A file as pytest-benchmark writes it, with a timing that has no ratio."""
    benchmarks = [{"name": name, "extra_info": asdict(one)} for name, one in FOUND.items()]
    machine = {"cpu": {"brand_raw": "A processor", "count": 2}, "system": "Linux", "python_version": "3.11"}
    content = {
        "machine_info": machine | {"torch": "2.13.0", "processor": ""},
        "datetime": "2026-01-02T03:04:05",
        "benchmarks": [*benchmarks, {"name": "test_training_batch", "extra_info": {}}],
    }
    path = tmp_path / "ratios.json"
    path.write_text(json.dumps(content))
    return path


def test_timings_without_a_ratio_are_passed_over(measured):
    assert report.ratios(measured) == FOUND


@pytest.mark.parametrize(
    ("name", "factor", "worse"),
    [
        ("test_step[x]", 1.04, False),
        ("test_step[x]", 1.06, True),
        ("test_step[x]", 0.5, False),
        ("test_epoch", 0.97, False),
        ("test_epoch", 0.94, True),
        ("test_epoch", 2.0, False),
        ("test_price", 1.06, True),
    ],
)
def test_a_regression_is_a_ratio_worse_by_more_than_the_tolerance(name, factor, worse):
    changed = {name: replace(FOUND[name], ratio=FOUND[name].ratio * factor)}
    found = report.regressions(FOUND | changed, FOUND)
    assert [sentence.partition(":")[0] for sentence in found] == ([name] if worse else [])


def test_a_ratio_that_is_not_stored_yet_is_no_regression():
    assert report.regressions(FOUND, {}) == []


def test_the_command_fails_on_a_regression(measured, tmp_path, monkeypatch, capsys):
    stored = {name: asdict(replace(one, ratio=one.ratio / 2)) for name, one in FOUND.items() if one is SLOW}
    baseline = tmp_path / "baseline.json"
    baseline.write_text(json.dumps(stored))
    monkeypatch.setattr(report, "BASELINE", baseline)
    assert report.main(["compare", str(measured)]) == 1
    assert capsys.readouterr().out == "test_step[x]: a step of x : a dense step is 1.200, and was 0.600\n"


def test_the_table_takes_the_place_of_the_old_one_and_the_baseline_holds_what_was_measured(measured, tmp_path):
    page, baseline = tmp_path / "speed.md", tmp_path / "baseline.json"
    page.write_text(f"# Speed\n\nbefore\n\n{report.BEGIN}\nold\n{report.END}\n\nafter\n")
    report.write(measured, page, baseline)
    text = page.read_text()
    assert text.startswith("# Speed\n\nbefore\n") and text.endswith(f"{report.END}\n\nafter\n") and "old" not in text
    assert "| a step of x | a dense step | 1.200 | 1.190 – 1.210 | ≤ 1.08 | **no** | `test_step and x` |" in text
    assert "| images/s | the barest loop | 0.980 | one pair | ≥ 0.97 | yes | `test_epoch` |" in text
    assert "A processor, 2 cores, Linux; Python 3.11, torch 2.13.0; 2026-01-02." in text
    assert {name: Ratio(**one) for name, one in json.loads(baseline.read_text()).items()} == FOUND


def test_a_page_without_a_place_for_the_table(measured, tmp_path):
    page = tmp_path / "speed.md"
    page.write_text("# Speed\n")
    with pytest.raises(UserError, match="the table's place is missing"):
        report.write(measured, page, tmp_path / "baseline.json")


def test_another_file_is_refused_in_one_sentence(tmp_path, capsys):
    (tmp_path / "other.json").write_text("{")
    assert report.main(["compare", str(tmp_path / "other.json")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_committed_page_has_a_place_and_the_committed_baseline_can_be_read():
    assert report.BEGIN in report.PAGE.read_text() and report.END in report.PAGE.read_text()
    assert all(Ratio(**one).ratio > 0 for one in json.loads(report.BASELINE.read_text()).values())
