"""Markdown tables of what bench/run wrote: `table.py RESULTS.jsonl`. One table a model and task; `times` is Limner's speed
over the fastest other contestant's of the same precision, or over everyone's."""

import json
import sys
from collections import defaultdict

SCOPES = ("encode", "step")  # the whole work of a task; `model` lines stay in the file


def main(path: str) -> None:
    groups = defaultdict(list)
    for line in open(path, encoding="utf-8"):
        record = json.loads(line)
        if record.get("scope") in SCOPES:
            groups[record["model"], record["task"]].append(record)
    for (model, task), records in groups.items():
        first = records[0]
        print(f"\n**{model}, {task}**: {first['texts']} texts, {first['tokens']:,} tokens, {first['threads']} threads\n")
        print("| contestant | tokens/s (slowest to fastest) | padded | share of GEMM peak | peak memory |")
        print("| --- | --- | --- | --- | --- |")
        seen = set()
        for record in records:
            if record["contestant"] in seen:  # f32 rivals join the bf16 round too
                continue
            seen.add(record["contestant"])
            padded = f"{record['padded_tokens'] / record['tokens'] - 1:.0%}" if "padded_tokens" in record else "none"
            share = f"{record['share_of_gemm_peak']:.0%}" if "share_of_gemm_peak" in record else ""
            memory = record.get("peak_bytes", record.get("peak_memory_bytes", 0)) / 2**20
            print(f"| {record['contestant']} | {record['tokens_per_second']:,.0f} ({record['slowest']:,.0f} to {record['fastest']:,.0f}) "
                  f"| {padded} | {share} | {memory:,.0f} MiB |")
        for precision in ("f32", "bf16"):
            ours = next((r for r in records if r["contestant"] == f"limner {precision}"), None)
            # Rivals of the same round: what was run in turns with ours.
            rivals = [r for r in records if not r["contestant"].startswith("limner") and same_round(records, r, ours)]
            if ours is None or not rivals:
                continue
            fastest = max(rivals, key=lambda r: r["tokens_per_second"])
            print(f"\n{precision}: {ours['tokens_per_second'] / fastest['tokens_per_second']:.2f} times {fastest['contestant']}.")


def same_round(records, rival, ours) -> bool:
    """A round's lines stand together and end with Limner's."""
    if ours is None:
        return False
    end = records.index(ours)
    begin = max((i for i in range(end) if records[i]["contestant"].startswith("limner")), default=-1)
    return begin < records.index(rival) < end


if __name__ == "__main__":
    main(sys.argv[1])
