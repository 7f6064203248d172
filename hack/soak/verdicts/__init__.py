"""Verdicts under real traffic: versions that fail at known rates are rolled out, and their ends are counted."""
