"""How fast Taskyard is on this machine: bench/run."""
