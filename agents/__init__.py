"""Learned schedulers: Stable-Baselines3 agents and what they need to train on many environments."""
