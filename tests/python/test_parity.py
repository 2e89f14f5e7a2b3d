"""Limner's transformer against Hugging Face: hidden states, pooling, logits, loss, every gradient, a hundred training steps."""

import json
import re

import oracles
import pytest
import torch
from compare import compare, report
from safetensors.numpy import load_file
from safetensors.torch import save_file

TOLERANCE = 1e-4          # relative, f32; the reference's own rounding is about 3e-6
CURVE_TOLERANCE = 1e-3    # losses of a hundred steps


def check_forward(probe, folder, checkpoint, batch, name):
    (folder / f"{name}.json").write_text(json.dumps(batch))
    save_file(oracles.forward(checkpoint, batch, torch.float64), folder / f"{name}.reference")
    probe("forward", checkpoint, folder / f"{name}.json", folder / f"{name}.ours")
    records = compare(load_file(folder / f"{name}.reference"), load_file(folder / f"{name}.ours"), TOLERANCE)
    assert report(records)


@pytest.mark.parametrize("name", list(oracles.RANDOM_MODELS))
def test_forward_and_backward(probe, workspace, name):
    checkpoint = oracles.save_random_bert(name, workspace / name)
    check_forward(probe, workspace, checkpoint, oracles.forward_input(name), f"{name}.forward")


@pytest.mark.parametrize("name", ["single", "multi", "regression"])
def test_missing_labels_do_not_count(probe, workspace, name):
    checkpoint = oracles.save_random_bert(name, workspace / name)
    check_forward(probe, workspace, checkpoint, oracles.forward_input(name, missing_labels=True), f"{name}.missing")


def test_class_weights(probe, workspace):
    checkpoint = oracles.save_random_bert("single", workspace / "single")
    batch = oracles.forward_input("single") | {"class_weights": [0.5, 1.0, 2.0, 0.25, 3.0]}
    check_forward(probe, workspace, checkpoint, batch, "single.weighted")


def test_label_smoothing(probe, workspace):
    checkpoint = oracles.save_random_bert("single", workspace / "single")
    batch = oracles.forward_input("single", missing_labels=True) | {"label_smoothing": 0.2}
    check_forward(probe, workspace, checkpoint, batch, "single.smoothed")
    weighted = batch | {"class_weights": [0.5, 1.0, 2.0, 0.25, 3.0]}
    check_forward(probe, workspace, checkpoint, weighted, "single.smoothed.weighted")


@pytest.mark.parametrize("form", [dict(legacy_layer_norm=True), dict(drop_prefix=True), dict(shards=3)], ids=str)
def test_other_forms_of_the_same_checkpoint(probe, workspace, form):
    """The same weights under older names, without the prefix, or in several files give the same result."""
    checkpoint = oracles.save_random_bert("single", workspace / "single")
    name = "single." + "-".join(form)
    other = oracles.rewrite_weights(checkpoint, workspace / name, **form)
    batch = oracles.forward_input("single")
    (workspace / f"{name}.json").write_text(json.dumps(batch))
    save_file(oracles.forward(checkpoint, batch, torch.float64), workspace / f"{name}.reference")
    probe("forward", other, workspace / f"{name}.json", workspace / f"{name}.ours")
    ours = load_file(workspace / f"{name}.ours")
    if "drop_prefix" in form:  # gradients may then carry the names of that checkpoint
        ours = {re.sub(r"^grad\.(embeddings|encoder|pooler)\.", r"grad.bert.\1.", key): tensor for key, tensor in ours.items()}
    assert report(compare(load_file(workspace / f"{name}.reference"), ours, TOLERANCE))


@pytest.mark.parametrize("name", ["single", "multi", "regression"])
def test_training_curve(probe, workspace, name):
    checkpoint = oracles.save_random_bert(name, workspace / name)
    plan = oracles.training_input(name)
    (workspace / f"{name}.train.json").write_text(json.dumps(plan))
    save_file(oracles.train(checkpoint, plan), workspace / f"{name}.train.reference")
    probe("train", checkpoint, workspace / f"{name}.train.json", workspace / f"{name}.train.ours")
    records = compare(load_file(workspace / f"{name}.train.reference"), load_file(workspace / f"{name}.train.ours"),
                      CURVE_TOLERANCE, special={"learning_rates": 1e-6}, ignore=("final.*", "grad_norms"))
    assert report(records)


def test_reference_loss_is_the_one_of_hugging_face(workspace):
    """The reference computes its loss itself, to leave out missing labels; without any it must be transformers' own."""
    for name in ("single", "multi", "regression"):
        checkpoint, batch = oracles.save_random_bert(name, workspace / name), oracles.forward_input(name)
        model = oracles.load_model(checkpoint, batch["kind"])
        labels = torch.tensor(batch["labels"], dtype=torch.long if name == "single" else torch.float32)
        theirs = model(**oracles.padded(batch), labels=labels).loss
        assert abs(theirs.item() - oracles.forward(checkpoint, batch)["loss"].item()) < 1e-6
