"""The Segment Anything Model in torch, one file per box of the paper's figure.

============================  ===================================================================
``model``                     the seam (:class:`PromptableModel`) and SAM put together
``vit``, ``tiny_vit``         image encoders: ViT-B/L/H, MobileSAM's TinyViT
``prompt_encoder``            points, boxes and masks -> embeddings
``transformer``               two-way attention between prompts and image
``mask_decoder``              four masks and their predicted IoU
``prepared``, ``factored``    the same decoder rearranged: per image, then per click
``samlet``                    the small model that ships with Limner, encoder and decoder
``checkpoints``, ``registry`` weights from files; models by name
``download``, ``install``     weights from elsewhere
``transforms``, ``predictor`` images in, masks out
============================  ===================================================================
"""

from limner.sam.model import ModelConfig, PromptableModel, Sam, SplitDecoder

__all__ = ["ModelConfig", "PromptableModel", "Sam", "SplitDecoder"]
