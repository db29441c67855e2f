"""How encoders save time on CPUs: fused layers, pieces that fit the cache, bfloat16."""
