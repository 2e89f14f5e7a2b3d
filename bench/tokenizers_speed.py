"""Tokens per second of Hugging Face `tokenizers` (encode_batch), in the form of `limner bench tokenizer`.

    tokenizers_speed.py FOLDER TEXTS.jsonl [--threads 2] [--max-length 512] [--repeats 5]

Run it in turns with `limner bench tokenizer model=FOLDER texts=TEXTS.jsonl threads=2 max_length=512`.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folder", type=Path)
parser.add_argument("texts", type=Path)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--max-length", type=int, default=512)
parser.add_argument("--repeats", type=int, default=5)
arguments = parser.parse_args()
os.environ["RAYON_NUM_THREADS"] = str(arguments.threads)  # read when the pool of threads is made

from tokenizers import Tokenizer  # noqa: E402

with open(arguments.texts, encoding="utf-8", newline="\n") as file:
    texts = [json.loads(line) for line in file]
tokenizer = Tokenizer.from_file(str(arguments.folder / "tokenizer.json"))
tokenizer.no_padding()
tokenizer.enable_truncation(arguments.max_length)
seconds = []
for _ in range(arguments.repeats + 1):  # the first one warms up
    begin = time.perf_counter()
    encodings = tokenizer.encode_batch(texts)
    seconds.append(time.perf_counter() - begin)
tokens = sum(len(encoding.ids) for encoding in encodings)
print(json.dumps({"bench": "tokenizer", "contestant": "tokenizers", "threads": arguments.threads, "rows": len(texts), "tokens": tokens,
                  "tokens_per_second": tokens / statistics.median(seconds[1:]), "slowest": tokens / max(seconds[1:]),
                  "fastest": tokens / min(seconds[1:]), "repeats": arguments.repeats}))
