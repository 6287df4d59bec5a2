"""Whether Taskyard holds its floors when there is much: many rows waiting, many stored, many executed: bench/scale."""
