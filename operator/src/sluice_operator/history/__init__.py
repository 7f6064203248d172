"""What the record says afterwards: who served when, what became of a version, which of two is better. Pure."""
