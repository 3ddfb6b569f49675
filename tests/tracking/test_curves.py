"""The figure of one run shows what its record says."""

from pathlib import Path
from xml.etree import ElementTree

from bench.results import record
from bench.tracking.curves import HEIGHT, LEFT, TOP, WIDTH, draw

RECORDS = sorted((Path(__file__).parents[2] / "reports/reproductions/digits/records").glob("*magnitude*.json"))
SVG = "{http://www.w3.org/2000/svg}"


def figure(found: record.Record) -> ElementTree.Element:
    return ElementTree.fromstring(draw(found))


def places(line: ElementTree.Element) -> list[tuple[float, ...]]:
    return [tuple(map(float, pair.split(","))) for pair in line.attrib["points"].split()]


def test_every_stage_has_its_accuracy_and_its_sparsity():
    found = record.read(RECORDS[0])
    drawn = figure(found)
    stages, kinds = ("pretrain", "finetune"), ("accuracy", "sparsity")
    names = [text.text for text in drawn.iter(f"{SVG}text")]
    assert names[-4:] == [f"{stage}: {kind}" for stage in stages for kind in kinds]
    lines = [places(line) for line in drawn.iter(f"{SVG}polyline")][::2]  # each is followed by its sample
    assert len(lines) == 4
    longest = max(curve.epoch[-1] for curve in found.curves)
    accuracy, sparsity = lines[2:]
    last = found.curves[1]
    assert accuracy[-1] == (
        round(LEFT + WIDTH * last.epoch[-1] / longest, 1),
        round(TOP + HEIGHT * (1 - last.accuracy[-1] / 100), 1),
    )
    assert [y for _, y in sparsity] == [round(TOP + HEIGHT * (1 - value), 1) for value in last.sparsity]


def test_a_run_that_measured_nothing_is_an_empty_frame():
    found = record.read(RECORDS[0]).model_copy(update={"curves": []})
    assert not list(figure(found).iter(f"{SVG}polyline"))


def test_names_of_stages_are_escaped():
    found = record.read(RECORDS[0])
    odd = found.curves[0].model_copy(update={"stage": "<b> & co"})
    assert "<b> & co: accuracy" in [
        text.text for text in figure(found.model_copy(update={"curves": [odd]})).iter(f"{SVG}text")
    ]
