"""The CPU quota of the container decides how many threads are started."""

from pathlib import Path

import pytest

from sluice_predictor.engine.cpus import usable_cpus


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("max 100000\n", 8),
        ("50000 100000\n", 1),
        ("150000 100000\n", 2),
        ("400000 100000\n", 4),
        ("1600000 100000\n", 8),
    ],
)
def test_cgroup_v2_quota_rounded_up(tmp_path: Path, content: str, expected: int) -> None:
    (tmp_path / "cpu.max").write_text(content)

    assert usable_cpus(cgroups=tmp_path, affinity=8) == expected


@pytest.mark.parametrize(("quota", "expected"), [("-1", 8), ("20000", 1), ("250000", 3)])
def test_cgroup_v1_quota_rounded_up(tmp_path: Path, quota: str, expected: int) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")

    assert usable_cpus(cgroups=tmp_path, affinity=8) == expected


def test_without_cgroups_what_may_be_scheduled_on(tmp_path: Path) -> None:
    assert usable_cpus(cgroups=tmp_path, affinity=3) == 3
