"""Commands about what is yet to run: they read files."""
