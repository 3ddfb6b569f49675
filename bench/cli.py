"""The command line. Each command imports what it needs when it is called, so that help is instant."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands.published import app as published
from bench.errors import UserError

if TYPE_CHECKING:
    from bench.grid import Grid

app = typer.Typer(
    help="Train, compare and tabulate pruning methods; `snakemake --cores all` runs a whole grid.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(published, name="published")

Config = Annotated[Path, typer.Argument(help="a grid, such as configs/quick.yaml")]
Changes = Annotated[list[str] | None, typer.Argument(metavar="[FIELD=VALUE]...", help="fields of the grid to change")]
DataDir = Annotated[Path | None, typer.Option(help="where the originals of data sets lie; else $REPRUNE_DATA")]
Results = Annotated[Path, typer.Option(help="the folder of results")]
AsJson = Annotated[bool, typer.Option("--json", help="for programs")]
QUICK = Path("configs/quick.yaml")


def main() -> None:
    """Run a command. What a user got wrong is said in one sentence, with exit status 2."""
    try:
        app()
    except UserError as error:
        print(f"reprune: {error}", file=sys.stderr)
        sys.exit(2)


def _grid(config: Path, fields: list[str] | None) -> Grid:
    from bench.grid import load
    from bench.workflow.flow import changes

    return load(config, changes(fields or []))


@app.command()
def doctor(config: Config = QUICK) -> None:
    """Say what was found on this machine, and what to do about what is missing."""
    from bench.commands.doctor import examine

    raise typer.Exit(examine(_grid(config, None)))


@app.command()
def methods(
    name: Annotated[str | None, typer.Argument(help="one method, with its card")] = None,
    as_json: AsJson = False,
) -> None:
    """List the methods with their hyper-parameters, and method files that are broken."""
    from bench.commands import listing

    listing.show(name, as_json)


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(context: typer.Context) -> None:
    """Carry out one run and write its record (`reprune run --help` lists the options)."""
    from bench.run import main as carry_out

    raise typer.Exit(carry_out(context.args))


@app.command()
def plan(
    config: Config = QUICK,
    fields: Changes = None,
    runs: Annotated[bool, typer.Option("--runs", help="a line for each run, too")] = False,
    probe: Annotated[bool, typer.Option(help="measure the speed of training, some seconds per network")] = True,
    as_json: AsJson = False,
) -> None:
    """Say how many runs and cells a grid has, what is done, and the hours and the disk that the rest will take."""
    from bench.workflow import plan as plans

    plans.show(_grid(config, fields), runs=runs, probe=probe, as_json=as_json)


@app.command()
def prepare(
    dataset: str,
    results: Results = Path("results"),
    data_dir: DataDir = None,
    download: Annotated[bool, typer.Option("--download", help="fetch them if they are missing")] = False,
) -> None:
    """Decode a data set once, to arrays with a checksum; of an image folder, check every image and make an index."""
    from bench import data

    path = data.prepare(dataset, results / "data", data_dir, download)
    print(path)
    if data.info(dataset).folder:
        from bench.data.folder import summary

        print(summary(path, data.info(dataset)))


@app.command()
def count(architecture: str, dataset: str, results: Results = Path("results")) -> None:
    """Count the multiply-adds of a dense network for a data set's images."""
    from bench import data, flops

    macs = flops.count(architecture, data.info(dataset), results / "archs")
    print(f"{architecture} on {dataset}: {sum(macs.values()):,} multiply-adds per image")


@app.command()
def evaluate(
    weights: Path,
    arch: Annotated[str, typer.Option(help="the architecture they belong to")],
    dataset: Annotated[str, typer.Option(help="the data set whose test images are classified")],
    mean: Annotated[str, typer.Option(help="per channel in units of [0, 1], separated by commas")] = "",
    std: Annotated[str, typer.Option(help="likewise")] = "",
    crop_fraction: Annotated[float, typer.Option(help="of an image folder's photographs")] = 0.875,
    interpolation: Annotated[str, typer.Option(help="likewise: bilinear or bicubic")] = "bilinear",
    results: Results = Path("results"),
    data_dir: DataDir = None,
) -> None:
    """Measure the test accuracy of a file of weights (safetensors, or a PyTorch state dict)."""
    import torch

    from bench.pretrained import evaluate_weights
    from bench.recipe import Photographs

    found = evaluate_weights(
        weights,
        arch,
        dataset,
        data_folder=results / "data",
        data_dir=data_dir,
        mean=_numbers("--mean", mean),
        std=_numbers("--std", std),
        photographs=Photographs.read({"crop_fraction": crop_fraction, "interpolation": interpolation}, "evaluate"),
        workers=os.cpu_count() or 1,
        device="cuda" if torch.cuda.is_available() else "cpu",
    )
    print(f"{found.accuracy:.2f} % of {found.images} test images")


def _numbers(option: str, text: str) -> tuple[float, ...] | None:
    try:
        found = tuple(float(part) for part in text.split(",")) if text else None
    except ValueError:
        found = (math.nan,)
    if found is not None and not all(map(math.isfinite, found)):
        raise UserError(f"{option} {text[:100]!r} is not a list of numbers separated by commas.")
    return found


@app.command()
def extract(
    run: Annotated[str, typer.Argument(help="a run's id, a unique beginning of it, or its folder")],
    output: Annotated[Path, typer.Option("-o", "--output", help="the file to write, .safetensors")],
    sparsity: Annotated[float | None, typer.Option(help="which of the run's networks, 0.9 say")] = None,
    results: Results = Path("results"),
) -> None:
    """Write a network of a finished run as a plain checkpoint, which timm or PyTorch loads."""
    from bench.extract import extract as write

    print(write(run, results, output, sparsity))


@app.command()
def latency(
    run: Annotated[str, typer.Argument(help="a run's id, a unique beginning of it, or its folder")],
    batch: Annotated[list[int] | None, typer.Option(help="images per batch, repeatable; 1 and 64 by default")] = None,
    threads: Annotated[int, typer.Option(help="of the CPU")] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda")] = "cpu",
    dtype: Annotated[str, typer.Option(help="float32, float16 or bfloat16")] = "float32",
    results: Results = Path("results"),
    as_json: AsJson = False,
) -> None:
    """Measure how fast a finished run's networks really are: dense, CSR, 2:4, thinned, ONNX Runtime."""
    from bench.latency import show as latency_show
    from bench.latency.backends import Setting

    latency_show.measure(run, results, tuple(batch or (1, 64)), Setting(device, dtype, threads), as_json)


@app.command()
def new_method(name: str) -> None:
    """Write methods/NAME.py, a small method that works, to be changed."""
    from bench.commands.new_method import create

    path = create(name)
    print(f"{path} is written; `reprune methods` lists it, and a grid may name it: methods: [dense, {name}]")


@app.command()
def retry(config: Config, fields: Changes = None) -> None:
    """Delete the records of a grid's runs that ended in an error, so that the next call runs those again."""
    from bench.grid import expand
    from bench.report.closing import clear_errors

    grid = _grid(config, fields)
    cleared = clear_errors(grid, expand(grid))
    for run in cleared:
        print(f"cleared {run}")
    print(f"{len(cleared)} runs will be run again" if cleared else "No run of this grid ended in an error.")


@app.command()
def keep(
    config: Config,
    to: Annotated[Path, typer.Option(help="the folder, such as reports/reproductions/NAME")],
    fields: Changes = None,
) -> None:
    """Keep a grid's records, without weights, in a folder to be committed, with its tables; repeat it at will."""
    from bench.report import kept

    print(kept.keep(_grid(config, fields), to))
    kept.rebuild(to)


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def report(context: typer.Context) -> None:
    """Write the tables of a grid, whether or not all runs are finished, or of a kept folder (`report --help`)."""
    from bench.report import main as write

    raise typer.Exit(write(context.args))


if __name__ == "__main__":
    main()
