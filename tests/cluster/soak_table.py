"""The table of docs/reliability.md, made of what the trials of scripts/soak left in their state file."""
BEGIN, END = "<!-- counts: scripts/soak writes what stands here -->", "<!-- end of counts -->"


def kinds(result, names):
    return ", ".join(f"{result[key]} {words}" for key, words in names.items() if result.get(key))


def kills(result):
    interruptions = sum(result.get(kind, 0) for kind in ["USR1", "USR2", "TERM"])
    what = kinds(result, {"kill all": "all ranks", "kill rank": "one rank", "kill mpirun": "mpirun"})
    alone = f"; {n} times mpirun itself waited on when no rank was left" if (n := result.get("mpirun_alone")) else ""
    return f"every byte as undisturbed in {result['runs']} whole runs; {what}; beside them {interruptions} interruptions{alone}"


def down(result):
    named = result["named_with_phase_and_operation"]
    others = f", the other {rest} by mpirun with rank and host" if (rest := result["count"] - named) else ""
    return f"down within {result['most_seconds']:.1f} s; {named} named with rank, host, phase and operation{others}"


def gradients(result):
    skipped = kinds(result, {"inf": "infinite", "nan": "not a number", "spike": "spikes"})
    stopped = result["count"] - sum(result.get(kind, 0) for kind in ["inf", "nan", "spike"])
    return (f"each found in its step and named: {skipped} skipped, {stopped} stopped the run; weights as of a run that skipped "
            "the same steps; no saved value that is not finite")


def faults(result):
    codes = {"0": "done all the same", "74": "input/output error", "-9": "killed"}
    ended = ", ".join(f"{number} {codes.get(code, code)}" for code, number in sorted(result["outcomes"].items()))
    of = "all there are" if result["count"] == result["of"] else f"of {result['of']:,}"
    return f"{of}; {ended}; the run afterwards always gave the same bytes"


def fuzz(result):
    return f"no failure; {result['seconds'] / 3600:.1f} h of processor time"


def throughput(result):
    return "; ".join(f"{stage}: " + ", ".join(f"{ranks} ranks {share:.2f}" for ranks, share in shares.items())
                     for stage, shares in result["shares"].items()) + " of one rank with two threads"


ROWS = {  # the key of the state: words for it, and for its result
    "kills": ("SIGKILLs at random moments", kills),
    "killed ranks": ("killed ranks", down),
    "stopped ranks": ("stopped ranks, `runtime.silence_timeout=5`", down),
    "flipped bits": ("flipped bits", lambda result: f"each found, in {result['most_files']} files"),
    "bad gradients": ("bad gradients", gradients),
    "faults": ("faults of the C library's calls", faults),
    "slurm": ("SLURM: new starts of training, and as many of extraction", lambda result: result["said"]),
    "two hosts": ("runs over two hosts, and cut links", lambda result: result["said"]),
    "throughput": ("turns of 2 ranks with a thread each beside one rank with two", throughput),
}


def lines(results):
    for name, result in results.items():
        words, tell = ROWS[name] if name in ROWS else (f"inputs of {name}", fuzz)
        yield f"| {words} | {result['count']:,} | {tell(result)} | {result['commit']}, {result['date']} |"


def write(page, results):
    """Puts the table between the marks of the page."""
    text = page.read_text()
    before, after = text[: text.index(BEGIN)], text[text.index(END):]
    table = "\n".join(["| what | count | result | last at |", "| --- | --- | --- | --- |", *lines(results)])
    page.write_text(f"{before}{BEGIN}\n\n{table}\n\n{after}")
