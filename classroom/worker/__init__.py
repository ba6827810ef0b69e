"""The parts of a worker: its name, its heartbeats, what it is told, and what it does with what it does not know."""
