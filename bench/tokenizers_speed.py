"""Tokens per second of Limner beside Hugging Face `tokenizers` (encode_batch), in turns, on the texts of the review tables.

    tokenizers_speed.py BUILD DATA FOLDER [--threads 2] [--max-length 512] [--repeats 5] [--kinds wordpiece bpe ...]

BUILD has cli/limner and tests/text/sentencepiece_tool, DATA the tables. The tokenizers are trained on the tables and written into FOLDER,
unless they lie there: BERT's WordPiece, GPT-2's byte-level BPE, the same behind NFC (as Qwen2 has it), XLM-R's Unigram with SentencePiece's
map of characters. Each turn runs both contestants once, each in a process of its own after one call to warm up; one JSON line a kind,
medians over the turns.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

REVIEWS = {"instrument_reviews.csv": "reviewText", "shopping_reviews.csv": "review", "takeaway_reviews.csv": "review"}
VOCABULARY = 20000
UNIGRAM_SHARE = 8  # one text in so many: SentencePiece learns slowly


def review_texts(data):
    for name, column in REVIEWS.items():
        with open(data / name, encoding="utf-8", newline="") as file:
            yield from (row[column] for row in csv.DictReader(file) if row[column])


def wordpiece(texts, tool, folder):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=special, show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return tokenizer


def bpe(texts, tool, folder):
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=["<|endoftext|>"], show_progress=False,
                                                             initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def bpe_nfc(texts, tool, folder):
    from tokenizers import normalizers
    tokenizer = bpe(texts, tool, folder)
    tokenizer.normalizer = normalizers.NFC()
    return tokenizer


def unigram(texts, tool, folder):
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "text"))
    from sentencepiece_model import read_model
    lines = folder / "lines.txt"
    lines.write_text("".join(" ".join(text.split()) + "\n" for text in texts[::UNIGRAM_SHARE]), encoding="utf-8")
    subprocess.run([tool, lines, folder / "reviews", "unigram", str(VOCABULARY // 2)], check=True, capture_output=True)
    model = read_model(folder / "reviews.model")
    vocabulary = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *model.pieces[3:], ("<mask>", 0.0)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=3))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Precompiled(model.charsmap), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return tokenizer


KINDS = {"wordpiece": wordpiece, "bpe": bpe, "bpe_nfc": bpe_nfc, "unigram": unigram}


def their_turn(folder, texts_path, max_length):
    from tokenizers import Tokenizer
    with open(texts_path, encoding="utf-8", newline="\n") as file:
        texts = [json.loads(line) for line in file]
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(max_length)
    for _ in range(2):  # the first one warms up
        begin = time.perf_counter()
        encodings = tokenizer.encode_batch(texts)
        seconds = time.perf_counter() - begin
    tokens = sum(len(encoding.ids) for encoding in encodings)
    print(json.dumps({"tokens": tokens, "tokens_per_second": tokens / seconds}))


def last_line(command, **options):
    return json.loads(subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, **options).stdout.splitlines()[-1])


def main():
    if sys.argv[1] == "their-turn":
        return their_turn(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--max-length", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    arguments = parser.parse_args()
    arguments.folder.mkdir(exist_ok=True)
    texts = list(review_texts(arguments.data))
    texts_path = arguments.folder / "texts.jsonl"
    texts_path.write_text("".join(json.dumps(text) + "\n" for text in texts))
    for kind in arguments.kinds:
        folder = arguments.folder / kind
        if not (folder / "tokenizer.json").exists():
            folder.mkdir(exist_ok=True)
            KINDS[kind](texts, arguments.build / "tests" / "text" / "sentencepiece_tool", folder).save(str(folder / "tokenizer.json"))
        ours, theirs = [], []
        environment = os.environ | {"RAYON_NUM_THREADS": str(arguments.threads)}
        for _ in range(arguments.repeats):
            theirs.append(last_line([sys.executable, __file__, "their-turn", folder, texts_path, arguments.max_length], env=environment))
            ours.append(last_line([arguments.build / "cli" / "limner", "bench", "tokenizer", f"model={folder}", f"texts={texts_path}",
                                   f"threads={arguments.threads}", f"max_length={arguments.max_length}", "repeats=1"]))
        assert ours[0]["tokens"] == theirs[0]["tokens"], "the contestants make other tokens"
        rates = [statistics.median(turn["tokens_per_second"] for turn in side) for side in (ours, theirs)]
        print(json.dumps({"bench": "tokenizer", "kind": kind, "threads": arguments.threads, "rows": len(texts), "tokens": ours[0]["tokens"],
                          "limner": round(rates[0]), "tokenizers": round(rates[1]), "ratio": round(rates[0] / rates[1], 2),
                          "ratios": sorted(round(a["tokens_per_second"] / b["tokens_per_second"], 2) for a, b in zip(ours, theirs)),
                          "repeats": arguments.repeats}), flush=True)


if __name__ == "__main__":
    main()
