"""What the generator reports becomes rates and percentiles that a slow server cannot make better than they are."""

import pytest

from hack.bench.predictor.results import Hit, Load, merge, percentile_ms, read_hits, scheduled, summarise


def hit(sent, *, latency=0.01, code=200, place=0):
    return Hit(place=place, sent=sent, latency=latency, code=code)


def load(ok_per_s=100.0, **changes):
    values = {
        "requests": 500,
        "sent_per_s": ok_per_s,
        "ok_per_s": ok_per_s,
        "codes": {200: 500},
        "p50_ms": 1.0,
        "p95_ms": 2.0,
        "p99_ms": 3.0,
        "refused_p99_ms": None,
    }
    return Load(**{**values, **changes})


def test_a_line_of_the_generator_is_a_hit():
    line = "1763736000000000000,503,2000000,90,35,cmVmdXNlZA==,503 Service Unavailable,attack,7,POST,http://x,aGVhZA=="

    assert read_hits([line]) == [Hit(place=7, sent=1763736000.0, latency=0.002, code=503)]


def test_the_rate_is_of_right_answers_between_the_first_request_and_the_last():
    """What is answered after the last request was sent is the end of the load, in which fewer than all clients ask."""
    hits = [hit(second / 10, latency=0.05) for second in range(11)]

    found = summarise(hits)

    assert found.requests == 11
    assert found.ok_per_s == pytest.approx(10.0)


def test_refused_and_failed_requests_are_no_right_answers():
    found = summarise([hit(0.0), hit(0.5, code=503, latency=0.002), hit(0.7, code=0, latency=30.0), hit(1.0)])

    assert found.ok_per_s == pytest.approx(1.0)
    assert found.sent_per_s == pytest.approx(4.0)
    assert found.codes == {200: 2, 503: 1, 0: 1}
    assert found.p99_ms == pytest.approx(10.0), "latency is that of right answers"
    assert found.refused_p99_ms == pytest.approx(2.0)


def test_without_a_right_answer_there_is_no_latency():
    found = summarise([hit(0.0, code=500), hit(1.0, code=500)])

    assert (found.ok_per_s, found.p50_ms, found.p99_ms, found.refused_p99_ms) == (0.0, None, None, None)


def test_one_request_has_no_rate():
    assert summarise([hit(5.0)]).ok_per_s == 0.0


def test_latency_at_a_fixed_rate_counts_from_when_the_request_was_due():
    """The generator sent the third request 0.3 s late because it waited for the second."""
    hits = [hit(10.0, place=0), hit(10.1, place=1, latency=0.4), hit(10.5, place=2)]

    late = scheduled(hits, rate=10)[2]

    assert late.sent == pytest.approx(10.2)
    assert late.latency == pytest.approx(0.31)


def test_percentiles_are_milliseconds():
    latencies = [number / 1000 for number in range(1, 102)]

    assert percentile_ms(latencies, 50) == pytest.approx(51.0)
    assert percentile_ms(latencies, 99) == pytest.approx(100.0)
    assert percentile_ms([0.25], 99) == pytest.approx(250.0)
    assert percentile_ms([], 99) is None


def test_a_row_has_the_median_of_the_repeats_so_that_one_bad_repeat_does_not_count():
    row = merge([load(100.0), load(20.0, p99_ms=90.0), load(104.0)], cell="minilm c8", server="sluice", rss_mb=300.04)

    assert (row.ok_per_s, row.p99_ms, row.rss_mb) == (100.0, 3.0, 300.0)
    assert row.repeats_per_s == [100.0, 20.0, 104.0]


def test_a_row_counts_the_errors_of_all_repeats_and_its_worst_disturbance():
    loads = [load(codes={200: 490, 500: 4, 0: 1, 429: 2, 503: 3}, foreign=0.02), load(foreign=0.4)]

    row = merge(loads, cell="minilm overload", server="sluice", rss_mb=1.0, offered_per_s=1234.56)

    assert (row.requests, row.errors, row.refused) == (1000, 5, 5)
    assert row.foreign == 0.4
    assert row.offered_per_s == 1234.6
