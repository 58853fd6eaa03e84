"""The results store: runs, episodes, decisions and models in SQLite or PostgreSQL."""

DEFAULT_STORE = "runs/results.sqlite"
"""Where results are kept unless told otherwise, within the folder that one is in."""
