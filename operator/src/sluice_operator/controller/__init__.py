"""Observe, decide, apply: what turns the pure core into an operator."""
