"""What the API server refuses of a gate, for those that were stored before it did."""

from ..api.gates import Gate, Limit, Metric
from .limits import threshold

_QUERIES = ([False, False, True], [True, True, False])
"""Which of bad, total and value a query may be without."""


def inconsistency(gate: Gate) -> str | None:
    """What is wrong with a gate that nobody could write today; None for any other."""
    limit, compare, query = gate.limit, gate.compare, gate.query
    if (gate.metric is None) is (query is None):
        return "exactly one of metric and query must be given"
    if (gate.metric is Metric.LATENCY) is (gate.slower_than is None):
        return "slowerThan belongs to metric latency, and must be given there"
    if query is not None and [query.bad is None, query.total is None, query.value is None] not in _QUERIES:
        return "either bad and total, or value must be given"
    of_value = query is not None and query.value is not None
    if compare is not None and of_value:
        return "a value cannot be compared: give bad and total"
    if of_value and limit is not None and (limit.window is not None or limit.min_requests is not None):
        return "window and minRequests count requests: the limit of a value has neither"
    if limit is None and of_value:
        return "a value needs a limit"
    if gate.metric is Metric.PREDICTION_DRIFT:
        return _of_drift(gate)
    if compare is not None and compare.tolerance is not None and compare.tolerance >= compare.worse_by:
        return "tolerance must be less than worseBy"
    if limit is None:  # with neither it is a comparison that is not asked now: where all requests go to the candidate
        return None
    line = threshold(limit)
    if line is None:
        return "exactly one of above, atLeast, below and atMost must be given"
    if limit.checks is not None and limit.for_ is not None:
        return "at most one of checks and for may be given"
    if not of_value and not 0 <= line.at < 1:
        return "the limit of a share of requests must be at least 0 and less than 1"
    return None


def _of_drift(gate: Gate) -> str | None:
    limit = gate.limit
    plain = limit is not None and limit == Limit(above=limit.above, action=limit.action)
    if gate.compare is None and limit is not None and plain and limit.above is not None and limit.above > 0:
        return None
    return "prediction-drift takes limit.above, greater than 0, limit.action, and nothing else"
