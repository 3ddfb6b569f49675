"""The record: the JSON a run leaves behind, whatever its outcome. It is the source of truth for every table.

Fields may be added with defaults; a field is never renamed or given another meaning without raising `FORMAT`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from bench.base import regular
from bench.base.atomic import write_text
from bench.base.visible import in_json
from bench.errors import printable
from bench.results import provenance as origin
from bench.results.ancestry import Ancestry
from bench.spec import RunSpec

FORMAT = 1

Outcome = Literal["ok", "diverged", "collapsed", "wrong_sparsity", "skipped", "error"]


Count = Annotated[int, Field(ge=0, lt=2**53)]
Amount = Annotated[float, Field(ge=0, le=1e30)]
Share = Annotated[float, Field(ge=0, le=1)]
Percent = Annotated[float, Field(ge=0, le=100)]


class Part(BaseModel):
    """The base of the record's parts: unknown fields are refused, so a typo can't pass as a result."""

    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="strings")


class Layer(Part):
    """One layer of the network at one point, or a product without weights (attention). MACs are per image.

    Attributes:
        name: the weight's, in the network.
        shape: its sizes, (out, in, …).
        prunable: whether a method may zero it.
        kept: how many of its weights are not zero.
        density: the same as a fraction.
        macs_dense: multiply-adds with all weights.
        macs: with those that are kept; theoretical.
    """

    name: str
    shape: tuple[int, ...]
    prunable: bool
    kept: Count
    density: Share
    macs_dense: Count
    macs: Amount


class Counts(Part):
    """What is left of the network. All of these are different columns, never mixed up.

    Attributes:
        target: the sparsity asked for, None where the method has no such target.
        prunable_weights: how many weights a method may zero.
        prunable_sparsity: fraction of *prunable* weights that are zero in the exported network.
        global_sparsity: fraction of *all* parameters (biases and normalisation too) that are zero.
        parameters, parameters_kept: all parameters, and those not zero.
        active_zeros: weights inside the mask that happen to be exactly zero (regrown a moment ago, say).
        macs_dense, macs: multiply-adds per image of the dense and of the sparse network; theoretical.
        effective_sparsity, effective_macs: the same once dead paths are removed; None where it is undefined.
    """

    target: float | None
    prunable_weights: Count
    prunable_sparsity: Share
    global_sparsity: Share
    parameters: Count
    parameters_kept: Count
    active_zeros: Count = 0
    macs_dense: Count
    macs: Amount
    effective_sparsity: Share | None = None
    effective_macs: Amount | None = None


class Result(Part):
    """What one run measured at one point. Accuracies are percentages of the test images.

    Attributes:
        point: what was asked for; null for the dense network.
        stage: whose end gave it.
        loss: mean cross-entropy of the test images.
        test_images: how many there are.
        counts: what is left of the network.
        layers: the same, layer by layer.
        empty_layers: prunable layers that have lost all weights.
        accuracy: of the exported network, after the last epoch. This is the number.
        best_accuracy, best_epoch: the best epoch *on the test set*; only for rows that report it so.
        selected_accuracy: on the test set, in the epoch that was best on the held-out images, where there are any.
        validation_accuracy: on the held-out part of the training set, where the recipe has one.
        weights, predictions: file names inside the run's folder.
        weights_sha256: the checksum of the file of weights.
        extras: file of parts the method added (predictors, say), None if plain timm is enough.
        diagnostics: numbers of the method's own (`Method.diagnostics`), by name.
    """

    point: float | None
    stage: str
    accuracy: Percent
    loss: float
    test_images: Count
    best_accuracy: Percent | None = None
    best_epoch: Amount | None = None
    selected_accuracy: Percent | None = None
    validation_accuracy: Percent | None = None
    counts: Counts
    layers: list[Layer]
    empty_layers: list[str] = Field(default_factory=list)
    weights: str
    weights_sha256: str
    extras: str | None = None
    predictions: str
    diagnostics: dict[str, float] = Field(default_factory=dict)

    @property
    def files(self) -> list[str]:
        """The names of its files."""
        return [self.weights, self.predictions, *([] if self.extras is None else [self.extras])]

    @model_validator(mode="after")
    def _a_file_each(self) -> Self:
        if twice := next((name for name in self.files if self.files.count(name) > 1), None):
            raise ValueError(f"the file '{twice[:100]}' is named twice, for different things")
        return self


class Curve(Part):
    """Values over a stage, one entry per evaluation, all lists equally long.

    Attributes:
        stage: whose training it is.
        epoch, step: where the entry was taken.
        train_loss: the mean since the previous entry.
        learning_rate: of the last step.
        accuracy, loss: on the held-out images where the recipe has any, otherwise on the test images.
        sparsity: of the masks, over the prunable weights.
        mask_changes: the fraction of prunable weights whose mask flipped since the previous entry.
        seconds: of training, up to here.
    """

    stage: str
    epoch: list[Amount] = Field(default_factory=list)
    step: list[Count] = Field(default_factory=list)
    train_loss: list[float] = Field(default_factory=list)
    accuracy: list[Percent] = Field(default_factory=list)
    loss: list[float] = Field(default_factory=list)
    learning_rate: list[float] = Field(default_factory=list)
    sparsity: list[Share] = Field(default_factory=list)
    mask_changes: list[float] = Field(default_factory=list)
    seconds: list[Amount] = Field(default_factory=list)

    @model_validator(mode="after")
    def _equally_long(self) -> Self:
        if len({len(values) for values in self.model_dump(exclude={"stage"}).values()}) > 1:
            raise ValueError(f"the lists of stage '{self.stage[:50]}' are not equally long")
        return self


class Cost(Part):
    """What the run took; parents (pretraining that other runs share) are included in the totals.

    Attributes:
        epochs: passes over the training set, parents included.
        own_epochs: the same without them.
        training_macs: multiply-adds of all training and scoring passes, parents included; theoretical.
        training_macs_relative: the same as a multiple of the recipe's dense training.
        mask_updates: how often the masks were updated.
        seconds: of training in this job.
        images_per_second: trained in that time.
        peak_memory: in bytes, of the GPU's allocator, or of the process where there is none.
        parents: names of its stages that other runs share.
    """

    epochs: Amount = 0.0
    own_epochs: Amount = 0.0
    training_macs: Amount = 0.0
    training_macs_relative: Amount = 0.0
    mask_updates: Count = 0
    seconds: Amount = 0.0
    images_per_second: Amount = 0.0
    peak_memory: Count = 0
    parents: list[str] = Field(default_factory=list)


class Record(Part):
    """Everything a run measured, and everything needed to run it again.

    Attributes:
        format: of the record itself; raised when a field gets another meaning.
        id: the run's name, and its folder's.
        spec: what was asked for: all that determines the result.
        hyperparameters: all of the method's, defaults included.
        outcome: how it ended.
        reason: why, if not well.
        warnings: what deserves a look though the run ended well.
        results: one for each point.
        curves: one for each stage.
        ancestry: of each stage, from which states it began; empty in records made before there was this field.
        cost: what it took.
        provenance: code, packages and hardware, and the command that runs it again.
    """

    format: int = FORMAT
    id: str
    spec: RunSpec
    hyperparameters: dict[str, Any] = Field(default_factory=dict)
    outcome: Outcome
    reason: str = ""
    warnings: list[str] = Field(default_factory=list)
    results: list[Result] = Field(default_factory=list)
    curves: list[Curve] = Field(default_factory=list)
    ancestry: list[Ancestry] = Field(default_factory=list)
    cost: Cost = Cost()
    provenance: dict[str, Any] = Field(default_factory=dict)

    @field_validator("provenance")
    @classmethod
    def _plain_facts(cls, facts: dict[str, Any]) -> dict[str, Any]:
        if problem := origin.problem(facts):
            raise ValueError(problem)
        return facts

    @model_validator(mode="after")
    def _no_file_of_two_kinds(self) -> Self:
        kinds: dict[str, str] = {}
        for result in self.results:
            for kind, name in (("weights", result.weights), ("predictions", result.predictions)):
                if kinds.setdefault(name, kind) != kind:
                    raise ValueError(f"the file '{name[:100]}' is named as weights and as predictions")
        return self

    @property
    def looks(self) -> bool:
        """Whether its grid said, before the run, that seeds are added at looks (`bench.plan.grid.Grid.looks`)."""
        return self.provenance.get("looks") is True

    def result(self, point: float | None) -> Result | None:
        """The result at a point, or None."""
        return next((result for result in self.results if result.point == point), None)


def write(record: Record, path: Path) -> None:
    """Write a record atomically, as JSON that a person can read."""
    text = json.dumps(record.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
    write_text(path, text)


def read(path: Path, root: Path | None = None) -> Record:
    """Read a record back. Raises `pydantic.ValidationError` if it is not one.

    It may be anybody's: raises OSError for what is no regular file, see `bench.base.regular.opened` also for `root`.
    """
    return parse(regular.read_bytes(path, root, regular.LONGEST_TEXT))


def readable(path: Path, root: Path | None = None) -> Record | None:
    """The record in a file; None if it is none, of which `reprune verify` says why."""
    try:
        return read(path, root)
    except (OSError, ValidationError):
        return None


def parse(data: bytes) -> Record:
    """A record from its JSON; see `read`."""
    return Record.model_validate_json(in_json(data))


def glance(path: Path) -> tuple[str, str, list[float]]:
    """Outcome, reason and accuracies, the rest unchecked: where a thousand records are looked at, this is quick.

    What is there and no record has the outcome ``broken``, with the reason, and must not stop the others.
    """
    try:
        found = json.loads(regular.read_bytes(path, most=regular.LONGEST_TEXT))
        accuracies = [float(result["accuracy"]) for result in found["results"]]
        if found["outcome"] not in get_args(Outcome):
            raise ValueError("no outcome")
        return str(found["outcome"]), printable(str(found["reason"])[:4000]), accuracies
    except (OSError, ValueError, TypeError, KeyError, ArithmeticError, RecursionError):
        return "broken", f"{path} is not a record that can be read", []
