"""The Segment Anything Model in torch, one file per box of the paper's figure.

============================  ===================================================================
``model``                     the seam: :class:`PromptableModel`, what every model offers
``sam``                       SAM put together behind it
``vit``, ``tiny_vit``         image encoders: ViT-B/L/H, MobileSAM's TinyViT
``prompt_encoder``            points, boxes and masks -> embeddings
``transformer``               two-way attention between prompts and image
``mask_decoder``              four masks and their predicted IoU
``transforms``                pixels -> what an encoder sees
``factored``                  the same decoder rearranged: per image, then per click
``cpu``                       layers computed in the order and number format that suits CPUs
``sam2``                      SAM 2.1 for single images
``samlet``                    the small model that ships with Limner, encoder and decoder
============================  ===================================================================
"""

from limner.sam.model import DecoderPrompt, Features, ModelConfig, PromptableModel, SplitDecoder
from limner.sam.sam import Sam

__all__ = ["DecoderPrompt", "Features", "ModelConfig", "PromptableModel", "Sam", "SplitDecoder"]
