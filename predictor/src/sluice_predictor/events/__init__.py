"""A stream of CloudEvents that says what was predicted and never what was asked, and that delays no request."""

from sluice_predictor.events.publisher import Publisher
from sluice_predictor.events.record import Origin, Record
from sluice_predictor.events.sinks import HttpSink, Sink, StdoutSink, open_sink

__all__ = ["HttpSink", "Origin", "Publisher", "Record", "Sink", "StdoutSink", "open_sink"]
