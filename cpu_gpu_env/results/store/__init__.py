"""The results store: runs, episodes, decisions and models in SQLite or PostgreSQL."""
