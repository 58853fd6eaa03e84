"""Drawing a schedule."""
