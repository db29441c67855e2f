"""Small networks on embeddings that are stored: the detector, and what its boxes become with the decoder's help."""
