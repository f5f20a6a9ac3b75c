"""Search spaces of HAT's Transformers: what is elastic, its sizes and exact costs.

A configuration has HAT's keys, lists with an entry per layer. ``decoder_arbitrary_ende_attn`` -1,
1, 2 lets a decoder layer attend to the last one, two, three encoder layers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from latbase.supernets.cost import NOTHING, Cost, CostBlock, linear
from latbase.supernets.parameter import Parameter
from latbase.supernets.space import SearchSpace

BEAM = 5
"""Rows decoded per sentence when timed: fairseq's default, and HAT's."""

MOST_TOKENS = 1024
"""Longest sentence."""

ATTENDED = {-1: 1, 1: 2, 2: 3}
"""Encoder layers attended to, by ``decoder_arbitrary_ende_attn``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerChoices:
    """What is elastic in a Transformer supernet, and what is not; HAT's WMT spaces by default.

    Attributes:
        embed: widths of encoder and decoder.
        ffn: widths inside feed-forward blocks.
        heads: attention heads.
        decoder_layers: numbers of decoder layers.
        encoder_layers: the one number of encoder layers.
        attention: total width of queries, keys and values; every number of heads divides it.
        source_tokens: size of the source's vocabulary.
        target_tokens: size of the target's vocabulary.
        tied: whether the decoder's embedding is its output projection.
        length: tokens of a source sentence, and steps decoded, when timed.
    """

    embed: tuple[int, ...] = (512, 640)
    ffn: tuple[int, ...] = (1024, 2048, 3072)
    heads: tuple[int, ...] = (4, 8)
    decoder_layers: tuple[int, ...] = (1, 2, 3, 4, 5, 6)
    encoder_layers: int = 6
    attention: int = 512
    source_tokens: int
    target_tokens: int
    tied: bool = True
    length: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimensions:
    """The sizes of one sub-network; the tuples have an entry per layer that exists.

    Attributes:
        choices: what does not depend on the sub-network.
        encoder_embed: width between encoder layers.
        encoder_ffn: widths inside the encoder's feed-forward blocks.
        encoder_heads: the encoder's attention heads.
        decoder_embed: width between decoder layers.
        decoder_ffn: widths inside the decoder's feed-forward blocks.
        decoder_heads: the decoder's self-attention heads.
        cross_heads: heads of its attention to the encoder.
        attended: how many of the last encoder layers a decoder layer attends to.
    """

    choices: TransformerChoices
    encoder_embed: int
    encoder_ffn: tuple[int, ...]
    encoder_heads: tuple[int, ...]
    decoder_embed: int
    decoder_ffn: tuple[int, ...]
    decoder_heads: tuple[int, ...]
    cross_heads: tuple[int, ...]
    attended: tuple[int, ...]


def parameters(choices: TransformerChoices) -> list[Parameter]:
    """Return the elastic parameters, in genotype order."""
    encoder, decoder = choices.encoder_layers, max(choices.decoder_layers)
    found = [
        Parameter("encoder_embed_dim", choices.embed),
        Parameter("encoder_layer_num", (encoder,)),
        *(Parameter(f"encoder_ffn_embed_dim[{i}]", choices.ffn) for i in range(encoder)),
        *(Parameter(f"encoder_self_attention_heads[{i}]", choices.heads) for i in range(encoder)),
        Parameter("decoder_embed_dim", choices.embed),
        Parameter("decoder_layer_num", choices.decoder_layers),
    ]
    for key, values in (
        ("decoder_ffn_embed_dim", choices.ffn),
        ("decoder_self_attention_heads", choices.heads),
        ("decoder_ende_attention_heads", choices.heads),
        ("decoder_arbitrary_ende_attn", tuple(ATTENDED)),
    ):
        for i in range(decoder):
            deep_enough = tuple(layers for layers in choices.decoder_layers if layers > i)
            found.append(Parameter(f"{key}[{i}]", values, "decoder_layer_num", deep_enough))
    return found


def dimensions(
    choices: TransformerChoices, space: SearchSpace, config: Mapping[str, object]
) -> Dimensions:
    """Return the sizes of the sub-network of ``config``.

    Raises:
        InvalidInputError: ``config`` is no sub-network of ``space``.
    """
    canonical = space.canonical(space.from_configs([config]))
    chosen: dict[str, Any] = space.to_configs(canonical)[0]
    layers = slice(chosen["decoder_layer_num"])
    return Dimensions(
        choices=choices,
        encoder_embed=chosen["encoder_embed_dim"],
        encoder_ffn=tuple(chosen["encoder_ffn_embed_dim"]),
        encoder_heads=tuple(chosen["encoder_self_attention_heads"]),
        decoder_embed=chosen["decoder_embed_dim"],
        decoder_ffn=tuple(chosen["decoder_ffn_embed_dim"][layers]),
        decoder_heads=tuple(chosen["decoder_self_attention_heads"][layers]),
        cross_heads=tuple(chosen["decoder_ende_attention_heads"][layers]),
        attended=tuple(ATTENDED[code] for code in chosen["decoder_arbitrary_ende_attn"][layers]),
    )


def cost_blocks(choices: TransformerChoices, length: int) -> list[CostBlock]:
    """List everything that costs when a sentence of ``length`` tokens is translated as timed.

    The encoder runs once; ``length`` steps of ``BEAM`` rows decode. Keys and values of the encoder
    are made once for all rows. Attention counts its two matrix products, embeddings nothing.
    """
    encoder = [
        CostBlock(
            name=f"encoder.{i}",
            stage="encoder",
            parameters=("encoder_embed_dim", f"encoder_ffn_embed_dim[{i}]"),
            cost=lambda embed, ffn: _encoder_layer(choices, length, embed, ffn),
        )
        for i in range(choices.encoder_layers)
    ]
    decoder = [_decoder_block(choices, length, i) for i in range(max(choices.decoder_layers))]
    source = CostBlock(
        name="source embedding",
        stage="vocabulary",
        parameters=("encoder_embed_dim",),
        cost=lambda embed: Cost(macs=0, params=choices.source_tokens * embed),
    )
    target = CostBlock(
        name="target vocabulary",
        stage="vocabulary",
        parameters=("decoder_embed_dim",),
        cost=lambda embed: _vocabulary(choices, length, embed),
    )
    return [*encoder, *decoder, source, target]


def _decoder_block(choices: TransformerChoices, length: int, index: int) -> CostBlock:
    def cost(layers: int, embed: int, encoder_embed: int, ffn: int, arbitrary: int) -> Cost:
        if index >= layers:
            return NOTHING
        attended = ATTENDED[arbitrary] * length
        return _decoder_layer(choices, length, (embed, encoder_embed, ffn), attended)

    return CostBlock(
        name=f"decoder.{index}",
        stage="decoder",
        parameters=(
            "decoder_layer_num",
            "decoder_embed_dim",
            "encoder_embed_dim",
            f"decoder_ffn_embed_dim[{index}]",
            f"decoder_arbitrary_ende_attn[{index}]",
        ),
        cost=cost,
    )


def _encoder_layer(choices: TransformerChoices, length: int, embed: int, ffn: int) -> Cost:
    width = choices.attention
    attention = Cost(macs=2 * length**2 * width, params=0)
    layers = [linear(embed, 3 * width), linear(width, embed), *_feed_forward(embed, ffn)]
    return _times(layers, length) + attention + _norms(embed, 2)


def _decoder_layer(
    choices: TransformerChoices, length: int, widths: tuple[int, int, int], attended: int
) -> Cost:
    """Return the cost of a layer that attends to so many positions of the encoder."""
    (embed, encoder_embed, ffn), width = widths, choices.attention
    rows = BEAM * length
    own = [linear(embed, 3 * width), linear(width, embed)]
    cross = [linear(embed, width), linear(width, embed)]
    seen = rows * (length + 1) // 2 + rows * attended
    return (
        _times([*own, *cross, *_feed_forward(embed, ffn)], rows)
        + _times([linear(encoder_embed, 2 * width)], attended)
        + Cost(macs=2 * seen * width, params=0)
        + _norms(embed, 3)
    )


def _vocabulary(choices: TransformerChoices, length: int, embed: int) -> Cost:
    entries = choices.target_tokens * embed
    tables = 1 if choices.tied else 2
    return Cost(macs=BEAM * length * entries, params=tables * entries)


def _feed_forward(embed: int, ffn: int) -> list[Cost]:
    return [linear(embed, ffn), linear(ffn, embed)]


def _times(layers: Sequence[Cost], rows: int) -> Cost:
    """Return the cost of ``layers`` applied to ``rows`` rows each."""
    return Cost(
        macs=rows * sum(layer.macs for layer in layers),
        params=sum(layer.params for layer in layers),
    )


def _norms(embed: int, count: int) -> Cost:
    return Cost(macs=0, params=2 * embed * count)
