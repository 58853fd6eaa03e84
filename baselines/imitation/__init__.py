"""Hybrid ML: a random forest that imitates the oracle."""
