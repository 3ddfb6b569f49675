"""The script that prints the table of sparse networks really run."""

from __future__ import annotations

import pytest
import torch

from bench.recipe.prunable import layer_weights
from benchmarks import sparse_inference


def test_it_prints_a_row_per_network_and_batch(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    networks = (("convnet_strided", "weights", 0.9, (1, 2)), ("convnet_strided", "filters", 0.5, (1,)))
    monkeypatch.setattr(sparse_inference, "NETWORKS", networks)
    sparse_inference.main()
    machine, _, head, rule, *rows = capsys.readouterr().out.splitlines()
    assert "1 thread, float32, torch" in machine
    assert head.count("|") == rule.count("|") == 6 + len(sparse_inference.WAYS)
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert [(row[1], row[3]) for row in cells] == [
        ("90 % of weights", "1"),
        ("90 % of weights", "2"),
        ("50 % of filters", "1"),
    ]
    thinned = 5 + sparse_inference.WAYS.index("thinned")
    assert float(cells[2][thinned]) > 0


@pytest.mark.parametrize("unit", ["weights", "filters"])
def test_what_is_gone_is_as_much_as_was_asked_for(unit: str) -> None:
    model = sparse_inference.pruned("resnet8_cifar", unit, 0.5)
    with torch.no_grad():
        weights = layer_weights(model)
        gone = sum(int((weight == 0).sum()) for name, weight in weights.items() if name != "fc.weight")
        total = sum(weight.numel() for name, weight in weights.items() if name != "fc.weight")
        assert gone / total == pytest.approx(0.5, abs=0.01)
        empty = sum(int((weight.flatten(1) == 0).all(1).sum()) for weight in weights.values())
    filters = sum(len(weight) for name, weight in weights.items() if name != "fc.weight")
    assert empty == (filters / 2 if unit == "filters" else 0)
    # Half of the filters leave about a quarter of the multiply-adds of a layer between two pruned ones.
    assert 0.2 < sparse_inference.macs_kept(model, unit) < 0.55
