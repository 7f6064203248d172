"""The predictor beside other servers: the same model, the same texts, on the same cores, one after the other."""
