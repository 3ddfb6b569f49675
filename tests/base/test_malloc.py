"""Freed memory stays with the process, so that using it again costs the system nothing."""

import subprocess
import sys

import pytest

from bench.base.malloc import keep_freed_memory, peak

TEN_TIMES_64_MB = """
import resource
from bench.base.malloc import keep_freed_memory
{keep}
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    block = bytearray(2**26)
    del block
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(keep: str) -> int:
    """Pages the system had to map in a fresh process."""
    script = [sys.executable, "-c", TEN_TIMES_64_MB.format(keep=keep)]
    return int(subprocess.run(script, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not keep_freed_memory(), reason="the C library is not glibc")
def test_pages_are_mapped_once_instead_of_every_time():
    assert 3 * faults("keep_freed_memory()") < faults("pass")


def test_the_peak_is_this_process_own_not_that_of_whoever_started_it():
    large = bytearray(b"x" * 300_000_000)
    child = (
        "from bench.base.malloc import peak; before = peak(); "
        "block = bytearray(b'x' * 100_000_000); print(before, peak())"
    )
    done = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert peak() > len(large) > before
    assert 90e6 < after - before < 220e6
