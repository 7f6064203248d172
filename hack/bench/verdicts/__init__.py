"""The methods that verdicts are measured against."""
