"""Processes with torch that run beside the web server."""
