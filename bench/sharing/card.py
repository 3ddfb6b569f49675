"""A model card: the Markdown beside extracted weights that says what they are, to people and to model hubs."""

from __future__ import annotations

import json
import math
import shlex
from pathlib import Path
from typing import Any

import yaml

from bench import archs, data, latency
from bench.base.atomic import write_text
from bench.base.spelling import exact
from bench.data.catalog import DataInfo
from bench.errors import UserError
from bench.report.layout import Block, Text
from bench.results.provenance import machine
from bench.results.record import Record, Result
from bench.sharing import papers
from bench.spec import RunSpec

MARK = "# Written by `reprune extract`."
"""The second line of a card of ours; another file is not overwritten."""


def beside(weights: Path) -> Path:
    """Where the card of a file of weights lies. Raises `UserError` if something else lies there."""
    card = weights.with_suffix(".md")
    if card.exists() and not (card.is_file() and MARK in card.read_text("utf-8", "replace").splitlines()[:2]):
        raise UserError(f"{card} is there and no card that `reprune extract` wrote; name the weights otherwise.")
    return card


def write(card: Path, found: Record, result: Result, folder: Path, weights: str, sha256: str) -> None:
    """Write the card of a network.

    Args:
        card: the file to write.
        found: the record of its run.
        result: its result.
        folder: the run's folder, where measurements of its speed may lie.
        weights: the name of the file of weights.
        sha256: of that file.
    """
    write_text(card, page(found, result, folder, weights, sha256))


def page(found: Record, result: Result, folder: Path, weights: str, sha256: str) -> str:
    """The card as Markdown, with the front matter that model hubs read."""
    from bench.report.tables import template

    spec, info = found.spec, data.info(found.spec.dataset)
    title = f"{spec.architecture} on {spec.dataset}, {_pruned(spec, result)}"
    measured, unmeasured = _speed(folder, found, result)
    text = template("card.md.j2").render(
        front=_yaml(_front(spec, result, title)),
        mark=MARK,
        title=title,
        found=found,
        result=result,
        info=info,
        right=round(result.accuracy * result.test_images / 100),
        facts=_facts(found, result, weights, sha256),
        layers=_layers(result),
        measured=measured,
        unmeasured=unmeasured,
        loading=loading(spec, info, weights),
        normalisation=_normalisation(spec, info),
        evaluation=" \\\n    ".join(_lines(evaluation(Path(weights), spec))) if _plainly_seen(spec) else "",
        hyperparameters=_yaml(found.hyperparameters),
        recipe=_yaml(spec.recipe.model_dump(mode="json", exclude_defaults=True, exclude={"name", "source"})),
        stated=papers.stated(spec.method),
        cited=[f"{name}, {papers.address(number)}" for number, name in papers.of_method(spec.method).items()],
        git=found.provenance.get("git") or {},
        packages=found.provenance.get("packages") or {},
        machine=machine(found.provenance),
    )
    return text.strip() + "\n"


def _yaml(values: Any) -> str:
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=120).strip()


def loading(spec: RunSpec, info: DataInfo, weights: str) -> str:
    """Python that loads the weights into `model`, ready to be used."""
    name, shape = spec.architecture, f"({info.height}, {info.width})"
    if name in archs.OWN:
        imports = ["from safetensors.torch import load_file", "", "from bench import archs"]
        create = f'archs.create("{name}", classes={info.classes}, channels={info.channels}, size={shape})'
    else:
        imports = ["import timm", "from safetensors.torch import load_file"]
        sized = f", img_size={shape}" if archs.sized(name) else ""
        create = f'timm.create_model("{name}", num_classes={info.classes}, in_chans={info.channels}{sized})'
    load = f"model.load_state_dict(load_file({json.dumps(weights, ensure_ascii=False)}))"
    return "\n".join([*imports, "", f"model = {create}", load, "model.eval()"])


def evaluation(weights: Path, spec: RunSpec) -> list[str]:
    """The words of the command that measures the accuracy of extracted weights."""
    chosen = spec.recipe.data
    words = ["reprune", "evaluate", str(weights), "--arch", spec.architecture, "--dataset", spec.dataset]
    for option, values in (("--mean", chosen.mean), ("--std", chosen.std)):
        words += [option, ",".join(map(exact, values))] if values else []
    usual = type(chosen.photographs)()
    for field in ("crop_fraction", "interpolation"):
        value = getattr(chosen.photographs, field)
        words += [f"--{field.replace('_', '-')}", str(value)] if value != getattr(usual, field) else []
    return words


def _lines(words: list[str]) -> list[str]:
    """The command and its weights on one line, and a line for each option."""
    return [shlex.join(words[:3]), *(shlex.join(words[at : at + 2]) for at in range(3, len(words), 2))]


def _plainly_seen(spec: RunSpec) -> bool:
    """Whether `reprune evaluate` can show the images as the network saw them."""
    return spec.recipe.data.normalise == "channel"


def _pruned(spec: RunSpec, result: Result) -> str:
    return "dense" if result.point is None else f"{spec.method_text} at {spec.spelling.percent(result.point)}"


def _front(spec: RunSpec, result: Result, title: str) -> dict[str, Any]:
    """The front matter, in the words of the Hugging Face hub."""
    value = round(result.accuracy, 4)
    measured = {
        "task": {"type": "image-classification"},
        "dataset": {"name": spec.dataset, "type": spec.dataset, "split": "test"},
        "metrics": [{"type": "accuracy", "name": "Top-1 accuracy (%)", "value": value}],
    }
    return {
        "license": "unknown",
        **({} if spec.architecture in archs.OWN else {"library_name": "timm"}),
        "pipeline_tag": "image-classification",
        "tags": ["reprune", "pruning", "sparsity", spec.method, spec.architecture],
        "datasets": [spec.dataset],
        "metrics": ["accuracy"],
        "model-index": [{"name": title, "results": [measured]}],
    }


def _facts(found: Record, result: Result, weights: str, sha256: str) -> Block:
    counts, whole = result.counts, found.spec.prunable
    rows = {
        "Accuracy": f"{result.accuracy:.2f} % of {result.test_images:,} test images, after the last epoch",
        "Sparsity": f"{_share(counts.prunable_sparsity)} of the {counts.prunable_weights:,} prunable weights are 0 "
        f"(prunable set: {whole})",
        "Of all parameters": f"{_share(counts.global_sparsity)} of {counts.parameters:,} are 0; "
        f"{counts.parameters_kept:,} are kept",
        "Effective sparsity": "not defined for this network"
        if counts.effective_sparsity is None
        else f"{_share(counts.effective_sparsity)}, weights that no longer have an influence counted as 0",
        "Multiply-adds per image": f"{counts.macs:,.0f} of {counts.macs_dense:,} when dense "
        f"({_share(counts.macs / counts.macs_dense) if counts.macs_dense else '–'}); theoretical",
        "Weights": f"{weights}, SHA-256 {sha256}",
        "Run": found.id,
    }
    return Block("", ("Fact", "Value"), tuple((Text(name), Text(value)) for name, value in rows.items()), numbers=False)


def _layers(result: Result) -> Block:
    head = ("Layer", "Shape", "Weights", "Kept", "Sparsity", "Prunable", "MACs dense", "MACs")
    rows = []
    for layer in result.layers:
        weights = (f"{math.prod(layer.shape):,}", f"{layer.kept:,}", _share(1 - layer.density))
        texts = [layer.name, "×".join(map(str, layer.shape)), *(weights if layer.shape else ("", "", ""))]
        texts += ["yes" if layer.prunable else "no", f"{layer.macs_dense:,}", f"{layer.macs:,.0f}"]
        rows.append(tuple(map(Text, texts)))
    return Block("", head, tuple(rows))


def _speed(folder: Path, found: Record, result: Result) -> tuple[Block | None, str]:
    """The measured speed, or a sentence on why there is none."""
    try:
        measured = latency.read(latency.beside(folder / "record.json"))
    except UserError as error:
        return None, f"Not shown: {error}"
    network = measured.network(result) if measured else None
    if measured is None or network is None or not network.timings:
        return None, f"Not measured; `reprune latency {found.id}` does it."
    rows = [
        (each.backend, str(each.batch), f"{each.median:.3f}", f"{each.speedup:.2f} ×", each.detail)
        for each in network.timings
    ]
    head = ("Way", "Batch", "Milliseconds", "Speed-up", "Detail")
    title = f"Measured on {measured.machine.describe()}; a speed-up below 1 is slower than dense"
    return Block(title, head, tuple(tuple(map(Text, row)) for row in rows)), ""


def _normalisation(spec: RunSpec, info: DataInfo) -> str:
    chosen = spec.recipe.data
    if chosen.normalise == "channel":
        mean, std = chosen.mean or info.mean, chosen.std or info.std
        return f"divided by 255, then per channel minus {_listed(mean)} and divided by {_listed(std)}"
    if chosen.normalise == "none":
        return "divided by 255"
    return f"divided by 255, then normalised as `{chosen.normalise}` of the recipe's field `data.normalise` says"


def _listed(values: tuple[float, ...]) -> str:
    return f"({', '.join(map(exact, values))})"


def _share(fraction: float) -> str:
    return f"{100 * fraction:.2f} %"
