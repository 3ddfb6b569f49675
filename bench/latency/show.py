"""``reprune latency`` for people and for programs."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.base import printing
from bench.base.grouping import grouped
from bench.base.spelling import Spelling
from bench.latency import Latency, Network
from bench.latency.backends import Setting

HEAD = ("Batch", "Way", "ms per batch", "Quartiles", "× dense", "")

LEGEND = (
    "× dense: median of dense over this median, from {repetitions} rounds in which every way runs once; below 1 is "
    "slower. masked is the network as it is saved: its zeros are multiplied like any weight, so it is about 1. All "
    "others give its logits but for rounding."
)


def timed(run: str, results: Path, batches: tuple[int, ...], setting: Setting, as_json: bool) -> None:
    """Measure a run's networks and print a table, or the contents of the file that is written."""
    from bench.latency.timing import time_networks

    latency, path = time_networks(run, results, batches, setting)
    if as_json:
        print(path.read_text(), end="")
    else:
        show(latency, path, printing.terminal())


def show(latency: Latency, path: Path, console: Console) -> None:
    """Print the measurements, what was refused, and where it all lies."""
    console.print(f"{latency.run}: {latency.machine.describe()}")
    name = Spelling.of(network.point for network in latency.networks).name
    for network in latency.networks:
        console.print(table(network, name(network.point)))
        for reason in refusals(network):
            console.print(f"{reason}.", style="dim")
    console.print(LEGEND.format(repetitions=latency.networks[0].timings[0].repetitions), style="dim")
    console.print(str(path))


def table(network: Network, title: str) -> Table:
    """A network's timings."""
    made = Table(title=title, title_justify="left")
    for name in HEAD:
        made.add_column(name, justify="left" if name in ("Way", "") else "right", no_wrap=True)
    before = None
    for timing in network.timings:
        made.add_row(
            str(timing.batch) if timing.batch != before else "",
            timing.backend,
            f"{timing.median:.3f}",
            f"{timing.lower:.3f} to {timing.upper:.3f}",
            f"{timing.speedup:.2f}",
            timing.detail,
        )
        before = timing.batch
    return made


def refusals(network: Network) -> list[str]:
    """What was not measured and why, one line for all batch sizes that have the same reason."""
    batches = grouped(((each.backend, each.reason), each.batch) for each in network.refusals)
    return [f"{name} (batch {', '.join(map(str, sizes))}): {reason}" for (name, reason), sizes in batches.items()]
