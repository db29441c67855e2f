"""Running the application in a server: gunicorn, or waitress on Windows."""
