"""all-MiniLM-L6-v2 as its package carries it: Limner's sentence vectors against sentence-transformers' on real reviews."""

import csv

import oracles
import pytest
import tokens
import torch
from safetensors.torch import load_file

LEAST_COSINE = {"f32": 0.99999, "bf16": 0.999}


@pytest.fixture(scope="module")
def reviews(data, workspace):
    """1,000 English and Chinese reviews, none of them empty."""
    texts = []
    for name, column, count in (("instrument_reviews.csv", "reviewText", 700), ("shopping_reviews.csv", "review", 300)):
        with open(data / name, encoding="utf-8", newline="") as file:
            rows = [row[column] for row in csv.DictReader(file) if row[column].strip()]
        texts += rows[:: len(rows) // count][:count]
    assert len(texts) == 1000
    path = workspace / "reviews.jsonl"
    tokens.write_texts(texts, path)
    return path


# As packaged (older layout, old tensor names and an extra position_ids), and as today's library saves it.
@pytest.fixture(scope="module", params=[False, True], ids=["packaged", "resaved"])
def folder(request, workspace):
    return oracles.save_minilm(workspace / f"minilm-{request.param}", resave=request.param)


@pytest.mark.parametrize("precision", list(LEAST_COSINE))
def test_vectors(probe, folder, reviews, workspace, precision):
    output = workspace / f"vectors.{precision}"
    probe("encode", folder, reviews, output, precision)
    ours, theirs = load_file(output)["vectors"], oracles.sentence_vectors(folder, tokens.read_texts(reviews))
    assert ours.shape == theirs.shape and torch.isfinite(ours).all()
    cosines = torch.nn.functional.cosine_similarity(ours.double(), theirs.double())
    print(f"{folder.name} {precision}: least cosine {cosines.min():.7f}, largest length error {(ours.norm(dim=1) - 1).abs().max():.1e}")
    assert cosines.min() >= LEAST_COSINE[precision]
    assert (ours.norm(dim=1) - 1).abs().max() < 1e-3
