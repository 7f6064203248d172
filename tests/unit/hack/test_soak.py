"""What a soak counts against Sluice, and how its page shows it."""

from pathlib import Path

import pytest

from hack.bench.page import BEGIN, END, filled
from hack.demo.record import Answer, RouteState
from hack.demo.report import GRACE_S
from hack.soak.figures import figures, outside
from hack.soak.page import PAGE, parts

SERVICES = {"a": "1.0.0", "b": "2.0.0", "c": "3.0.0"}
ROUTES = [
    RouteState(0.0, {"a": 100}),
    RouteState(10.0, {"a": 90, "b": 10}),
    RouteState(20.0, {"a": 100, "b": 0}),
    RouteState(30.0, {"a": 90, "c": 10}),
    RouteState(40.0, {"a": 100, "c": 0}),
]
BAD = ["2.0.0", "3.0.0"]
COUNTS = {"promotions": 1, "rollbacks": 2, "upgrades": 2, "outage_s": 10}


def answer(sent_at: float, version: str | None = "1.0.0", *, status: int = 500, by_gateway: bool = False) -> Answer:
    return Answer(sent_at=sent_at, latency=0.1, status=status, version=version, by_gateway=by_gateway)


def counted(*answers: Answer) -> list[Answer]:
    return outside(answers, bad=BAD, routes=ROUTES, services=SERVICES)


def test_what_each_bad_version_answers_while_it_has_traffic_is_its_own() -> None:
    assert counted(answer(15, "2.0.0"), answer(35, "3.0.0"), answer(36, status=200)) == []


@pytest.mark.parametrize(
    "failure",
    [
        answer(15, "1.0.0"),
        answer(15, None, status=0),
        answer(15, None, status=503),
        answer(15, "2.0.0", status=503, by_gateway=True),
        answer(20 + GRACE_S + 0.1, "2.0.0"),
        answer(40 + GRACE_S + 0.1, "3.0.0"),
    ],
)
def test_every_other_failure_counts(failure: Answer) -> None:
    assert counted(answer(15, "2.0.0"), failure, answer(16, "2.0.0")) == [failure]


def test_the_figures_say_how_many_failed_and_whose_doing_it_was() -> None:
    answers = [answer(0, status=200), answer(15, "2.0.0"), answer(16), answer(19.9, status=200)]

    found = figures(answers, failures=counted(*answers), held_back=3, counts=COUNTS)

    assert (found["requests"], found["errors_of_bad_versions"], found["errors_outside"]) == (4, 1, 1)
    assert (found["held_back"], found["rollbacks"], found["duration_s"]) == (3, 2, 20.0)
    assert found["latency_p99_ms"] == 100.0


def test_a_run_without_an_answer_leaves_no_figure_out() -> None:
    full = figures([answer(0)], failures=[], held_back=0, counts=COUNTS)

    assert figures([], failures=[], held_back=0, counts=COUNTS).keys() == full.keys()


def test_the_page_shows_every_figure_between_its_marks() -> None:
    found = figures([answer(0, status=200)], failures=[], held_back=0, counts=COUNTS)
    environment = {"cores": 2, "memory_gb": 24.6, "system": "Linux x86_64", "kubernetes": "v1.35.4"}

    page = filled(f"before\n{BEGIN}\nold\n{END}\nafter\n", parts({"figures": found, "environment": environment}))

    assert page.startswith("before\n") and page.endswith("\nafter\n")
    assert "old" not in page
    assert all(f"`{name}`" in page for name in found)


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="no <!-- figures: begin -->"):
        filled("nothing here", [])


def test_the_kept_page_has_its_marks() -> None:
    page = Path(PAGE).read_text()
    assert BEGIN in page
    assert END in page
