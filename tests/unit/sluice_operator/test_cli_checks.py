"""What `check` makes of an operator's own metrics, and of versions that are apart."""

import pytest

from sluice_operator.cli.live.checks import said_by
from sluice_operator.cli.live.installation import Installation, own_version, skew

URL = "http://prometheus:9090"


def said(metrics, *, pods=1):
    """Whether each thing is good, by what it is about."""
    operator = Installation("sluice-system", "0.1.0", pods, pods, {"SLUICE_PROMETHEUS_URL": URL})
    return {answer.about: answer for answer in said_by(metrics, operator)}


def test_a_prometheus_and_a_record_that_answer_are_good():
    found = said('sluice_prometheus_up{for_namespace=""} 1.0\nsluice_ledger_up 1.0\n')

    assert (found["Prometheus"].good, found["Prometheus"].said) == (True, URL)
    assert found["record"].good is True


def test_those_that_do_not_say_what_stands_still():
    up = 'sluice_prometheus_up{for_namespace=""} 1.0\nsluice_prometheus_up{for_namespace="team-a"} 0.0\n'
    found = said(f"{up}sluice_ledger_up 0.0\n")

    assert (found["Prometheus"].good, found["Prometheus"].said) == (False, "that of team-a does not answer")
    assert "nothing is promoted" in found["Prometheus"].to_do
    assert found["record"].good is False
    assert "nothing gets more traffic" in found["record"].to_do


def test_of_several_pods_one_that_does_not_lead_may_have_answered():
    assert said("sluice_ledger_up 0.0\n", pods=2)["record"].good is None


def test_an_operator_that_says_nothing_of_them_leaves_it_open():
    found = said("")

    assert found["Prometheus"].good is None
    assert "record" not in found


@pytest.mark.parametrize(("version", "fits"), [(own_version(), True), ("0.9.0", False), ("7.1.0", False)])
def test_versions_may_be_one_minor_apart(version, fits):
    assert (skew(version) == "") is fits


def test_a_version_that_cannot_be_read_is_said():
    assert "nobody can tell" in skew("latest")
