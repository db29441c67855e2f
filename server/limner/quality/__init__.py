"""How well masks agree with other masks, and people with each other: pure functions, with their sources."""
