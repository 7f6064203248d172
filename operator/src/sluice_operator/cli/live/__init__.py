"""Commands about what runs: they read the cluster, and let people decide."""
