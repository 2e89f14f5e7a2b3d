"""Checkpoints that the program refuses: exit code, and a message that names file, key and value, or says what to do."""

import json
import re
import shutil

import families
import oracles
import pytest

BAD_DATA = 65
CONFIGURATION = """
run: {{directory: {run}}}
runtime: {{device: cpu, precision: f32, threads: 1}}
prepare:
  sources: [{{path: {table}, fields: {{customer: customer, text: text, label: label}}}}]
model: {{checkpoint: {checkpoint}}}
train: {{heads: [{{name: label, field: label}}], num_train_epochs: 1}}
"""


@pytest.fixture(scope="module")
def prepared(limner, workspace):
    folder = workspace / "refusals"
    folder.mkdir()
    rows = [f"c{row},the {'good' if row % 2 else 'bad'} one of {row} things,{'good' if row % 2 else 'bad'}" for row in range(60)]
    (folder / "table.csv").write_text("customer,text,label\n" + "\n".join(rows) + "\n")
    limner("prepare", configuration(folder, "none"))
    return folder


def configuration(folder, checkpoint):
    path = folder / "config.yaml"
    path.write_text(CONFIGURATION.format(run=folder / "run", table=folder / "table.csv", checkpoint=checkpoint))
    return path


@pytest.fixture
def checkpoint(workspace, request):
    folder = oracles.save_random_bert("encoder", workspace / "to-be-refused" / re.sub(r"\W", "-", request.node.name))
    yield folder
    shutil.rmtree(folder)


def change(checkpoint, **values):
    path = checkpoint / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def refusal(limner, prepared, checkpoint, code=BAD_DATA):
    """What training from the checkpoint says, and extraction from it; each names its folder."""
    said = []
    for stage in ("train", "extract"):
        done = limner(stage, configuration(prepared, checkpoint), f"extract.checkpoint={checkpoint}", expect=code)
        assert checkpoint.name in done.stderr
        said.append(done.stderr)
    return said


@pytest.mark.parametrize("model_type", ["t5", "gpt_neox", "deberta-v2"])
def test_unknown_model_type(limner, prepared, checkpoint, model_type):
    change(checkpoint, model_type=model_type)
    for message in refusal(limner, prepared, checkpoint):
        assert f'model_type is "{model_type}"' in message and "modernbert" in message


@pytest.mark.parametrize("key,value", [("pad_token_id", 0), ("relative_attention_num_buckets", 64)])
def test_mpnet_that_transformers_would_read_otherwise(limner, prepared, workspace, key, value):
    folder = families.save("mpnet", 0, workspace / f"mpnet-{key}")
    change(folder, **{key: value})
    for message in refusal(limner, prepared, folder):
        assert f"{key} is {value}" in message


@pytest.mark.parametrize("parameters", [{"rope_parameters": {"rope_type": "longrope", "rope_theta": 10000.0, "factor": 2.0}},
                                        {"rope_theta": 10000.0, "rope_scaling": {"type": "longrope", "factor": 2.0}},
                                        {"rope_parameters": {"rope_type": "spiral", "rope_theta": 10000.0}}])
def test_unknown_rope_type(limner, prepared, workspace, parameters):
    folder = families.save("llama", 0, workspace / "rope-to-be-refused")
    config = json.loads((folder / "config.json").read_text())
    config.pop("rope_parameters", None)
    (folder / "config.json").write_text(json.dumps(config | parameters))
    kind = next(value for values in parameters.values() if isinstance(values, dict) for key, value in values.items() if key.endswith("type"))
    for message in refusal(limner, prepared, folder):
        assert f'type is "{kind}"' in message and "yarn" in message


def test_vocabulary_smaller_than_an_id(limner, prepared, checkpoint):
    words = (checkpoint / "vocab.txt").read_text().splitlines()
    (checkpoint / "vocab.txt").write_text("\n".join([*words, "more", "than", "there", "is"]) + "\n")
    oracles.save_tokenizer(checkpoint, 40)
    for message in refusal(limner, prepared, checkpoint):
        assert "does not fit the model" in message and str(len(words) + 4) in message and str(len(words)) in message


def test_pickled_weights_with_a_hint(limner, prepared, checkpoint):
    (checkpoint / "model.safetensors").rename(checkpoint / "pytorch_model.bin")
    for message in refusal(limner, prepared, checkpoint):
        assert "pytorch_model.bin" in message and "save_pretrained" in message


def test_dense_layer_of_pickled_weights(limner, prepared, checkpoint):
    (checkpoint / "modules.json").write_text(json.dumps([
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate([("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Dense", "Dense")])]))
    for name, config in (("1_Pooling", {"word_embedding_dimension": 36, "pooling_mode_mean_tokens": True}), ("2_Dense", {"in_features": 36, "out_features": 4})):
        (checkpoint / name).mkdir()
        (checkpoint / name / "config.json").write_text(json.dumps(config))
    (checkpoint / "2_Dense" / "pytorch_model.bin").write_bytes(b"pickled")
    for message in refusal(limner, prepared, checkpoint):
        assert "2_Dense" in message and "pickled weights" in message
