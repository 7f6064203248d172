"""The demo's settings are the source of the limits that its measurement recomputes."""

import pytest
import yaml

from hack.demo import scene


@pytest.mark.parametrize(
    ("duration", "expected"), [("250ms", 0.25), ("20s", 20.0), ("2m", 120.0), ("1m30s", 90.0), ("1.5h", 5400.0)]
)
def test_a_duration_is_read_in_seconds(duration, expected):
    assert scene.seconds(duration) == expected


@pytest.mark.parametrize("duration", ["", "20", "s", "20 s", "1d"])
def test_what_is_no_duration_is_refused(duration):
    with pytest.raises(ValueError, match="is not a duration"):
        scene.seconds(duration)


def test_every_gate_that_the_story_expects_is_in_the_rollout_settings():
    gates = scene.gates(scene.rollout())

    assert {chapter.gate for chapter in scene.CHAPTERS if chapter.gate} <= gates.keys()
    assert gates["errors"].slower_than is None
    assert gates["slow"].slower_than == 0.25


def test_a_manifest_is_the_examples_own_but_for_the_pace_of_its_rollout(tmp_path):
    source = {"metadata": {"name": "sms-1-0-0"}, "spec": {"model": "sms", "rollout": {"steps": []}}}
    (tmp_path / "1.0.0.yaml").write_text(yaml.safe_dump(source))

    manifest = scene.manifest("1.0.0", {"probation": {"duration": "15s"}}, directory=tmp_path)

    assert manifest == {
        "metadata": {"name": "sms-1-0-0", "namespace": "default"},
        "spec": {"model": "sms", "rollout": {"probation": {"duration": "15s"}}},
    }
