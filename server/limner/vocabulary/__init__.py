"""Words that every part shares: image and model pixels, prompts, masks as RLE."""
