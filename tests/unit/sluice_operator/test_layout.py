"""The directory operator/ must never become a package: it would shadow the standard library's module."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", ["__init__.py", "conftest.py"])
def test_operator_is_a_plain_directory(name):
    assert not (ROOT / "operator" / name).exists()


def test_operator_is_the_standard_library_even_from_the_repository_root():
    done = subprocess.run(
        [sys.executable, "-c", "import operator; print(operator.itemgetter(0)('ok'), operator.__file__)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    word, path = done.stdout.split(maxsplit=1)
    assert word == "o"
    assert ROOT / "operator" not in Path(path).parents
