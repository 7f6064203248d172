"""Two versions as Prometheus sees them, and an operator that compares them, in whatever way it is interrupted."""

import json
from bisect import bisect_left, bisect_right
from datetime import UTC, datetime

import numpy as np
from making import NAMESPACE, T0, after, spec, status
from pydantic import ValidationError

from sluice_operator.analysis.counts import History, PodHistory, Scrape
from sluice_operator.analysis.gates import Evidence
from sluice_operator.api.status import ModelVersionStatus, Phase
from sluice_operator.controller.comparing import Comparing, Subject
from sluice_operator.controller.watched import watched
from sluice_operator.prometheus.predictor import Target
from sluice_operator.prometheus.sampler import Sample
from sluice_operator.rollout.settings import merge

T = T0.timestamp()
EVERY = 5
"""Seconds between two scrapes."""
NOBODY = History(since=-1e9, pods=())

ERRORS = {"name": "errors", "metric": "error-rate", "compare": {}}
SLOW = {"name": "slow", "metric": "latency", "slowerThan": "250ms", "compare": {}}
ROLLOUT = {
    "steps": [{"weight": 10, "hold": "1m"}, {"weight": 50, "hold": "1m"}],
    "probation": {"duration": "1m", "holdback": 10},
    "analysis": {"warmup": "0s", "gates": [ERRORS, SLOW]},
}


def rollout(**analysis):
    return {**ROLLOUT, "analysis": {**ROLLOUT["analysis"], **analysis}}


def target(version, model="sms"):
    return Target(NAMESPACE, model, version)


def traffic(*, rate, errors, slow=0.0, pods=2, since=-2000, until=1500, seed=1, cold=0):
    """What the pods of a version have counted: requests a second in all, and the shares of them that are bad."""
    generator = np.random.default_rng(seed)
    counts = {"errors": [], "slow": []}
    for pod in range(pods):
        first = since if pod < pods - cold else 0
        times = np.arange(first + 0.4 + pod, until, EVERY)
        total = np.concatenate([[0], generator.poisson(rate * EVERY / pods, len(times) - 1)])
        for name, share in (("errors", errors), ("slow", slow)):
            bad = generator.binomial(total, share)
            scrapes = zip(T + times, np.cumsum(total), np.cumsum(bad), strict=True)
            counts[name].append(
                PodHistory(f"p{pod}", tuple(Scrape(float(at), float(t), float(b)) for at, t, b in scrapes))
            )
    found = {name: History(since=T - 1e6, pods=tuple(histories)) for name, histories in counts.items()}
    return Evidence(errors=found["errors"], slower={0.25: found["slow"]})


def known(whole, *, since, until):
    """What is known of a version that began to be asked about then."""

    def cut(history):
        pods = (PodHistory(p.pod, _between(p.scrapes, since, until)) for p in history.pods)
        return History(since=since, pods=tuple(p for p in pods if p.scrapes))

    return Evidence(errors=cut(whole.errors), slower={edge: cut(history) for edge, history in whole.slower.items()})


def _between(scrapes, since, until):
    first, end = (cut(scrapes, at, key=lambda s: s.at) for cut, at in ((bisect_left, since), (bisect_right, until)))
    return scrapes[first:end]


class Operator:
    """Looks at two versions now and then. Its Prometheus has everything unless a test says otherwise."""

    def __init__(self, candidate, stable, *, asks=ROLLOUT, begins=(0, 100, 200), model="sms"):
        self.whole = {target("2", model): candidate, target("1", model): stable}
        self.settings = merge(spec("2", rollout=asks).rollout)
        self.begins = begins
        self.model = model
        self.comparing = Comparing()
        self.written = None
        """status.evidence, as the API server has it."""
        self.nothing_before = -1e9
        """Seconds from which on Prometheus has anything."""

    def one(self, at):
        """The candidate as its object says it is at a moment, in seconds."""
        step = max(number for number, began in enumerate(self.begins) if began <= at)
        try:
            evidence = ModelVersionStatus.model_validate({"evidence": self.written}).evidence
        except ValidationError:
            evidence = None
        said = status(
            Phase.CANARY,
            step=step,
            step_started_at=after(self.begins[step]),
            attempt_started_at=after(-30),
            effective_rollout=self.settings,
            evidence=evidence,
        )
        meta = {"name": f"{self.model}-2", "namespace": NAMESPACE, "uid": "u"}
        obj = {"metadata": meta, "spec": {"model": self.model, "version": "2"}, "status": {"evidence": self.written}}
        return watched(obj, said)

    def sample(self, at, one):
        """What a sampler has then, that has asked as far back as was wanted."""
        wanted = self.comparing.reach(one)
        since = {target("2", self.model): wanted.candidate, target("1", self.model): wanted.stable}
        evidence = {}
        for version, whole in self.whole.items():
            first = min(T + at - 120, since[version] if since[version] is not None else 1e18)
            found = known(whole, since=max(first, T + self.nothing_before), until=T + at)
            evidence[version] = found if first >= T + self.nothing_before else _as_if_whole(found, since=first)
        return Sample(at=T + at, evidence=evidence)

    def look(self, at, *, write=True):
        """Look once, at so many seconds; what is to be written is, unless the API server is away."""
        one = self.one(at)
        self.comparing.fold([Subject(one, target("1", self.model))], self.sample(at, one))
        found = self.found()
        if found is not None and write:
            self.written = json.loads(
                json.dumps(found.recorded.model_dump(mode="json", by_alias=True, exclude_none=True))
            )
        return found

    def look_until(self, until, *, since=0):
        found = None
        for at in range(since + 5, until + 1, 5):
            found = self.look(at)
        return found

    def found(self):
        return self.comparing.found.get(target("2", self.model))

    def restart(self):
        self.comparing = Comparing()


def _as_if_whole(found, *, since):
    """Prometheus answers about a time of which it has nothing."""

    def told(history):
        return History(since=since, pods=history.pods)

    return Evidence(errors=told(found.errors), slower={edge: told(history) for edge, history in found.slower.items()})


def at_seconds(moment: datetime) -> float:
    return (moment - datetime.fromtimestamp(T, UTC)).total_seconds()
