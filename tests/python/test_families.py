"""Every family against Hugging Face: hidden states of each layer, logits, loss, every gradient; loaded, saved, loaded again."""

import json
import random

import families
import oracles
import pytest
import torch
import transformers
from compare import compare, report
from safetensors.numpy import load_file
from safetensors.torch import save_file

TOLERANCE = 1e-4  # relative, f32
SHAPES = [(family, index) for family in families.FAMILIES for index in range(len(families.COMMON))]


def check_forward(probe, checkpoint, batch, change=lambda ours: None):
    """The reference is in float64, but for what transformers itself does in float32 (angles, root-mean-square norms)."""
    given, theirs, ours = (checkpoint.parent / f"{checkpoint.name}.{end}" for end in ("json", "reference", "ours"))
    given.write_text(json.dumps(batch))
    save_file(oracles.forward(checkpoint, batch, torch.float64), theirs)
    probe("forward", checkpoint, given, ours)
    computed = load_file(ours)
    change(computed)
    assert report(compare(load_file(theirs), computed, TOLERANCE))


@pytest.mark.parametrize("family,index", SHAPES)
def test_forward_and_backward(probe, workspace, family, index):
    checkpoint = families.save(family, index, workspace / f"{family}-{index}")
    check_forward(probe, checkpoint, families.batch(index))


def logits(folder, batch):
    kind = transformers.AutoModel if batch["kind"] == "none" else transformers.AutoModelForSequenceClassification
    model, loading = kind.from_pretrained(folder, local_files_only=True, output_loading_info=True, dtype=torch.float32)
    assert not loading["missing_keys"] and not loading["unexpected_keys"] and not loading["mismatched_keys"]
    with torch.inference_mode():
        return [model.eval()(**oracles.padded({"rows": [row]}, model.config))[0] for row in batch["rows"]]


@pytest.mark.parametrize("family,index", SHAPES)
def test_saved_again_it_answers_the_same(probe, workspace, family, index):
    checkpoint = families.save(family, index, workspace / f"{family}-{index}-first")
    again = workspace / f"{family}-{index}-again"
    probe("resave", checkpoint, again)
    batch = families.batch(index)
    for ours, theirs in zip(logits(again, batch), logits(checkpoint, batch), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)  # where weights lie in memory decides the last bits


ROPES = {
    "linear": dict(rope_type="linear", factor=3.0),
    "dynamic": dict(rope_type="dynamic", factor=2.0),
    "llama3": dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                   original_max_position_embeddings=16),
    "yarn": dict(rope_type="yarn", factor=2.5, original_max_position_embeddings=16),
    "yarn-whole": dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16, beta_fast=4.0, beta_slow=0.5,
                       attention_factor=0.8, truncate=False),
}


@pytest.mark.parametrize("spelling", ["rope_parameters", "rope_scaling"])
@pytest.mark.parametrize("name", list(ROPES))
def test_rotary_embeddings(probe, workspace, name, spelling):
    checkpoint = workspace / f"{name}-{spelling}"
    families.save("qwen3", 0, checkpoint, lambda config: setattr(config, "rope_parameters", dict(rope_theta=500.0, **ROPES[name])))
    if spelling == "rope_scaling":  # as before transformers 5
        path = checkpoint / "config.json"
        config = json.loads(path.read_text())
        parameters = config.pop("rope_parameters")
        config["rope_theta"] = parameters.pop("rope_theta")
        config["rope_scaling"] = {"type": parameters.pop("rope_type")} | parameters
        path.write_text(json.dumps(config))
    check_forward(probe, checkpoint, families.batch(0))


DECODERS = [(family, index) for family, index in SHAPES if family in ("gpt2", "llama", "mistral", "qwen2", "qwen3")]


def save_language_model(family, index, directory):
    """Half of the shapes with a matrix of their own, half with the word embeddings, against each family's habit."""
    config = families.FAMILIES[family](families.COMMON[index], index)
    config.tie_word_embeddings = index % 2 == 0
    model = transformers.AutoModelForCausalLM.from_config(config)
    families.shake(model)
    model.save_pretrained(directory)
    return directory


@pytest.mark.parametrize("family,index", DECODERS)
def test_causal_language_model(probe, workspace, family, index):
    checkpoint = save_language_model(family, index, workspace / f"{family}-{index}-causal")
    batch = families.batch(index) | {"kind": "causal_language_model"}
    check_forward(probe, checkpoint, batch)
    # Without padding it is transformers' own loss.
    model = transformers.AutoModelForCausalLM.from_pretrained(checkpoint, local_files_only=True, dtype=torch.float64).eval()
    row = torch.tensor([max(batch["rows"], key=len)])
    theirs = model(input_ids=row, labels=row).loss.item()
    assert abs(oracles.forward(checkpoint, batch | {"rows": row.tolist()}, torch.float64)["loss"].item() - theirs) < 1e-6 * theirs


def test_bare_decoder_with_its_language_head(probe, workspace):
    """As Qwen3-Embedding is stored: no prefix; and with a language head beside it, which is left out."""
    shape = families.COMMON[2]
    config = families.FAMILIES["qwen3"](shape, 2)
    model = transformers.AutoModelForCausalLM.from_config(config)
    families.shake(model)
    checkpoint = workspace / "language-head"
    model.save_pretrained(checkpoint)
    check_forward(probe, checkpoint, families.batch(2))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=["float16", "bfloat16"])
@pytest.mark.parametrize("family", ["xlm-roberta", "gpt2", "llama", "modernbert"])
def test_half_width_weights(probe, workspace, family, dtype):
    whole = families.save(family, 0, workspace / f"{family}-whole")
    check_forward(probe, oracles.rewrite_weights(whole, workspace / f"{family}-{dtype}", dtype=dtype), families.batch(0))


def test_tokens_far_apart(probe, workspace):
    """Every bucket of distances, and those beyond the last boundary."""
    def lengthen(config):
        config.max_position_embeddings = 302
    checkpoint = families.save("mpnet", 0, workspace / "mpnet-far", lengthen)
    shape = families.COMMON[0] | {"positions": 300}
    dice = random.Random(5)
    rows = oracles.random_rows(shape, 5, dice)
    batch = {"rows": rows, "kind": shape["kind"], "labels": [oracles.random_label(shape, row, dice) for row in rows]}
    check_forward(probe, checkpoint, batch)


@pytest.mark.parametrize("family", ["roberta", "xlm-roberta", "mpnet"])
def test_a_text_that_holds_the_padding_token(probe, workspace, family):
    """transformers counts positions without it, here too. But torch gives the padding token's own rows no gradient."""
    def forget_padding(ours):
        for table in ("word", "position"):
            ours[f"grad.{'mpnet' if family == 'mpnet' else 'roberta'}.embeddings.{table}_embeddings.weight"][1] = 0

    checkpoint = families.save(family, 0, workspace / f"{family}-padding-inside")
    batch = families.batch(0)
    for row in batch["rows"][::2]:
        for place in range(1, len(row) - 1, 3):
            row[place] = 1  # pad_token_id
    check_forward(probe, checkpoint, batch, forget_padding)


def test_the_last_token_is_the_last_even_if_it_pads(probe, workspace):
    """A decoder's head reads the last token of a row, whatever its id: asked about each row alone, without a pad_token_id, so does
    transformers."""
    checkpoint = families.save("gpt2", 0, workspace / "ends-with-padding")
    path = checkpoint / "config.json"
    path.write_text(json.dumps({key: value for key, value in json.loads(path.read_text()).items() if key != "pad_token_id"}))
    batch = families.batch(0)
    for row in batch["rows"]:
        row[-1] = 0  # what pad_token_id was
    output = workspace / "ends-with-padding.ours"
    (workspace / "ends-with-padding.json").write_text(json.dumps(batch))
    probe("forward", checkpoint, workspace / "ends-with-padding.json", output)
    theirs = torch.cat(logits_alone(checkpoint, batch))
    assert report(compare({"logits": theirs.numpy()}, {"logits": load_file(output)["logits"]}, TOLERANCE))


def logits_alone(folder, batch):
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True, dtype=torch.float32).eval()
    with torch.inference_mode():
        return [model(torch.tensor([row])).logits for row in batch["rows"]]
