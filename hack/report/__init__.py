"""The picture of a report for the docs: `python -m hack.report`."""
