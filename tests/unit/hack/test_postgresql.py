"""Where the tests' PostgreSQL comes from: Debian's package, installed where that can be, asked for where it cannot."""

import pytest

from hack.cluster.errors import UnmetNeedError
from hack.cluster.paths import Paths
from hack.testbed import postgresql


@pytest.fixture
def debian(tmp_path, monkeypatch):
    """A machine whose packages lie under a directory of the test's own, and what it was asked to install."""
    monkeypatch.setattr(postgresql, "_DEBIAN", tmp_path / "postgresql")
    asked = []
    monkeypatch.setattr(postgresql, "install_packages", lambda packages, **_: asked.extend(packages))
    return tmp_path / "postgresql", asked


@pytest.fixture
def paths(tmp_path):
    return Paths(checkout=tmp_path, cache=tmp_path)


def have(folder, version):
    programs = folder / version / "bin"
    programs.mkdir(parents=True)
    (programs / "postgres").touch()
    return programs


def test_the_newest_server_is_taken(debian, paths):
    folder, asked = debian
    have(folder, "9")
    newest = have(folder, "17")
    have(folder, "15")

    assert postgresql.installed(paths) == newest
    assert asked == []


def test_what_is_missing_is_installed(debian, paths, monkeypatch):
    folder, asked = debian
    monkeypatch.setattr(postgresql.os, "geteuid", lambda: 0)
    monkeypatch.setattr(postgresql.shutil, "which", lambda _: "/usr/bin/apt-get")
    monkeypatch.setattr(
        postgresql, "install_packages", lambda packages, **_: (asked.extend(packages), have(folder, "15"))
    )

    assert postgresql.installed(paths) == folder / "15" / "bin"
    assert asked == ["postgresql"]


@pytest.mark.parametrize(("user", "installer"), [(1000, "/usr/bin/apt-get"), (0, None)])
def test_who_cannot_install_it_is_told_what_to_do(debian, paths, monkeypatch, user, installer):
    _, asked = debian
    monkeypatch.setattr(postgresql.os, "geteuid", lambda: user)
    monkeypatch.setattr(postgresql.shutil, "which", lambda _: installer)

    with pytest.raises(UnmetNeedError, match="apt-get install postgresql"):
        postgresql.installed(paths)
    assert asked == []
