"""The words of a verdict, each with the letter and the colour that stand for it: the one place for them."""

from __future__ import annotations

from enum import StrEnum


class Evidence(StrEnum):
    """What of ours stands beside a published number, and hence which kind of rule judges."""

    RETRAINED = "re-trained"
    """Networks that we trained: means over seeds on both sides."""
    RECOMPUTED = "recomputed"
    """The authors' own network, evaluated by us: no chance in it."""
    COUNTED = "counted"
    """Arithmetic on a network's shape: parameters, multiply-adds."""


class Outcome(StrEnum):
    """What a verdict says; the values are the words, as they stand in every output."""

    REPRODUCED = "reproduced"
    LEVEL_ONLY = "reproduced (level only)"
    """It would also reproduce another row of the same table: the level of accuracy holds, and no more is said."""
    UNDER_READING = "reproduced under a reading"
    """Of the readings of an unclear protocol, this one reproduces; which one its authors had is not known."""
    ABOVE = "above"
    BELOW = "below"
    INCONCLUSIVE = "inconclusive"
    NOT_RUN = "not run"
    NOT_COMPARABLE = "not comparable"
    BOTH_COLLAPSED = "both collapsed"
    EQUAL = "equal to the digit"
    """Recomputed from the authors' network, it rounds to what is printed."""
    EQUAL_WITHIN_IMAGES = "equal within k images"
    """It would, if the k images answered otherwise on which float32's rounding decides."""
    OTHER_FILE = "file is not the printed run"
    """The source names no file, or another one, as that behind the number."""
    AGREES = "agrees"
    """Counted by the source's own convention, within half a unit of the last printed digit."""
    AGREES_AS_INFERRED = "agrees under an inferred convention"
    """Not by what the source states, but by one convention that explains every cell of its table."""
    DIFFERS = "differs"
    """Recomputed, it is another number; or two counters of ours agree with each other and not with what is printed."""
    CONTRADICTS_ITSELF = "does not follow from the source's own figures"

    @property
    def letter(self) -> str:
        """What stands for it beside an accuracy."""
        return _SIGNS[self][0]

    @property
    def colour(self) -> str:
        """The name of its colour on the page, a class of `templates/tables.css`."""
        return _SIGNS[self][1]


_SIGNS = {
    Outcome.REPRODUCED: ("R", "reproduced"),
    Outcome.LEVEL_ONLY: ("L", "level-only"),
    Outcome.UNDER_READING: ("U", "under-reading"),
    Outcome.ABOVE: ("A", "above"),
    Outcome.BELOW: ("B", "below"),
    Outcome.INCONCLUSIVE: ("I", "inconclusive"),
    Outcome.NOT_RUN: ("–", "missing"),
    Outcome.NOT_COMPARABLE: ("N", "not-comparable"),
    Outcome.BOTH_COLLAPSED: ("C", "both-collapsed"),
    Outcome.EQUAL: ("=", "reproduced"),
    Outcome.EQUAL_WITHIN_IMAGES: ("≈", "reproduced"),
    Outcome.OTHER_FILE: ("F", "not-comparable"),
    Outcome.AGREES: ("✓", "reproduced"),
    Outcome.AGREES_AS_INFERRED: ("~", "level-only"),
    Outcome.DIFFERS: ("≠", "below"),
    Outcome.CONTRADICTS_ITSELF: ("!", "not-comparable"),
}

JUDGED = (
    Outcome.REPRODUCED,
    Outcome.LEVEL_ONLY,
    Outcome.UNDER_READING,
    Outcome.ABOVE,
    Outcome.BELOW,
    Outcome.INCONCLUSIVE,
)
"""Where two numbers were compared and neither is that of guessing."""

RECOMPUTED = (Outcome.EQUAL, Outcome.EQUAL_WITHIN_IMAGES, Outcome.DIFFERS, Outcome.OTHER_FILE)
"""What only a network of the authors can end in."""

COUNTED = (Outcome.AGREES, Outcome.AGREES_AS_INFERRED, Outcome.DIFFERS, Outcome.CONTRADICTS_ITSELF)
"""What only arithmetic can end in."""

RETRAINED = tuple(outcome for outcome in Outcome if outcome not in {*RECOMPUTED, *COUNTED})
"""What a comparison with runs of ours can end in."""

UNDECIDED = (Outcome.INCONCLUSIVE, Outcome.NOT_RUN, Outcome.NOT_COMPARABLE, Outcome.OTHER_FILE)
"""Where nothing is known yet of the number itself."""


class Printed(StrEnum):
    """Where our true mean lies, seen from the printed number alone: within the margin of it, certainly not, or open.

    That number is one draw of what its authors could have printed, so this reproduces nothing; it tells a reader who
    wants to know whether the figure in the paper can be reached.
    """

    INSIDE = "inside"
    OUTSIDE = "outside"
    OPEN = "open"
