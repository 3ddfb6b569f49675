"""Recipes: training protocols as data.

A recipe states everything in which papers differ, because comparability with a published number is computed from these
fields. Lengths are in epochs (or optimizer steps) of the data set; a `budget` scales them and never scales periods.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field, ValidationError, model_validator

from bench import names
from bench.base.nearest import hint
from bench.base.nesting import flat
from bench.base.schema import Strict, explain
from bench.errors import UserError
from bench.recipe import files as recipe_files
from bench.recipe.files import RECIPES as RECIPES
from bench.recipe.initialisation import Initialisation, Normalisation
from bench.recipe.phase import Phase

Beta = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]


class Optimizer(Strict):
    """The optimizer, apart from the learning rate (a `Phase` has it).

    Attributes:
        name: ``sgd`` or ``adamw``, as torch has them.
        momentum, nesterov: of SGD.
        betas, eps: of AdamW, as torch has them.
        weight_decay: as torch's optimizers understand it: added to the gradient by SGD, apart from it in AdamW.
        decay: ``torch``, or ``step``: each step takes `weight_decay` of every weight off it, whatever its gradient, the
            momentum and the learning rate.
        bias_rate: what the learning rate of biases (of convolution and linear layers) is multiplied by, as Caffe's
            ``lr_mult``.
        clip_norm: gradients are scaled down to this norm over all parameters; null never.
        decay_excludes: parameters without weight decay: ``norm`` (scale and shift of normalisation), ``bias``.
        decay_masked: whether weight decay also acts on masked entries that stay alive (DPF and its kin).
    """

    name: Literal["sgd", "adamw"] = "sgd"
    momentum: float = Field(default=0.9, ge=0, lt=1)
    nesterov: bool = False
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    eps: float = Field(default=1e-8, ge=0, le=1)
    weight_decay: float = Field(default=0.0, ge=0, le=1e6)
    decay: Literal["torch", "step"] = "torch"
    bias_rate: float = Field(default=1.0, gt=0, le=1e6)
    decay_excludes: tuple[Literal["norm", "bias"], ...] = ()
    decay_masked: bool = True
    clip_norm: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.decay == "step" and self.weight_decay >= 1:
            raise ValueError(f"'weight_decay' is a fraction below 1 where 'decay' is step, not {self.weight_decay:g}")
        if self.name == "sgd" and self.nesterov and not self.momentum:
            raise ValueError("'nesterov' needs a 'momentum' above 0")
        return self


class Photographs(Strict):
    """What makes images of one size of an image folder's photographs; data sets in memory have no use for it.

    The transforms are torchvision's, on PIL images.

    Attributes:
        crop_scale, crop_ratio: ranges of a training crop's area, as a fraction, and of its ratio of width to height; no
            `crop_scale` means the centre, as in evaluation.
        interpolation: of every change of size.
        crop_fraction: evaluation scales the shorter side to size / fraction and cuts out the centre.
        rand_augment: magnitude, of 31, of the two operations of RandAugment (Cubuk et al. 2019, arXiv:1909.13719).
        mixup, cutmix: the α of mixing the images of a batch with their neighbours (arXiv:1710.09412, 1905.04899); a
            batch is mixed in one of the ways given, by equal chances.
    """

    crop_scale: tuple[float, float] | None = (0.08, 1.0)
    crop_ratio: tuple[float, float] = (3 / 4, 4 / 3)
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    crop_fraction: float = Field(default=0.875, gt=0, le=1)
    rand_augment: int = Field(default=0, ge=0, le=30)
    mixup: float = Field(default=0.0, ge=0, le=1000)
    cutmix: float = Field(default=0.0, ge=0, le=1000)

    @model_validator(mode="after")
    def _ranges(self) -> Self:
        for field, limits in (("crop_scale", self.crop_scale), ("crop_ratio", self.crop_ratio)):
            if limits is not None and not 0 < limits[0] <= limits[1]:
                raise ValueError(f"'{field}' is a range of positive numbers, the smaller first, not {limits}")
        if self.crop_scale is not None and self.crop_scale[1] > 1:
            raise ValueError(f"'crop_scale' is a fraction of the area, at most 1, not {self.crop_scale[1]:g}")
        return self


class Data(Strict):
    """What happens to the images, and which of them are used for what.

    Attributes:
        crop_padding: random crops after padding by so many pixels on each side; 0 means none.
        padding_mode: what lies outside: ``zeros``, or the image mirrored without (``reflect``) or with (``symmetric``)
            its border pixels repeated; the names are numpy's.
        resized_crop: of data sets in memory, instead of padding: the range of a crop's area, a fraction of the image's;
            its sides are 3 : 4 to 4 : 3, and it is scaled up to the image's size (torchvision's ``RandomResizedCrop``).
        flip: whether half of the images are mirrored, left to right, in training.
        drop_last: whether the last, smaller batch of an epoch is left out.
        mean, std: per channel in units of [0, 1]; None means the data set's own.
        normalise: by the data set's ``channel`` statistics, per ``image`` as the network sees it or as it was before
            the crop (``whole_image``), or ``none`` (only scaled to [0, 1]).
        validation: images held out of the training set (a fixed, stratified choice).
        photographs: of image folders, whose images are not padded.
    """

    crop_padding: int = Field(default=0, ge=0, le=1024)
    padding_mode: Literal["zeros", "reflect", "symmetric"] = "zeros"
    resized_crop: tuple[Positive, Positive] | None = None
    flip: bool = False
    normalise: Literal["channel", "image", "whole_image", "none"] = "channel"
    mean: tuple[float, ...] | None = None
    std: tuple[Positive, ...] | None = None
    validation: int = Field(default=0, ge=0, le=10**9)
    drop_last: bool = False
    photographs: Photographs = Photographs()

    @property
    def augments(self) -> bool:
        """Whether training sees other images than there are."""
        return bool(self.crop_padding or self.flip or self.resized_crop)

    @model_validator(mode="after")
    def _crops_one_way(self) -> Self:
        if self.resized_crop is not None and not self.resized_crop[0] <= self.resized_crop[1] <= 1:
            raise ValueError(f"'resized_crop' is a range of fractions, the smaller first, not {self.resized_crop}")
        if self.resized_crop is not None and self.crop_padding:
            raise ValueError("'resized_crop' and 'crop_padding' are two ways to crop; give one of them")
        return self


class Scoring(Strict):
    """How saliencies that need gradients see the data and batch normalisation.

    Attributes:
        batch_size: images in a batch that is scored on; the recipe's if not given.
        norm: whether batch normalisation takes the batch's statistics (``train``) or the running ones (``eval``).
        augment: whether the images are augmented as in training.
        balanced: every batch holds equally many images of each class; its size is a multiple of their number.
    """

    batch_size: int | None = Field(default=None, gt=0, le=10**9)
    norm: Literal["train", "eval"] = "train"
    augment: bool = True
    balanced: bool = False


class Recipe(Strict):
    """A training protocol, named after the paper it comes from.

    Attributes:
        name: the file's; filled in when it is read.
        source: where the protocol was read; what is from memory says so.
        batch_size: images in a batch, on all GPUs together.
        train, finetune: the phases; `finetune` is needed by methods that prune after training.
        stages: phases of their own, by the name of a method's stage, as ``regularise`` of `greg`; without one a stage
            trains for the length of `train` or `finetune`, as the method says.
        optimizer: how weights follow gradients.
        data: what happens to the images.
        initialisation: where weights begin.
        batch_norm: settings of batch normalisation.
        scoring: what saliencies see that need gradients.
        loss: what is minimised: ``cross_entropy``, or ``sigmoid_twice``, squared errors of sigmoid outputs as in SET's
            tutorial (`bench.losses`).
        label_smoothing: the share of the target that is spread over all classes, of the cross-entropy.
        dropout: timm's ``drop_rate``: before the classifier; in a Wide ResNet inside the blocks, in the perceptron of
            SET's tutorial after every hidden layer.
        drop_path: timm's ``drop_path_rate``: how often the last residual block is skipped for an image (earlier ones
            less, linearly), in architectures that can.
        evaluate_every: epochs between evaluations during training (the last epoch is always evaluated).
        report: which accuracy the paper reports, ``last`` or ``best`` epoch; ours is always the last.
        precision: arithmetic of forward and backward; ``fp64`` exists for tests.
        channels_last: the order in memory in which convolutions are computed; it changes the last bits.
        mode: ``deterministic`` (same bits again), or ``fast``.
        gpus: how many GPUs train one network together, each on its share of every batch (`bench.base.distributed`).
    """

    name: str = ""
    source: str = ""
    batch_size: int = Field(gt=0, le=10**9)
    train: Phase
    finetune: Phase | None = None
    stages: dict[str, Phase] = Field(default={})
    optimizer: Optimizer = Optimizer()
    data: Data = Data()
    initialisation: Initialisation = Initialisation()
    batch_norm: Normalisation = Normalisation()
    scoring: Scoring = Scoring()
    loss: Literal["cross_entropy", "sigmoid_twice"] = "cross_entropy"
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    drop_path: float = Field(default=0.0, ge=0, lt=1)
    evaluate_every: int = Field(default=1, gt=0, le=10**9)
    report: Literal["last", "best"] = "last"
    precision: Literal["fp32", "tf32", "bf16", "fp64"] = "fp32"
    channels_last: bool = True
    mode: Literal["deterministic", "fast"] = "deterministic"
    gpus: int = Field(default=1, gt=0, le=1024)

    @model_validator(mode="after")
    def _smooths_what_it_can(self) -> Self:
        if self.label_smoothing and self.loss != "cross_entropy":
            raise ValueError(f"'label_smoothing' is of the cross-entropy; with the loss '{self.loss}' it has to be 0")
        return self

    def phase(self, name: str, stage: str = "") -> Phase:
        """The phase of a stage that trains for ``train`` or ``finetune``; a one-sentence error if there is none."""
        phase = self.stages.get(stage) or {"train": self.train, "finetune": self.finetune}.get(name)
        if phase is None:
            raise UserError(f"recipe '{self.name}' has no '{name}' phase, which this method needs.")
        return phase

    def scaled(self, budget: float) -> Recipe:
        """The recipe with every phase at `budget` times its length."""
        if budget == 1:
            return self
        try:
            finetune = self.finetune.scaled(budget) if self.finetune else None
            stages = {name: phase.scaled(budget) for name, phase in self.stages.items()}
            return self.model_copy(update={"train": self.train.scaled(budget), "finetune": finetune, "stages": stages})
        except ValidationError as error:
            raise UserError(explain(error, f"recipe '{self.name}' at budget {budget:g}")) from None


IMMATERIAL = {"name", "source", "evaluate_every", "report", "channels_last", "mode", "gpus"}
"""Fields that say nothing about the protocol itself; all others make two recipes incomparable when they differ."""


def file_of(name: str, folder: Path = RECIPES) -> Path:
    """The file of a recipe. Raises `UserError` with the nearest names if there is none."""
    path = folder / f"{name}.yaml"
    if not recipe_files.exists(path):
        known = sorted(file.stem for file in folder.glob("*.yaml"))
        raise UserError(f"recipe '{name}' is not in {folder}; {hint(name, known)}")
    return path


def load(text: str, folder: Path = RECIPES) -> Recipe:
    """Read ``name`` or ``name[train.epochs=10]``: a file of `folder`, with fields changed.

    Raises `UserError` naming the file, the field and what is allowed.
    """
    name, changes = names.parse(text)
    path = file_of(name, folder)
    values = recipe_files.read(path)
    for key, value in changes.items():
        target = values
        *parents, leaf = key.split(".")
        for parent in parents:
            target = target.setdefault(parent, {}) if isinstance(target, dict) else None
        if not isinstance(target, dict):
            raise UserError(f"{path}: '{key}' in '{text[:200]}' is not inside a group of fields.")
        target[leaf] = value
    return Recipe.read(values | {"name": name} if isinstance(values, dict) else values, str(path))


class Difference(NamedTuple):
    """A field in which two recipes differ."""

    field: str
    ours: Any
    theirs: Any

    def __str__(self) -> str:
        """As ``train.epochs: 16 instead of 160``."""
        return f"{self.field}: {self.ours} instead of {self.theirs}"


def differences(ours: Recipe, theirs: Recipe) -> list[Difference]:
    """The material fields in which two recipes differ."""
    left, right = flat(ours.model_dump(exclude=IMMATERIAL)), flat(theirs.model_dump(exclude=IMMATERIAL))
    return [
        Difference(key, left.get(key), right.get(key))
        for key in sorted(left.keys() | right.keys())
        if left.get(key) != right.get(key)
    ]
