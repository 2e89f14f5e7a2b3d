"""Writes text_reference.json: small data sets and the answers of scikit-learn, which the tests of words, topics and
recommendations compare with.

    $(scripts/python-env) tests/profile/text_reference.py
"""

import json
import pathlib

import numpy as np
import scipy.sparse
from sklearn.decomposition import LatentDirichletAllocation
from sklearn.decomposition._online_lda_fast import _dirichlet_expectation_2d
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import ndcg_score, normalized_mutual_info_score, top_k_accuracy_score
from sklearn.metrics.pairwise import cosine_similarity

random = np.random.default_rng(11)


def numbers(array):
    return np.asarray(array, dtype=float).tolist()


class EvenStart(LatentDirichletAllocation):
    """Every text starts with even topics, not at random ones."""

    def _e_step(self, X, cal_sstats, random_init, parallel=None):
        return super()._e_step(X, cal_sstats, False, parallel)


def texts_of(kind):
    """Three sets: clear topics, long texts with much in common, and short Chinese ones with empty texts."""
    if kind == "clear":
        words = [[f"{topic}{i}" for i in range(6)] for topic in ("string", "paper", "fruit")]
        return [random.choice(words[i % 3], 8).tolist() for i in range(30)]
    if kind == "mixed":
        words = np.array([f"word{i:02}" for i in range(40)])
        weights = random.dirichlet(np.full(40, 0.2), size=4)
        return [random.choice(words, 60, p=random.dirichlet(np.full(4, 0.5)) @ weights).tolist() for _ in range(24)]
    words = ["屏幕", "电池", "质量", "物流", "味道", "苹果", "酒店", "早餐", "作者", "故事"]
    return [random.choice(words, random.integers(0, 5)).tolist() for _ in range(41)]


def topic_case(kind, topics, alpha, eta, batches):
    texts = texts_of(kind)
    vectorizer = TfidfVectorizer(analyzer=lambda words: words)
    tf_idf = vectorizer.fit_transform(texts).toarray()
    terms = vectorizer.get_feature_names_out().tolist()
    place = {term: i for i, term in enumerate(terms)}
    counts = np.zeros((len(texts), len(terms)))
    for row, words in enumerate(texts):
        for word in words:
            counts[row, place[word]] += 1
    start = np.round(random.gamma(100, 0.01, size=(topics, len(terms))), 6)
    model = EvenStart(topics, doc_topic_prior=alpha, topic_word_prior=eta, learning_method="online", total_samples=len(texts),
                      learning_offset=10, learning_decay=0.7, max_doc_update_iter=100, mean_change_tol=1e-3)
    model._init_latent_vars(len(terms), dtype=np.float64)
    model.components_ = start.copy()
    model.exp_dirichlet_component_ = np.exp(_dirichlet_expectation_2d(model.components_))
    rows = scipy.sparse.csr_matrix(counts)
    size = -(-len(texts) // batches)
    for first in list(range(0, len(texts), size)) * 2:
        model._em_step(rows[first:first + size], total_samples=len(texts), batch_update=False)
    return {"texts": texts, "terms": terms, "tf_idf": numbers(tf_idf), "topics": topics, "alpha": alpha, "eta": eta,
            "rows_per_batch": size, "start": numbers(start.T), "components": numbers(model.components_.T),
            "mixtures": numbers(model.transform(rows))}


def ranking_case(customers, items, share):
    taken = random.random((customers, items)) < share * (1 + 3 * (np.arange(items) % 5 == 0))
    taken[0] = False
    held_out = random.integers(0, items, size=customers)
    scores = np.round(random.random((customers, items)), 6)
    truth = np.zeros((customers, items))
    truth[np.arange(customers), held_out] = 1
    order = np.argsort(-scores, axis=1)
    places = [int(np.where(order[row] == held_out[row])[0][0]) + 1 for row in range(customers)]
    return {"histories": [np.where(row)[0].tolist() for row in taken], "items": items,
            "cosine": numbers(cosine_similarity(taken.T.astype(float))), "places": [p if p <= 10 else 0 for p in places],
            "recall": float(top_k_accuracy_score(held_out, scores, k=10, labels=np.arange(items))),
            "ndcg": float(ndcg_score(truth, scores, k=10))}


labels = [(random.integers(0, 4, 60), random.integers(0, 3, 60)) for _ in range(2)]
labels.append((np.repeat([0, 1, 2], 20), np.repeat([5, 4, 3], 20) % 7))
result = {
    "topics": [topic_case("clear", 3, 0.3, 0.1, 3), topic_case("mixed", 5, 0.1, 0.05, 1), topic_case("short", 4, 0.25, 0.5, 4)],
    "rankings": [ranking_case(40, 15, 0.2), ranking_case(7, 30, 0.4), ranking_case(120, 11, 0.1)],
    "labels": [{"left": a.tolist(), "right": b.tolist(), "information": normalized_mutual_info_score(a, b)} for a, b in labels],
}
path = pathlib.Path(__file__).with_name("text_reference.json")
path.write_text(json.dumps(result, ensure_ascii=False) + "\n")
