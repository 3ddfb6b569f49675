"""The figure of one run shows what its record says."""

from pathlib import Path

from bench import record
from bench.curves import draw

RECORDS = sorted((Path(__file__).parents[2] / "reports/reproductions/digits/records").glob("*magnitude*.json"))


def test_every_stage_has_its_accuracy_and_its_sparsity():
    found = record.read(RECORDS[0])
    (axes,) = draw(found).axes
    drawn = {line.get_label(): list(line.get_ydata()) for line in axes.get_lines()}
    stages, kinds = ("pretrain", "finetune"), ("accuracy", "sparsity")
    assert list(drawn) == [f"{stage}: {kind}" for stage in stages for kind in kinds]
    assert drawn["finetune: accuracy"] == found.curves[1].accuracy
    assert drawn["finetune: sparsity"] == [100 * value for value in found.curves[1].sparsity]


def test_a_run_that_measured_nothing_is_an_empty_frame():
    found = record.read(RECORDS[0]).model_copy(update={"curves": []})
    assert not list(draw(found).axes[0].get_lines())
