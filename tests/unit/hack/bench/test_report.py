"""The table, the figures beside what they must be, and a word about what disturbed them."""

import dataclasses
import io

import pytest
from rich.console import Console

from hack.bench.figures import Bound
from hack.bench.predictor.figures import Found
from hack.bench.predictor.report import BOUNDS, COLUMNS, cells_of, disturbance, show


def shown(found):
    out = io.StringIO()
    show(Console(file=out, width=140, highlight=False), found)
    return out.getvalue()


@pytest.mark.parametrize(
    ("bound", "value", "holds"),
    [
        (Bound(least=4), 4.0, True),
        (Bound(least=4), 3.99, False),
        (Bound(most=0.5), 0.5, True),
        (Bound(most=0.5), 0.51, False),
        (Bound(most=0), 0, True),
        (Bound(most=0), None, False),
    ],
)
def test_a_bound_holds_at_its_limit_and_never_for_the_unknown(bound, value, holds):
    assert bound.holds(value) is holds


def test_the_targets_are_those_that_were_set():
    texts = {name: str(bound) for name, bound in BOUNDS.items()}

    assert texts["throughput_ratio_kserve_c1"] == "≥ 4"
    assert texts["throughput_ratio_kserve_c8"] == "≥ 6"
    assert texts["throughput_ratio_kserve_c32"] == "≥ 7"
    assert texts["throughput_ratio_kserve_bert_c8"] == "≥ 4"
    assert texts["p99_ratio_half_load"] == "≤ 0.5"
    assert texts["goodput_at_2x_ratio"] == "≥ 0.9"
    assert texts["label_agreement"] == "≥ 0.995"
    assert texts["max_probability_difference"] == "≤ 0.02"
    assert texts["http_path_ratio"] == "≥ 4"
    assert texts["sms_p95_100_parallel_ms"] == "≤ 100"
    assert texts["sms_errors_1000_connections"] == "≤ 0"
    assert texts["soak_growth_mb"] == "≤ 20"


def test_a_row_stands_beside_kserves_server_in_the_same_cell(found):
    ours = found.row("minilm c8", "sluice")

    assert cells_of(ours, found.rows) == ["320.0", "6.40", "1.0", "9.0", "2.50", "640", "", ""]
    assert len(cells_of(ours, found.rows)) == len(COLUMNS)


def test_where_kserves_server_was_not_asked_there_is_no_ratio(found):
    assert cells_of(found.row("sms c100", "sluice"), found.rows)[1] == ""


def test_a_run_without_a_right_answer_has_no_latency_to_show(row):
    failed = row("minilm c1", "sluice", 0.0, p50_ms=None, p99_ms=None, codes={500: 500})

    assert cells_of(failed, [failed])[2:4] == ["", ""]
    assert cells_of(failed, [failed])[6:] == ["500", ""]


def test_all_is_shown(found):
    text = shown(found)

    assert "minilm overload" in text
    assert "260" in text, "those refused"
    assert "Sluice: 4.2 s from its start to its first answer" in text
    assert "Sluice: same label on 99.85% of 2,000 texts, largest difference of a probability 0.0123" in text
    assert "Sluice chose int8 for minilm, bf16 for bert" in text
    assert "throughput_ratio_kserve_c32" in text
    assert "disturbed" not in text


def test_what_was_not_measured_is_named_so():
    assert "not measured" in shown(Found())


def test_rows_that_others_disturbed_are_counted(found):
    loud = [dataclasses.replace(row, foreign=0.62) for row in found.rows[:2]]

    text = disturbance([*loud, *found.rows[2:]])

    assert text.startswith(f"2 of {len(found.rows)} rows were disturbed: others used up to 0.62 cores")
