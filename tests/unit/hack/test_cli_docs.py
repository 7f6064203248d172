"""The page of the command line keeps what people wrote and takes what commands printed."""

import pytest

from hack.cli_docs.__main__ import PAGE
from hack.cli_docs.page import Ran, filled

TEXT = """\
On <!-- ran on -->nothing<!-- end -->.

<!-- run: get -->
```console
old
```
between
<!-- run: lint -->
```console
older
```
"""


def test_what_was_run_takes_the_place_of_what_was_printed_before():
    ran = {"get": Ran("kubectl sluice get", "a tree\n", 0), "lint": Ran("kubectl sluice lint", r"x: \1 wrong", 1)}

    assert filled(TEXT, ran, on="a stand") == (
        "On <!-- ran on -->a stand<!-- end -->.\n\n"
        "<!-- run: get -->\n```console\n$ kubectl sluice get\na tree\n```\nbetween\n"
        "<!-- run: lint -->\n```console\n$ kubectl sluice lint\nx: \\1 wrong\nexit status 1\n```\n"
    )


def test_what_was_not_run_keeps_what_it_had():
    assert "older" in filled(TEXT, {"get": Ran("x", "y", 0)}, on="a stand")


def test_a_command_without_a_place_is_a_mistake():
    with pytest.raises(KeyError, match="no place for explain"):
        filled(TEXT, {"explain": Ran("x", "y", 0)}, on="a stand")


def test_every_place_of_the_page_was_filled():
    assert "```console\n```" not in PAGE.read_text()
