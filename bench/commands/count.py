"""`reprune count`."""

from __future__ import annotations

from pathlib import Path

from bench.commands.arguments import Architecture, Dataset, Results


def count(architecture: Architecture, dataset: Dataset, results: Results = Path("results")) -> None:
    """Count the multiply-adds of a dense network for a data set's images, and keep the counts per layer.

    Snakemake calls this when a grid needs it.

    Examples:
        reprune count resnet8_cifar digits
    """
    from bench import data
    from bench.counting import flops

    macs = flops.count(architecture, data.info(dataset), results / "archs")
    print(f"{architecture} on {dataset}: {sum(macs.values()):,} multiply-adds per image")
