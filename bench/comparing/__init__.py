"""How fast Taskyard is beside others, on one machine in one run: bench/compare."""
