"""sentence-transformers folders: prompts, chains of dense layers, last-token pooling, cut vectors; read, and written back."""

import json
import shutil

import families
import oracles
import pytest
import tokens
import torch
import transformers
from compare import compare, report
from safetensors.torch import load_file
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors

TOLERANCE = 1e-4
TEXTS = ["a good guitar", "好不好", "it stopped working after 2 weeks", "no", "the best strings of the town, on every day of the week", "是的 ok"]


def dense(inputs, outputs, activation, bias=True, seed=5):
    from sentence_transformers.base.modules.dense import Dense
    torch.manual_seed(seed)
    layer = Dense(inputs, outputs, bias=bias, activation_function=activation)
    torch.nn.init.normal_(layer.linear.weight, std=0.5)
    return layer


def save(encoder, folder, pooling, layers, include_prompt=True, **options):
    """A folder as sentence-transformers writes it, of an encoder's folder and the modules behind it."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules.transformer import Transformer
    from sentence_transformers.sentence_transformer.modules.pooling import Pooling
    transformer = Transformer(str(encoder))
    modules = [transformer, Pooling(transformer.get_embedding_dimension(), pooling, include_prompt=include_prompt), *layers]
    model = SentenceTransformer(modules=modules, device="cpu", **options)
    model.save(str(folder))
    return model


@pytest.fixture(scope="module")
def bert(workspace):
    return oracles.save_random_bert("encoder", workspace / "sentence-bert")


@pytest.fixture(scope="module")
def qwen3(workspace):
    """As Qwen3-Embedding: its tokenizer appends the token of the end, whose vector is the text's."""
    def change(config):
        config.vocab_size = 300
    folder = families.save("qwen3", 2, workspace / "sentence-qwen3", change)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens([AddedToken("<|endoftext|>", special=True)])
    end = tokenizer.token_to_id("<|endoftext|>")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A <|endoftext|>", special_tokens=[("<|endoftext|>", end)])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(dict(
        tokenizer_class="PreTrainedTokenizerFast", pad_token="<|endoftext|>", eos_token="<|endoftext|>", padding_side="left", model_max_length=33)))
    return folder


def normalize():
    from sentence_transformers.base.modules.normalize import Normalize
    return Normalize()


def chains():
    tanh, identity, relu, gelu = torch.nn.Tanh(), torch.nn.Identity(), torch.nn.ReLU(), torch.nn.GELU()
    return {
        "one layer": ("mean", lambda: [dense(36, 20, tanh), normalize()]),
        "two layers": ("cls", lambda: [dense(36, 50, identity, bias=False), dense(50, 36, gelu), normalize()]),
        "normalised before": ("max", lambda: [normalize(), dense(36, 8, relu)]),
        "no layer": ("weightedmean", lambda: [normalize()]),
    }


def ours(probe, folder, workspace, *dimensions):
    texts, output = workspace / "sentence-texts.jsonl", workspace / "sentence-vectors"
    tokens.write_texts(TEXTS, texts)
    probe("encode", folder, texts, output, "f32", *dimensions)
    return load_file(output)["vectors"].numpy()


def check(theirs, vectors):
    assert report(compare({"vectors": theirs}, {"vectors": vectors}, TOLERANCE))


@pytest.mark.parametrize("name", chains())
def test_chain_of_modules(probe, workspace, bert, name):
    pooling, layers = chains()[name]
    folder, again = workspace / f"chain {name}", workspace / f"chain {name} again"
    model = save(bert, folder, pooling, layers())
    theirs = model.encode(TEXTS)
    check(theirs, ours(probe, folder, workspace))
    resave(probe, folder, again)
    check(theirs, oracles.sentence_vectors(again, TEXTS).numpy())
    half = theirs.shape[1] // 2
    check(model.encode(TEXTS, truncate_dim=half, normalize_embeddings=type(model[-1]).__name__ == "Normalize"),
          ours(probe, folder, workspace, half))


def resave(probe, folder, again):
    probe("resave", folder, again)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(folder / name, again / name)


PROMPTS = {"query": "query: ", "passage": "passage: "}


def test_default_prompt(probe, workspace, bert):
    folder, again = workspace / "prompt", workspace / "prompt-again"
    model = save(bert, folder, "mean", [normalize()], prompts=PROMPTS, default_prompt_name="query")
    theirs = model.encode(TEXTS)
    assert not torch.allclose(torch.tensor(theirs), torch.tensor(model.encode(TEXTS, prompt="")), atol=1e-3)
    check(theirs, ours(probe, folder, workspace))
    resave(probe, folder, again)
    check(theirs, oracles.sentence_vectors(again, TEXTS).numpy())
    from sentence_transformers import SentenceTransformer
    assert {name: words for name, words in SentenceTransformer(str(again), device="cpu").prompts.items() if words} == PROMPTS


@pytest.mark.parametrize("words", ["query: ", "x", "a question about customers and 好"])
@pytest.mark.parametrize("pooling", ["mean", "cls", "max", "lasttoken", "weightedmean"])
def test_pooling_without_the_prompt(probe, workspace, bert, pooling, words):
    folder, again = workspace / f"unpooled {pooling} {len(words)}", workspace / f"unpooled {pooling} {len(words)} again"
    model = save(bert, folder, pooling, [normalize()], include_prompt=False, prompts={"query": words}, default_prompt_name="query")
    theirs = model.encode(TEXTS)
    check(theirs, ours(probe, folder, workspace))
    model.set_pooling_include_prompt(True)
    if pooling != "lasttoken":  # which the prompt is not
        assert not torch.allclose(torch.tensor(theirs), torch.tensor(model.encode(TEXTS)), atol=1e-3)
    resave(probe, folder, again)
    check(theirs, oracles.sentence_vectors(again, TEXTS).numpy())


def test_pooling_without_an_instruction(probe, workspace, qwen3):
    """A tokenizer that puts nothing before the text."""
    folder = workspace / "qwen3-unpooled"
    model = save(qwen3, folder, "mean", [normalize()], include_prompt=False, prompts={"query": "Task:"}, default_prompt_name="query")
    check(model.encode(TEXTS), ours(probe, folder, workspace))


def test_mpnet(probe, workspace):
    """As all-mpnet-base-v2: word pieces between <s> and </s>, positions behind the padding's, a bias by distance."""
    def change(config):
        config.vocab_size = 160
    folder, whole = families.save("mpnet", 2, workspace / "mpnet", change), workspace / "mpnet-sentence"
    pieces = oracles.small_vocabulary(150)[5:]
    (folder / "vocab.txt").write_text("\n".join(["<s>", "<pad>", "</s>", "[UNK]", *pieces, "<mask>"]) + "\n", encoding="utf-8")
    tokenizer = transformers.MPNetTokenizer.from_pretrained(folder, model_max_length=33)
    tokenizer.save_pretrained(folder)
    model = save(folder, whole, "mean", [normalize()])
    check(model.encode(TEXTS), ours(probe, whole, workspace))


def test_last_token_behind_an_instruction(probe, workspace, qwen3):
    folder = workspace / "qwen3-embedding"
    model = save(qwen3, folder, "lasttoken", [normalize()], prompts={"query": "Task: find\nQuery:"}, default_prompt_name="query")
    theirs = model.encode(TEXTS)  # some rows are cut, and still end with the token of the end
    check(theirs, ours(probe, folder, workspace))
    check(model.encode(TEXTS, truncate_dim=24, normalize_embeddings=True), ours(probe, folder, workspace, 24))
