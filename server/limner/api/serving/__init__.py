"""Running the application in a server: an event loop for sockets, threads for complete requests."""
