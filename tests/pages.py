"""A page with a bit of everything (verdicts, failures, claims, latency, stages), and a browser to open it in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import latency, recipe
from bench.latency import Latency, Machine, Network, Timing
from bench.plan.claims import Claim
from bench.published import Protocol, Published, comparison
from bench.report import findings, latency_block, sections, summary
from bench.report.layout import Block, Chapter, Text
from bench.report.page.material import Material
from bench.results import measurements
from bench.results.record import Curve, Layer, Record
from tests import factories
from tests.published.test_verdict import PRINTED, ROW

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")

PROTOCOLS = {"p": Protocol(recipe="cifar10", prunable="all", report="last", source="here", deviations=("a detail",))}

ACCURACIES: factories.Accuracies = {
    ("dense", None): [93.0, 93.1, 93.2],
    ("gmp", 0.8): [92.0, 92.1, 91.9],
    ("gmp", 0.9): [91.0, 91.1, 90.9],
    ("gmp", 0.95): [90.0, 90.1, 89.9],
    ("snip", 0.8): [90.0, 90.1, 90.2],
    ("snip", 0.9): [88.0, 88.1, 88.2],
    ("snip", 0.95): [80.0, 80.1, 80.2],
}
"""Of them snip at 95 % then diverges at two seeds of three; no method's columns are sorted as the rows stand."""


CHAPTER = Chapter(
    "Over all cells",
    (Block("What all cells say", ("Method", "Mean"), ((Text("gmp"), Text("−1.00")), (Text("snip"), Text("−7.00")))),),
    ("Under recipe " + "with-a-name-that-is-wider-than-a-telephone" * 2,),
)


@contextmanager
def browser() -> Iterator[Any]:
    """Debian's Chromium without a window; nothing it does on its own asks for a network."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield chromium
        chromium.close()


def material(folder: Path) -> Material:
    """What the page is made of, with everything in it that a report may have."""
    used = {"recipe": recipe.load("cifar10"), "recipe_text": "cifar10"}
    plan, made = factories.plan(ACCURACIES, **used)
    records = [_diverged(one) if _is(one, "snip", 0.95) and one.spec.seed else _trained(one) for one in made]
    paths = [factories.write(record, folder / "results") for record in records]
    latency.write(_latency(records[3]), latency.beside(paths[3]))
    sources, problems = measurements.read_records(plan, folder / "results")
    table = measurements.from_records(plan, sources, problems)
    claims = (Claim(claim="gmp >= snip", source="Somebody 2020"),)
    grid = factories.grid(
        folder, methods=("gmp", "snip"), sparsities=(0.8, 0.9, 0.95), claims=claims, title="A bit of everything"
    )
    reproduced = ROW.model_copy(update={**PRINTED, "dense_value": 93.5, "source": "the paper, page 7"})
    unread = {"id": "unread", "method": "snip", "method_printed": "SNIP", "value": 89.0, "verified": "unverified"}
    rows = (reproduced, ROW.model_copy(update=unread))
    compared = comparison.compare(plan, table, Published(rows, PROTOCOLS))
    cells = summary.cells(plan, table, compared)
    found = findings.examine(claims, cells)
    report = sections.report(grid, cells, "From records.", found, latency_block.read(plan, sources))
    report = replace(report, chapters=(CHAPTER,))
    return Material(grid, plan, sources, cells, found, report, folder / "reports" / "synthetic")


def _is(record: Record, method: str, point: float) -> bool:
    return record.spec.method == method and record.spec.points == (point,)


def _diverged(record: Record) -> Record:
    return record.model_copy(update={"outcome": "diverged", "reason": "the loss is NaN", "results": [], "curves": []})


def _trained(record: Record) -> Record:
    """With two layers, and curves of two stages whose values can be worked out by hand."""
    results = [result.model_copy(update={"layers": _layers(result.point)}) for result in record.results]
    accuracy = record.results[0].accuracy
    curves = [curve("pretrain", accuracy), curve("train", accuracy)]
    return record.model_copy(update={"results": results, "curves": curves})


def _layers(point: float | None) -> list[Layer]:
    kept = {"conv.weight": 1 - (point or 0), "fc.weight": 0.0 if point == 0.95 else 1.0}
    return [
        Layer(name=name, shape=(10, 10), prunable=True, kept=0, density=density, macs_dense=1, macs=1)
        for name, density in kept.items()
    ]


def curve(stage: str, accuracy: float, length: int = 100) -> Curve:
    """An accuracy that grows by equal steps, and masks of which 1 % flips in each epoch."""
    epochs = [epoch + 1.0 for epoch in range(length)]
    zeros = [0.0] * length
    return Curve(
        stage=stage,
        epoch=epochs,
        step=[int(epoch) for epoch in epochs],
        train_loss=zeros,
        accuracy=[accuracy * epoch / length for epoch in epochs],
        loss=zeros,
        learning_rate=zeros,
        sparsity=zeros,
        mask_changes=[0.01] * length,
        seconds=epochs,
    )


def _latency(record: Record) -> Latency:
    machine = Machine(device="A processor", threads=1, dtype="float32", torch="2.13.0", clock="processor time")
    times = {"batch": 1, "repetitions": 30, "difference": 0.0, "median": 1.0, "lower": 0.9, "upper": 1.1}
    timings = [Timing(backend=name, speedup=speed, **times) for name, speed in (("dense", 1.0), ("csr", 0.6))]
    networks = [Network(point=each.point, weights_sha256="0" * 64, timings=timings) for each in record.results]
    return Latency(run=record.id, machine=machine, networks=networks)
