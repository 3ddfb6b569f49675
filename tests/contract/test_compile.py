"""Work done in every step is tensors only: the loss compiles into one graph and mask updates need no new one."""

import pytest
import torch

from bench import catalog
from tests.contract.harness import FORWARD, RESNET, VIT, Laboratory, default_or_long, spec_for

CASES = [
    pytest.param(method, network, marks=default_or_long(method, network, FORWARD))
    for method in catalog.names()
    for network in (RESNET, VIT)
]


@pytest.mark.parametrize(("method", "network"), CASES)
def test_compiled_equals_eager_across_mask_updates(lab: Laboratory, tmp_path, method, network):
    from torch._dynamo.testing import CompileCounterWithBackend  # takes seconds, also of processes without this test

    spec = spec_for(method, network)
    torch._dynamo.reset()
    eager, compiled = (lab.trainer(spec, tmp_path / name) for name in ("eager", "compiled"))
    graphs = CompileCounterWithBackend("eager")
    compiled.loss = torch.compile(compiled.run.loss, backend=graphs, fullgraph=True)
    for trainer in (eager, compiled):
        for step in range(9):  # with updates every 4 steps: at least two of them
            trainer._step(step)
    assert graphs.frame_count == 1
    ours, theirs = compiled.run.model.state_dict(), eager.run.model.state_dict()
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())
    assert compiled.run.masks.digest() == eager.run.masks.digest()
