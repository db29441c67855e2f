"""Samlet, the model that ships with Limner: see ``docs/samlet.md``."""

from limner.sam.samlet.model import AuxiliaryHeads, Backbone, Samlet, SamletConfig, SplitSamlet, backbone_of

__all__ = ["AuxiliaryHeads", "Backbone", "Samlet", "SamletConfig", "SplitSamlet", "backbone_of"]
