"""The figures are ratios of servers in one cell; what was not measured is None and never a number."""

import dataclasses

import pytest

from hack.bench.predictor.figures import OVERLOAD, Found, figures
from hack.bench.predictor.report import BOUNDS

PROMISED = {
    "throughput_ratio_kserve_c1",
    "throughput_ratio_kserve_c8",
    "throughput_ratio_kserve_c32",
    "throughput_ratio_kserve_bert_c8",
    "throughput_ratio_best_other_c8",
    "p99_ratio_half_load",
    "goodput_at_2x_ratio",
    "label_agreement",
    "max_probability_difference",
    "http_path_ratio",
    "sms_p95_100_parallel_ms",
    "sms_errors_1000_connections",
    "start_to_ready_s",
    "rss_mb",
    "soak_growth_mb",
    "image_mb",
}


def test_every_promised_figure_is_there(found):
    values = figures(found)

    assert values.keys() >= PROMISED
    assert None not in values.values()


def test_throughput_is_ours_over_that_of_kserves_server(found):
    values = figures(found)

    assert values["throughput_ratio_kserve_c1"] == 4.0
    assert values["throughput_ratio_kserve_c8"] == 6.4
    assert values["throughput_ratio_kserve_c32"] == 10.0
    assert values["throughput_ratio_kserve_bert_c8"] == 5.0
    assert values["http_path_ratio"] == 5.0


def test_the_best_other_is_whichever_is_fastest_in_the_cell(found):
    assert figures(found)["throughput_ratio_best_other_c8"] == 4.0


def test_the_least_lead_is_that_of_the_cell_in_which_another_comes_closest(found):
    assert figures(found)["throughput_ratio_best_other_least"] == 2.5


def test_at_half_load_a_small_ratio_is_good(found):
    assert figures(found)["p99_ratio_half_load"] == 0.25


def test_goodput_is_over_the_greatest_rate_that_was_reached_in_a_closed_loop(found):
    values = figures(found)

    assert values["goodput_at_2x_ratio"] == 0.95
    assert values["offered_at_2x_ratio"] == 1.99
    assert values["refused_p99_ms"] == 12.5
    assert values["overload_errors"] == 0


def test_agreement_is_ours_and_not_another_servers(found):
    values = figures(found)

    assert (values["label_agreement"], values["max_probability_difference"]) == (0.9985, 0.0123)


def test_of_nothing_every_figure_is_unknown():
    assert set(figures(Found()).values()) == {None}


@pytest.mark.parametrize("server", ["kserve", "sluice"])
def test_a_ratio_needs_both_servers(found, server):
    rows = [row for row in found.rows if (row.cell, row.server) != ("minilm c8", server)]

    values = figures(dataclasses.replace(found, rows=rows))

    assert values["throughput_ratio_kserve_c8"] is None
    assert values["throughput_ratio_kserve_c1"] == 4.0


def test_a_server_that_answered_nothing_is_no_divisor(found, row):
    rows = [one for one in found.rows if one.cell != "constant c32"]
    rows += [row("constant c32", "kserve", 0.0), row("constant c32", "sluice", 5000.0)]

    assert figures(dataclasses.replace(found, rows=rows))["http_path_ratio"] is None


def test_no_least_lead_while_a_cell_is_missing(found):
    rows = [row for row in found.rows if row.cell != "bert c8"]

    assert figures(dataclasses.replace(found, rows=rows))["throughput_ratio_best_other_least"] is None


def test_errors_under_overload_are_not_hidden_among_the_refused(found, row):
    rows = [one for one in found.rows if one.cell != OVERLOAD]
    rows.append(row(OVERLOAD, "sluice", 380, codes={200: 240, 503: 250, 500: 10}))

    assert figures(dataclasses.replace(found, rows=rows))["overload_errors"] == 10


def test_every_bound_is_of_a_figure(found):
    assert BOUNDS.keys() <= figures(found).keys()
