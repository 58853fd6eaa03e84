"""What the routes answer, worked out of what the repositories read; no HTTP in here."""
