"""What the product says of traffic: its own evidence and answers, at every look."""

import numpy as np

from hack.bench.verdicts.traffic import Traffic
from sluice_operator.analysis.comparison import Answer, Rollouts, answers
from sluice_operator.analysis.eprocess import Comparisons, Evidence
from sluice_operator.analysis.odds import BoolArray, Tick

ALPHA = BETA = 0.05
TOLERANCE, WORSE_BY = 1.0, 2.0


def taken_back(traffic: Traffic, *, gates: int = 1, begins: tuple[int, ...] = (0,)) -> BoolArray:
    """At which looks the candidate of each rollout is found worse, shape (rollouts, looks).

    Args:
        traffic: What was counted.
        gates: How many rows in a row belong to one rollout.
        begins: Looks at which a step begins.
    """
    rows, looks = traffic.candidate.shape
    evidence = Evidence.none(
        Comparisons(
            tolerance=np.full(rows, TOLERANCE),
            worse_by=np.full(rows, WORSE_BY),
            dispersion=traffic.dispersion,
            negligible=np.zeros(rows),
            starts=np.full(rows, len(begins)),
        )
    )
    asked = Rollouts(
        rollout=np.repeat(np.arange(rows // gates), gates),
        weight=np.full(rows, 1 / gates),
        factor=np.full(rows, WORSE_BY),
        alpha=np.full(rows // gates, ALPHA),
        beta=np.full(rows // gates, BETA),
    )
    found = np.zeros((rows, looks), dtype=bool)
    for look in range(looks):
        if look in begins:
            evidence = evidence.begin(range(rows))
        evidence = evidence.after(
            Tick(
                at=np.full(rows, look + 1.0),
                candidate=traffic.candidate[:, look],
                candidate_bad=traffic.candidate_bad[:, look],
                stable=traffic.stable[:, look],
                stable_bad=traffic.stable_bad[:, look],
            )
        )
        found[:, look] = [said.answer is Answer.WORSE for said in answers(evidence, asked)]
    return np.asarray(found.reshape(-1, gates, looks).any(axis=1))
