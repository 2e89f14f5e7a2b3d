"""Limner's tokenizer against Hugging Face `tokenizers`: ids and offsets, nothing may differ.

Many vocabularies on a part of the texts; tests/text/tokenizer_parity.py takes one vocabulary through all of them.
"""

import pytest
import tokens

FOLDERS = [*tokens.VARIANTS, "minilm"]
MIXED_STRINGS = 15000
EVERY = 9  # cells of the tables


@pytest.fixture(scope="module")
def vocabularies(workspace):
    """Learned from mixed strings alone, so that they are the same with and without LIMNER_DATA."""
    folder = workspace / "vocabularies"
    tokens.write_vocabularies(folder, tokens.mixed_texts(20000, seed=19))
    return folder


@pytest.fixture(scope="module")
def mixed(workspace):
    path = workspace / "mixed.jsonl"
    tokens.write_texts(tokens.mixed_texts(MIXED_STRINGS), path)
    return path


@pytest.fixture(scope="module")
def tables(workspace, data):
    path = workspace / "tables.jsonl"
    tokens.write_texts(list(tokens.table_texts(data))[::EVERY], path)
    return path


def check(probe, tokenizer, texts, name, max_tokens=None):
    reference, ours = texts.with_suffix(f".{name}.reference"), texts.with_suffix(f".{name}.ours")
    strings = tokens.read_texts(texts)
    tokens.encode(tokenizer, strings, reference, max_tokens)
    probe("tokens", tokenizer, texts, ours, *([max_tokens] if max_tokens else []))
    same = tokens.compare(reference, ours, strings)
    reference.unlink()
    ours.unlink()
    assert same


@pytest.mark.parametrize("name", FOLDERS)
def test_mixed_strings(probe, vocabularies, mixed, name):
    check(probe, vocabularies / name, mixed, name)


@pytest.mark.parametrize("name", FOLDERS)
def test_tables(probe, vocabularies, tables, name):
    check(probe, vocabularies / name, tables, name)


@pytest.mark.parametrize("max_tokens", [3, 16, 128])
def test_cut_rows(probe, vocabularies, mixed, max_tokens):
    check(probe, vocabularies / "uncased", mixed, f"cut{max_tokens}", max_tokens)


def test_vocab_txt_alone_is_enough(probe, vocabularies, mixed, workspace):
    """A folder without tokenizer.json, from vocab.txt and tokenizer_config.json."""
    import shutil
    for name in ("uncased", "cased", "uncased_keep_accents"):
        bare = workspace / "bare" / name
        shutil.copytree(vocabularies / name, bare, ignore=shutil.ignore_patterns("tokenizer.json"), dirs_exist_ok=True)
        strings = tokens.read_texts(mixed)
        tokens.encode(vocabularies / name, strings, bare / "reference.txt")
        probe("tokens", bare, mixed, bare / "ours.txt")
        assert tokens.compare(bare / "reference.txt", bare / "ours.txt", strings)
