"""Limner in Python: :class:`Predictor` for prompts, :class:`AutomaticMaskGenerator` for everything at once."""
