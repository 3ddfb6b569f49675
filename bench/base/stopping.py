"""SIGTERM and SIGINT, as a wish that is granted when the step at hand is finished."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopRequest:
    """Whether somebody asked to stop.

    Attributes:
        made: true once a signal came in.
    """

    made = False

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Listen to both signals, which do nothing else meanwhile."""

        def ask(number: int, frame: FrameType | None) -> None:
            self.made = True

        before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
