"""A method that runs another leaves none of its hooks out."""

import inspect

from bench.method import Method
from bench.wrapper import Wrapper


def test_every_hook_is_the_other_method_s():
    """What a method may override it says of itself, too: `name` and the like; `stages` is up to the subclass."""
    own = {"name", "hyperparameters", "stands_for", "stages"}
    hooks = {
        name
        for name, value in vars(Method).items()
        if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, property))
    }
    assert len(hooks) > 10
    assert hooks - own <= vars(Wrapper).keys()


def test_the_choices_are_the_other_method_s():
    class Both(Wrapper):
        """For this test."""

    found = Both(of="rigl[schedule.every=7, allocation=er]")
    inner = found.inner
    assert (found.schedule, found.allocation, found.zeros) == (inner.schedule, inner.allocation, inner.zeros)
    assert repr(inner.schedule) == "Periodic(every=7, start=0.0, until=0.7680)".replace("0.7680", repr(75_000 / 97_656))
    assert found.borrows == ("rigl",)
    assert Both().borrows == ()
