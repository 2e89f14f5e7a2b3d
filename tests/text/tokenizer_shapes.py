"""Tokenizers of every shape against Hugging Face `tokenizers`: ids and offsets, nothing may differ.

    tokenizer_shapes.py TOKENIZE_TOOL [--full] [--strings N] [--shape NAME ...]

Each shape is trained with `tokenizers` on generated strings and, where LIMNER_DATA names them, parts of the tables. Compared:
generated strings, rows of the tables, code points alone and between letters, bytes that are not UTF-8, rows cut at several lengths,
long texts, saved folders, the older files. The short form takes 1,500 strings, some rows, and for each shape a quarter of the
assigned code points of the first planes; --full takes 1,000,000 strings, every row and every code point, which is hours for all shapes.
"""

import argparse
import itertools
import json
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python"))

import tokens  # noqa: E402
from comparison import Tool, compare, differing, finish, ids_of, report, rows_of  # noqa: E402
from sentencepiece_model import read_model  # noqa: E402
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CASED = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
ALPHABET = pre_tokenizers.ByteLevel.alphabet()

models_folder = None  # of unigram.model and bpe.model, which SentencePiece learned


# ---- shapes ----------------------------------------------------------------------------------------------------------

def byte_level(texts, pre, post, normalizer=None, special=("<|endoftext|>",), **model):
    tokenizer = Tokenizer(models.BPE(**model))
    tokenizer.pre_tokenizer = pre
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=4000, special_tokens=list(special), initial_alphabet=ALPHABET, show_progress=False))
    if post:
        tokenizer.post_processor = post
    return tokenizer


def gpt2(texts):
    return byte_level(texts, pre_tokenizers.ByteLevel(add_prefix_space=False), processors.ByteLevel(trim_offsets=False))


def gpt2_prefix(texts):
    return byte_level(texts, pre_tokenizers.ByteLevel(add_prefix_space=True), processors.ByteLevel(trim_offsets=True))


def roberta(texts):
    post = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    tokenizer = byte_level(texts, pre_tokenizers.ByteLevel(add_prefix_space=False), post, special=("<s>", "<pad>", "</s>", "<unk>"))
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True, normalized=False)])
    return tokenizer


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Split(Regex(pattern), behavior, invert)


def llama3(texts):
    pre = pre_tokenizers.Sequence([split(LLAMA3), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer = byte_level(texts, pre, None, special=("<|begin_of_text|>", "<|end_of_text|>"), ignore_merges=True)
    template = processors.TemplateProcessing(single="<|begin_of_text|> $A", pair=None, special_tokens=[("<|begin_of_text|>", 0)])
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])
    return tokenizer


def qwen(texts):
    pre = pre_tokenizers.Sequence([split(LLAMA3.replace("{1,3}", "")), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer = byte_level(texts, pre, None, normalizers.NFC(), special=("<|endoftext|>", "<|im_start|>"))
    tokenizer.post_processor = processors.TemplateProcessing(single="$A <|endoftext|>", pair=None, special_tokens=[("<|endoftext|>", 0)])
    return tokenizer


def cased(texts):
    pre = pre_tokenizers.Sequence([split(CASED), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    return byte_level(texts, pre, processors.Sequence([processors.ByteLevel(trim_offsets=True, add_prefix_space=False)]), normalizers.NFKC())


def with_bytes(tokenizer, unigram=False):
    """The vocabulary with a token for each byte."""
    value = json.loads(tokenizer.to_str())
    vocabulary = value["model"]["vocab"]
    if unigram:
        vocabulary[3:3] = [[byte, 0.0] for byte in BYTES]
    else:
        for byte in BYTES:
            vocabulary.setdefault(byte, len(vocabulary))
    value["model"]["byte_fallback"] = True
    value["added_tokens"] = [token for token in value["added_tokens"] if token["id"] < 3]
    return Tokenizer.from_str(json.dumps(value))


def llama2(texts):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")  # for training: no merges over words
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=3000, special_tokens=["<unk>", "<s>", "</s>"], limit_alphabet=600, show_progress=False))
    tokenizer.pre_tokenizer = None
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair=None, special_tokens=[("<s>", 1)])
    return with_bytes(tokenizer)


def mistral(texts):
    tokenizer = llama2(texts)
    tokenizer.normalizer = None
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False)
    return tokenizer


def characters_bpe(texts):
    """Unknown characters dropped, fused or not; a vocabulary that merges over spaces."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Strip()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split(r"[.,!?。，！？]+", "merged_with_previous"), pre_tokenizers.Digits(individual_digits=False)])
    tokenizer.train_from_iterator([text[:60] for text in texts], trainers.BpeTrainer(vocab_size=2500, special_tokens=["<unk>"], limit_alphabet=300, show_progress=False))
    return tokenizer


def unigram(texts, normalizer, pre, special=("<s>", "<pad>", "</s>", "<unk>")):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre
    trainer = trainers.UnigramTrainer(vocab_size=2500, special_tokens=list(special), unk_token="<unk>", show_progress=False, n_sub_iterations=1)
    texts = [text[:300] for text in texts]
    usual = {character for character, _ in Counter(itertools.chain.from_iterable(texts)).most_common(600)}
    tokenizer.train_from_iterator(["".join(filter(usual.__contains__, text)) for text in texts], trainer)
    return tokenizer


def charsmap():
    """The map of SentencePiece's rule nmt_nfkc, out of a model."""
    return read_model(Path(models_folder, "unigram.model")).charsmap


def xlm_roberta(texts):
    normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap()), normalizers.Replace(Regex(" {2,}"), " ")])
    pre = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")])
    tokenizer = unigram(texts, normalizer, pre)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", pair=None, special_tokens=[("<s>", 0), ("</s>", 2)])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    return tokenizer


def t5(texts):
    normalizer = normalizers.Sequence([normalizers.Strip(left=False), normalizers.Replace(Regex(" {2,}"), "▁")])
    tokenizer = unigram(texts, normalizer, pre_tokenizers.Metaspace(), special=("<pad>", "</s>", "<unk>"))
    tokenizer = with_bytes(tokenizer, unigram=True)
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", pair=None, special_tokens=[("</s>", 1)])
    return tokenizer


def whole_text_unigram(texts):
    return unigram(texts, normalizers.NFD(), pre_tokenizers.Metaspace(prepend_scheme="never", split=False))


def word_piece(texts, normalizer, pre, **model):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", **model))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=3000, limit_alphabet=1500, show_progress=False,
                                                                   special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def words_and_digits(texts):
    pre = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=True)])
    return word_piece(texts, normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents()]), pre)


def punctuation(texts):
    pre = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("contiguous"), split(r"\w+", "removed", True)])
    return word_piece(texts, normalizers.Sequence([normalizers.BertNormalizer(lowercase=True), normalizers.Replace("..", "…")]), pre)


def bert_bpe(texts):
    """BERT's normalizer and pre-tokenizer before another model, added tokens of every kind."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=False))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(lowercase=True, strip_accents=True), pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=3000, special_tokens=["<unk>"], limit_alphabet=500, show_progress=False))
    tokenizer.add_tokens([
        AddedToken("<sp>", normalized=False, special=True), AddedToken("<lr>", lstrip=True, rstrip=True, normalized=False), AddedToken("guitar", single_word=True),
        AddedToken("Über", normalized=True, single_word=True), AddedToken("这 个", normalized=True), AddedToken("of the", normalized=True, lstrip=True),
        AddedToken("Né", normalized=True, rstrip=True), AddedToken("@", normalized=False, lstrip=True, single_word=True)])
    return tokenizer


SHAPES = [gpt2, gpt2_prefix, roberta, llama3, qwen, cased, llama2, mistral, characters_bpe, xlm_roberta, t5, whole_text_unigram, words_and_digits,
          punctuation, bert_bpe]


# ---- comparison ------------------------------------------------------------------------------------------------------

CHUNK = 20000  # texts that are held at once


def code_points(every):
    last = 0x110000 if every else 0x32400
    codes = [code for code in range(last) if not 0xD800 <= code <= 0xDFFF] + ([] if every else list(range(0xE0000, 0xE0200)))
    for begin in range(0, len(codes), 64):
        block = [chr(code) for code in codes[begin:begin + 64]]
        yield from (" ".join(f"a{c}B" for c in block), " ".join(block), " 1".join(f"{c}\u0301é" for c in block), "".join(f"\u00ba{c}" for c in block))


def chunks(texts):
    texts = iter(texts)
    while chunk := list(itertools.islice(texts, CHUNK)):
        yield chunk


def plain(value):
    return value if isinstance(value, str) else bytes.fromhex(value["bytes"]).decode(errors="replace")


def make(tool, shape, training):
    """A shape's folder and its tokenizer as it is read from there: its scores may differ in the last bit."""
    folder = tool.folder / shape.__name__
    folder.mkdir()
    shape(training).save(str(folder / "tokenizer.json"))
    return shape.__name__, folder, Tokenizer.from_file(str(folder / "tokenizer.json"))


def check(tool, made, what, texts):
    """The same texts for several shapes, made once."""
    totals = {name: [0, 0, None] for name, _, _ in made}
    for chunk in chunks(texts):
        for name, folder, tokenizer in made:
            wrong, example = differing(chunk, tool.encode(folder, chunk), rows_of(tokenizer.encode_batch(list(map(plain, chunk)))))
            totals[name][0] += len(chunk)
            totals[name][1] += wrong
            if wrong and not totals[name][2]:
                print(f"...   {name}: {what}: {example}", flush=True)  # the end may be hours away
                totals[name][2] = example
        examined = next(iter(totals.values()))[0]
        if examined >= 2 * CHUNK and len(chunk) == CHUNK:
            print(f"...   {what}: {examined} so far, {sum(total[1] for total in totals.values())} differ", flush=True)
    for name, total in totals.items():
        report(f"{name}: {what}", *total)


def check_cut_and_saved(tool, name, folder, tokenizer, texts):
    joined = ["".join(texts[i:i + 200]) for i in range(0, min(len(texts), 2000), 200)] + [" ".join(texts[:300])]
    for length in (2, 7, 64, 300):
        part = texts[:600] + joined
        tokenizer.enable_truncation(length)
        compare(f"{name}: cut at {length}", part, tool.encode(folder, part, length), rows_of(tokenizer.encode_batch(part)))
    tokenizer.no_truncation()
    saved = tool.folder / f"{name}_saved"
    tool.run("save", folder, saved)
    part = texts[:300]
    compare(f"{name}: saved again", part, rows_of(Tokenizer.from_file(str(saved / "tokenizer.json")).encode_batch(part)), tool.encode(saved, part))
    compare(f"{name}: saved for AutoTokenizer", part, ids_of(tool.encode(saved, part)), AutoTokenizer.from_pretrained(saved)(part)["input_ids"])


def check_older_files(tool, name, tokenizer_class, config, texts):
    """vocab.json and merges.txt of a shape, without its tokenizer.json."""
    whole, older = tool.folder / name, tool.folder / f"{name}_older"
    older.mkdir()
    tokenizer = Tokenizer.from_file(str(whole / "tokenizer.json"))
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    merges = json.loads((whole / "tokenizer.json").read_text())["model"]["merges"]
    (older / "vocab.json").write_text(json.dumps(vocabulary))
    (older / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    (older / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": tokenizer_class, **config}))
    compare(f"{name}: vocab.json and merges.txt", texts, tool.encode(older, texts), rows_of(tokenizer.encode_batch(texts)))
    saved = tool.folder / f"{name}_older_saved"
    tool.run("save", older, saved)
    compare(f"{name}: saved from these for AutoTokenizer", texts, ids_of(tool.encode(older, texts)), AutoTokenizer.from_pretrained(saved)(texts)["input_ids"])


SENTENCEPIECE_FOLDERS = {  # kind of the model, its file, tokenizer_config.json
    "xlm-r": ("unigram", "sentencepiece.bpe.model", {}),
    "xlm-r with its class": ("unigram", "sentencepiece.bpe.model", {
        "tokenizer_class": "XLMRobertaTokenizerFast", "mask_token": {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "normalized": False}}),
    "llama": ("bpe", "tokenizer.model", {"tokenizer_class": "LlamaTokenizer", "legacy": False, "add_bos_token": True}),
    "llama, legacy, end": ("bpe", "tokenizer.model", {"tokenizer_class": "LlamaTokenizer", "legacy": True, "add_bos_token": True, "add_eos_token": True}),
    "llama, no prefix": ("bpe", "tokenizer.model", {
        "tokenizer_class": "LlamaTokenizer", "legacy": False, "add_bos_token": False, "add_prefix_space": False, "pad_token": "</s>"}),
}


def check_sentencepiece_folders(tool, texts):
    """SentencePiece models without tokenizer.json: transformers converts them with protobuf alone, once its look for another package
    is out of the way."""
    from transformers import convert_slow_tokenizer
    convert_slow_tokenizer.requires_backends = lambda *_: None
    for name, (kind, file, config) in SENTENCEPIECE_FOLDERS.items():
        folder, theirs, saved = (tool.folder / f"{name} {end}" for end in ("model", "converted", "saved"))
        folder.mkdir()
        shutil.copy(Path(models_folder, f"{kind}.model"), folder / file)
        (folder / "tokenizer_config.json").write_text(json.dumps(config | {"tokenizer_class": config.get("tokenizer_class", "XLMRobertaTokenizer")}))
        AutoTokenizer.from_pretrained(folder).save_pretrained(theirs)
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
        converted = Tokenizer.from_file(str(theirs / "tokenizer.json"))
        compare(f"{name}: {file}", texts, tool.encode(folder, texts), rows_of(converted.encode_batch(texts)))
        tool.run("save", folder, saved)
        compare(f"{name}: saved from it", texts, tool.encode(saved, texts), rows_of(converted.encode_batch(texts)))
        compare(f"{name}: saved from it for AutoTokenizer", texts, ids_of(tool.encode(saved, texts)), AutoTokenizer.from_pretrained(saved)(texts)["input_ids"])


def broken_bytes(count):
    dice = random.Random(3)
    values = []
    for _ in range(count):
        data = bytearray(b"".join(dice.choice(tokens.BROKEN) if dice.random() < 0.5 else tokens.piece(dice).encode() for _ in range(dice.randint(1, 6))))
        if data:
            data[dice.randrange(len(data))] = dice.randrange(256)
        values.append({"bytes": bytes(data).hex()})
    return values


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--strings", type=int)
    parser.add_argument("--shape", action="append", choices=[shape.__name__ for shape in SHAPES])
    arguments = parser.parse_args()
    full = arguments.full
    strings = arguments.strings or (1000000 if full else 1500)
    if full and not os.environ.get("LIMNER_DATA"):
        parser.error("--full wants the folder of the tables in LIMNER_DATA")
    rows = list(tokens.table_texts(os.environ["LIMNER_DATA"])) if os.environ.get("LIMNER_DATA") else []
    training = [text for text in tokens.mixed_texts(1500, seed=20) if len(text) < 5000] + rows[:: max(1, len(rows) // 1500)]
    few = [text for text in tokens.mixed_texts(1500) if len(text) < 100000] + rows[5:: max(1, len(rows) // 600)]
    with tempfile.TemporaryDirectory() as folder:
        tool = Tool(arguments.tool, Path(folder))
        global models_folder
        models_folder = folder
        Path(folder, "training.jsonl").write_text("".join(json.dumps(text) + "\n" for text in training))
        for kind in ("unigram", "bpe"):
            tool.learn_sentencepiece(Path(folder, "training.jsonl"), Path(folder, kind), kind, 1500)
        made = [make(tool, shape, training) for shape in SHAPES if not arguments.shape or shape.__name__ in arguments.shape]
        mixed = itertools.islice((text for text in tokens.mixed_texts(strings + 100) if len(text) < 100000), strings)
        check(tool, made, "generated strings", mixed)
        check(tool, made, "rows of the tables", rows if full else few[-600:])
        check(tool, made, "bytes that are not UTF-8", broken_bytes(100000 if full else 400))
        if full:
            check(tool, made, "code points", code_points(True))
        points = list(code_points(False))
        for number, one in enumerate(made):
            if not full:
                check(tool, [one], "code points", points[number % 4:: 4] + points[:40])
            check_cut_and_saved(tool, *one, few)
        names = [name for name, _, _ in made]
        if "gpt2" in names:
            check_older_files(tool, "gpt2", "GPT2Tokenizer", {}, few[:500])
        if "roberta" in names:
            check_older_files(tool, "roberta", "RobertaTokenizer", {}, few[:500])
        if not arguments.shape:
            check_sentencepiece_folders(tool, few)
    finish()


if __name__ == "__main__":
    main()
