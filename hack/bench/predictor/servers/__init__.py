"""What is measured: the other servers as their own documentation shows them, and model-free ones.

Each module is a program; all answer KServe's V1 requests at the same path, so that all get the same bytes.
"""
