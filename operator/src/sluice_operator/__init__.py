"""Sluice's operator: rolls model versions out on KServe and takes bad ones back."""
