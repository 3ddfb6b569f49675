"""The curves of one run as a small figure: it is stored with the run in the tracking store."""

from __future__ import annotations

from matplotlib import rc_context
from matplotlib.figure import Figure

from bench.record import Record


def draw(record: Record) -> Figure:
    """Accuracy (%) and sparsity (%) over epochs, one line per stage; an empty frame if nothing was measured."""
    with rc_context({"text.parse_math": False}):  # a stage may be called "$"
        return _draw(record)


def _draw(record: Record) -> Figure:
    figure = Figure(figsize=(4.8, 3.0), dpi=80, layout="constrained")
    axes = figure.subplots()
    for number, curve in enumerate(record.curves):
        colour = f"C{number}"
        axes.plot(curve.epoch, curve.accuracy, color=colour, label=f"{curve.stage}: accuracy")
        axes.plot(curve.epoch, [100 * s for s in curve.sparsity], ":", color=colour, label=f"{curve.stage}: sparsity")
    axes.set(xlabel="Epoch of the stage", ylabel="%", ylim=(0, 102))
    if record.curves:
        axes.legend(fontsize="small", frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
