"""From a file's bytes to an embedding: decoding, the queue, the encoder's process, the form on the wire."""
