"""The picture has every server's number, its axes say what they measure, and it does not change by itself."""

import re

from hack.bench.predictor.figures import Found
from hack.bench.predictor.plot import draw
from hack.bench.predictor.report import TITLES


def texts(path):
    return re.findall(r"<text[^>]*>([^<]*)</text>", path.read_text())


def test_it_names_servers_cells_and_units(found, tmp_path):
    draw(found, tmp_path / "picture.svg")

    written = texts(tmp_path / "picture.svg")
    for title in TITLES.values():
        assert written.count(title) == 1, "once, in the legend"
    assert {"1 at once", "8 at once", "32 at once"} <= set(written)
    assert {"requests/s", "ms", "MB", "s"} <= set(written)
    assert {"p99 at half of KServe&apos;s peak", "p99 at half of KServe's peak"} & set(written)


def test_each_bar_has_its_number(found, tmp_path):
    draw(found, tmp_path / "picture.svg")

    written = texts(tmp_path / "picture.svg")
    assert {"400", "320", "200", "80"} <= set(written), "requests/s"
    assert {"15", "60"} <= set(written), "p99"
    assert {"4.2", "9.5"} <= set(written), "start"


def test_the_same_results_are_the_same_picture(found, tmp_path):
    draw(found, tmp_path / "one.svg")
    draw(found, tmp_path / "two.svg")

    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_a_run_that_was_stopped_at_once_has_a_picture_too(tmp_path):
    draw(Found(), tmp_path / "picture.svg")

    assert "Throughput, MiniLM-size model" in texts(tmp_path / "picture.svg")
