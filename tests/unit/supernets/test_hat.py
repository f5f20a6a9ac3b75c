"""HAT's Transformers: spaces, costs, the elastic model and its parts, checkpoints."""

import argparse
import dataclasses
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from latbase.errors import InvalidInputError
from latbase.supernets import Cost, load
from latbase.supernets.counting import counted
from latbase.supernets.hat import HatSupernet
from latbase.supernets.hat_checkpoint import save
from latbase.supernets.hat_model import EOS, PAD, ElasticTransformer, Transformer, sinusoid
from latbase.supernets.hat_space import Dimensions, TransformerChoices, dimensions

SMALL = TransformerChoices(
    embed=(24, 32),
    ffn=(16, 32, 48),
    heads=(2, 4),
    decoder_layers=(1, 2, 3),
    encoder_layers=3,
    attention=32,
    source_tokens=50,
    target_tokens=60,
    tied=False,
    length=7,
)


@pytest.fixture(scope="module")
def small() -> HatSupernet:
    return HatSupernet("small", SMALL)


@pytest.fixture(scope="module")
def elastic(small: HatSupernet) -> ElasticTransformer:
    torch.manual_seed(0)
    return small.elastic().eval()


def sampled(net: HatSupernet, n: int) -> list[Dimensions]:
    space = net.space
    configs = [*space.to_configs(space.smallest()), *space.to_configs(space.largest())]
    configs += space.to_configs(space.sample(n, seed=3))
    return [dimensions(net.choices, space, config) for config in configs]


def sentences(n: int, tokens: int, vocabulary: int = 50, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(4, vocabulary, (n, tokens), generator=generator)


@pytest.mark.parametrize(
    "name", ["hat_wmt14_en_de", "hat_wmt14_en_fr", "hat_wmt19_en_de", "hat_iwslt14_de_en"]
)
def test_the_published_spaces_have_the_published_sizes(name: str) -> None:
    """Two widths, three FFN and two head sizes a layer; three more choices in the decoder."""
    encoder = 2 * (3 * 2) ** 6
    decoder = 2 * sum((3 * 2 * 2 * 3) ** layers for layers in range(1, 7))
    net = load(name)
    assert net.space.size == encoder * decoder
    assert net.default_input_size == (23 if "iwslt" in name else 30)


@torch.no_grad()
def test_a_new_one_starts_as_fairseqs_does(small: HatSupernet) -> None:
    torch.manual_seed(1)
    network = small.elastic().largest
    for module in (network.encoder, network.decoder):
        embedding = module.get_parameter("embed_tokens.weight")
        assert not embedding[PAD].any()
        assert embedding[PAD + 1 :].std().item() == pytest.approx(32**-0.5, rel=0.1)
    output = network.get_parameter("decoder.project.weight")
    assert output.std().item() == pytest.approx(32**-0.5, rel=0.1)
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Linear) and name != "decoder.project":
            bound = math.sqrt(6 / sum(layer.weight.shape))
            assert 0.9 * bound < layer.weight.abs().max() <= bound, name
            assert not layer.bias.any(), name


@torch.no_grad()
def test_a_static_sub_network_is_the_elastic_ones_active_part(
    small: HatSupernet, elastic: ElasticTransformer
) -> None:
    source, previous = sentences(2, 6), sentences(2, 5, seed=1)
    for sizes in sampled(small, 6):
        static = elastic.extract(sizes)
        assert torch.equal(static(source, previous), elastic(source, previous, sizes))


def test_training_a_sub_network_changes_only_its_part(
    small: HatSupernet, elastic: ElasticTransformer
) -> None:
    sizes = sampled(small, 0)[0]
    elastic.zero_grad()
    elastic(sentences(2, 6), sentences(2, 5), sizes).sum().backward()
    first = elastic.largest.encoder.layers[0]
    gradient = first.get_parameter("fc1.weight").grad
    assert gradient is not None
    inside = gradient[: sizes.encoder_ffn[0], : sizes.encoder_embed]
    assert inside.any()
    assert gradient.count_nonzero() == inside.count_nonzero()


@torch.no_grad()
def test_decoding_step_by_step_is_scoring_all_at_once(
    small: HatSupernet, elastic: ElasticTransformer
) -> None:
    source = sentences(3, 6)
    for sizes in sampled(small, 4):
        network = elastic.extract(sizes)
        tokens = network.decode(source, 5)
        previous = torch.cat([torch.full((3, 1), EOS), tokens[:, :-1]], dim=1)
        assert torch.equal(network(source, previous).argmax(dim=-1), tokens)
        assert torch.equal(network.decode(source, 5, beam=5), tokens)


@torch.no_grad()
def test_padding_changes_nothing(small: HatSupernet, elastic: ElasticTransformer) -> None:
    source, previous = sentences(2, 6), sentences(2, 4)
    padded = torch.cat([source, torch.full((2, 3), PAD)], dim=1)
    for sizes in sampled(small, 3):
        network = elastic.extract(sizes)
        torch.testing.assert_close(network(padded, previous), network(source, previous))
        assert torch.equal(network.decode(padded, 4), network.decode(source, 4))


def published(choices: TransformerChoices) -> dict[str, Tensor]:
    """A checkpoint of HAT's, as its code writes one: fairseq's keys, the supernet's sizes."""
    torch.manual_seed(5)
    embed, ffn, width = max(choices.embed), max(choices.ffn), choices.attention
    shapes: dict[str, tuple[int, ...]] = {
        "encoder.version": (1,),
        "encoder.embed_positions._float_tensor": (1,),
        "encoder.embed_tokens.weight": (choices.source_tokens, embed),
        "decoder.version": (1,),
        "decoder.embed_positions._float_tensor": (1,),
        "decoder.embed_tokens.weight": (choices.target_tokens, embed),
    }
    if not choices.tied:
        shapes["decoder.embed_out"] = (choices.target_tokens, embed)
    layers = [f"encoder.layers.{i}" for i in range(choices.encoder_layers)]
    layers += [f"decoder.layers.{i}" for i in range(max(choices.decoder_layers))]
    for layer in layers:
        attentions = ["self_attn"] + ["encoder_attn"] * layer.startswith("decoder")
        for name in attentions:
            shapes[f"{layer}.{name}.in_proj_weight"] = (3 * width, embed)
            shapes[f"{layer}.{name}.in_proj_bias"] = (3 * width,)
            shapes[f"{layer}.{name}.out_proj.weight"] = (embed, width)
            shapes[f"{layer}.{name}.out_proj.bias"] = (embed,)
        for name in [*(f"{each}_layer_norm" for each in attentions), "final_layer_norm"]:
            shapes[f"{layer}.{name}.weight"] = shapes[f"{layer}.{name}.bias"] = (embed,)
        shapes[f"{layer}.fc1.weight"], shapes[f"{layer}.fc1.bias"] = (ffn, embed), (ffn,)
        shapes[f"{layer}.fc2.weight"], shapes[f"{layer}.fc2.bias"] = (embed, ffn), (embed,)
    return {key: torch.randn(shape) * 0.3 for key, shape in shapes.items()}


def reference(weights: dict[str, Tensor], choices: TransformerChoices, heads: int) -> nn.Module:
    """torch's own Transformer with the weights of :func:`published`: an independent judge."""
    embed, ffn = max(choices.embed), max(choices.ffn)
    network = nn.Transformer(
        embed, heads, choices.encoder_layers, max(choices.decoder_layers), ffn, 0.0,
        batch_first=True,
    )  # fmt: skip
    network.encoder.norm = network.decoder.norm = None  # HAT has none behind the last layer
    names = {
        "encoder_attn_layer_norm": "norm2",
        "self_attn_layer_norm": "norm1",
        "encoder_attn": "multihead_attn",
        "fc1": "linear1",
        "fc2": "linear2",
    }
    own = {}
    for key, tensor in weights.items():
        if ".layers." in key:
            last = "norm3" if key.startswith("decoder") else "norm2"
            for theirs, torchs in {**names, "final_layer_norm": last}.items():
                key = key.replace(theirs, torchs)  # noqa: PLW2901 - one after the other
            own[key] = tensor
    network.load_state_dict(own)
    return network.eval()


@torch.no_grad()
@pytest.mark.parametrize("tied", [False, True])
def test_a_published_checkpoint_gives_what_torchs_transformer_gives(
    tmp_path: Path, *, tied: bool
) -> None:
    choices = TransformerChoices(
        embed=(32,), ffn=(48,), heads=(4,), decoder_layers=(2,), encoder_layers=2, attention=32,
        source_tokens=50, target_tokens=50, tied=tied,
    )  # fmt: skip
    weights = published(choices)
    torch.save({"model": weights, "args": argparse.Namespace(arch="x")}, tmp_path / "hat.pt")
    net = HatSupernet("one", choices).with_weights(tmp_path / "hat.pt")
    config = net.space.to_configs(net.space.largest())[0]
    config["decoder_arbitrary_ende_attn"] = [-1, -1]
    network = net.elastic().extract(dimensions(choices, net.space, config))
    source, previous = sentences(2, 6), sentences(2, 5, seed=1)

    def embedded(key: str, tokens: Tensor) -> Tensor:
        places = sinusoid(32)[PAD + 1 : PAD + 1 + tokens.shape[1]]
        return weights[key][tokens] * math.sqrt(32) + places

    judge = reference(weights, choices, heads=4)
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    decoded = judge(
        embedded("encoder.embed_tokens.weight", source),
        embedded("decoder.embed_tokens.weight", previous),
        tgt_mask=mask,
        tgt_is_causal=True,
    )
    output = weights["decoder.embed_tokens.weight" if tied else "decoder.embed_out"]
    torch.testing.assert_close(network(source, previous), decoded @ output.T, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_sub_networks_take_first_rows_and_columns_of_a_checkpoint(tmp_path: Path) -> None:
    weights = published(SMALL)
    torch.save({"model": weights, "args": argparse.Namespace()}, tmp_path / "hat.pt")
    net = HatSupernet("small", SMALL, tmp_path / "hat.pt")
    smallest = net.space.to_configs(net.space.smallest())[0] | {"encoder_embed_dim": 32}
    built = net.build(smallest).get_submodule("transformer")
    layer = built.get_submodule("decoder.layers.0")
    joint = weights["decoder.layers.0.encoder_attn.in_proj_weight"]
    assert torch.equal(layer.get_parameter("encoder_attn.q_proj.weight"), joint[:32, :24])
    assert torch.equal(layer.get_parameter("encoder_attn.kv_proj.weight"), joint[32:, :32])
    narrow = weights["decoder.layers.0.fc2.weight"][:24, :16]
    assert torch.equal(layer.get_parameter("fc2.weight"), narrow)


@torch.no_grad()
def test_arbitrary_attention_joins_the_last_encoder_layers(
    small: HatSupernet, elastic: ElasticTransformer
) -> None:
    base = small.space.to_configs(small.space.largest())[0]
    source, previous = sentences(1, 6), sentences(1, 4)
    outputs = []
    for code, layers in ((-1, 1), (1, 2), (2, 3)):
        config = base | {"decoder_arbitrary_ende_attn": [code] * 3}
        network = elastic.extract(dimensions(SMALL, small.space, config))
        encoded = network.encoder(source, None)
        (keys, _), _ = network.decoder.remember(encoded, None)[0]
        assert keys.shape[2] == 6 * layers
        outputs.append(network(source, previous))
    assert not torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[1], outputs[2])


@pytest.mark.parametrize("tokens", [1, 7])
def test_costs_agree_with_counting(small: HatSupernet, tokens: int) -> None:
    tied = HatSupernet("tied", TransformerChoices(source_tokens=50, target_tokens=60, length=5))
    for net in (small, tied):
        configs = net.space.to_configs(net.space.sample(2, seed=11))
        for config in [*net.space.to_configs(net.space.largest()), *configs]:
            assert net.cost(config, tokens) == counted(net.build(config), net.inputs(1, tokens))


def test_the_published_networks_cost_what_they_count() -> None:
    net = load("hat_iwslt14_de_en")
    config = net.space.to_configs(net.space.smallest())[0]
    found = counted(net.build(config), net.inputs(1, 3))
    assert net.cost(config, 3) == found
    assert found.params > 8_848 * 512
    assert isinstance(found, Cost)


@torch.no_grad()
def test_what_is_timed_is_deterministic_and_translates_batches(small: HatSupernet) -> None:
    config = small.space.to_configs(small.space.sample(1, 0))[0]
    (source,) = small.inputs(3)
    assert source.shape == (3, 7)
    tokens = small.build(config)(source)
    assert tokens.shape == (3, 7)
    assert torch.equal(tokens, small.build(config)(*small.inputs(3)))
    for tensor in small.build(config).state_dict().values():
        assert tensor.abs().min() > torch.finfo(torch.float32).tiny


def test_weights_are_kept(tmp_path: Path, small: HatSupernet, elastic: ElasticTransformer) -> None:
    save(elastic, tmp_path / "own.safetensors")
    again = small.with_weights(tmp_path / "own.safetensors")
    for one, other in zip(again.elastic().parameters(), elastic.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04"])
@pytest.mark.parametrize("name", ["a.pt", "a.safetensors"])
def test_what_is_no_checkpoint_is_refused(
    tmp_path: Path, small: HatSupernet, name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match="holds no weights of this supernet"):
        small.with_weights(path).elastic()


def test_a_checkpoint_of_another_space_is_refused(tmp_path: Path) -> None:
    torch.save({"model": published(SMALL)}, tmp_path / "hat.pt")
    other = TransformerChoices(source_tokens=50, target_tokens=60)
    with pytest.raises(InvalidInputError, match="holds no weights of this supernet") as refused:
        HatSupernet("other", other, tmp_path / "hat.pt").elastic()
    assert len(str(refused.value)) < 600


def test_a_checkpoint_of_another_vocabulary_is_refused_with_both_sizes(tmp_path: Path) -> None:
    torch.save({"model": published(SMALL)}, tmp_path / "hat.pt")
    other = dataclasses.replace(SMALL, source_tokens=70)
    with pytest.raises(InvalidInputError, match=r"\[50, 32\].*\[70, 32\]"):
        HatSupernet("other", other, tmp_path / "hat.pt").elastic()


@pytest.mark.parametrize("tokens", [0, 1025])
def test_lengths_outside_the_positions_are_refused(small: HatSupernet, tokens: int) -> None:
    with pytest.raises(InvalidInputError, match="from 1 to 1024"):
        small.inputs(1, tokens)


def test_extraction_needs_no_supernet_in_memory(small: HatSupernet) -> None:
    config = small.space.to_configs(small.space.smallest())[0]
    built = small.build(config).get_submodule("transformer")
    assert isinstance(built, Transformer)
    assert len(built.get_submodule("decoder.layers")._modules) == 1
