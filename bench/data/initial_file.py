"""The file of trained weights that a recipe may start from, looked at before torch is imported."""

from __future__ import annotations

from pathlib import Path

from bench.data.prepare import data_root
from bench.errors import UserError
from bench.foreign.kinds import recognise
from bench.identity import file_digest
from bench.recipe.initialisation import Initialisation


def locate(chosen: Initialisation) -> Path | None:
    """Where the weights lie that a recipe starts from; None if it draws them.

    Raises:
        UserError: if the file is not in the data folder, is not the recipe's, or is no file of weights.
    """
    if chosen.file is None:
        return None
    path = data_root() / chosen.file
    if not path.is_file():
        raise UserError(f"the recipe's field 'initialisation.file' names {path}, which is not there.")
    recognise(path)  # before its checksum: what it is says more than that it is another file
    if (sha256 := file_digest(path)) != chosen.sha256:
        raise UserError(f"{path} has the checksum {sha256[:12]}…, not the recipe's {str(chosen.sha256)[:12]}….")
    return path
