"""Playing episodes, and comparing what schedulers achieve."""
