"""The line for a paper's repository, on verdicts of a test's own."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from bench.commands.reproducing.summary import badge
from bench.evidence.findings import Finding
from bench.published.outcomes import Evidence, Outcome


def findings(kind: Evidence, counts: dict[Outcome, int]) -> Iterable[Finding]:
    for outcome, count in counts.items():
        for number in range(count):
            name = f"{kind}-{outcome}-{number}"
            yield Finding(kind, outcome, name, "Some", "", "Table 1", "it", "1", "1", "", "here")


TRAINED, RECOMPUTED, COUNTED = Evidence.RETRAINED, Evidence.RECOMPUTED, Evidence.COUNTED


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (
            {Outcome.REPRODUCED: 14, Outcome.INCONCLUSIVE: 1, Outcome.BELOW: 2},
            "14 of 17 numbers reproduced, 2 below, 1 inconclusive",
        ),
        # That a level holds is less than that a row is reproduced, and what did not run is a number like any other.
        (
            {Outcome.LEVEL_ONLY: 7, Outcome.REPRODUCED: 2, Outcome.UNDER_READING: 1, Outcome.NOT_RUN: 10},
            "2 of 20 numbers reproduced, 7 reproduced (level only), 1 reproduced under a reading, 10 not run",
        ),
        (
            {Outcome.REPRODUCED: 2, Outcome.NOT_COMPARABLE: 98},
            "2 of 2 numbers reproduced (besides: 98 not comparable)",
        ),
        ({Outcome.BELOW: 1}, "0 of 1 number reproduced, 1 below"),
        ({Outcome.NOT_COMPARABLE: 3}, "no number can be judged (besides: 3 not comparable)"),
    ],
)
def test_one_kind_of_evidence(counts: dict[Outcome, int], words: str) -> None:
    assert badge([*findings(TRAINED, counts)]) == f"reprune: {words}"


def test_kinds_are_never_added_up() -> None:
    judged = [
        *findings(COUNTED, {Outcome.AGREES: 3, Outcome.DIFFERS: 1}),
        *findings(RECOMPUTED, {Outcome.EQUAL: 9, Outcome.OTHER_FILE: 2}),
        *findings(TRAINED, {Outcome.REPRODUCED: 1, Outcome.ABOVE: 1}),
    ]
    assert badge(judged) == (
        "reprune: re-trained: 1 of 2 numbers reproduced, 1 above; "
        "recomputed: 9 of 9 numbers equal to the digit (besides: 2 file is not the printed run); "
        "counted: 3 of 4 numbers agree, 1 differs"
    )
    assert badge([*findings(RECOMPUTED, {Outcome.EQUAL: 9})]) == "reprune: 9 of 9 numbers equal to the digit"
