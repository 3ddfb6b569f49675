"""What a recipe says of a network before its training: its weights, and its batch normalisation."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from bench.base.paths import Inside
from bench.base.schema import Strict


class Initialisation(Strict):
    """Initial weights: ``architecture`` leaves what the model's constructor drew (from the run's seed).

    Biases of convolution and linear layers become 0 unless ``architecture`` or ``pytorch`` is chosen.

    Attributes:
        weights: of convolution and linear layers: He's (``kaiming``), Glorot's (``xavier``; TensorFlow 1 draws it
            uniformly by default), ``lecun_normal`` (variance 1 / fan in, cut off at two standard deviations:
            TensorFlow's ``variance_scaling_initializer``), ``normal`` (the same `std` in every layer), or what
            ``pytorch`` does by default, biases included.
        mode: for He's, by which fan.
        std: the standard deviation of ``normal``; other draws have none.
        linear_std: linear layers alone are drawn from a normal distribution with this standard deviation, and their
            biases are 0, whatever `weights` is.
        norm_weight: the scales of batch normalisation: ones, all 0.5 (``half``), or uniform in [0, 1).
        last_norm: the scales of the batch normalisation that ends a residual block: the ``same`` as all others, or
            ``zero``, so that every block begins as its shortcut (Goyal et al. 2017, arXiv:1706.02677, §5.1).
        file: trained weights to start from instead, a path inside the data folder. They are the dense network of
            every seed: it is not trained further, and methods that prune after training prune it.
        sha256: the file's checksum (64 hex digits), which is part of a run's identity.
        key: where in the file the weights stand, if it holds several; ``state_dict_ema`` of a timm checkpoint, say.
    """

    weights: Literal[
        "architecture",
        "kaiming_normal",
        "kaiming_uniform",
        "xavier_normal",
        "xavier_uniform",
        "lecun_normal",
        "normal",
        "pytorch",
    ] = "architecture"
    mode: Literal["fan_in", "fan_out"] = "fan_out"
    std: float | None = Field(default=None, gt=0, le=1e3)
    linear_std: float | None = Field(default=None, gt=0, le=1e3)
    norm_weight: Literal["ones", "uniform", "half"] = "ones"
    last_norm: Literal["same", "zero"] = "same"
    file: Inside | None = None
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    key: str = Field(default="", max_length=200)

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.file is None) != (self.sha256 is None):
            raise ValueError("'file' and 'sha256' belong together")
        if self.key and self.file is None:
            raise ValueError("'key' says where in a 'file' the weights stand, and there is no 'file'")
        if (self.std is None) != (self.weights != "normal"):
            raise ValueError("'std' and the weights 'normal' belong together")
        return self


class Normalisation(Strict):
    """Batch normalisation; None keeps the architecture's own value.

    Attributes:
        momentum: the weight of a new batch in the running statistics, as torch defines it.
        eps: what is added to the variance.
    """

    momentum: float | None = Field(default=None, gt=0, le=1)
    eps: float | None = Field(default=None, gt=0, le=1e6)
