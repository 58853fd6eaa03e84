"""The simulation: pools of devices, the stream of tasks, and what a scheduler may know."""
