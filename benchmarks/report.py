"""What became of the ratios: compared with the stored ones, and written into docs/speed.md.

``pytest benchmarks/ --benchmark-json=ratios.json`` measures. Then ``python -m benchmarks.report compare ratios.json``
fails where a ratio is worse than in baseline.json, and ``python -m benchmarks.report write ratios.json`` makes what was
measured the new baseline and the table.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.errors import UserError
from benchmarks.ratios import Ratio

BASELINE = Path(__file__).parent / "baseline.json"
PAGE = Path(__file__).parent.parent / "docs" / "speed.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
TOLERANCE = 0.05
"""By how much a ratio may be worse than the stored one. Ratios of an idle machine repeat within 2 or 3 %: less would
raise false alarms, more would let a loop get slower by as much as its target allows, several times over."""


def ratios(path: Path) -> dict[str, Ratio]:
    """The ratios in a JSON of pytest-benchmark, by the name of their test; timings without one are passed over."""
    return {one["name"]: Ratio(**one["extra_info"]) for one in _read(path)["benchmarks"] if one["extra_info"]}


def machine(path: Path) -> str:
    """Processor, cores and versions that a JSON of pytest-benchmark was made with, as a sentence."""
    found = _read(path)
    about, cpu = found["machine_info"], found["machine_info"]["cpu"]
    return (
        f"{cpu.get('brand_raw', about['processor'])}, {cpu['count']} cores, {about['system']}; "
        f"Python {about['python_version']}, torch {about['torch']}; {found['datetime'][:10]}."
    )


def regressions(now: dict[str, Ratio], before: dict[str, Ratio]) -> list[str]:
    """A sentence for each ratio that is worse than the stored one by more than `TOLERANCE`."""
    found = []
    for name in now.keys() & before.keys():
        new, old = now[name].ratio, before[name].ratio
        worse = new / old if now[name].better == "lower" else old / new
        if worse > 1 + TOLERANCE:
            found.append(f"{name}: {now[name].what} : {now[name].against} is {new:.3f}, and was {old:.3f}")
    return sorted(found)


def table(now: dict[str, Ratio]) -> str:
    """The ratios as Markdown, in the order they were measured in."""
    lines = [
        "| what | against | ratio | quartiles | target | met | measured by `pytest benchmarks/ -k` |",
        "| --- | --- | ---: | --- | ---: | --- | --- |",
    ]
    for name, one in now.items():
        sign = {"lower": "≤", "higher": "≥"}[one.better]
        target = "–" if one.target is None else f"{sign} {one.target:g}"
        met = {None: "–", True: "yes", False: "**no**"}[one.met]
        spread = f"{one.low:.3f} – {one.high:.3f}" if one.low != one.high else "one pair"
        lines.append(
            f"| {one.what} | {one.against} | {one.ratio:.3f} | {spread} | {target} | {met} | `{_words(name)}` |"
        )
    return "\n".join(lines)


def write(path: Path, page: Path = PAGE, baseline: Path = BASELINE) -> None:
    """Put the table into the page, between its two marks, and the ratios into the baseline."""
    found, text = ratios(path), page.read_text(encoding="utf-8")
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise UserError(f"{page}: the table's place is missing, a line '{BEGIN}' and a line '{END}'.")
    page.write_text(f"{head}{BEGIN}\n{table(found)}\n\n{machine(path)}\n{END}{tail}", encoding="utf-8")
    stored = {name: asdict(one) for name, one in found.items()}
    baseline.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main(words: list[str]) -> int:
    """``compare FILE`` or ``write FILE``; returns the exit status, 1 if something got slower."""
    if len(words) != 2 or words[0] not in ("compare", "write"):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        if words[0] == "write":
            write(Path(words[1]))
            return 0
        before = {name: Ratio(**one) for name, one in _read(BASELINE).items()}
        worse = regressions(ratios(Path(words[1])), before)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(worse) or "no ratio is worse than the stored one")
    return int(bool(worse))


def _words(name: str) -> str:
    """What selects a test: its name, with the parameter as a second word."""
    test, _, parameter = name.removesuffix("]").partition("[")
    return f"{test} and {parameter}" if parameter else test


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: expected a file that `pytest benchmarks/ --benchmark-json=…` wrote ({error})."
        ) from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
