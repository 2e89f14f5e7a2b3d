"""Compares the topics of a run with gensim's on the same words of the same texts.

    cut_words runs/shopping_reviews/prepared/prepared.h5 > words.txt
    python tests/profile/compare_topics.py runs/shopping_reviews words.txt [FIELD]     # needs gensim, h5py, scikit-learn

Coherence is the mean NPMI of the pairs of a topic's ten first words over whole texts, for both, with both orders of the
words: by probability, and by relevance (0.6 ln p + 0.4 ln lift). FIELD is a category of the table; the normalised mutual
information of the texts' largest topics with it is given too.
"""

import json
import math
import pathlib
import sys

import gensim
import h5py
import numpy as np
from sklearn.metrics import normalized_mutual_info_score

run, words = pathlib.Path(sys.argv[1]), sys.argv[2]
with h5py.File(run / "profile" / "topics.h5") as file:
    terms = file["term"].asstr()[:].tolist()
    occurrences, weight, topic_of_row = file["occurrences"][:], file["weight"][:], file["topic_of_row"][:]
with h5py.File(run / "prepared" / "prepared.h5") as file:
    fields = [sys.argv[3]] if len(sys.argv) > 3 else []
    categories = {name: file["fields"][name][:] for name in fields}
place = {term: i for i, term in enumerate(terms)}
bags = []
for line in open(words, encoding="utf-8"):
    bag = {}
    for word in line.split():
        if word in place:
            bag[place[word]] = bag.get(place[word], 0) + 1
    bags.append(sorted(bag.items()))
corpus = [bag for bag in bags if bag]
texts_with = {}
for row, bag in enumerate(corpus):
    for term, _ in bag:
        texts_with.setdefault(term, set()).add(row)


def coherence(first):
    pairs = []
    for i, a in enumerate(first):
        for b in first[:i]:
            both = len(texts_with[a] & texts_with[b]) / len(corpus)
            alone = len(texts_with[a]) * len(texts_with[b]) / len(corpus) ** 2
            pairs.append(math.log(both / alone) / -math.log(both) if both else -1)
    return float(np.mean(pairs))


def report(name, topics, labels):
    probability = topics / topics.sum(axis=1, keepdims=True)
    lift = probability * occurrences.sum() / occurrences
    orders = {"probability": np.argsort(-probability, axis=1), "relevance": np.argsort(-(0.6 * np.log(probability) + 0.4 * np.log(lift)), axis=1)}
    figures = {f"coherence by {key}": round(float(np.mean([coherence(row[:10]) for row in order])), 4) for key, order in orders.items()}
    for field, codes in categories.items():
        known = (labels >= 0) & (codes >= 0)
        figures[f"information with {field}"] = round(float(normalized_mutual_info_score(codes[known], labels[known])), 4)
    print(json.dumps({"topics of": name, **figures}), flush=True)


report("limner", weight.T, topic_of_row)
settings = json.loads((run / "profile" / "topics.json").read_text())
id2word = dict(enumerate(terms))
for label, options in {"gensim, its own priors": {}, "gensim, the same priors": {"alpha": [settings["alpha"]] * settings["k"], "eta": settings["eta"]}}.items():
    model = gensim.models.LdaModel(corpus, num_topics=settings["k"], id2word=id2word, passes=10, chunksize=4096, random_state=17, **options)
    labels = np.full(len(bags), -1)
    rows = [row for row, bag in enumerate(bags) if bag]
    mixtures, _ = model.inference(corpus)
    labels[rows] = mixtures.argmax(axis=1)
    report(label, model.get_topics(), labels)
