"""The page keeps what people wrote, and between its marks has what the last run found: also what falls short."""

import dataclasses

import pytest

from hack.bench.page import BEGIN, END, filled
from hack.bench.predictor.docs import PAGE, parts, write
from hack.bench.predictor.figures import figures

BARE = f"# Title\n\n{BEGIN}\nold\n{END}\n\n## How\n"
ENVIRONMENT = {
    "processor": "Some CPU",
    "processor_family": "25/17",
    "processor_flags": ["avx512f", "avx512_vnni"],
    "cores": 2,
    "memory_gb": 25.3,
    "system": "Linux 6.12 x86_64",
    "python": "3.11.9",
    "versions": {"kserve": "0.21.0", "torch": "2.15.0"},
    "versions_of_others": {"litserve": "0.2.19", "torch": "2.15.0"},
}


@pytest.fixture
def summarised(found):
    def make(**changes):
        return {
            "figures": {**figures(found), **changes},
            "environment": ENVIRONMENT,
            "rows": [dataclasses.asdict(row) for row in found.rows],
            "agreements": [dataclasses.asdict(one) for one in found.agreements],
            "starts": dict(found.starts),
            "precisions": dict(found.precisions),
        }

    return make


def test_what_stands_outside_the_marks_stays(summarised):
    page = filled(BARE, parts(summarised()))

    assert page.startswith(f"# Title\n\n{BEGIN}\n")
    assert page.endswith(f"\n{END}\n\n## How\n")
    assert "old" not in page


def test_a_second_run_replaces_the_first(summarised):
    once = filled(BARE, parts(summarised()))

    assert filled(once, parts(summarised())) == once


def test_a_page_without_marks_is_refused(summarised):
    with pytest.raises(ValueError, match="no <!-- figures: begin -->"):
        filled("# Title\n", parts(summarised()))


def test_the_machine_and_the_versions_are_named(summarised):
    page = filled(BARE, parts(summarised()))

    assert "2 cores, Some CPU (family/model 25/17; avx512f, avx512_vnni), 25 GB, Linux 6.12 x86_64" in page
    assert "kserve 0.21.0, torch 2.15.0; in the environment of the others litserve 0.2.19." in page


def test_each_figure_stands_beside_what_it_must_be(summarised):
    page = filled(BARE, parts(summarised()))

    assert "| `throughput_ratio_kserve_c8` | 6.4 | ≥ 6 |" in page
    assert "| `rss_mb` | 640 |  |" in page


def test_what_falls_short_is_said_in_words(summarised):
    page = filled(BARE, parts(summarised(throughput_ratio_kserve_c8=5.8, soak_growth_mb=None)))

    assert "**Falls short:** `throughput_ratio_kserve_c8` is 5.8 and must be ≥ 6." in page
    assert "Not measured: `soak_growth_mb`." in page


def test_a_run_that_holds_everything_says_so(summarised):
    page = filled(BARE, parts(summarised()))

    assert "Every figure that was measured is as it must be." in page
    assert "Falls short" not in page
    assert "Not measured" not in page


def test_every_row_agreement_and_start_is_in_it(summarised):
    page = filled(BARE, parts(summarised()))

    for cell, title in (("minilm c1", "BentoML, batched"), ("minilm half load", "KServe SDK"), ("sms c100", "Sluice")):
        assert f"| {cell} | {title} |" in page
    assert "KServe SDK 9.5, Sluice 4.2." in page
    assert "- Sluice: same label on 99.85% of 2,000 texts" in page
    assert "- Sluice chose int8 for minilm, bf16 for bert" in page


def test_the_page_of_this_repository_can_be_filled(summarised):
    page = filled(PAGE.read_text(), parts(summarised()))

    assert "throughput_ratio_kserve_c1" in page


def test_without_a_run_nothing_is_written(tmp_path, capsys):
    before = PAGE.read_text()

    assert write(tmp_path / "none.json") == 1
    assert "make bench-predictor" in capsys.readouterr().err
    assert PAGE.read_text() == before
