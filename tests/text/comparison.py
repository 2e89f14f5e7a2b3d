"""What the comparisons of tokenizers share: the tool that runs ours, and the count of differences."""

import array
import itertools
import json
import subprocess
import sys
from pathlib import Path

differences = 0


def report(what, examined, wrong, example=None):
    global differences
    differences += wrong
    print(f"{'FAIL' if wrong else 'ok  '}  {what}: {examined} examined, {wrong} differ", flush=True)
    if example is not None:
        print(f"      {example}", flush=True)


def finish():
    print(f"{differences} differences")
    sys.exit(1 if differences else 0)


def run(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}: {done.stderr}")
    return done.stdout


class Tool:
    """tests/text/tokenize_tool.cpp, with a folder for what goes in and comes out."""

    def __init__(self, path, folder):
        self.path, self.folder = path, folder

    def run(self, *arguments):
        return run(self.path, *arguments)

    def learn_sentencepiece(self, lines, prefix, kind, size):
        """PREFIX.model, by the program beside ours."""
        run(Path(self.path).parent / "sentencepiece_tool", lines, prefix, kind, size)

    def write(self, values):
        path = self.folder / "texts.jsonl"
        path.write_text("".join(json.dumps(value) + "\n" for value in values))
        return path

    def words(self, options, values):
        out = self.folder / "words.jsonl"
        self.run("words", options, self.write(values), out)
        with open(out, encoding="utf-8", newline="\n") as file:
            return [json.loads(line) for line in file]

    def encode(self, tokenizer_folder, values, max_length=1 << 40):
        """Of each text an array: id, begin and end of each token."""
        out = self.folder / "encodings"
        self.run("encode", tokenizer_folder, self.write(values), out, max_length)
        numbers, rows, position = array.array("i", out.read_bytes()), [], 0
        while position < len(numbers):
            end = position + 1 + 3 * numbers[position]
            rows.append(numbers[position + 1:end])
            position = end
        return rows


def rows_of(encodings):
    return [array.array("i", itertools.chain.from_iterable((i, *o) for i, o in zip(e.ids, e.offsets))) for e in encodings]


def ids_of(rows):
    return [list(row[::3]) for row in rows]


def differing(texts, ours, theirs):
    """How many rows (with offsets, or of ids alone) differ; of the shortest such text, what begins with its first other token."""
    assert len(ours) == len(theirs) == len(texts)
    wrong = [index for index, (a, b) in enumerate(zip(ours, theirs)) if a != b]
    if not wrong:
        return 0, None
    row = min(wrong, key=lambda index: len(str(texts[index])))
    step = 3 if isinstance(ours[row], array.array) else 1
    sides = [[list(side[row][i:i + step]) for i in range(0, len(side[row]), step)] for side in (ours, theirs)]
    first = next((i for i, (a, b) in enumerate(zip(*sides)) if a != b), min(map(len, sides)))
    begin = sides[1][first][1] if step == 3 and first < len(sides[1]) else 0
    part = texts[row][max(0, begin - 10):begin + 20] if isinstance(texts[row], str) else texts[row]
    return len(wrong), f"near {part!a} from token {first}\n      ours   {sides[0][first:first + 6]}\n      theirs {sides[1][first:first + 6]}"


def compare(what, texts, ours, theirs):
    report(what, len(texts), *differing(texts, ours, theirs))
