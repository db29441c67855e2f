"""Fine-tuning any promptable model on masks of one's own.

``adapt``       what learns: the decoder, everything, or low-rank additions to the encoder's attention
``embeddings``  what a frozen encoder answers, kept on disk
``views``       batches from photos, some views of each
``tuning``      the run, by the loop that trains Samlet
"""
