"""Speed of the usual software on the same texts and checkpoint: sentence-transformers/PyTorch and ONNX Runtime, on the CPU.

    rivals.py model bert-base FOLDER                     a folder with random weights in the shape of BERT-base, or minilm
    rivals.py encode --model FOLDER --texts T.jsonl      sentence vectors per second
    rivals.py train  --model FOLDER --texts T.jsonl      training steps: forward, backward, AdamW

Texts: one JSON string a line. One JSON line per contestant on standard output: tokens_per_second is the median over the
repeats; tokens are true ones, after cutting at --max-tokens and before padding. Each contestant lives in its own process, so
that peak memory is its own; a repeat runs every contestant once, one after the other, so that a busy moment of the machine
does not fall on one of them only. `scope` says what was timed:

    encode   texts in, vectors out: tokenization, padding, model, pooling
    model    the same batches with tokens ready: model and pooling only
    step     forward, backward, clipping, update; tokens ready

`least_cosine` is the smallest cosine of the first vectors with those of the first contestant: who is fast and wrong shows.

--also 'COMMAND' joins another program to the repeats: it is run once a repeat and prints JSON lines with contestant, scope
and tokens_per_second; its own figures are then reported the same way.
"""

import argparse
import ctypes
import json
import multiprocessing
import os
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""  # CPU against CPU
os.environ["TQDM_DISABLE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
warnings.filterwarnings("ignore", module="torch.onnx|transformers")  # about the export's constants

CHECKED_TEXTS = 32  # vectors of the first ones must agree between all contestants

SHAPES = {
    "minilm": dict(hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536),
    "bert-base": dict(hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072),
}


# ---- contestants: built inside their own process; each offers {scope: function that does all the work once} ----------

class SentenceTransformers:
    """Batches are sorted by length and padded to their longest row, as encode() does by default."""

    def __init__(self, options, dtype_name: str, batch_size: int):
        import torch
        from sentence_transformers import SentenceTransformer
        torch.set_num_threads(options.threads)
        self.torch, self.texts, self.batch_size = torch, options.text_list, batch_size
        self.model = SentenceTransformer(str(options.model), device="cpu", local_files_only=True,
                                         model_kwargs={"dtype": getattr(torch, dtype_name)})
        self.model.max_seq_length = options.max_tokens
        order = sorted(range(len(self.texts)), key=lambda i: -len(self.texts[i]))
        sorted_texts = [self.texts[i] for i in order]
        self.batches = [self.model.preprocess(sorted_texts[i : i + batch_size]) for i in range(0, len(self.texts), batch_size)]
        self.tokens = sum(int(batch["attention_mask"].sum()) for batch in self.batches)
        self.padded = sum(batch["attention_mask"].numel() for batch in self.batches)
        self.scopes = {"encode": self.encode, "model": self.run_model}

    def encode(self):
        return self.model.encode(self.texts, batch_size=self.batch_size, show_progress_bar=False)

    def vectors(self):
        return self.model.encode(self.texts[:CHECKED_TEXTS], convert_to_tensor=True).float().numpy()

    def run_model(self):
        with self.torch.inference_mode():
            for batch in self.batches:
                self.model(dict(batch))


class OnnxRuntime:
    """The same encoder exported with mean pooling outside, graph fused by ONNX Runtime's own transformer optimizer."""

    def __init__(self, options, batch_size: int):
        import numpy
        import onnxruntime
        from tokenizers import Tokenizer
        self.numpy, self.texts, self.batch_size = numpy, options.text_list, batch_size
        self.tokenizer = Tokenizer.from_file(str(Path(options.model) / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(options.max_tokens)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = options.threads
        settings.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(options.onnx), settings, providers=["CPUExecutionProvider"])
        self.names = [put.name for put in self.session.get_inputs()]
        self.batches = list(self.make_batches(self.texts, batch_size))
        self.tokens = sum(int(batch["attention_mask"].sum()) for batch in self.batches)
        self.padded = sum(batch["attention_mask"].size for batch in self.batches)
        self.scopes = {"encode": self.encode, "model": self.run_model}

    def make_batches(self, texts, batch_size):
        rows = [row.ids for row in self.tokenizer.encode_batch(texts)]
        if len(rows) > batch_size:
            rows.sort(key=len, reverse=True)
        for start in range(0, len(rows), batch_size):
            part = rows[start : start + batch_size]
            ids = self.numpy.zeros((len(part), max(map(len, part))), dtype=self.numpy.int64)
            mask = self.numpy.zeros_like(ids)
            for i, row in enumerate(part):
                ids[i, : len(row)], mask[i, : len(row)] = row, 1
            yield {"input_ids": ids, "attention_mask": mask, "token_type_ids": self.numpy.zeros_like(ids)}

    def pooled(self, batch):
        hidden = self.session.run(["last_hidden_state"], {name: batch[name] for name in self.names})[0]
        mask = batch["attention_mask"].astype(self.numpy.float32)
        vectors = self.numpy.einsum("rth,rt->rh", hidden, mask) / mask.sum(1, keepdims=True)
        return vectors / self.numpy.linalg.norm(vectors, axis=1, keepdims=True)

    def run_model(self):
        for batch in self.batches:
            self.pooled(batch)

    def encode(self):
        for batch in self.make_batches(self.texts, self.batch_size):
            self.pooled(batch)

    def vectors(self):
        return self.pooled(next(self.make_batches(self.texts[:CHECKED_TEXTS], CHECKED_TEXTS)))


class Training:
    """A classifier over the checkpoint; padded batches, of rows as they come or grouped by length as the Trainer's
    group_by_length does; float32, or bfloat16 autocast with float32 weights."""

    def __init__(self, options, dtype_name: str, grouped: bool):
        import torch
        import transformers
        torch.set_num_threads(options.threads)
        torch.manual_seed(17)
        self.torch, self.autocast = torch, dtype_name == "bfloat16"
        tokenizer = transformers.AutoTokenizer.from_pretrained(str(options.model), local_files_only=True)
        rows = tokenizer(options.text_list, truncation=True, max_length=options.max_tokens)["input_ids"]
        rows = sorted(rows, key=len) if grouped else rows
        self.batches = []
        for start in range(0, len(rows), options.train_batch):
            batch = tokenizer.pad({"input_ids": rows[start : start + options.train_batch]}, return_tensors="pt")
            batch["labels"] = torch.arange(len(batch["input_ids"])) % 2
            self.batches.append(dict(batch))
        self.tokens = sum(int(batch["attention_mask"].sum()) for batch in self.batches)
        self.padded = sum(batch["attention_mask"].numel() for batch in self.batches)
        self.model = transformers.AutoModelForSequenceClassification.from_pretrained(
            str(options.model), num_labels=2, local_files_only=True, dtype=torch.float32).train()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-5, fused=True)
        self.scopes = {"step": lambda: self.steps(self.batches)}

    def vectors(self):
        return None

    def rest(self):
        """Gives freed activations back to the system: several contestants of a few GB each would not fit side by side."""
        ctypes.CDLL("libc.so.6").malloc_trim(0)

    def wake(self):
        self.steps(self.batches[-1:])

    def steps(self, batches):
        for batch in batches:
            with self.torch.autocast("cpu", dtype=self.torch.bfloat16, enabled=self.autocast):
                loss = self.model(**batch).loss
            loss.backward()
            self.torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad()


def export_onnx(model_folder, target) -> dict:
    """Writes the encoder as a fused float32 ONNX graph and returns how many operators were fused, by kind."""
    import torch
    import transformers
    from onnxruntime.transformers import optimizer
    from onnxruntime.transformers.fusion_options import FusionOptions
    model = transformers.AutoModel.from_pretrained(str(model_folder), attn_implementation="eager", local_files_only=True,
                                                   add_pooling_layer=False, dtype=torch.float32).eval()

    class LastHidden(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = model

        def forward(self, input_ids, attention_mask, token_type_ids):
            return self.encoder(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids,
                                return_dict=True).last_hidden_state

    names = ["input_ids", "attention_mask", "token_type_ids"]
    example = tuple(torch.ones(2, 8, dtype=torch.long) for _ in names)
    plain = str(target) + ".plain"
    with torch.no_grad():
        torch.onnx.export(LastHidden(), example, plain, input_names=names, output_names=["last_hidden_state"], opset_version=17,
                          dynamic_axes={name: {0: "rows", 1: "tokens"} for name in [*names, "last_hidden_state"]}, dynamo=False)
    config = model.config
    fused = optimizer.optimize_model(plain, model_type="bert", num_heads=config.num_attention_heads,
                                     hidden_size=config.hidden_size, optimization_options=FusionOptions("bert"), opt_level=0)
    fused.save_model_to_file(str(target))
    os.remove(plain)
    return {kind: count for kind, count in fused.get_fused_operator_statistics().items() if count}


# ---- the race --------------------------------------------------------------------------------------------------------

def live(pipe, kind, options, arguments: tuple):
    """Body of a contestant's process: builds it, then runs a scope whenever told to."""
    try:
        contestant = kind(options, *arguments)
        pipe.send({"scopes": list(contestant.scopes), "tokens": contestant.tokens, "padded_tokens": contestant.padded,
                   "vectors": contestant.vectors()})
        while (scope := pipe.recv()) is not None:
            getattr(contestant, "wake", lambda: None)()  # not timed
            start = time.perf_counter()
            contestant.scopes[scope]()
            seconds = time.perf_counter() - start
            getattr(contestant, "rest", lambda: None)()
            pipe.send(seconds)
        pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
    except Exception as error:  # report it to the parent, which would otherwise wait
        pipe.send(f"{type(error).__name__}: {error}")


class Racer:
    def __init__(self, name: str, kind, options, *arguments):
        self.name, self.seconds = name, {}
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=live, args=(other, kind, options, arguments), daemon=True)
        self.process.start()
        other.close()
        self.facts = self.answer()
        self.scopes = self.facts.pop("scopes")
        self.vectors = self.facts.pop("vectors")

    def answer(self):
        try:
            reply = self.pipe.recv()
        except EOFError:
            sys.exit(f"{self.name}: its process died")
        if isinstance(reply, str):
            sys.exit(f"{self.name}: {reply}")
        return reply

    def run(self, scope: str) -> float:
        self.pipe.send(scope)
        return self.answer()

    def finish(self) -> int:
        self.pipe.send(None)
        peak_bytes = self.answer()
        self.process.join()
        return peak_bytes


def race(racers: list, options, task: str) -> None:
    for racer in racers:
        for scope in racer.scopes:
            racer.run(scope)  # warm-up: weights reordered, memory touched, graphs chosen
            racer.seconds[scope] = []
    others = {}
    for repeat in range(options.repeats):
        for racer in racers:
            for scope in racer.scopes:
                racer.seconds[scope].append(racer.run(scope))
        if options.also:
            output = subprocess.run(shlex.split(options.also), check=True, stdout=subprocess.PIPE, text=True).stdout
            for line in output.splitlines():
                record = json.loads(line)
                others.setdefault((record["contestant"], record["scope"]), []).append(record)
        print(f"repeat {repeat + 1} of {options.repeats}", file=sys.stderr)
    common = {"task": task, "model": Path(options.model).name, "threads": options.threads, "texts": len(options.text_list),
              "max_tokens": options.max_tokens, "repeats": options.repeats}
    for racer in racers:
        peak_bytes = racer.finish()
        if racer.vectors is not None:
            racer.facts["least_cosine"] = round(float((racer.vectors * racers[0].vectors).sum(1).min()), 6)
        for scope, seconds in racer.seconds.items():
            tokens = racer.facts["tokens"]
            record = {"contestant": racer.name, "scope": scope, "tokens_per_second": round(tokens / statistics.median(seconds), 1),
                      "fastest": round(tokens / min(seconds), 1), "slowest": round(tokens / max(seconds), 1), **racer.facts,
                      "peak_bytes": peak_bytes}
            print(json.dumps(common | record), flush=True)
    for records in others.values():
        speeds = [record["tokens_per_second"] for record in records]
        record = {"tokens_per_second": statistics.median(speeds), "fastest": max(speeds), "slowest": min(speeds)}
        print(json.dumps(common | records[-1] | record), flush=True)


def make_model(shape: str, folder, seed: int = 17) -> None:
    """Random weights, the vocabulary of all-MiniLM-L6-v2, and a sentence-transformers layout with mean pooling."""
    import shutil
    import torch
    import transformers
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "python"))
    import oracles
    folder, source = Path(folder), oracles.minilm_folder()
    torch.manual_seed(seed)
    config = transformers.BertConfig(vocab_size=30522, max_position_embeddings=512, **SHAPES[shape])
    transformers.BertModel(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "modules.json", "sentence_bert_config.json",
                 "config_sentence_transformers.json"):
        shutil.copyfile(source / name, folder / name)
    for name in ("1_Pooling", "2_Normalize"):
        (folder / name).mkdir(exist_ok=True)
    pooling = json.loads((source / "1_Pooling" / "config.json").read_text())
    pooling["word_embedding_dimension"] = config.hidden_size
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling, indent=2))


def versions() -> dict:
    import onnxruntime
    import sentence_transformers
    import torch
    import transformers
    modules = (torch, transformers, sentence_transformers, onnxruntime)
    return {module.__name__: module.__version__ for module in modules}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("model", help="write a folder with random weights")
    command.add_argument("shape", choices=list(SHAPES))
    command.add_argument("folder")
    for name in ("encode", "train"):
        command = commands.add_parser(name)
        command.add_argument("--model", required=True, help="sentence-transformers folder")
        command.add_argument("--texts", required=True, help="one JSON string a line")
        command.add_argument("--limit", type=int, help="only the first N texts")
        command.add_argument("--max-tokens", type=int, default=256)
        command.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
        command.add_argument("--repeats", type=int, default=5)
        command.add_argument("--precisions", default="f32,bf16", help="f32, bf16 or both")
        command.add_argument("--also", help="another program to run in every repeat")
        if name == "encode":
            command.add_argument("--batch-sizes", default="32,64")
            command.add_argument("--without-onnx", action="store_true")
        else:
            command.add_argument("--train-batch", type=int, default=32)
            command.add_argument("--orders", default="plain,grouped", help="plain, grouped (by length) or both")
    options = parser.parse_args()
    if options.command == "model":
        make_model(options.shape, options.folder)
        return 0

    os.environ["OMP_NUM_THREADS"] = os.environ["RAYON_NUM_THREADS"] = str(options.threads)  # for the children
    with open(options.texts, encoding="utf-8") as file:
        options.text_list = [json.loads(line) for line in file][: options.limit]
    if not options.text_list:
        sys.exit(f"{options.texts}: no texts")
    dtypes = [("f32", "float32"), ("bf16", "bfloat16")]
    dtypes = [pair for pair in dtypes if pair[0] in options.precisions.split(",")]
    racers = []
    with tempfile.TemporaryDirectory() as folder:
        if options.command == "encode":
            sizes = [int(size) for size in options.batch_sizes.split(",")]
            for short, dtype in dtypes:
                racers += [Racer(f"sentence-transformers {short} batch {size}", SentenceTransformers, options, dtype, size)
                           for size in sizes]
            if not options.without_onnx:
                options.onnx = Path(folder) / "encoder.onnx"
                # In a process of its own, so that torch does not stay in this one.
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    print("fused operators:", pool.apply(export_onnx, (options.model, options.onnx)), file=sys.stderr)
                racers += [Racer(f"onnxruntime f32 batch {size}", OnnxRuntime, options, size) for size in sizes]
        else:
            for short, dtype in dtypes:
                for order in options.orders.split(","):
                    racers.append(Racer(f"pytorch {short} {order}", Training, options, dtype, order == "grouped"))
        race(racers, options, options.command)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(json.dumps({"versions": pool.apply(versions)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
