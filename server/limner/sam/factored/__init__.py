"""SAM's decoder rearranged: what depends on the image alone once per image, the rest per click, exactly."""
