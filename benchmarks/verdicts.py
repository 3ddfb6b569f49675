"""How often the rule of verdicts errs, and how often it decides: simulated with the rule's own functions.

``python -m benchmarks.verdicts`` prints the tables that stand in docs/comparing.md. Draws are the same at every call.
Points are in units of the margin δ; seeds scatter normally, by σ in ours and by `ratio` times σ in theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from bench.published.rule import LEVEL, LOOKS, UNCOUNTED, Source, half_width

DRAWS = 100_000

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Setting:
    """A comparison that is to be repeated many times.

    Attributes:
        n, runs: our seeds, and the runs behind the printed number.
        sigma: of our seeds, in units of δ.
        ratio: how many times as much theirs scatter.
        prints: what the source prints beside its number: ``spread`` and runs, ``runs`` alone, or an ``error`` without
            the number of runs.
        looks: our seeds are added until one of `LOOKS` decides; `n` is then the last of them.
    """

    n: int
    runs: int
    sigma: float = 0.1
    ratio: float = 1.0
    prints: str = "spread"
    looks: bool = False


@dataclass(frozen=True)
class Rates:
    """How often each came out, and how many seeds it took on average."""

    reproduced: float
    decided: float
    seeds: float


def simulate(setting: Setting, gap: float, draws: int = DRAWS, *, welch: bool = False) -> Rates:
    """Rates where the true means lie `gap` apart; with `welch` under Welch–Satterthwaite's degrees of freedom."""
    rng = np.random.default_rng(20)
    theirs = setting.ratio * setting.sigma
    printed = theirs * rng.standard_normal(draws) / np.sqrt(setting.runs)
    freedom = max(setting.runs - 1, 1)
    spread = theirs * np.sqrt(rng.chisquare(freedom, draws) / freedom)
    source = _source(setting, spread)
    values = gap + setting.sigma * rng.standard_normal((draws, setting.n))
    verdicts, seeds = np.zeros(draws), np.full(draws, setting.n)
    for n, share in LOOKS.items() if setting.looks else {setting.n: 1.0}.items():
        mean, std = values[:, :n].mean(1), values[:, :n].std(1, ddof=1)
        half = _welch(std, n, spread, setting.runs) if welch else half_width(std, n, source, level=share * LEVEL)
        distance, open_ = np.abs(mean - printed), verdicts == 0
        found = np.where(distance + half <= 1, 1, np.where(distance - half > 1, -1, 0))
        seeds[open_ & (found != 0)] = n
        verdicts[open_] = found[open_]
    return Rates(float((verdicts == 1).mean()), float((verdicts != 0).mean()), float(seeds.mean()))


def _source(setting: Setting, spread: Array) -> Source:
    error = spread / np.sqrt(setting.runs)
    if setting.prints == "spread":
        return Source(error, setting.runs, counted=True)
    return Source(UNCOUNTED * error if setting.prints == "error" else None, setting.runs, counted=False)


def _welch(std: Array, n: int, spread: Array, runs: int) -> Any:
    """What h is with Welch–Satterthwaite's degrees of freedom, which the rule does not use."""
    ours, theirs = std**2 / n, spread**2 / runs
    degrees = (ours + theirs) ** 2 / (ours**2 / (n - 1) + theirs**2 / (runs - 1))
    return stdtrit(degrees, 1 - LEVEL) * np.sqrt(ours + theirs)


GRID = tuple(
    Setting(n, runs, ratio=ratio)
    for n, runs, ratio in product((3, 4, 5, 10, 20), (2, 3, 4, 5, 10, 20), (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0))
)
"""Settings with spread and runs printed, of which the worst is told."""

SIGMAS = (0.1, 0.2, 0.3, 0.4)
UNPRINTED = tuple(Setting(n, runs, prints="runs") for n, runs in product((5, 10, 20), (1, 3)))
UNCOUNTED_ERROR = tuple(Setting(n, runs, prints="error") for n, runs in product((5, 20), (2, 3, 5)))
ADDED = tuple(Setting(20, runs, ratio=ratio, looks=True) for runs, ratio in ((3, 1.0), (20, 1.0), (20, 0.25)))


def worst(settings: Iterable[Setting], draws: int = DRAWS, *, welch: bool = False) -> tuple[float, Setting]:
    """The highest rate of false ``reproduced`` at the margin, and where."""
    found = [(simulate(each, 1.0, draws, welch=welch).reproduced, each) for each in settings]
    return max(found, key=lambda pair: pair[0])


def main() -> None:
    """Print the tables as Markdown."""
    for text, welch in (("min(n, n_pub) − 1", False), ("Welch–Satterthwaite", True)):
        rate, where = worst(GRID, welch=welch)
        at = f"n {where.n}, n_pub {where.runs}, ratio {where.ratio:g}"
        print(f"{text}: at most {_percent(rate)} of {len(GRID)} settings ({at})")
    print("\n| settings | false `reproduced` at δ |\n| --- | ---: |")
    _print("spread and runs printed", [Setting(n, runs) for n, runs in ((3, 3), (5, 3), (20, 2), (20, 20))])
    for ratio in (1.0, 1.5, 2.0):
        _print(f"no spread printed, theirs {ratio:g} × ours", [replace(each, ratio=ratio) for each in UNPRINTED])
    _print("standard error without runs", UNCOUNTED_ERROR)
    _print("seeds added, looks at 5, 10, 20", ADDED)
    print(f"\n| if the paper is exactly right | {' | '.join(f'σ = {sigma} δ' for sigma in SIGMAS)} |\n|" + " --- |" * 5)
    for n, runs in ((3, 3), (5, 3), (10, 10)):
        _power("spread and runs printed", Setting(n, runs))
    for n, runs in ((5, 1), (20, 1), (5, 3), (20, 3)):
        _power("no spread printed", Setting(n, runs, prints="runs"))
    for each in ADDED[:2]:
        _power("seeds added", each)


def _print(text: str, settings: Sequence[Setting]) -> None:
    rates = "; ".join(f"{_percent(simulate(each, 1.0).reproduced)} ({each.n}, {each.runs})" for each in settings)
    print(f"| {text} (n, n_pub) | {rates} |")


def _power(text: str, setting: Setting) -> None:
    found = [simulate(replace(setting, sigma=sigma), 0.0) for sigma in SIGMAS]
    seeds = [f" ({each.seeds:.1f} seeds)" if setting.looks else "" for each in found]
    rates = " | ".join(f"{_percent(each.reproduced)}{count}" for each, count in zip(found, seeds, strict=True))
    print(f"| {text}, n {setting.n}, n_pub {setting.runs} | {rates} |")


def _percent(rate: float) -> str:
    return f"{100 * rate:.1f} %"


if __name__ == "__main__":
    main()
