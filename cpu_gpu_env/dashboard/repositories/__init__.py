"""What the page wants of a results store, as queries: the only place of the server with SQL."""
