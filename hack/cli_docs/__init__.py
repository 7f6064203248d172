"""docs/cli.md: the commands of kubectl-sluice, each run for real, with what it printed."""
