"""Encoders of text in plain torch: the same weights at several precisions, and what fits no other."""
