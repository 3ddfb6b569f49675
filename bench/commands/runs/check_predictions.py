"""Whether accuracy and loss of a record are those of its stored logits, and these those of its predictions."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from bench.base import regular
from bench.commands.runs.finding import Finding
from bench.data.images import file_of
from bench.results.record import Record, Result

NO_LABELS = "its predictions were not compared with the labels, for the data set is not prepared"
NO_LOSS = "its loss was not computed again, for logits beyond 65,504 are stored as infinite"

HALF = 2.0**-11
"""The relative error of a number that is stored as float16."""

SMALLEST = 2.0**-25
"""Its absolute error where it is subnormal."""

MOST = 2**31
"""Bytes that an array may take; a small file can unpack to any size."""


class Labels:
    """The labels of the test images of prepared data sets, read once each.

    Args:
        folder: of prepared data sets.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.of = cache(self._read)

    def _read(self, dataset: str) -> Any:
        """An array of int64; None if the data set is not prepared, or can't be read."""
        from safetensors import SafetensorError, safe_open

        path = file_of(dataset, self.folder)
        if not path.is_file():
            return None
        try:
            with safe_open(path, framework="numpy") as file:
                return file.get_tensor("test_y")
        except (OSError, SafetensorError):
            return None


def findings(found: Record, result: Result, path: Path, root: Path, labels: Labels) -> Iterator[Finding]:
    """What is wrong with the file of a result's predictions, which lies below the folder `root`."""
    try:
        predictions, logits = read(path, root)
    except FileNotFoundError:
        yield Finding(path, "is not there")
        return
    except UNREADABLE as error:
        yield Finding(path, f"cannot be read{f' ({error.strerror})' if isinstance(error, OSError) else ''}")
        return
    if predictions.shape != (result.test_images,):
        yield Finding(path, f"it is of {predictions.size:,} images, and {result.test_images:,} were recorded")
        return
    yield from of_logits(predictions, logits, path)
    truth = labels.of(found.spec.dataset)
    if truth is None:
        yield Finding(path.parent / "record.json", NO_LABELS, harmless=True)
    elif len(truth) != len(predictions):
        yield Finding(path, f"it is of {len(predictions):,} images, and the data set has {len(truth):,}")
    else:
        yield from _scores(result, predictions, logits, truth, path)


def read(path: Path, root: Path | None = None) -> tuple[Any, Any]:
    """Predictions and logits, the latter None where older code left none."""
    import numpy as np

    with regular.opened(path, root) as raw, zipfile.ZipFile(raw) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > MOST:
            raise ValueError("it unpacks to more than a test set's predictions")
    with regular.opened(path, root) as raw, np.load(raw, allow_pickle=False) as file:
        return np.asarray(file["predictions"]), np.asarray(file["logits"]) if "logits" in file else None


UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
)
"""What reading an archive that is damaged, or is none, ends in."""


def of_logits(predictions: Any, logits: Any, path: Path) -> Iterator[Finding]:
    """The class that is predicted has the largest logit; of logits that became equal when stored, any has."""
    import numpy as np

    if logits is None:
        return
    if logits.ndim != 2 or len(logits) != len(predictions) or logits.dtype.kind != "f":
        yield Finding(path, f"its logits are {logits.dtype} {'x'.join(map(str, logits.shape))}, not a row an image")
        return
    if predictions.dtype.kind not in "ui" or not bool(((predictions >= 0) & (predictions < logits.shape[1])).all()):
        yield Finding(path, "it predicts classes that have no logit")
        return
    largest = np.where(np.isnan(logits).any(1), np.nan, logits.max(1))
    chosen = logits[np.arange(len(logits)), predictions.astype(np.int64)]
    other = int((~((chosen == largest) | np.isnan(chosen))).sum())
    if other:
        yield Finding(path, f"of {other:,} images the predicted class has not the largest logit")


def _scores(result: Result, predictions: Any, logits: Any, truth: Any, path: Path) -> Iterator[Finding]:
    accuracy = 100 * int((predictions == truth).sum()) / len(truth)
    if abs(accuracy - result.accuracy) > 1e-9:
        yield Finding(path, f"its accuracy is {accuracy:.4f} %, and {result.accuracy:.4f} % was recorded")
    if logits is None or logits.ndim != 2 or len(logits) != len(truth) or int(truth.max()) >= logits.shape[1]:
        return
    import numpy as np

    values = logits.astype(np.float64)
    if not np.isfinite(values).all():
        yield Finding(path.parent / "record.json", NO_LOSS, harmless=True)
        return
    loss, error = cross_entropy(values, truth)
    if not abs(loss - result.loss) <= error:
        yield Finding(path, f"its loss is {loss:.6g} ± {error:.1g}, and {result.loss:.6g} was recorded")


def cross_entropy(logits: Any, truth: Any) -> tuple[float, float]:
    """Mean cross-entropy, and by how much storing logits as float16 can have changed it.

    Of each image it is log Σ exp(z) − z_label: neither term changes by more than the largest change of a logit.
    """
    import numpy as np

    top = logits.max(1)
    each = top + np.log(np.exp(logits - top[:, None]).sum(1)) - logits[np.arange(len(logits)), truth]
    change = 2 * (np.abs(logits).max(1) * HALF + SMALLEST)
    return float(each.mean()), float(change.mean()) * 1.01 + 1e-9
