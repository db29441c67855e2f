"""Images to embeddings, as far as no torch is needed: bytes to pixels, the wire format, the queue and its process."""
