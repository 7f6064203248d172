"""How often verdicts err, how soon they come, and the methods that they are measured against."""
