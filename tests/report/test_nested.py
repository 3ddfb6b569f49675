"""Nested levels beside networks of their own, worked out by hand."""

from bench.report.layout import Text
from bench.report.nested import block
from tests import factories


def line(method, point, mean, epochs, overhead=None):
    """A cell: 1,000 parameters, masks of 120 bytes, 400 bytes of a level's own."""
    sizes = {} if overhead is None else {"mask_bytes": 120 if point else 0, "private_bytes": 400}
    sizes |= {} if overhead is None else {"overhead_bytes": overhead}
    return factories.result_of(method, point, mean, epochs=epochs, parameters=1000, **sizes)


LINES = [
    line("dense", None, 94.0, 10),
    line("one_shot", 0.9, 80.0, 10),
    line("gmp[schedule.every=4]", 0.9, 92.5, 10),
    line("gmp[schedule.every=4]", 0.5, 93.5, 10),
    line("elsa[of='gmp[schedule.every=4]']", 0.5, 93.25, 30, 520),
    line("elsa[of='gmp[schedule.every=4]']", 0.9, 92.5, 30, 0),
    line("elsa[of='gmp[schedule.every=4]']", 0.0, 93.0, 30, 1040),
    line("gmp[schedule.every=4,training=2x]", 0.5, 93.75, 20),
    line("gmp[schedule.every=4,training=2x]", 0.9, 92.75, 20),
    line("dense[training=2x]", None, 94.1, 20),
    line("dense[training=3x]", None, 94.5, 30),
    line("rigl[training=3x]", 0.5, 99.0, 30),
]


def test_levels_beside_networks_of_their_own():
    accuracy = {line.cell.key: Text(f"{line.mean}") for line in LINES}
    rows = [[text.text for text in row][1:] for row in block(LINES, accuracy).rows]
    assert rows == [
        # the sparsest first: alone and "as long as all levels so far" are the same network
        ["90 %", "92.5", "+0.00", "+0.00", "+12.50", "0.1 kB", "0.4 kB", "0.0 kB", "0.0000"],
        # the second level: two times ten epochs; nothing was pruned at once to 50 %
        ["50 %", "93.25", "−0.25", "−0.50", "", "0.1 kB", "0.4 kB", "0.5 kB", "0.1300"],
        # the dense one: three times ten; 1,040 of 4,000 bytes
        ["0 %", "93.0", "−1.00", "−1.50", "", "0.0 kB", "0.4 kB", "1.0 kB", "0.2600"],
    ]


def test_without_levels_there_is_no_row():
    assert block(LINES[:4], {}).rows == ()
