"""``reprune archs``: the networks there are, and one of them in numbers."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.text import Text

from bench import archs, data
from bench.archs.sizes import sizes
from bench.base.printing import emit, fitting, is_pattern, looked_up, plain_table

HINT = (
    "Sizes are for 10 classes at 3x32x32; one multiply-add counts 1. Any of timm's {count:,} names can be used, too: "
    "`reprune archs 'resnet*'` searches them, and `reprune archs NAME` counts one. docs/architectures.md says which "
    "network a paper means."
)


def show(name: str | None, dataset: str, as_json: bool) -> None:
    """Print our architectures, all that fit a pattern, or one.

    Raises `UserError` if there is no architecture or data set of that name, or they do not go together.
    """
    if name is not None and not is_pattern(name):
        looked_up(archs.check, name)
        found = describe(name, dataset or ("cifar10" if name in archs.OWN else "imagenet"))
        emit(found if as_json else page(found))
        return
    known = archs.OWN if name is None else (*archs.OWN, *archs.timm_names())
    own = [each for each in fitting(name, known, "architecture") if each in archs.OWN]
    others = [each for each in fitting(name, known, "architecture") if each not in archs.OWN]
    emit([summary(each) for each in (*own, *others)] if as_json else overview(own, others))


def summary(name: str) -> dict[str, Any]:
    """What is known of an architecture without building it; of timm's only the name."""
    found = sizes().get(name)
    if found is None:
        return {"name": name, "from": "timm"}
    numbers = {"parameters": int(found["parameters"]), "macs": int(found["macs"])}
    return {"name": name, "from": "reprune", "family": found["family"], "arxiv": found["arxiv"]} | numbers


def overview(own: list[str], others: list[str]) -> Group:
    """A line for each of ours, and the names of timm's."""
    parts: list[RenderableType] = []
    if own:
        table = plain_table("Architecture", "Parameters", "MACs", "Family", numbers=("Parameters", "MACs"))
        for found in map(summary, own):
            paper = f" (arXiv:{found['arxiv']})" if found["arxiv"] else ""
            table.add_row(
                found["name"], f"{found['parameters']:,}", f"{found['macs']:,}", Text(found["family"] + paper)
            )
        parts.append(table)
    if others:
        parts += [Text(f"\ntimm has {len(others)} that are called like that", "bold"), Columns(others, padding=(0, 3))]
    return Group(*parts, Text("\n" + HINT.format(count=len(archs.timm_names())), "dim"))


def describe(name: str, dataset: str) -> dict[str, Any]:
    """An architecture as JSON-like values, built for the images and classes of a data set; takes seconds.

    ``layers`` are the weights that a method may zero, each with its MACs per image, ``pretrained`` the names of timm's
    weights, ``papers`` the published rows about it by paper, and ``grids`` the files of `configs/` that train it.
    """
    from bench.counting.flops import macs_for
    from bench.recipe.prunable import layer_weights

    info = data.info(dataset)
    model = archs.create(name, info.classes, info.channels, (info.height, info.width))
    macs = macs_for(model, info, name)
    weights = layer_weights(model)
    return {
        **summary(name),
        "dataset": dataset,
        "classes": info.classes,
        "image": [info.channels, info.height, info.width],
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "macs": sum(macs.values()),
        "prunable": sum(weight.numel() for weight in weights.values()),
        "layers": [
            {"name": key, "shape": list(weight.shape), "weights": weight.numel(), "macs": macs[key]}
            for key, weight in weights.items()
        ],
        "pretrained": _tags(name),
        "papers": _papers(name),
        "grids": _grids(name),
    }


def page(found: dict[str, Any]) -> Group:
    """What `describe` found, for people."""
    family = f" · {found['family']}" if "family" in found else " · timm"
    paper = f" · arXiv:{found['arxiv']}" if found.get("arxiv") else ""
    size = "x".join(map(str, found["image"]))
    share = 100 * found["prunable"] / found["parameters"]
    heads = ("Shape", "Weights", "MACs", "of all")
    layers = plain_table("Prunable weights", *heads, numbers=heads)
    for layer in found["layers"]:
        of_all = f"{100 * layer['macs'] / found['macs']:.1f} %"
        shape = "x".join(map(str, layer["shape"]))
        layers.add_row(Text(layer["name"]), shape, f"{layer['weights']:,}", f"{layer['macs']:,}", of_all)
    rows = [f"{count:>4} of {paper}" for paper, count in found["papers"].items()]
    return Group(
        Text(f"{found['name']}{family}{paper}", "bold cyan"),
        Text(
            f"\nOn {found['dataset']} ({found['classes']} classes, {size}): {found['parameters']:,} parameters, "
            f"{found['prunable']:,} of them prunable ({share:.2f} %), {found['macs']:,} multiply-adds per image\n"
        ),
        layers,
        _paragraph("Published numbers", rows),
        _paragraph("Grids", found["grids"]),
        _paragraph("Pretrained weights (timm)", found["pretrained"]),
    )


def _paragraph(head: str, lines: list[str]) -> Text:
    return Text.assemble((f"\n{head}\n", "bold"), "\n".join(lines) or "none")


def _tags(name: str) -> list[str]:
    if name in archs.OWN:
        return []
    import timm

    return list(timm.list_pretrained(f"{name.partition('.')[0]}.*"))


def _papers(name: str) -> dict[str, int]:
    from bench import published

    rows = [row for row in published.load().rows if row.architecture == name and not row.duplicate_of]
    return dict(Counter(f"{row.paper} (arXiv:{row.arxiv})" if row.arxiv else row.paper for row in rows).most_common())


def _grids(name: str) -> list[str]:
    from bench.plan.files import configured

    return [file for file, grid in configured().items() if name in grid.architectures]
