"""What can be asked of the server over HTTP and the socket: paths, bounds of arguments, codes."""
