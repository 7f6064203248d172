"""What Prometheus saw: one shared sampler and the queries it asks."""
