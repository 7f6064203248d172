"""Where the forward pass runs: a process of its own, the queue in front of it, and the CPUs it may use.

The server's process imports nothing of this package that needs torch; only `engine.child` does.
"""

from sluice_predictor.engine.client import Engine
from sluice_predictor.engine.supervisor import StartOptions

__all__ = ["Engine", "StartOptions"]
