"""The picture and the screen show what was recorded."""

import io
import re

import pytest
from rich.console import Console

from hack.demo.observe import Observer
from hack.demo.plot import draw, errors_by_time, latency_by_time, steps, turns
from hack.demo.record import Answer, Chapter, Mark, Recording, RouteState, VersionState
from hack.demo.report import rows
from hack.demo.terminal import Screen, show_table
from hack.demo.traffic import Target, Traffic

STORY = (Chapter("1.0.0", "Stable"), Chapter("1.1.0", "RolledBack", gate="errors"))
RECORDING = Recording(
    started=1000.0,
    ended=1030.0,
    answers=[
        Answer(1000.2, 0.02, 200, "1.0.0"),
        Answer(1010.2, 0.02, 500, "1.1.0", "index out of range"),
        Answer(1010.4, 0.02, 500, "1.1.0", "index out of range"),
        Answer(1011.2, 0.3, 503, None, "no healthy upstream"),
    ],
    held_back=0,
    routes=[RouteState(999.0, {"a": 100}), RouteState(1010, {"a": 90, "b": 10}), RouteState(1015, {"a": 100, "b": 0})],
    states=[VersionState(1016.0, "1.1.0", "sms-1-1-0", phase="RolledBack", reason="2 of 2 requests failed")],
    marks=[
        Mark(1008.0, "apply", "1.1.0", "applied"),
        Mark(1009.0, "phase", "1.1.0", "Canary"),
        Mark(1016.0, "phase", "1.1.0", "RolledBack"),
        Mark(1020.0, "phase", "1.1.0", "RolledBack"),
    ],
    services={"a": "1.0.0", "b": "1.1.0"},
    breaches={"1.1.0": 1012.0},
)


def test_a_weight_holds_from_the_moment_it_was_seen_to_the_next():
    assert steps(RECORDING, "1.1.0") == ([0.0, 10.0, 15.0, 30.0], [0, 10, 0, 0])


def test_errors_are_counted_by_when_they_were_seen_and_by_who_answered():
    assert errors_by_time(RECORDING) == {"1.1.0": {10.0: 2}, "no version": {11.5: 1}}


def test_latency_is_given_where_there_were_requests():
    assert latency_by_time(RECORDING)[0] == [1.0, 11.0]


def test_only_turns_of_the_story_are_named_in_the_picture_and_each_once():
    assert [(one.at, one.version, one.text) for one in turns(RECORDING.marks)] == [
        (1008.0, "1.1.0", "applied"),
        (1016.0, "1.1.0", "rolled back"),
    ]


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("picture") / "deep" / "rollout.svg"
    draw(RECORDING, STORY, path)
    return path


def test_the_picture_is_small_and_its_text_can_be_read_and_searched(picture):
    texts = set(re.findall(r"<text[^>]*>([^<]*)</text>", picture.read_text()))

    assert {"1.1.0 rolled back", "traffic, %", "p95 latency, ms"} <= texts
    assert picture.stat().st_size < 200_000


def test_the_same_recording_gives_the_same_picture_and_tells_no_date(picture, tmp_path):
    draw(RECORDING, STORY, tmp_path / "again.svg")

    assert (tmp_path / "again.svg").read_bytes() == picture.read_bytes()
    assert b"<dc:date>" not in picture.read_bytes()


def test_a_story_without_an_answer_or_a_route_has_a_picture_too(tmp_path):
    nothing = Recording(0.0, 1.0, [], 0, [], [], [], {})

    draw(nothing, STORY, tmp_path / "nothing.svg")

    assert (tmp_path / "nothing.svg").exists()


def printed(show):
    out = io.StringIO()
    show(Console(file=out, width=160, color_system=None))
    return out.getvalue()


def test_the_table_names_outcome_reason_and_time_of_a_rollback():
    text = printed(lambda console: show_table(console, rows(RECORDING, STORY)))

    row = next(line for line in text.splitlines() if line.startswith("1.1.0"))
    assert row.split() == ["1.1.0", "RolledBack", "2", "2", "3.0", "s", "2", "of", "2", "requests", "failed"]


async def test_a_log_gets_one_plain_line_for_each_event():
    observer = Observer(model="sms")
    traffic = Traffic(Target("http://127.0.0.1:1", "sms.example"), iter([]))

    def show(console):
        with Screen(console, observer=observer, traffic=traffic, chapters=STORY) as screen:
            for mark in RECORDING.marks:
                screen.show(mark)

    lines = printed(show).splitlines()
    assert len(lines) == len(RECORDING.marks)
    assert lines[1].split(" s  ")[1].split() == ["1.1.0", "Canary"]


async def test_the_panel_shows_phase_weight_and_reason_of_each_version():
    observer = Observer(model="sms")
    observer.versions["1.1.0"] = RECORDING.states[0]
    observer.routes.append(RECORDING.routes[1])
    observer.services |= RECORDING.services
    traffic = Traffic(Target("http://127.0.0.1:1", "sms.example"), iter([]))

    text = printed(
        lambda console: console.print(Screen(console, observer=observer, traffic=traffic, chapters=STORY).panel())
    )

    row = next(line for line in text.splitlines() if "1.1.0" in line)
    assert "RolledBack" in row
    assert "10 %" in row
    assert "1.1.0: 2 of 2 requests failed" in text
