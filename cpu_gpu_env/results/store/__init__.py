"""The results store: runs, episodes, decisions and models in SQLite or PostgreSQL."""

DEFAULT_STORE = "runs/results.sqlite"
"""Where results are kept unless told otherwise, within the folder that one is in."""
STORE_VARIABLE = "HYBRIDCLUSTER_STORE"
"""Variable of the environment with another store that commands take unless told."""
MIN_SPEED, MAX_SPEED = 1e-3, 1e6
"""Of a stream at a pace: simulated seconds a second."""
