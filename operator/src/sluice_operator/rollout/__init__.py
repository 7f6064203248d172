"""What to do next with the versions of a model. Pure: `decide(snapshot, now) -> Plan`."""
