"""Encoders on a Ray cluster: Ray places and restarts them, they claim what is to be done from the table of items."""
