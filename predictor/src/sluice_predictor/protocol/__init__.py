"""KServe's V1 and V2 inference protocols: bytes in, texts out, and the way back. Pure; nothing here waits."""

from sluice_predictor.protocol.errors import RequestError
from sluice_predictor.protocol.request import InferenceRequest

__all__ = ["InferenceRequest", "RequestError"]
