"""What a model version answers: one module per task, each with its model, its input and its answer."""
