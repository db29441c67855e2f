"""Suggestions on their way: the process that makes them, what is said to it, and who runs it."""
