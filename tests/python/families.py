"""Small random checkpoints of every family, as transformers writes them: three shapes each, odd sizes among them."""

import math
from pathlib import Path

import torch
import transformers

import oracles

COMMON = [  # hidden, heads, inner and so on under transformers' usual names; positions are those a row may have
    dict(hidden=36, heads=3, inner=70, layers=2, vocabulary=131, positions=40, kind="single_label", classes=5),
    dict(hidden=40, heads=5, inner=97, layers=3, vocabulary=257, positions=64, kind="multi_label", classes=3),
    dict(hidden=56, heads=4, inner=33, layers=2, vocabulary=101, positions=33, kind="none", classes=0),
]


def usual(shape: dict) -> dict:
    return dict(vocab_size=shape["vocabulary"], hidden_size=shape["hidden"], num_hidden_layers=shape["layers"],
                num_attention_heads=shape["heads"], intermediate_size=shape["inner"],
                max_position_embeddings=shape["positions"])


def roberta(family):
    config = {"roberta": transformers.RobertaConfig, "xlm-roberta": transformers.XLMRobertaConfig}[family]

    def make(shape, index):
        more = [dict(layer_norm_eps=1e-5), dict(hidden_act="gelu_new"), dict(pad_token_id=0)][index]
        options = dict(type_vocab_size=1, pad_token_id=1) | more
        return config(**usual(shape) | options | dict(max_position_embeddings=shape["positions"] + options["pad_token_id"] + 1))
    return make


def mpnet(shape, index):
    more = [dict(layer_norm_eps=1e-5), dict(hidden_act="gelu_new"), {}][index]
    return transformers.MPNetConfig(**usual(shape) | more | dict(max_position_embeddings=shape["positions"] + 2), pad_token_id=1)


def distilbert(shape, index):
    return transformers.DistilBertConfig(
        vocab_size=shape["vocabulary"], dim=shape["hidden"], n_layers=shape["layers"], n_heads=shape["heads"],
        hidden_dim=shape["inner"], max_position_embeddings=shape["positions"], activation=["gelu", "relu", "gelu"][index])


def gpt2(shape, index):
    return transformers.GPT2Config(
        vocab_size=shape["vocabulary"], n_embd=shape["hidden"], n_layer=shape["layers"], n_head=shape["heads"],
        n_inner=[None, shape["inner"], shape["inner"]][index], n_positions=shape["positions"], pad_token_id=0,
        activation_function=["gelu_new", "gelu_new", "gelu"][index])


def llama(shape, index):
    more = [dict(num_key_value_heads=1),
            dict(attention_bias=True, mlp_bias=True, rms_norm_eps=1e-5),
            dict(num_key_value_heads=2, head_dim=10)][index]
    return transformers.LlamaConfig(**usual(shape), pad_token_id=0, **more)


def mistral(shape, index):
    more = [dict(num_key_value_heads=3, sliding_window=7),
            dict(num_key_value_heads=1, sliding_window=None),
            dict(num_key_value_heads=4, sliding_window=2)][index]
    return transformers.MistralConfig(**usual(shape), pad_token_id=0, **more)


def qwen2(shape, index):
    more = [dict(num_key_value_heads=3, tie_word_embeddings=True),
            dict(num_key_value_heads=1, use_sliding_window=True, sliding_window=9, max_window_layers=1),
            dict(num_key_value_heads=2)][index]
    return transformers.Qwen2Config(**usual(shape), pad_token_id=0, **more)


def qwen3(shape, index):
    more = [dict(num_key_value_heads=1, head_dim=20),
            dict(num_key_value_heads=5, head_dim=8, attention_bias=True, use_sliding_window=True, sliding_window=5,
                 max_window_layers=2),
            dict(num_key_value_heads=2, head_dim=14)][index]
    return transformers.Qwen3Config(**usual(shape), pad_token_id=0, **more)


def modernbert(shape, index):
    more = [dict(local_attention=8),
            dict(local_attention=16, classifier_pooling="mean", norm_bias=True, attention_bias=True, mlp_bias=True,
                 classifier_bias=True, global_attn_every_n_layers=2),
            dict(local_attention=4, hidden_activation="gelu_pytorch_tanh")][index]
    return transformers.ModernBertConfig(**usual(shape) | dict(num_hidden_layers=shape["layers"] + 2), pad_token_id=0,
                                         bos_token_id=2, eos_token_id=3, cls_token_id=2, sep_token_id=3, **more)


FAMILIES = {"roberta": roberta("roberta"), "xlm-roberta": roberta("xlm-roberta"), "mpnet": mpnet, "distilbert": distilbert, "gpt2": gpt2,
            "llama": llama, "mistral": mistral, "qwen2": qwen2, "qwen3": qwen3, "modernbert": modernbert}


def shake(model, seed: int = 17) -> None:
    """Every parameter random, biases and norms too, and weights far larger than usual: see oracles.save_random_bert."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if name.endswith(".bias"):
                parameter.copy_(0.2 * noise)
            elif parameter.dim() == 1:
                parameter.copy_(1 + 0.2 * noise)
            elif "emb" in name or "relative_attention_bias" in name or "wte" in name or "wpe" in name:
                parameter.copy_(0.5 * noise)
            else:
                parameter.copy_(1.2 * noise / math.sqrt(parameter.shape[1]))


def save(family: str, index: int, directory, change=None) -> Path:
    """Writes the family's checkpoint of this shape; `change` may alter its configuration before."""
    shape = COMMON[index]
    config = FAMILIES[family](shape, index)
    if change:
        change(config)
    if shape["classes"]:
        config.num_labels = shape["classes"]
        config.problem_type = oracles.PROBLEM_TYPES[shape["kind"]]
        model = transformers.AutoModelForSequenceClassification.from_config(config)
    else:
        model = transformers.AutoModel.from_config(config)
    shake(model)
    model.save_pretrained(directory)
    return Path(directory)


def batch(index: int, seed: int = 17, rows: int = 9) -> dict:
    import random
    shape, dice = COMMON[index], random.Random(seed)
    result = {"rows": oracles.random_rows(shape, rows, dice), "kind": shape["kind"]}
    if shape["classes"]:
        result["labels"] = [oracles.random_label(shape, row, dice) for row in result["rows"]]
    return result
