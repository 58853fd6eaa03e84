"""What is scheduled and on what: tasks, workloads, devices, clusters, and what tasks cost there."""
