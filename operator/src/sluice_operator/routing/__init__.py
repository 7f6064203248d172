"""Where traffic is decided: routes, rendered and read back."""
