"""The runtime: an endless stream of episodes, each scheduler in a lane of its own."""
