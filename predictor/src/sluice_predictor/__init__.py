"""Sluice's predictor: serves exactly the model version it was given."""
