"""all-MiniLM-L6-v2 fine-tuned by the program on real reviews: its folder opens elsewhere, with the program's own numbers."""

import shutil
from itertools import islice, pairwise
from pathlib import Path

import h5py
import oracles
import pytest
import transformers
from compare import compare, report

TOLERANCE = 1e-4
ROWS = 400
CONFIGURATION = Path(__file__).resolve().parents[2] / "configs" / "instrument_reviews.yaml"


@pytest.fixture(scope="module")
def run(limner, data, workspace):
    """A whole run up to extraction, in f32, on the first reviews of the table."""
    table = workspace / "reviews.csv"
    with open(data / "instrument_reviews.csv", encoding="utf-8", newline="") as file:
        table.write_text("".join(islice(file, ROWS + 1)), encoding="utf-8")  # no cell of these has a line break
    checkpoint = oracles.save_minilm(workspace / "minilm")
    folder = workspace / "run"
    settings = [f"run.directory={folder}", f"prepare.sources.0.path={table}", f"model.checkpoint={checkpoint}", "runtime.precision=f32",
                "train.num_train_epochs=1", "train.learning_rate=1e-4", "model.max_length=128", "extract.dtype=float32"]
    for stage in ("prepare", "train", "extract"):
        limner(stage, CONFIGURATION, *settings)
    return folder


@pytest.fixture(scope="module")
def texts(run):
    with h5py.File(run / "prepared" / "prepared.h5") as prepared:
        text_bytes = prepared["text/bytes"][:].tobytes()
        return [text_bytes[begin:end].decode() for begin, end in pairwise(prepared["text/offsets"][:])]


def test_sentence_transformers_and_transformers_agree(run, texts):
    best = run / "checkpoints" / "best"
    _, loading = transformers.AutoModelForSequenceClassification.from_pretrained(best, local_files_only=True, output_loading_info=True)
    assert not loading["missing_keys"] and not loading["unexpected_keys"] and not loading["mismatched_keys"]
    with h5py.File(run / "embeddings" / "embeddings.h5") as embeddings:
        ours = {"vectors": embeddings["embedding"][:], "logits": embeddings["prediction/rating"][:]}
    assert len(texts) == len(ours["vectors"]) > ROWS * 0.9
    theirs = {"vectors": oracles.sentence_vectors(best, texts).numpy(), "logits": oracles.text_logits(best, texts, 128).numpy()}
    assert report(compare(theirs, ours, TOLERANCE))


@pytest.mark.parametrize("family,reader", [("bert", transformers.AutoModelForMaskedLM), ("gpt2", transformers.AutoModelForCausalLM),
                                           ("llama", transformers.AutoModelForCausalLM)])
def test_pretraining_opens_as_a_language_model(limner, run, workspace, family, reader):
    folder = workspace / f"pretrained-{family}"
    shutil.copytree(run / "prepared", folder / "prepared")
    limner("train", CONFIGURATION, f"run.directory={folder}", f"model.architecture.family={family}",
           "model.architecture.layers=1", "model.architecture.hidden=24",
           "model.architecture.heads=2", "model.architecture.inner=40", "model.vocabulary.size=400", "model.max_length=32",
           "train.pretraining.num_train_epochs=1", "train.num_train_epochs=0.1")
    _, loading = reader.from_pretrained(folder / "checkpoints" / "pretraining" / "best", local_files_only=True, output_loading_info=True)
    assert not loading["missing_keys"] and not loading["unexpected_keys"] and not loading["mismatched_keys"]
