"""Where the forward pass runs: its thread, its queue and the CPUs it may use."""
