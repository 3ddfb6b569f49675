"""A search that finds nothing has exit status 1 and says what is near."""

from __future__ import annotations

import pytest

from bench.commands.cli import call


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("published --method rigll", "no published row has a method like 'rigll'; did you mean 'rigl"),
        ("published --missing --method rigll", "no published row has a method like 'rigll'; did you mean 'rigl"),
        ("published --paper Evcy", "no published row has a paper like 'Evcy'; did you mean 'Evci et al."),
        ("published --dataset cifar1O", "no published row has a data set like 'cifar1O'; did you mean 'cifar10'"),
        ("published --arch resnet2O_cifar", "no published row has an architecture like 'resnet2O_cifar'; did you mean"),
        ("published --sparsity 0.123456", "no published row is at sparsity 0.123456; the nearest is 0."),
        ("published --method synflow --paper 1911.11134 --sparsity 0.5", "no published row has all of this together"),
        (
            "published verify dpf-dpf-resnet20-9O --value 1 --page 1",
            "there is no published row 'dpf-dpf-resnet20-9O'; did",
        ),
        ("recipes rigl_cifar1O", "recipe 'rigl_cifar1O' is not in"),
        ("recipes nothing*", "no recipe is called like 'nothing*'; there are "),
        ("methods snipp", "there is no method 'snipp' in methods/; did you mean 'snip'?"),
        ("methods snipp*", "no method is called like 'snipp*'; did you mean 'snip'?"),
        (
            "archs resnet20_cifarr",
            "architecture 'resnet20_cifarr' is neither ours nor timm's; close are resnet20_cifar, ",
        ),
        ("archs no*such", "no architecture is called like 'no*such'; "),
        ("counts --paper Evcy", "no count is of a source like 'Evcy'; did you mean 'Evci"),
        ("recompute dnss", "source 'dnss' is unknown; did you mean 'dns'"),
        ("recompute --list dnss", "source 'dnss' is unknown; did you mean 'dns'"),
        (
            "plan quick paper=Evcy --no-probe",
            "field 'paper': no published paper's name begins with 'Evcy'; did you mean",
        ),
    ],
)
def test_what_is_not_found_is_said_with_what_is_near(
    words: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = call(words.split())
    out, err = capsys.readouterr()
    assert (status, out) == (1, "")
    assert err.startswith("reprune: ") and sentence in err
    assert err.count("\n") == 1
