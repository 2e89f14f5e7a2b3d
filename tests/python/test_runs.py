"""A GPT-2 folder that transformers wrote, through a whole run on the demo's data: its fine-tuned folder opens in transformers with the
program's own predictions."""

import json
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import torch
import transformers
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors, trainers

CONFIGURATION = Path(__file__).resolve().parents[2] / "configs" / "demo.yaml"


def save_gpt2(folder, texts):
    """Byte-level BPE without a padding token, as GPT-2 has it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=600, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tokenizer.add_special_tokens([AddedToken("<|endoftext|>", special=True)])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    size = tokenizer.get_vocab_size()
    end = tokenizer.token_to_id("<|endoftext|>")

    config = transformers.GPT2Config(vocab_size=size, n_embd=48, n_layer=1, n_head=4, n_inner=96, n_positions=64, bos_token_id=end, eos_token_id=end)
    torch.manual_seed(3)
    transformers.GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(dict(tokenizer_class="GPT2Tokenizer", bos_token="<|endoftext|>", eos_token="<|endoftext|>",
                                                                  unk_token="<|endoftext|>", model_max_length=64)))


def test_fine_tuned_gpt2(limner, workspace):
    limner("demo-data", workspace / "data" / "demo", "customers=60")
    reviews = (workspace / "data" / "demo" / "reviews.csv").read_text(encoding="utf-8", errors="replace")
    save_gpt2(workspace / "gpt2", reviews.splitlines())
    limner("run", CONFIGURATION, "run.directory=run", f"model.checkpoint={workspace / 'gpt2'}", "runtime.device=cpu", "runtime.precision=f32",
           "runtime.threads=1", "train.learning_rate=3e-3", "extract.dtype=float32", cwd=workspace)
    run = workspace / "run"
    assert (run / "profile" / "report.html").exists() and len((run / "profile" / "profiles.jsonl").read_text().splitlines()) == 60
    with h5py.File(run / "prepared" / "prepared.h5") as prepared:
        text_bytes = prepared["text/bytes"][:].tobytes()
        texts = [text_bytes[begin:end].decode() for begin, end in pairwise(prepared["text/offsets"][:])]
    with h5py.File(run / "embeddings" / "embeddings.h5") as embeddings:
        ours = embeddings["prediction/sentiment"][:]

    best = run / "checkpoints" / "best"
    tokenizer = transformers.AutoTokenizer.from_pretrained(best)
    model, loading = transformers.AutoModelForSequenceClassification.from_pretrained(best, output_loading_info=True)
    assert not loading["missing_keys"] and not loading["mismatched_keys"]
    with torch.inference_mode():
        theirs = [torch.softmax(model.eval()(**tokenizer(text, truncation=True, max_length=64, return_tensors="pt")).logits[0], 0).numpy()
                  for text in texts[:200]]
    np.testing.assert_allclose(ours[:200], np.stack(theirs), rtol=0, atol=1e-5)
    assert ours.std(axis=0).min() > 0.01  # it learned something
