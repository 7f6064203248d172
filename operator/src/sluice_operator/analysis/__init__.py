"""From raw counters to verdicts. Pure: no clock, no I/O, no randomness."""
