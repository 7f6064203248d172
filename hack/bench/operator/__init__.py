"""What the operator takes of time, memory, CPU and the API server, from a few rollouts to very many."""
