"""`reprune show`."""

from __future__ import annotations

from pathlib import Path

from bench.commands.arguments import AsJson, Results, Run


def show(run: Run, results: Results = Path("results"), as_json: AsJson = False) -> None:
    """Show one run: outcome, numbers, layers, curves, published numbers, provenance, the command that repeats it.

    It is also found in the kept folders below reports/reproductions, and by the file of its record.

    Examples:
        reprune show digits-resnet8_cifar-dpf-0.95-s0
        reprune show reports/reproductions/cifar10-2-epochs/records/cifar10-resnet20_cifar-dense-s0-*.json
    """
    from bench.commands.runs.show import show as write

    write(run, results, as_json=as_json)
