"""The live page: a server that reads the results store, and the page that it serves."""
