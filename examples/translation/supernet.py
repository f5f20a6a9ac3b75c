"""A small Transformer supernet that translates generated English sentences into German.

latbase takes it as it is: ``latbase profile examples/translation/supernet.py:Numbers``. The
shared weights in ``weights.safetensors`` come from ``train.py``, the text from ``sentences.py``.
"""

from pathlib import Path

from latbase.supernets.accuracy.bleu import Bleu
from latbase.supernets.accuracy.vocabulary import Vocabulary
from latbase.supernets.hat import HatSupernet
from latbase.supernets.hat_space import TransformerChoices

FOLDER = Path(__file__).parent
WEIGHTS = FOLDER / "weights.safetensors"
ENGLISH = Vocabulary.read(FOLDER / "dict.en.txt")
GERMAN = Vocabulary.read(FOLDER / "dict.de.txt")
CHOICES = TransformerChoices(
    embed=(16, 32, 48),
    ffn=(32, 64, 128),
    heads=(2, 4),
    decoder_layers=(1, 2, 3),
    encoder_layers=3,
    attention=48,
    source_tokens=len(ENGLISH),
    target_tokens=len(GERMAN),
    length=25,
)


class Numbers(HatSupernet):
    """HAT's space in small, with trained weights and BLEU validated on the test set."""

    def __init__(self) -> None:
        super().__init__("numbers_en_de", CHOICES, WEIGHTS)
        self.bleu = Bleu(
            net=self,
            source=FOLDER / "test.en",
            target=FOLDER / "test.de",
            source_vocabulary=ENGLISH,
            target_vocabulary=GERMAN,
        )
        self.appraisers = {"bleu": self.bleu}
