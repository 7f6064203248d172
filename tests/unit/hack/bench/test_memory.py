"""A server's memory is what its container would be charged: its own pages, and each mapped file once."""

import os
import subprocess
import sys

import pytest

from hack.bench.predictor.memory import files_kb, own_kb, resident_mb

SMAPS = """\
55e914f5c000-55e914f5e000 r--p 00000000 fe:00 247278                     /usr/lib/libtorch.so
Rss:                 800 kB
Pss:                 100 kB
Anonymous:             0 kB
VmFlags: rd mr mw me sd
55e914f5e000-55e914f60000 rw-p 00002000 fe:00 247278                     /usr/lib/libtorch.so
Rss:                  40 kB
Anonymous:            30 kB
55e914f60000-55e914f80000 rw-p 00000000 00:00 0                          [heap]
Rss:                5000 kB
Anonymous:          5000 kB
7f1000000000-7f1000001000 rw-s 00000000 00:01 9                          /dev/shm/ring with spaces (deleted)
Rss:                  12 kB
Anonymous:             0 kB
7f2000000000-7f2000001000 rw-p 00000000 00:00 0
Rss:                   4 kB
Anonymous:             4 kB
"""

MAP = """
import mmap, sys
file = open(sys.argv[1], "rb")
mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
own = bytearray(mapped)
print("ready", flush=True)
sys.stdin.read()
"""
MEGABYTES = 40


def test_a_files_mappings_are_one_and_the_pages_changed_in_memory_are_not_the_files():
    assert files_kb(SMAPS) == {"fe:00 247278": 810, "00:01 9": 12}


def test_a_process_own_pages_are_its_share():
    assert (
        own_kb("55aff31fd000-7ffc ---p 00000000 00:00 0 [rollup]\nRss: 9 kB\nPss_Anon: 112 kB\nPss_File: 7 kB\n") == 112
    )


@pytest.fixture
def mapping(tmp_path):
    """Starts processes that each map one file and hold a copy of it."""
    path, started = tmp_path / "weights", []
    path.write_bytes(os.urandom(MEGABYTES << 20))

    def start():
        words = [sys.executable, "-c", MAP, str(path)]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout.readline() == b"ready\n"
        return process.pid

    yield start
    for process in started:
        process.communicate()


def test_what_two_processes_map_counts_once_and_what_each_has_counts_twice(mapping):
    size = (MEGABYTES << 20) / 1e6
    first, second = mapping(), mapping()

    one, both = resident_mb([first]), resident_mb([first, second])

    assert one > 2 * size
    assert size < both - one < 1.5 * size


def test_another_program_with_the_same_file_makes_a_server_no_smaller(mapping):
    first = mapping()
    alone = resident_mb([first])

    mapping()

    assert resident_mb([first]) == pytest.approx(alone, rel=0.1)


def test_a_process_that_has_ended_takes_nothing():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()

    assert resident_mb([process.pid]) == 0.0
