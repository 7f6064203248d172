"""The labels by which everything of ours is found, and that scrapes carry as target labels."""

MODEL_LABEL = "sluice.dev/model"
VERSION_LABEL = "sluice.dev/version"
MANAGED_BY = {"app.kubernetes.io/managed-by": "sluice"}
