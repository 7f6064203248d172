"""Benchmarks: each prints a table, draws a picture and writes its figures to build/bench/."""
