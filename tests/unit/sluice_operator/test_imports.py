"""What the operator's process holds in memory for as long as it runs."""

import subprocess
import sys


def test_it_loads_no_part_of_scipy_that_it_has_no_use_for():
    said = subprocess.run(
        [sys.executable, "-c", "import sys, sluice_operator.controller.manager; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(said.stdout.split())

    assert "scipy.special" in loaded
    assert {"scipy.stats", "scipy.optimize"} & loaded == set(), "together they take 46 MB"
