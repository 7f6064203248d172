"""What serves a version: InferenceServices, rendered and read."""
