"""Samlet, the model that ships with Limner: see ``docs/samlet.md``."""

from limner.sam.samlet.model import AuxiliaryHeads, Samlet, SamletConfig, SplitSamlet

__all__ = ["AuxiliaryHeads", "Samlet", "SamletConfig", "SplitSamlet"]
