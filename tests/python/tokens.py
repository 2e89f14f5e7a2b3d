"""What Hugging Face `tokenizers` makes of texts, for a line-by-line comparison.

    tokens.py texts DATA_FOLDER OUT.jsonl           every text cell of the tables in a folder
    tokens.py mixed OUT.jsonl [--count 100000]      seeded mixed strings
    tokens.py vocabularies FOLDER [TEXTS.jsonl]     one folder per tokenizer variant, see VARIANTS
    tokens.py encode TOKENIZER_FOLDER TEXTS.jsonl OUT.txt [--max-tokens N]
    tokens.py compare REFERENCE.txt OURS.txt TEXTS.jsonl

Texts: one JSON string a line. Result: one line a text, `ids TAB offsets`, ids separated by spaces, offsets `begin:end` in
code points of the text, [CLS] and [SEP] included as `0:0`; with --max-tokens N the row is cut to N tokens, the last one
[SEP]:

    2 57 9 3<TAB>0:0 0:4 4:6 0:0

The other side is `probe tokens TOKENIZER_FOLDER TEXTS.jsonl OUT.txt [N]`.
"""

import argparse
import csv
import json
import os
import random
import shutil
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
# Unlike elsewhere the Rust threads are welcome here: encode_batch is the whole work.

# Tokenizer folders that `vocabularies` writes: the vocabulary and the BertNormalizer options of each.
VARIANTS = {
    "uncased": dict(vocabulary="uncased"),
    "cased": dict(vocabulary="cased", lowercase=False),
    "uncased_keep_accents": dict(vocabulary="uncased", strip_accents=False),
    "cased_strip_accents": dict(vocabulary="cased", lowercase=False, strip_accents=True),
    "uncased_joined_chinese": dict(vocabulary="uncased", handle_chinese_chars=False),
    "uncased_raw": dict(vocabulary="uncased", clean_text=False),
}

ALPHABETS = {
    "english": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "digits": "0123456789٠١٢٣４５６½²Ⅷ",
    "accents": "àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿÀÉÎÕÜßŒœŠšŽžİıŁłĐđŐőŰűǅȘșẞﬁﬂ",
    "combining": "a\u0301e\u0308o\u0302n\u0303u\u030ac\u0327\u0345\u20dd\u0903\u093f\u0e33\u1ab0",
    "greek_cyrillic": "αβγδΣςσΆΈάώЖжЩщЪъЙйЇїѢ",
    "chinese": "的一是不了人我在有他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可她里后小么心多天而能好都然没日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面公同三已老从动两长",
    "chinese_extension": "㐀䶵㒨𠀀𠮷𡃁𪚥𫝆𫠠𬀀𰀀豈更車﨎﨏⺀⼀〇々〆",
    "japanese": "あいうえおがぎぐげごぱぴぷぺぽアイウエオガギグゲゴパピプヴヵヶーｱｲｳﾞﾟ、。「」",
    "korean": "가나다라마바사한국어글뷁힣ㄱㄴㄷㅏㅑᄀ\u1161\u11a8각",
    "arabic_hebrew": "ابتثجحخدذرزسشصضطظعغفقكلمنهويةىءآأؤإئ\u064b\u064e\u0651\u0640אבגדהוזחטיכלמנסעפצקרשת\u05b8\u05bc\u200f",
    "indic_thai": "कखगघङचछजझञ\u093e\u094d\u0902กขคงจฉช\u0e34\u0e49தமிழ்",
    "punctuation": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~¡¿«»‹›“”‘’–—…·•‧†‡§¶©®™°€£¥₩、。，！？；：（）【】《》「」『』〈〉～",
    "full_width": "ＡＢＣａｂｃ１２３！＂＃＄％＆（）＊＋，－．／：；＜＝＞？＠［＼］＾＿｀｛｜｝～￥",
    "spaces": " \t\n\r\u000b\u000c\u0085\u00a0\u1680\u2000\u2003\u2009\u200a\u2028\u2029\u202f\u205f\u3000",
    "control": "\u0000\u0001\u0007\u0008\u001b\u001f\u007f\u0080\u009f\u00ad\u200b\u200c\u200d\u200e\u202a\u202e\u2060\u2066\ufeff\ufff9\ufffd\U000e0001",
    "private": "\ue000\uf8ff\U000f0000\U0010fffd\ufdd0\uffff\U0001fffe",
    "symbols": "+-×÷=≠≤≥∞√∑∫∂←→↑↓★☆♥♪♠✓✗■□●○◆①②③㈱℃№㎏½",
}

EMOJI = ["😀", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇨🇳", "🇩🇪", "❤️", "☺", "1️⃣", "🧑🏿‍🚀", "🤷🏻‍♀️", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"]
SPECIAL_TEXTS = ["[CLS]", "[SEP]", "[PAD]", "[MASK]", "[UNK]", "[cls]", "[ SEP ]", "[MASK", "CLS]", "##ing", "##", "[unused1]", "<s>",
                 "</s>", "<|endoftext|>"]
ENGLISH = ("the a is it guitar strings sound great for price really would not recommend because after two weeks stopped working "
           "I've don't can't it's well-made unbelievable internationalization pedalboard amplifier Amazon U.S.A. e.g. 24/7 "
           "$19.99 50% http://example.com/a?b=c&d user@example.com C++ naïve café").split()
# Byte strings that are not UTF-8; they enter the texts as Python decodes them, with U+FFFD in place of the broken part.
BROKEN = [b"\xff", b"\xc3", b"\xe4\xbd", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf8\x88\x80\x80\x80", b"\x80\xbf", b"ok\xe4\xbdok",
          "好".encode("gbk"), "评论".encode("gbk"), "café".encode("latin-1")]


def any_code_point(dice: random.Random) -> str:
    """A code point from anywhere, unassigned ones included, surrogates not (a JSON file cannot carry them as UTF-8)."""
    while True:
        code = dice.randrange(0x110000) if dice.random() < 0.5 else dice.randrange(0x3000)
        if not 0xD800 <= code <= 0xDFFF:
            return chr(code)


def piece(dice: random.Random) -> str:
    choice = dice.random()
    if choice < 0.62:
        alphabet = ALPHABETS[dice.choice(list(ALPHABETS))]
        return "".join(dice.choice(alphabet) for _ in range(dice.randint(1, 8)))
    if choice < 0.80:
        word = dice.choice(ENGLISH)
        return dice.choice([word, word.upper(), word.capitalize(), word + dice.choice(ALPHABETS["combining"])])
    if choice < 0.86:
        return "".join(dice.choice(EMOJI) for _ in range(dice.randint(1, 3)))
    if choice < 0.91:
        return dice.choice(SPECIAL_TEXTS)
    if choice < 0.95:
        return dice.choice(BROKEN).decode("utf-8", errors="replace")
    return "".join(any_code_point(dice) for _ in range(dice.randint(1, 5)))


def mixed_texts(count: int, seed: int = 17):
    dice = random.Random(seed)
    # First what is easily forgotten: nothing, only spaces, words around the limit of 100 characters, one very long text.
    fixed = ["", " ", "\n", "\u3000", "\ufeff", "[CLS]", "[CLS][SEP]", "a[SEP]b", " [MASK] ", "的" * 300, "e\u0301" * 120, "x" * 1000000]
    fixed += ["a" * n for n in (99, 100, 101, 200)] + ["é" * n for n in (99, 100, 101)] + ["ﬁ" * n for n in (50, 51, 100, 101)]
    fixed += ["İ" * n for n in (49, 50, 51, 100, 101)]
    yield from fixed[:count]
    for _ in range(count - len(fixed)):
        glue = dice.choice(["", " ", "", dice.choice(ALPHABETS["spaces"])])
        text = glue.join(piece(dice) for _ in range(dice.randint(1, 14)))
        if dice.random() < 0.01:
            text += dice.choice("ab1é的") * dice.randint(90, 400)
        yield text


def table_texts(folder):
    """Every cell of every table that is not a plain number."""
    csv.field_size_limit(1 << 30)
    for path in sorted(Path(folder).glob("*.csv")):
        with open(path, encoding="utf-8", errors="replace", newline="") as file:
            for row in csv.reader(file):
                yield from (cell for cell in row if not cell.replace(".", "").replace("-", "").isdigit())


def write_texts(texts, path) -> int:
    count = 0
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for text in texts:
            # ASCII escapes half of the time, so that a reader of JSON meets \uXXXX pairs as well as plain UTF-8.
            file.write(json.dumps(text, ensure_ascii=count % 2 == 0) + "\n")
            count += 1
    return count


def read_texts(path) -> list[str]:
    with open(path, encoding="utf-8", newline="\n") as file:
        return [json.loads(line) for line in file]


def learn_vocabulary(texts, size: int, lowercase: bool) -> list[str]:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=special, limit_alphabet=4000, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return [word for word, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])]


def write_vocabularies(folder, texts=None, size: int = 9000) -> list[Path]:
    """One folder per entry of VARIANTS, and `minilm` with the model's own files. The vocabularies are learned from `texts`
    (the tables, say) and some mixed strings, so that they hold Chinese, accents and a bit of everything."""
    import oracles
    folder = Path(folder)
    texts = list(texts or []) + list(mixed_texts(5000, seed=18))
    texts = [text for text in texts if len(text) < 10000]  # learning takes the square of a word's length
    learned = {name: learn_vocabulary(texts, size, lowercase=name == "uncased") for name in ("uncased", "cased")}
    for name, options in VARIANTS.items():
        options = dict(options)
        words = learned[options.pop("vocabulary")]
        (folder / name).mkdir(parents=True, exist_ok=True)
        # vocab.txt has one word a line; a word that holds a line break of its own cannot be written there.
        words = [f"[unused{i}]" if len(word.splitlines()) != 1 else word for i, word in enumerate(words)]
        (folder / name / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8", newline="\n")
        oracles.save_tokenizer(folder / name, max_tokens=512, **options)
    (folder / "minilm").mkdir(exist_ok=True)
    for file in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        shutil.copyfile(oracles.minilm_folder() / file, folder / "minilm" / file)
    return [folder / name for name in [*VARIANTS, "minilm"]]


def encode(tokenizer_folder, texts: list[str], path, max_tokens: int | None = None) -> None:
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(str(Path(tokenizer_folder) / "tokenizer.json"))
    tokenizer.no_padding()      # MiniLM's file asks for padding and cutting at 128
    tokenizer.no_truncation()
    if max_tokens:
        tokenizer.enable_truncation(max_tokens)
    with open(path, "w", encoding="ascii", newline="\n") as file:
        for start in range(0, len(texts), 4096):
            for row in tokenizer.encode_batch(texts[start : start + 4096]):
                ids = " ".join(map(str, row.ids))
                offsets = " ".join(f"{begin}:{end}" for begin, end in row.offsets)
                file.write(f"{ids}\t{offsets}\n")


def compare(reference, ours, texts: list[str], shown: int = 10, out=sys.stdout) -> bool:
    """Prints the first rows that differ and counts ids and offsets apart; true when both files are the same."""
    with open(reference) as file:
        want = file.read().splitlines()
    with open(ours) as file:
        have = file.read().splitlines()
    ids = offsets = 0
    for row, (a, b) in enumerate(zip(want, have)):
        if a == b:
            continue
        parts = (a.split("\t") + [""])[:2], (b.split("\t") + [""])[:2]
        kind = 0 if parts[0][0] != parts[1][0] else 1
        ids += kind == 0
        offsets += kind == 1
        if ids + offsets <= shown:
            text = json.dumps(texts[row]) if row < len(texts) else "?"
            print(f"row {row} {('ids', 'offsets')[kind]}: {text[:300]}\n  reference {parts[0][kind][:300]}\n  ours      {parts[1][kind][:300]}",
                  file=out)
    print(f"{len(want)} rows, {len(have)} of ours, {ids} differ in ids, {offsets} in offsets only", file=out)
    return len(want) == len(have) == len(texts) and ids == offsets == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("texts")
    command.add_argument("data")
    command.add_argument("output")
    command = commands.add_parser("mixed")
    command.add_argument("output")
    command.add_argument("--count", type=int, default=100000)
    command.add_argument("--seed", type=int, default=17)
    command = commands.add_parser("vocabularies")
    command.add_argument("folder")
    command.add_argument("texts", nargs="?")
    command = commands.add_parser("encode")
    command.add_argument("tokenizer")
    command.add_argument("texts")
    command.add_argument("output")
    command.add_argument("--max-tokens", type=int)
    command = commands.add_parser("compare")
    command.add_argument("reference")
    command.add_argument("ours")
    command.add_argument("texts")
    arguments = parser.parse_args()
    if arguments.command == "texts":
        print(write_texts(table_texts(arguments.data), arguments.output))
    elif arguments.command == "mixed":
        print(write_texts(mixed_texts(arguments.count, arguments.seed), arguments.output))
    elif arguments.command == "vocabularies":
        write_vocabularies(arguments.folder, read_texts(arguments.texts) if arguments.texts else None)
    elif arguments.command == "encode":
        encode(arguments.tokenizer, read_texts(arguments.texts), arguments.output, arguments.max_tokens)
    else:
        return 0 if compare(arguments.reference, arguments.ours, read_texts(arguments.texts)) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
