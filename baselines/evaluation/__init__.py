"""Playing held-out episodes, and comparing what schedulers achieve."""
