"""Learned schedulers: Stable-Baselines3 agents and what they need to train on many environments."""

if __name__ == "agents":  # would load a second copy
    raise ImportError("this package is cpu_gpu_env.agents; import it by that name")
