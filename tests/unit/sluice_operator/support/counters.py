"""Counters of pods as Prometheus scraped them: some that a test spells out, and any that hypothesis thinks of."""

from dataclasses import replace

from hypothesis import strategies as st

from sluice_operator.analysis.counts import History, PodHistory, Scrape

T = 120_000.0
"""A multiple of every span here."""
LONG_AGO = T - 1000


def pod(name, *scrapes, there=True):
    """Scrapes as (seconds, total, bad); unless it is new, the pod was there when the history began."""
    before = [(LONG_AGO - T + 1, scrapes[0][1], scrapes[0][2])] if there and scrapes else []
    return PodHistory(pod=name, scrapes=tuple(Scrape(T + at, total, bad) for at, total, bad in (*before, *scrapes)))


def history(*pods):
    return History(since=LONG_AGO, pods=pods)


@st.composite
def histories(draw):
    """Pods that come, start again, are scraped late, twice or not for a while, at moments of their own."""
    pods = []
    for name in "abc"[: draw(st.integers(1, 3))]:
        at, total, bad, scrapes = draw(st.floats(-900, 300)), draw(st.integers(0, 1000)), 0, []
        for _ in range(draw(st.integers(0, 40))):
            scrapes.append((at, total, bad))
            at += draw(st.sampled_from([0, 4.9, 5, 5, 5, 5, 5.1, 10, 17]))
            wrong = draw(st.integers(0, 5))
            again = draw(st.integers(0, 15)) == 0
            total, bad = (0, 0) if again else (total, bad)
            total, bad = total + wrong + draw(st.integers(0, 5)), bad + wrong
        pods.append(pod(name, *scrapes, there=False))
    return history(*pods)


def known_at(whole, until, *, since=LONG_AGO):
    """What of a history is known at a moment, as far as it is kept."""
    seen = (replace(p, scrapes=tuple(s for s in p.scrapes if since <= s.at <= T + until)) for p in whole.pods)
    return History(since=since, pods=tuple(p for p in seen if p.scrapes))
