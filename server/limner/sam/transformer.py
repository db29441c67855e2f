"""The two-way transformer: prompt tokens and image tokens attend to each other in turn."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from limner.sam.common import Mlp, NumberedMlp

MlpKind = type[Mlp] | type[NumberedMlp]  # which differ in the names of their parameters


class TwoWayTransformer(nn.Module):
    """``depth`` two-way blocks and a last look of the tokens at the image."""

    def __init__(
        self, dim: int = 256, depth: int = 2, num_heads: int = 8, mlp_dim: int = 2048, mlp: MlpKind = Mlp
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TwoWayBlock(dim, num_heads, mlp(dim, mlp_dim, "relu"), first=i == 0) for i in range(depth)
        )
        self.final_attn_token_to_image = Attention(dim, num_heads, downsample=2)
        self.norm_final_attn = nn.LayerNorm(dim)

    def forward(self, tokens: Tensor, image: Tensor, image_pe: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (B, N, C), image (B, M, C) and its positions (1, M, C) -> tokens and image, updated.

        The first values of the tokens serve as their positional encoding throughout.
        """
        token_pe = tokens
        for layer in self.layers:
            tokens, image = layer(tokens, image, token_pe, image_pe)
        look = self.final_attn_token_to_image(tokens + token_pe, image + image_pe, image)
        return self.norm_final_attn(tokens + look), image


class TwoWayBlock(nn.Module):
    """Self-attention of the tokens, tokens to image, MLP, image to tokens; a norm after each."""

    def __init__(self, dim: int, num_heads: int, mlp: nn.Module, *, first: bool) -> None:
        super().__init__()
        self.first = first
        self.self_attn = Attention(dim, num_heads)
        self.norm1 = nn.LayerNorm(dim)
        self.cross_attn_token_to_image = Attention(dim, num_heads, downsample=2)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = mlp
        self.norm3 = nn.LayerNorm(dim)
        self.norm4 = nn.LayerNorm(dim)
        self.cross_attn_image_to_token = Attention(dim, num_heads, downsample=2)

    def forward(self, tokens: Tensor, image: Tensor, token_pe: Tensor, image_pe: Tensor) -> tuple[Tensor, Tensor]:
        tokens = self.look_at_tokens(tokens, token_pe)
        look = self.cross_attn_token_to_image(tokens + token_pe, image + image_pe, image)
        tokens = self.norm2(tokens + look)
        tokens = self.norm3(tokens + self.mlp(tokens))
        image = self.norm4(image + self.cross_attn_image_to_token(image + image_pe, tokens + token_pe, tokens))
        return tokens, image  # (B, N, C), (B, M, C)

    def look_at_tokens(self, tokens: Tensor, token_pe: Tensor) -> Tensor:
        """Self-attention and its norm; in the first block tokens are their own positions and nothing is added."""
        if self.first:
            look = self.self_attn(tokens, tokens, tokens)
        else:
            look = tokens + self.self_attn(tokens + token_pe, tokens + token_pe, tokens)
        tokens = self.norm1(look)
        return tokens


class Attention(nn.Module):
    """Multi-head attention whose inner width may be smaller than that of its input."""

    def __init__(self, dim: int, num_heads: int, downsample: int = 1) -> None:
        super().__init__()
        inner = dim // downsample
        self.num_heads = num_heads
        self.scale: float = (inner // num_heads) ** -0.5  # of queries
        self.q_proj = nn.Linear(dim, inner)
        self.k_proj = nn.Linear(dim, inner)
        self.v_proj = nn.Linear(dim, inner)
        self.out_proj = nn.Linear(inner, dim)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        q = self.split_heads(self.q_proj(queries))
        k = self.split_heads(self.k_proj(keys))
        v = self.split_heads(self.v_proj(values))
        answer = F.scaled_dot_product_attention(q, k, v)  # (B, heads, N, d)
        merged: Tensor = self.out_proj(answer.transpose(1, 2).flatten(2))
        return merged  # (B, N, C)

    def split_heads(self, x: Tensor) -> Tensor:
        """(B, N, inner) -> (B, heads, N, d)."""
        B, N, inner = x.shape
        return x.reshape(B, N, self.num_heads, inner // self.num_heads).transpose(1, 2)
