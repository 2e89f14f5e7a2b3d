"""Low-rank updates against PEFT: logits, loss and every gradient of adapters that PEFT wrote; written again and merged, they
answer the same; and the memory of a step beside that of training everything."""

import json

import families
import oracles
import peft
import pytest
import torch
import transformers
from compare import compare, report
from safetensors.torch import load_file, save_file

TOLERANCE = 1e-4  # relative, f32
SAME = 1e-5  # of the largest, merged or not

# Family (bert is one of oracles.RANDOM_MODELS), shape, targets.
CASES = {
    "llama": ("llama", 0, ["q_proj", "v_proj", "down_proj"]),
    "llama-all": ("llama", 1, "all-linear"),
    "llama-bare": ("llama", 2, ["k_proj", "gate_proj", "up_proj", "o_proj"]),
    "gpt2": ("gpt2", 0, ["c_attn", "c_fc", "c_proj"]),
    "roberta": ("roberta", 0, ["query", "dense"]),
    "modernbert": ("modernbert", 0, ["Wqkv", "Wi", "Wo"]),
    "bert": ("bert", 0, ["query", "value", "intermediate.dense"]),
    "bert-all": ("bert", 0, "all-linear"),
}
BERT = "single"


def base_of(name, folder):
    """The base's folder and a batch."""
    family, index, _ = CASES[name]
    if family == "bert":
        return oracles.save_random_bert(BERT, folder, 17), oracles.forward_input(BERT, 17)
    return families.save(family, index, folder), families.batch(index)


def rows_alone(model, batch):
    """Nothing is padded, whatever the family's mask does."""
    for index, row in enumerate(batch["rows"]):
        alone = {"rows": [row]} | ({"segments": [batch["segments"][index]]} if "segments" in batch else {})
        yield oracles.padded(alone, model.config)


def open_base(folder, kind):
    auto = transformers.AutoModel if kind == "none" else transformers.AutoModelForSequenceClassification
    return auto.from_pretrained(folder, local_files_only=True, dtype=torch.float64).eval()


def save_adapter(name, base, folder, kind):
    """As PEFT writes it, with every tensor random."""
    task = peft.TaskType.FEATURE_EXTRACTION if kind == "none" else peft.TaskType.SEQ_CLS
    config = peft.LoraConfig(task_type=task, r=3, lora_alpha=7, lora_dropout=0.3, target_modules=CASES[name][2])
    model = peft.get_peft_model(open_base(base, kind).float(), config)
    generator = torch.Generator().manual_seed(29)
    with torch.no_grad():
        for parameter in (p for p in model.parameters() if p.requires_grad):
            parameter.copy_(0.15 * torch.randn(parameter.shape, generator=generator))
    model.save_pretrained(folder)
    return folder


def open_adapter(base, folder, kind):
    return peft.PeftModel.from_pretrained(open_base(base, kind), folder, is_trainable=True).double().eval()


def adapted(base, adapter, batch):
    """What oracles.forward computes, with the gradients of what the adapter trains under its keys."""
    kind = batch["kind"]
    model = open_adapter(base, adapter, kind)
    result = {}
    answers = [model(**inputs, output_hidden_states=True) for inputs in rows_alone(model, batch)]
    for i, states in enumerate(zip(*(answer.hidden_states for answer in answers))):
        result[f"hidden.{i}"] = torch.cat([state[0] for state in states])
    if kind == "none":
        flat = result[f"hidden.{len(answers[0].hidden_states) - 1}"].reshape(-1)
        loss = (flat * torch.sin(torch.arange(1, len(flat) + 1, dtype=torch.float64))).mean()
    else:
        result["logits"] = torch.cat([answer.logits for answer in answers])
        loss = oracles.head_loss(result["logits"], kind, batch["labels"], batch.get("class_weights"))
    loss.backward()
    result["loss"] = loss.reshape(1)
    for key, parameter in model.named_parameters():
        if parameter.grad is not None:
            result["grad." + key.replace(".modules_to_save", "").replace(".default", "")] = parameter.grad
    return {key: value.detach().float().contiguous().clone() for key, value in result.items()}


def logits(model, batch):
    with torch.inference_mode():
        return torch.cat([model(**inputs)[0].reshape(-1) for inputs in rows_alone(model, batch)])


def ours(probe, checkpoint, batch, path, lora):
    given = path.with_suffix(".json")
    given.write_text(json.dumps(batch | {"lora": lora}))
    probe("forward", checkpoint, given, path)
    return {name: tensor.numpy() for name, tensor in load_file(path).items()}


@pytest.mark.parametrize("name", list(CASES))
def test_gradients(probe, workspace, name):
    base, batch = base_of(name, workspace / f"{name}-base")
    adapter = save_adapter(name, base, workspace / f"{name}-adapter", batch["kind"])
    theirs = {key: tensor.numpy() for key, tensor in adapted(base, adapter, batch).items()}
    beside = ours(probe, adapter, batch, workspace / f"{name}.beside", True)
    records = compare(theirs, beside, TOLERANCE, ignore=("pooled.*", "pooler"))
    # What stands between encoder and classifier is trained whole here; PEFT leaves it as it is, or adapts it.
    records = [r for r in records if ".pooler." not in r["name"] and ".head." not in r["name"]]
    assert sum(r["name"].endswith("lora_A.weight") for r in records) >= 4
    assert report(records)
    # As a whole model: the same with the updates added to the weights.
    whole = ours(probe, adapter, batch, workspace / f"{name}.whole", False)
    last = "logits" if batch["kind"] != "none" else max(key for key in theirs if key.startswith("hidden"))
    answers = [last, "loss"]
    assert report(compare({key: beside[key] for key in answers}, {key: whole[key] for key in answers}, SAME))


@pytest.mark.parametrize("name", list(CASES))
def test_written_again_and_merged(limner, probe, workspace, name):
    base, batch = base_of(name, workspace / f"{name}-first")
    kind = batch["kind"]
    adapter = save_adapter(name, base, workspace / f"{name}-theirs", kind)
    expected = logits(open_adapter(base, adapter, kind).float(), batch)
    again = workspace / f"{name}-again"
    probe("resave", adapter, again)
    written = open_adapter(base, again, kind)
    missing = set(peft.get_peft_model_state_dict(written)) - set(load_file(again / "adapter_model.safetensors"))
    assert not missing, missing
    torch.testing.assert_close(logits(written.float(), batch), expected, rtol=SAME, atol=SAME)
    merged = workspace / f"{name}-merged"
    limner("merge", adapter, merged)
    torch.testing.assert_close(logits(open_base(merged, kind).float(), batch), expected, rtol=SAME, atol=SAME)
    described = limner("inspect", adapter).stdout
    assert "rank 3" in described and str(base) in described


def test_adapter_of_another_base_is_refused(limner, workspace):
    base, batch = base_of("llama", workspace / "right-base")
    adapter = save_adapter("llama", base, workspace / "wrong-adapter", batch["kind"])
    other, _ = base_of("llama-all", workspace / "wrong-base")
    path = adapter / "adapter_config.json"
    config = json.loads(path.read_text())
    for change, words in (
        (dict(base_model_name_or_path=str(other)), ["down_proj.lora_A.weight", "[3, 70]", "[3, 97]"]),
        (dict(base_model_name_or_path="nobody/nothing"), ["base_model_name_or_path", "nobody/nothing"]),
        (dict(r=4), ["down_proj.lora_A.weight", "[3, 70]", "[4, 70]"]),
        (dict(use_dora=True), ["use_dora", "true"]),
        (dict(peft_type="IA3"), ["peft_type", "IA3"]),
        (dict(alpha_pattern={"q_proj": 3}), ["alpha_pattern", "q_proj"]),
    ):
        path.write_text(json.dumps(config | change))
        code = 66 if "nobody" in str(change) else 65
        message = limner("merge", adapter, workspace / "never", expect=code).stderr
        assert all(word in message for word in words), message
    path.write_text(json.dumps(config))
    tensors = load_file(adapter / "adapter_model.safetensors")
    key = next(key for key in tensors if key.endswith("lora_B.weight"))
    save_file({k: v for k, v in tensors.items() if k != key}, adapter / "adapter_model.safetensors")
    message = limner("merge", adapter, workspace / "never", expect=65).stderr
    assert key.replace("lora_B", "lora_A") in message and "lora_B is missing" in message


def test_memory_of_a_step(probe, workspace):
    """A model large beside its batch: with updates a step needs little more than the weights."""
    config = transformers.LlamaConfig(vocab_size=2000, hidden_size=512, intermediate_size=1408, num_hidden_layers=8,
                                      num_attention_heads=8, max_position_embeddings=64, pad_token_id=0, num_labels=3)
    model = transformers.AutoModelForSequenceClassification.from_config(config)
    base = workspace / "large"
    model.save_pretrained(base)
    adapter = workspace / "large-adapter"
    peft.get_peft_model(model, peft.LoraConfig(task_type="SEQ_CLS", r=8, target_modules="all-linear")).save_pretrained(adapter)
    written = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(written | {"base_model_name_or_path": str(base)}))
    batch = {"rows": [[5 + i, 9, 17, 3] for i in range(8)], "labels": [i % 3 for i in range(8)]}
    plan = dict(kind="single_label", batches=[batch], learning_rate=1e-4, warmup_steps=0, total_steps=2, weight_decay=0.01,
                adam_beta1=0.9, adam_beta2=0.999, adam_epsilon=1e-8, max_grad_norm=1.0, peak=True)
    peaks = {}
    for name, checkpoint in (("everything", base), ("updates", adapter)):
        given = workspace / f"large-{name}.json"
        given.write_text(json.dumps(plan | {"lora": name == "updates"}))
        probe("train", checkpoint, given, workspace / f"large-{name}.out")
        peaks[name] = load_file(workspace / f"large-{name}.out")["peak_mebibytes"].item()
    weights = (base / "model.safetensors").stat().st_size / 2**20
    print(f"{weights:.0f} MiB of weights; peak of everything {peaks['everything']:.0f} MiB, of updates {peaks['updates']:.0f} MiB")
    assert peaks["everything"] > 4 * weights  # weights, gradients, two moments
    assert peaks["updates"] < 0.6 * peaks["everything"]
