"""A scheduling problem: cluster, workload and settings, and what schedules are judged by."""
