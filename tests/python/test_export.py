"""Folders that Limner writes, opened by transformers and sentence-transformers: the same logits and vectors."""

import json
import random

import oracles
import pytest
import torch
import transformers
from compare import compare, report
from safetensors.numpy import load_file
from safetensors import safe_open

TOLERANCE = 1e-4
MOOD = {"name": "mood", "kind": "single_label", "classes": 3}
TOPICS = {"name": "topics", "kind": "multi_label", "classes": 4}
SPEND = {"name": "spend", "kind": "regression", "mean": 410.0, "scale": 37.5}
SHAPE = oracles.RANDOM_MODELS["single"]


def export(probe, workspace, name, heads, head_input, normalize=True):
    """Limner's folder, the rows as tensors, and what Limner computed."""
    rows = oracles.random_rows(SHAPE, 7, random.Random(5))
    specification = {"vocabulary": SHAPE["vocabulary"], "head_input": head_input, "normalize": normalize, "rows": rows, "heads": heads}
    (workspace / f"{name}.json").write_text(json.dumps(specification))
    folder = workspace / name
    probe("export", workspace / f"{name}.json", folder, workspace / f"{name}.ours")
    (folder / "vocab.txt").write_text("\n".join(oracles.small_vocabulary(SHAPE["vocabulary"])) + "\n", encoding="utf-8")
    oracles.save_tokenizer(folder, SHAPE["positions"])
    return folder, oracles.padded({"rows": rows}), load_file(workspace / f"{name}.ours")


def check(theirs: dict, ours: dict):
    assert report(compare({name: tensor.detach().numpy() for name, tensor in theirs.items()}, ours, TOLERANCE))


def sentence_vectors(folder, inputs):
    from sentence_transformers import SentenceTransformer
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    return model.eval()(dict(inputs))["sentence_embedding"]


@pytest.mark.parametrize("head", [MOOD, TOPICS, SPEND], ids=lambda head: head["kind"])
def test_classifier(probe, workspace, head):
    folder, inputs, ours = export(probe, workspace, f"classifier-{head['name']}", [head], "pooler")
    model, loading = transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, local_files_only=True, output_loading_info=True)
    assert not loading["missing_keys"] and not loading["unexpected_keys"] and not loading["mismatched_keys"]
    assert model.config.problem_type == oracles.PROBLEM_TYPES[head["kind"]]
    labels = [f"class {i}" for i in range(head["classes"])] if "classes" in head else ["spend field"]
    assert [model.config.id2label[i] for i in range(model.config.num_labels)] == labels
    check({f"head.{head['name']}": model.eval()(**inputs).logits, "vectors": sentence_vectors(folder, inputs)}, ours)


def test_several_heads(probe, workspace):
    """The first head is Hugging Face's classifier; the others lie beside it."""
    folder, inputs, ours = export(probe, workspace, "several", [MOOD, TOPICS, SPEND], "pooler", normalize=False)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True).eval()
    encoder, loading = transformers.AutoModel.from_pretrained(folder, local_files_only=True, output_loading_info=True)
    assert not loading["missing_keys"]
    pooled = encoder.eval()(**inputs).pooler_output
    with safe_open(folder / "model.safetensors", "pt") as file:
        heads = {f"head.{name}": pooled @ file.get_tensor(f"heads.{name}.weight").T + file.get_tensor(f"heads.{name}.bias")
                 for name in ("topics", "spend")}
    check({"head.mood": model(**inputs).logits, "vectors": sentence_vectors(folder, inputs), **heads}, ours)


@pytest.mark.parametrize("head_input", ["mean", "cls", "max"])
def test_heads_on_other_vectors(probe, workspace, head_input):
    folder, inputs, ours = export(probe, workspace, f"on-{head_input}", [MOOD], head_input)
    assert json.loads((folder / "config.json").read_text())["architectures"] == ["BertModel"]
    model = transformers.AutoModel.from_pretrained(folder, local_files_only=True, add_pooling_layer=False).eval()
    pooled = oracles.pooled_vectors(model(**inputs).last_hidden_state, inputs["attention_mask"])[f"pooled.{head_input}"]
    with safe_open(folder / "model.safetensors", "pt") as file:
        logits = pooled @ file.get_tensor("heads.mood.weight").T + file.get_tensor("heads.mood.bias")
    check({"head.mood": logits, "vectors": sentence_vectors(folder, inputs)}, ours)


def test_encoder_alone(probe, workspace):
    folder, inputs, ours = export(probe, workspace, "alone", [], "mean")
    check({"vectors": sentence_vectors(folder, inputs)}, ours)
