"""What every program of the image must do, whichever of them it is."""

import asyncio
import gc
import sys

import pytest

from sluice_operator import __main__ as operator
from sluice_operator.controller import check, logs, uninstall
from sluice_operator.kube.gateway import DEEPEST_JSON

SETTINGS = {
    "SLUICE_PROMETHEUS_URL": "http://prometheus",
    "SLUICE_GATEWAY_NAME": "gateway",
    "SLUICE_GATEWAY_NAMESPACE": "gateways",
    "SLUICE_DOMAIN": "sluice.local",
    "SLUICE_NAMESPACE": "sluice-system",
}


@pytest.mark.parametrize("program", [operator, check, uninstall])
def test_an_object_nested_as_deep_as_the_api_server_takes_it_can_be_read(program, monkeypatch):
    """One that could not be read would hide all others, and keep a release from being uninstalled."""
    before, limits = sys.getrecursionlimit(), []

    def run(work):
        work.close()
        limits.append(sys.getrecursionlimit())
        return 1

    monkeypatch.setattr(asyncio, "run", run)
    monkeypatch.setattr(logs, "configure", lambda: None)
    monkeypatch.setattr(gc, "set_threshold", lambda *_: None)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    try:
        program.main()
    except SystemExit as end:
        assert end.code == 0
    finally:
        sys.setrecursionlimit(before)
    assert limits == [DEEPEST_JSON]
