"""The local cluster that Sluice is developed, shown and tested on; see docs/cluster.md."""
