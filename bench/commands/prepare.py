"""`reprune prepare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.arguments import DataDir, Dataset, Results


def prepare(
    dataset: Dataset,
    results: Results = Path("results"),
    data_dir: DataDir = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch the originals if they are missing.")] = False,
) -> None:
    """Decode a data set once, to arrays with a checksum; of an image folder, check every image and make an index.

    Snakemake calls this when a grid needs it.

    Examples:
        reprune prepare digits
        reprune prepare cifar10 --data-dir ~/data --download
    """
    from bench import data

    path = data.prepare(dataset, results / "data", data_dir, download)
    print(path)
    if data.info(dataset).folder:
        from bench.data.folder import summary

        print(summary(path, data.info(dataset)))
    elif data.info(dataset).pictures:
        found = data.load(dataset, results / "data").sha256
        print(f"the fingerprint of the images is {found}, which configs/datasets/{dataset}.yaml may register as sha256")
