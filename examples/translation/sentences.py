"""English sentences about who did how much of what, when and why, with German translations.

All are generated, with numbers up to 999,999, dates and times of day. German puts the participle
last, behind it the auxiliary in a subordinate clause, units before tens in one word, and counts
half hours towards the next full one: there is more to do than to look words up.

``python examples/translation/sentences.py`` writes the test set and the dictionaries.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from latbase.supernets.accuracy.vocabulary import JOINT, joined

FOLDER = Path(__file__).parent

TEST_SENTENCES = 1000

COUNTED_SENTENCES = 20_000
"""Sentences whose words make the dictionaries: every word is among them many times."""

Pair = tuple[str, str]
"""A sentence and its translation; German words are split into pieces."""

SUBJECTS = {
    "our neighbour": "unser Nachbar",
    "my aunt": "meine Tante",
    "the teacher": "der Lehrer",
    "her brother": "ihr Bruder",
    "the mayor": "die Bürgermeisterin",
    "a tourist": "ein Tourist",
    "his friend": "sein Freund",
    "the old baker": "der alte Bäcker",
}
VERBS = {
    "bought": "gekauft",
    "sold": "verkauft",
    "found": "gefunden",
    "counted": "gezählt",
    "ordered": "bestellt",
    "repaired": "repariert",
    "lost": "verloren",
    "painted": "bemalt",
}
ADJECTIVES = {
    "old": "alte",
    "red": "rote",
    "small": "kleine",
    "heavy": "schwere",
    "expensive": "teure",
    "beautiful": "schöne",
    "round": "runde",
    "broken": "kaputte",
}
NOUNS = {
    "books": "Bücher",
    "tables": "Tische",
    "lamps": "Lampen",
    "boats": "Boote",
    "chairs": "Stühle",
    "plates": "Teller",
    "clocks": "Uhren",
    "bicycles": "Fahrräder",
    "boxes": "Kisten",
    "windows": "Fenster",
    "cups": "Tassen",
    "drums": "Trommeln",
}
MONTHS = {
    "january": "Januar",
    "february": "Februar",
    "march": "März",
    "april": "April",
    "may": "Mai",
    "june": "Juni",
    "july": "Juli",
    "august": "August",
    "september": "September",
    "october": "Oktober",
    "november": "November",
    "december": "Dezember",
}
INTRODUCTIONS = {"i think that": "ich glaube dass", "she says that": "sie sagt dass"}

ENGLISH_SMALL = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
ENGLISH_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
ENGLISH_ORDINALS = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
]
GERMAN_SMALL = [
    "ein",
    "zwei",
    "drei",
    "vier",
    "fünf",
    "sechs",
    "sieben",
    "acht",
    "neun",
    "zehn",
    "elf",
    "zwölf",
]
GERMAN_STEMS = {"zwei": "zwan", "sechs": "sech", "sieben": "sieb"}
GERMAN_ORDINALS = {1: "ersten", 3: "dritten", 7: "siebten", 8: "achten"}


def pairs(count: int, seed: str) -> list[Pair]:
    """Return random sentences with their translations; equal seeds give equal ones."""
    random = Random(seed)
    return [pair(random) for _ in range(count)]


def pair(random: Random) -> Pair:
    """Return one random sentence with its translation."""
    event = _event(random)
    kind = random.randrange(3)
    if kind == 0:
        return event.english, event.main
    if kind == 1:
        intro, anfang = _choose(random, INTRODUCTIONS)
        return f"{intro} {event.english}", f"{anfang} {event.subordinate}"
    reason = _event(random)
    return f"{event.english} because {reason.english}", f"{event.main} weil {reason.subordinate}"


@dataclass(frozen=True, kw_only=True)
class Event:
    """What happened: in English, in a main clause and in a subordinate clause of German."""

    english: str
    main: str
    subordinate: str


def _event(random: Random) -> Event:
    (who, wer), (did, getan), (like, wie), (what, was) = (
        _choose(random, table) for table in (SUBJECTS, VERBS, ADJECTIVES, NOUNS)
    )
    number = random.randint(2, 10 ** random.randint(2, 6) - 1)
    things, dinge = f"{english(number)} {like} {what}", f"{split(german(number))} {wie} {was}"
    when, wann = _when(random)
    if random.random() < 1 / 3:
        told, main = f"{when} {who} {did} {things}", f"{wann} hat {wer} {dinge} {getan}"
    else:
        told, main = f"{who} {did} {things} {when}", f"{wer} hat {wann} {dinge} {getan}"
    return Event(english=told, main=main, subordinate=f"{wer} {wann} {dinge} {getan} hat")


def _choose(random: Random, table: Mapping[str, str]) -> Pair:
    return random.choice(list(table.items()))


def _when(random: Random) -> Pair:
    (date, tag), (time, uhrzeit) = _date(random), _time(random)
    return random.choice([(date, tag), (time, uhrzeit), (f"{date} {time}", f"{tag} {uhrzeit}")])


def _date(random: Random) -> Pair:
    day, (month, monat) = random.randint(1, 28), _choose(random, MONTHS)
    return f"on the {english_ordinal(day)} of {month}", f"am {split(german_ordinal(day))} {monat}"


def _time(random: Random) -> Pair:
    hour = random.randint(1, 11)
    now, then, following = english(hour), split(german(hour)), split(german(hour + 1))
    return random.choice(
        [
            (f"at {now} o'clock", f"um {split(german(hour, one='ein'))} Uhr"),
            (f"at quarter past {now}", f"um viertel nach {then}"),
            (f"at quarter to {now}", f"um viertel vor {then}"),
            (f"at half past {now}", f"um halb {following}"),
        ]
    )


def english(number: int) -> str:
    """Write a number from 1 to 999,999."""
    thousands, hundreds, rest = number // 1000, number // 100 % 10, number % 100
    words = [english(thousands), "thousand"] if thousands else []
    words += [ENGLISH_SMALL[hundreds - 1], "hundred"] if hundreds else []
    words += ["and"] if words and rest else []
    if rest >= 20:
        words.append(ENGLISH_TENS[rest // 10 - 2])
        rest %= 10
    return " ".join([*words, *ENGLISH_SMALL[rest - 1 : rest]])


def english_ordinal(number: int) -> str:
    """Write an ordinal number from 1 to 29."""
    if number == 20:
        return "twentieth"
    if number > 20:
        return f"twenty {ENGLISH_ORDINALS[number - 21]}"
    return ENGLISH_ORDINALS[number - 1]


def german(number: int, *, one: str = "eins") -> list[str]:
    """Return the pieces of the one word for a number from 1 to 999,999, which ends on ``one``."""
    thousands, hundreds, rest = number // 1000, number // 100 % 10, number % 100
    pieces = [*german(thousands, one="ein"), "tausend"] if thousands else []
    pieces += [GERMAN_SMALL[hundreds - 1], "hundert"] if hundreds else []
    if rest <= len(GERMAN_SMALL):
        return [*pieces, *([one, *GERMAN_SMALL[1:]][rest - 1 : rest])]
    tens, unit = divmod(rest, 10)
    name, few = GERMAN_SMALL[tens - 1], GERMAN_SMALL[unit - 1]
    if tens == 1:
        return [*pieces, GERMAN_STEMS.get(few, few), "zehn"]
    pieces += [few, "und"] if unit else []
    return [*pieces, GERMAN_STEMS.get(name, name), "ßig" if tens == 3 else "zig"]


def german_ordinal(number: int) -> list[str]:
    """Return the pieces of an ordinal number from 1 to 29, as they are behind ``am``."""
    if number in GERMAN_ORDINALS:
        return [GERMAN_ORDINALS[number]]
    return [*german(number), "sten" if number >= 20 else "ten"]


def split(pieces: Iterable[str]) -> str:
    """Write the pieces of one word."""
    return f"{JOINT} ".join(pieces)


def dictionary(sentences: Iterable[str]) -> str:
    """Count the pieces, most frequent first, as fairseq writes them."""
    counts = Counter(piece for sentence in sentences for piece in sentence.split())
    entries = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return "".join(f"{piece} {count}\n" for piece, count in entries)


def files() -> dict[str, str]:
    """Return what this example ships besides weights: content by file name."""
    sources, targets = zip(*pairs(TEST_SENTENCES, "test"), strict=True)
    english_words, german_words = zip(*pairs(COUNTED_SENTENCES, "dictionary"), strict=True)
    return {
        "test.en": "".join(f"{line}\n" for line in sources),
        "test.de": "".join(f"{joined(line.split())}\n" for line in targets),
        "dict.en.txt": dictionary(english_words),
        "dict.de.txt": dictionary(german_words),
    }


if __name__ == "__main__":
    for name, content in files().items():
        (FOLDER / name).write_text(content)
