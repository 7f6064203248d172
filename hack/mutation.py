"""Mutation score of the pure core: of the faults that can be put into it, the share that a unit test finds.

`mutmut` alters the core, one small thing at a time, in a copy under build/, and runs the tests that reach what was
altered. All of it takes hours, so a sample is tried, drawn by a seed: the same for the same code. The tests are the
specification's, not the property tests, which would take long to find what a sentence of the specification says.
What makes the manifests is left out: all that it writes is compared with the files that are kept of it.
"""

import argparse
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hack.cluster.paths import default_paths

CORE = ("api", "analysis", "rollout")
LEAST = 0.85
SEED = 5
_TESTS = "tests/unit/sluice_operator"
_WITHOUT = ("rules", "kills", "crd", "lease", "layout", "programs")
"""Parts of the names of tests that try at random, or are about something else."""
_ELSEWHERE = re.compile(
    r"^(import asyncio|import aiohttp|from aiohttp|from hack\b|from kubernetes\b)|\.parents\[3\]", re.MULTILINE
)
"""What only tests have that are about another part of the code, or read other files than it."""
_FOUND = ("killed", "timeout", "segfault", "suspicious")
_LINE = re.compile(r"^\s+(\S+): (.+)$")
_SETTINGS = """\
[mutmut]
source_paths = src
only_mutate =
{mutated}
pytest_add_cli_args_test_selection = tests
do_not_mutate =
    src/sluice_operator/api/crd.py
    src/sluice_operator/api/schema.py
pytest_add_cli_args =
    -q
    -p
    no:cacheprovider
use_git_change_detection = false

[tool:pytest]
addopts = --import-mode=importlib
pythonpath = {tests}/support
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
markers = soak: takes long
"""
_CONFTEST = """\
from hypothesis import HealthCheck, settings

settings.register_profile("same", deadline=None, derandomize=True, database=None, suppress_health_check=HealthCheck)
settings.load_profile("same")
"""
"""Tests that try at random try the same each time."""


@dataclass(frozen=True, slots=True)
class Score:
    """What came of a sample.

    Attributes:
        mutants: How many faults there are to be tried.
        results: How often each result came among those that were.
        survivors: The faults that no test found.
    """

    mutants: int
    results: Counter[str]
    survivors: Sequence[str]

    @property
    def value(self) -> float:
        """The share that was found (0 to 1)."""
        return sum(self.results[result] for result in _FOUND) / self.results.total()


def main() -> None:
    """Try a sample, write what came of it, and fail below the least score."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, default=600, help="how many faults are tried")
    parser.add_argument("--write-docs", action="store_true", help="keep the result in docs/")
    given = parser.parse_args()
    paths = default_paths()
    place = paths.checkout / "build" / "mutation"
    prepare(paths.checkout, place)
    score = tried(place, sample=given.sample)
    page = told(score)
    print(page)
    if given.write_docs:
        (paths.checkout / "docs" / "mutation.md").write_text(page)
    sys.exit(0 if score.value >= LEAST else 1)


def prepare(checkout: Path, place: Path) -> None:
    """Copy the operator and the tests of its core to where they may be altered."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(checkout / "operator" / "src" / "sluice_operator", place / "src" / "sluice_operator")
    shutil.copytree(checkout / _TESTS / "support", place / _TESTS / "support")
    for test in sorted((checkout / _TESTS).glob("test_*.py")):
        if not any(part in test.name for part in _WITHOUT) and not _ELSEWHERE.search(test.read_text()):
            shutil.copy(test, place / _TESTS)
    (place / "tests" / "conftest.py").write_text(_CONFTEST)
    mutated = "\n".join(f"    src/sluice_operator/{part}/*" for part in CORE)
    (place / "setup.cfg").write_text(_SETTINGS.format(mutated=mutated, tests=_TESTS))


def tried(place: Path, *, sample: int) -> Score:
    """Try a sample of the faults."""
    _mutmut(place, "run", "sluice_operator.api.base.*")  # mutants are made and tests are timed, whatever is named
    mutants = sorted(_results(place))
    chosen = random.Random(SEED).sample(mutants, min(sample, len(mutants)))  # noqa: S311 - the same for the same code
    _mutmut(place, "run", *chosen)
    results = {name: result for name, result in _results(place).items() if name in set(chosen)}
    survivors = sorted(name for name, result in results.items() if result not in _FOUND)
    return Score(mutants=len(mutants), results=Counter(results.values()), survivors=survivors)


def told(score: Score) -> str:
    """The page about a score."""
    survivors = "\n".join(f"- `{name.replace('ǁ', '.')}`" for name in score.survivors)
    return f"""\
# Mutation score of the pure core

Written by `make mutation`. Of {score.mutants} small faults that can be put into `api`, `analysis` and `rollout`,
{score.results.total()} were tried, drawn by a seed; the unit tests that state the specification found
**{score.value:.1%}** of them. At least {LEAST:.0%} must be found.

Not found:

{survivors or "none"}
"""


def _results(place: Path) -> dict[str, str]:
    lines = map(_LINE.match, _mutmut(place, "results", "--all", "true").splitlines())
    return {line[1]: line[2] for line in lines if line is not None}


def _mutmut(place: Path, *words: str) -> str:
    command = ["nice", "-n", "19", sys.executable, "-m", "mutmut", *words]
    done = subprocess.run(command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        sys.exit(f"mutmut {words[0]} failed:\n{done.stdout[-3000:]}")
    return done.stdout


if __name__ == "__main__":
    main()
