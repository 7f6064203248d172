"""`kubectl sluice`: what people ask from their own machines. Needs the extra `cli`."""
