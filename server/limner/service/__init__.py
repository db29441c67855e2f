"""What Limner does, without HTTP: the API and the command line call the same functions."""
