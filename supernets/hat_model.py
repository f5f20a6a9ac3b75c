"""HAT's Transformer (Wang et al., ACL 2020): static sub-networks, and the elastic one above them.

Post-norm, sinusoidal positions, no dropout. A sub-network takes the first rows and columns of
every weight of the largest network; queries, keys and values always have the same total width, so
the number of heads changes only the size of each.
"""

import math
from functools import lru_cache
from typing import cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F  # noqa: N812 - torch's own abbreviation

from latbase.supernets.hat_space import MOST_TOKENS, Dimensions

PAD, EOS = 1, 2
"""Token numbers as fairseq gives them."""

Cache = tuple[Tensor, Tensor]
"""Keys and values so far, each (rows, heads, tokens, head size)."""


class Transformer(nn.Module):
    """Encoder and decoder of one sub-network."""

    def __init__(self, sizes: Dimensions) -> None:
        super().__init__()
        self.encoder = Encoder(sizes)
        self.decoder = Decoder(sizes)

    def forward(self, source: Tensor, previous: Tensor) -> Tensor:
        """Score every next token, as training does.

        Args:
            source: int64 (n, s), padded with ``PAD`` behind the end.
            previous: the target shifted by one, int64 (n, t).

        Returns:
            Logits, (n, t, target_tokens).
        """
        hidden = source == PAD
        logits: Tensor = self.decoder(previous, self.encoder(source, hidden), hidden)
        return logits

    def decode(
        self, source: Tensor, steps: int, beam: int = 1, *, padded: bool = True, stop: bool = False
    ) -> Tensor:
        """Translate greedily, token by token with cached keys and values.

        Every beam continues on its own from the same start, which costs what a beam search does
        in the network and does not reorder.

        Args:
            source: int64 (n, s).
            steps: tokens to produce; what follows an ``EOS`` means nothing.
            beam: rows decoded per sentence.
            padded: whether ``source`` has padding to be hidden.
            stop: whether to end early, once every sentence has its ``EOS``.

        Returns:
            Tokens of the first beam, int64 (n, steps or fewer).
        """
        hidden = source == PAD if padded else None
        memory = self.decoder.remember(self.encoder(source, hidden), hidden)
        token = torch.full((len(source), beam), EOS, dtype=torch.int64, device=source.device)
        caches: list[Cache | None] = [None] * len(self.decoder.layers)
        found = []
        ended = torch.zeros(len(source), dtype=torch.bool, device=source.device)
        for position in range(steps):
            token, caches = self.decoder.step(token, position, memory, caches)
            found.append(token[:, 0])
            if stop and bool((ended := ended | (token[:, 0] == EOS)).all()):
                break
        return torch.stack(found, dim=1)


class Translation(nn.Module):
    """What is timed: encode a batch of sentences, then decode as many tokens as they have."""

    def __init__(self, transformer: Transformer, beam: int) -> None:
        super().__init__()
        self.transformer = transformer
        self.beam = beam

    def forward(self, source: Tensor) -> Tensor:
        """Translate ``source``, int64 (n, s) without padding, into tokens (n, s)."""
        return self.transformer.decode(source, source.shape[1], self.beam, padded=False)


class ElasticTransformer(nn.Module):
    """All sub-networks at once: the largest one, of which each forward pass uses a part."""

    def __init__(self, largest: Dimensions) -> None:
        super().__init__()
        self.largest = Transformer(largest)

    def forward(self, source: Tensor, previous: Tensor, sizes: Dimensions) -> Tensor:
        """Run the sub-network of ``sizes`` as :class:`Transformer` does; gradients flow back."""
        skeleton = _skeleton(sizes)
        logits: Tensor = functional_call(skeleton, self.share(skeleton), (source, previous))
        return logits

    def extract(self, sizes: Dimensions) -> Transformer:
        """Return the sub-network of ``sizes`` with a copy of its weights, in eval mode."""
        static = Transformer(sizes)
        with torch.no_grad():
            for (_, own), shared in zip(_tensors(static), self.share(static).values(), strict=True):
                own.copy_(shared)
        return static.eval()

    def share(self, smaller: Transformer) -> dict[str, Tensor]:
        """Return, by name, the part of each weight that ``smaller`` has, as views."""
        weights = dict(_tensors(self.largest))
        return {
            name: weights[name][tuple(slice(size) for size in tensor.shape)]
            for name, tensor in _tensors(smaller)
        }


def _tensors(network: nn.Module) -> list[tuple[str, Tensor]]:
    return [*network.named_parameters(), *network.named_buffers()]


@lru_cache(maxsize=256)
def _skeleton(sizes: Dimensions) -> Transformer:
    """Return a network without storage, to be called with somebody else's weights."""
    with torch.device("meta"):
        return Transformer(sizes)


class Encoder(nn.Module):
    """Embedding and encoder layers."""

    def __init__(self, sizes: Dimensions) -> None:
        super().__init__()
        fixed, embed = sizes.choices, sizes.encoder_embed
        self.embed_tokens = _Embedding(fixed.source_tokens, embed, max(fixed.embed))
        self.layers = nn.ModuleList(
            EncoderLayer(embed, fixed.attention, ffn, heads)
            for ffn, heads in zip(sizes.encoder_ffn, sizes.encoder_heads, strict=True)
        )

    def forward(self, source: Tensor, hidden: Tensor | None) -> list[Tensor]:
        """Return the output of every layer, the last one first, each (n, s, encoder_embed)."""
        x = self.embed_tokens.at(source, 0, source.shape[1])
        visible = None if hidden is None else ~hidden[:, None, None, :]
        outputs: list[Tensor] = []
        for layer in self.layers:
            x = layer(x, visible)
            outputs.insert(0, x)
        return outputs


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward, each added and then normalised."""

    def __init__(self, embed: int, attention: int, ffn: int, heads: int) -> None:
        super().__init__()
        self.self_attn = SelfAttention(embed, attention, heads)
        self.self_attn_layer_norm = nn.LayerNorm(embed)
        self.fc1 = _Linear(embed, ffn)
        self.fc2 = _Linear(ffn, embed)
        self.final_layer_norm = nn.LayerNorm(embed)

    def forward(self, x: Tensor, visible: Tensor | None) -> Tensor:
        """Map (n, s, embed) to the same shape."""
        x = self.self_attn_layer_norm(x + self.self_attn(x, visible))
        y: Tensor = self.final_layer_norm(x + self.fc2(F.relu(self.fc1(x))))
        return y


class Decoder(nn.Module):
    """Embedding, decoder layers and the projection to the vocabulary."""

    def __init__(self, sizes: Dimensions) -> None:
        super().__init__()
        fixed, embed = sizes.choices, sizes.decoder_embed
        self.embed_tokens = _Embedding(fixed.target_tokens, embed, max(fixed.embed))
        self.layers = nn.ModuleList(
            DecoderLayer(sizes, index) for index in range(len(sizes.decoder_ffn))
        )
        self.project = nn.Linear(embed, fixed.target_tokens, bias=False)
        if fixed.tied:
            self.project.weight = self.embed_tokens.weight
        else:
            nn.init.normal_(self.project.weight, std=embed**-0.5)

    def forward(self, previous: Tensor, encoded: list[Tensor], hidden: Tensor | None) -> Tensor:
        """Score every position at once; see :meth:`Transformer.forward`."""
        x = self.embed_tokens.at(previous, 0, previous.shape[1])
        memories = self.remember(encoded, hidden)
        for layer, (memory, visible) in zip(self.layers, memories, strict=True):
            x = layer(x, memory, visible)
        y: Tensor = self.project(x)
        return y

    def remember(
        self, encoded: list[Tensor], hidden: Tensor | None
    ) -> list[tuple[Cache, Tensor | None]]:
        """Return, for each layer, keys and values of what it attends to, and what it may see."""
        found: list[tuple[Cache, Tensor | None]] = []
        for layer in self._stack:
            visible = None
            if hidden is not None:
                visible = ~hidden.repeat(1, layer.attended)[:, None, None, :]
            found.append((layer.encoder_attn.remember(_joined(encoded, layer.attended)), visible))
        return found

    def step(
        self,
        token: Tensor,
        position: int,
        memory: list[tuple[Cache, Tensor | None]],
        caches: list[Cache | None],
    ) -> tuple[Tensor, list[Cache | None]]:
        """Choose the next token of every row, int64 (n, beam), and extend the caches."""
        x = self.embed_tokens.at(token, position, 1)
        extended: list[Cache | None] = []
        for layer, (keys, visible), cache in zip(self._stack, memory, caches, strict=True):
            x, longer = layer.step(x, keys, visible, cache)
            extended.append(longer)
        return self.project(x).argmax(dim=-1), extended

    @property
    def _stack(self) -> "list[DecoderLayer]":
        """The layers, whose type a list of modules hides."""
        return cast("list[DecoderLayer]", list(self.layers))


class DecoderLayer(nn.Module):
    """Self-attention, attention to the encoder and feed-forward."""

    def __init__(self, sizes: Dimensions, index: int) -> None:
        super().__init__()
        embed, ffn, attention = (
            sizes.decoder_embed,
            sizes.decoder_ffn[index],
            sizes.choices.attention,
        )
        self.attended = sizes.attended[index]
        self.self_attn = SelfAttention(embed, attention, sizes.decoder_heads[index])
        self.self_attn_layer_norm = nn.LayerNorm(embed)
        self.encoder_attn = CrossAttention(
            embed, sizes.encoder_embed, attention, sizes.cross_heads[index]
        )
        self.encoder_attn_layer_norm = nn.LayerNorm(embed)
        self.fc1 = _Linear(embed, ffn)
        self.fc2 = _Linear(ffn, embed)
        self.final_layer_norm = nn.LayerNorm(embed)

    def forward(self, x: Tensor, memory: Cache, visible: Tensor | None) -> Tensor:
        """Map (n, t, embed) to the same shape; no position sees a later one."""
        return self._rest(x, self.self_attn(x, causal=True), memory, visible)

    def step(
        self, x: Tensor, memory: Cache, visible: Tensor | None, cache: Cache | None
    ) -> tuple[Tensor, Cache]:
        """Map one position of every row, (n, beam, embed)."""
        attended, longer = self.self_attn.step(x, cache)
        return self._rest(x, attended, memory, visible), longer

    def _rest(self, x: Tensor, attended: Tensor, memory: Cache, visible: Tensor | None) -> Tensor:
        x = self.self_attn_layer_norm(x + attended)
        x = self.encoder_attn_layer_norm(x + self.encoder_attn(x, memory, visible))
        y: Tensor = self.final_layer_norm(x + self.fc2(F.relu(self.fc1(x))))
        return y


class SelfAttention(nn.Module):
    """Attention of a sentence to itself."""

    def __init__(self, embed: int, attention: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj = _Linear(embed, 3 * attention)
        self.out_proj = _Linear(attention, embed)

    def forward(self, x: Tensor, visible: Tensor | None = None, *, causal: bool = False) -> Tensor:
        """Map (n, t, embed) to the same shape; ``visible`` broadcasts to (n, 1, t, t)."""
        q, k, v = (_heads(part, self.heads) for part in self.in_proj(x).chunk(3, dim=-1))
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=visible, is_causal=causal)
        z: Tensor = self.out_proj(_merged(y))
        return z

    def step(self, x: Tensor, cache: Cache | None) -> tuple[Tensor, Cache]:
        """Attend from one position, (n, beam, embed), to those before it and itself."""
        rows = self.in_proj(x).flatten(0, 1)[:, None]
        q, k, v = (_heads(part, self.heads) for part in rows.chunk(3, dim=-1))
        if cache is not None:
            k, v = torch.cat([cache[0], k], dim=2), torch.cat([cache[1], v], dim=2)
        y = _merged(F.scaled_dot_product_attention(q, k, v))
        return self.out_proj(y.reshape(*x.shape[:2], -1)), (k, v)


class CrossAttention(nn.Module):
    """Attention of the decoder to the encoder; rows of a sentence share its keys and values."""

    def __init__(self, embed: int, encoder_embed: int, attention: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = _Linear(embed, attention)
        self.kv_proj = _Linear(encoder_embed, 2 * attention)
        self.out_proj = _Linear(attention, embed)

    def remember(self, encoded: Tensor) -> Cache:
        """Return keys and values of the encoder's output, (n, s, encoder_embed)."""
        k, v = (_heads(part, self.heads) for part in self.kv_proj(encoded).chunk(2, dim=-1))
        return k, v

    def forward(self, x: Tensor, memory: Cache, visible: Tensor | None) -> Tensor:
        """Map (n, t, embed) to the same shape."""
        q = _heads(self.q_proj(x), self.heads)
        y = F.scaled_dot_product_attention(q, *memory, attn_mask=visible)
        z: Tensor = self.out_proj(_merged(y))
        return z


class _Linear(nn.Linear):
    """A projection that starts as fairseq's do, fit for training."""

    def reset_parameters(self) -> None:
        """Draw Xavier-uniform weights; biases start at 0."""
        bound = math.sqrt(6 / sum(self.weight.shape))
        nn.init.uniform_(self.weight, -bound, bound)  # which a build that fills anyway skips
        nn.init.zeros_(self.bias)


class _Embedding(nn.Embedding):
    """Tokens, scaled by the root of their width, plus positions.

    fairseq numbers positions from ``PAD`` + 1; the sinusoid has all sines before all cosines.
    """

    positions: Tensor

    def __init__(self, tokens: int, embed: int, widest: int) -> None:
        super().__init__(tokens, embed, padding_idx=PAD)
        self.scale = math.sqrt(embed)
        self.register_buffer("positions", sinusoid(widest)[:, :embed].clone(), persistent=False)

    def reset_parameters(self) -> None:
        """Draw weights that have unit deviation once they are scaled; ``PAD`` starts at 0."""
        nn.init.normal_(self.weight, std=self.embedding_dim**-0.5)
        with torch.no_grad():
            self.weight[PAD].zero_()

    def at(self, tokens: Tensor, start: int, count: int) -> Tensor:
        """Embed int64 (n, t) at ``count`` positions from ``start``: t of them, or one for all."""
        first = start + PAD + 1
        embedded: Tensor = self(tokens) * self.scale + self.positions[first : first + count]
        return embedded


@lru_cache(maxsize=8)
def sinusoid(width: int) -> Tensor:
    """Return the positions' embedding, float32 (MOST_TOKENS + 2, width)."""
    half = width // 2
    with torch.device("cpu"):
        rates = torch.exp(torch.arange(half) * (-math.log(10_000) / (half - 1)))
        angles = torch.arange(MOST_TOKENS + PAD + 1)[:, None] * rates
        return torch.cat([angles.sin(), angles.cos()], dim=1)


def _joined(encoded: list[Tensor], attended: int) -> Tensor:
    """Join the outputs of the last layers along time."""
    return encoded[0] if attended == 1 else torch.cat(encoded[:attended], dim=1)


def _heads(x: Tensor, heads: int) -> Tensor:
    """Split (n, t, width) into (n, heads, t, head size)."""
    return x.view(*x.shape[:-1], heads, -1).transpose(1, 2)


def _merged(x: Tensor) -> Tensor:
    """Undo :func:`_heads`."""
    return x.transpose(1, 2).flatten(2)
