"""The Kubernetes API: one gateway, and the machinery that a level-triggered controller needs."""
