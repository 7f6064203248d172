"""How a benchmark ends that could not measure."""

from hack.cluster.errors import ClusterError


class BenchError(ClusterError):
    """What ended the run, in one line."""
