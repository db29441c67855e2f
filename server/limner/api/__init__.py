"""The HTTP API: APIFlask over the store, the blobs and the encoder."""
