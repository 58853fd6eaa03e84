"""Certified lower bounds on the objective of an episode."""
