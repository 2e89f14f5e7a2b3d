// Every setting of Limner, section by section: default, meaning and range beside each field.
// docs/configuration.md is generated from this file. Names follow the Hugging Face Trainer where it has one.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/config.h"

namespace limner {

struct RunSettings {
  std::string directory = "runs/limner";
  int64_t seed = 17;
  template <class V>
  void visit(V& v) {
    v.field("directory", directory, "Folder that receives every file of the run.");
    v.field("seed", seed, "Seed of every random number.", Range{0, 9e15});
  }
};

struct RuntimeSettings {
  std::string device = "auto";
  std::string precision = "auto";
  Auto<int64_t> threads;
  bool cuda_graphs = false;
  int64_t collective_timeout = 600;
  int64_t silence_timeout = 20;
  template <class V>
  void visit(V& v) {
    v.field("device", device, "Where the model runs. auto: cuda where there is a GPU, else cpu.",
            OneOf{{"auto", "cpu", "cuda"}});
    v.field("precision", precision,
            "Type of activations and of the weights in matrix products. auto: bf16 where the processor "
            "multiplies it natively, else f32.",
            OneOf{{"auto", "f32", "bf16"}});
    v.field("threads", threads, "Threads per rank. auto: the cores of this host shared by its ranks.",
            Range{1, 1024});
    v.field(
        "cuda_graphs", cuda_graphs,
        "Give a GPU the work of a batch in few pieces (CUDA graphs), kept and replayed for batches of the "
        "same shape; batches are padded to few shapes for it, which may change last bits. Off until "
        "measured on a GPU. No effect on the CPU.");
    v.field("collective_timeout", collective_timeout, "Seconds until a wait for another rank is an error.",
            Range{1, 86400});
    v.field("silence_timeout", silence_timeout,
            "Seconds without a sign of life from a rank (stopped, host or network gone) until the job ends.",
            Range{2, 86400});
  }
};

struct SourceSettings {
  std::string path;
  std::string format = "auto";
  std::string holds = "auto";
  std::map<std::string, std::string> fields;
  template <class V>
  void visit(V& v) {
    v.field("path", path, "CSV, TSV or JSON-lines file, plain or gzip; relative to the working directory.");
    v.field("format", format, "auto: by the file name (.csv, .tsv, .jsonl, each also .gz).",
            OneOf{{"auto", "csv", "tsv", "jsonl"}});
    v.field(
        "holds", holds,
        "auto: texts if it maps `text`, else one row a customer. events: what customers did, by the fields "
        "`customer`, `time`, `kind` and, if there is one, `amount`.",
        OneOf{{"auto", "events"}});
    v.field("fields", fields,
            "Limner's name of a field: the column or JSON key that holds it, or several joined by ` + `. "
            "`customer`, `text`, `time` and `item` have a meaning of their own; every other name becomes a "
            "column. The source that maps "
            "`text` gives the rows; the others are joined on `customer`.");
  }
};

struct CleanSettings {
  bool nfkc = false;
  std::string lowercase = "none";
  bool strip_urls = true;
  bool strip_html = true;
  bool collapse_whitespace = true;
  int64_t min_characters = 1;
  int64_t max_characters = 100000;
  template <class V>
  void visit(V& v) {
    v.field("nfkc", nfkc, "Normalise texts to Unicode NFKC.");
    v.field("lowercase", lowercase,
            "Lower-case texts: none, all, or only those whose letters are mostly Latin.",
            OneOf{{"none", "latin", "all"}});
    v.field("strip_urls", strip_urls, "Replace URLs by a blank.");
    v.field("strip_html", strip_html, "Drop HTML tags and resolve character references.");
    v.field("collapse_whitespace", collapse_whitespace,
            "Turn every run of white space into one blank and trim the ends.");
    v.field("min_characters", min_characters, "Shorter texts are rejected (after cleaning).", Range{1, 1e6});
    v.field("max_characters", max_characters,
            "Longer texts are rejected (before cleaning): a quote left open swallows a table.",
            Range{1, 1e9});
  }
};

struct SplitSettings {
  double train = 0.8;
  double validation = 0.1;
  double test = 0.1;
  std::string by = "row";
  std::optional<std::string> stratify;
  template <class V>
  void visit(V& v) {
    v.field("train", train, "Share of training rows; the three shares add up to 1.", Range{0, 1});
    v.field("validation", validation, "Share of validation rows.", Range{0, 1});
    v.field("test", test, "Share of test rows.", Range{0, 1});
    v.field("by", by, "row: each row is drawn alone. customer: all rows of a customer go to one part.",
            OneOf{{"row", "customer"}});
    v.field("stratify", stratify, "A category field whose shares are kept in each part (only with by: row).");
  }
};

struct RuleSettings {
  std::string field;
  std::string check = "required";
  std::optional<std::string> name;
  std::optional<std::string> low;
  std::optional<std::string> high;
  std::optional<std::string> pattern;
  std::vector<std::string> allowed;
  std::optional<std::string> relation;
  std::optional<std::string> other;
  std::string on_failure = "reject";
  template <class V>
  void visit(V& v) {
    v.field("field", field, "The field that is checked, after cleaning.");
    v.field("check", check,
            "required: a value is there. Every other check lets a missing value pass. range: from low to "
            "high. pattern: the whole value matches. allowed: one of a list. compare: with another field of "
            "the same source.",
            OneOf{{"required", "range", "pattern", "allowed", "compare"}});
    v.field("name", name, "Stands in rejects.jsonl and quality.json. Without it: field and check.");
    v.field("low", low, "Smallest value of a range: a number, or a time where the field's type is time.");
    v.field("high", high, "Largest value of a range.");
    v.field("pattern", pattern, "Regular expression as ICU reads it; `(?i)` in front ignores case.");
    v.field("allowed", allowed, "Values of allowed; each part of a multi_category field must be one.");
    v.field("relation", relation,
            "How field stands to other in compare. Order wants two numbers or two times by prepare.types.",
            OneOf{{"equal", "different", "less", "at_most", "at_least", "greater"}});
    v.field("other", other, "The field that compare looks at.");
    v.field("on_failure", on_failure, "reject: the row goes to rejects.jsonl. fail: the run ends there.",
            OneOf{{"reject", "fail"}});
  }
};

struct MaxMissingSettings {
  double row = 1.0;
  double column = 1.0;
  template <class V>
  void visit(V& v) {
    v.field("row", row, "A row of which a larger share of its source's fields is missing is rejected.",
            Range{0, 1});
    v.field("column", column,
            "A field that is missing in a larger share of the training rows is left out of prepared.h5.",
            Range{0, 1});
  }
};

struct OutlierSettings {
  std::string field;
  std::string method = "iqr";
  Auto<double> limit;
  std::string action = "keep";
  template <class V>
  void visit(V& v) {
    v.field("field", field, "A field of numbers.");
    v.field("method", method,
            "iqr: below the first or above the third quartile by more than limit times their distance. "
            "z_score: farther from the mean than limit times the standard deviation.",
            OneOf{{"iqr", "z_score"}});
    v.field("limit", limit, "auto: 1.5 for iqr, 3 for z_score.", Range{0, 1e6});
    v.field("action", action,
            "keep: only counted. clip: becomes the limit. drop: the row is rejected (of a customer's field: "
            "every row of the customer).",
            OneOf{{"keep", "clip", "drop"}});
  }
};

struct EventSettings {
  std::map<std::string, std::string> kinds;
  std::optional<std::string> reference_time;
  int64_t period_days = 30;
  int64_t periods = 6;
  template <class V>
  void visit(V& v) {
    v.field("kinds", kinds,
            "Word of the column `kind`: purchase, view or search. Empty: the column holds these three.");
    v.field("reference_time", reference_time,
            "The present, from which recency and periods count. null: the time of the latest event.");
    v.field("period_days", period_days, "Days of a period of the trend.", Range{1, 36500});
    v.field("periods", periods, "Periods of the trend, back from the reference time.", Range{2, 1000});
  }
};

struct NearDuplicateSettings {
  std::optional<double> threshold;
  std::string within = "customer";
  int64_t shingle = 5;
  int64_t hashes = 128;
  template <class V>
  void visit(V& v) {
    v.field("threshold", threshold,
            "A row is dropped whose text shares at least this part of its runs of characters with an earlier "
            "one's (Jaccard's similarity). null: none is dropped.",
            Range{0.3, 1});
    v.field("within", within, "customer: only texts of the same customer are compared. all: every text.",
            OneOf{{"customer", "all"}});
    v.field("shingle", shingle, "Characters of a run.", Range{1, 100});
    v.field("hashes", hashes, "MinHash values of a text; more find dissimilar candidates less often.",
            Range{16, 4096});
  }
};

struct PrepareSettings {
  std::vector<SourceSettings> sources;
  CleanSettings clean;
  std::string duplicates = "drop";
  NearDuplicateSettings near_duplicates;
  std::map<std::string, std::string> types;
  std::map<std::string, std::string> missing;
  std::map<std::string, std::string> constants;
  MaxMissingSettings max_missing;
  std::vector<OutlierSettings> outliers;
  std::map<std::string, std::string> scaling;
  std::optional<std::string> fitted_from;
  EventSettings events;
  std::vector<RuleSettings> rules;
  SplitSettings split;
  template <class V>
  void visit(V& v) {
    v.field("sources", sources,
            "Raw tables. At most one maps `text`; without it the first table gives the rows, one a customer, "
            "and there is nothing to train and extract.");
    v.field("clean", clean, "Text cleaning.");
    v.field("duplicates", duplicates,
            "drop: of rows with equal cleaned text, customer and fields, the first stays. keep: all stay.",
            OneOf{{"drop", "keep"}});
    v.field("near_duplicates", near_duplicates, "Texts that are almost the same (MinHash with banding).");
    v.field("types", types,
            "Type of a field: category, number, multi_category (values parted by |) or time. Without it: "
            "number if every value is one, else category.");
    v.field("missing", missing,
            "What an empty value of a field becomes: keep (stays missing), reject (the row is rejected), "
            "mean, median (numbers), most_frequent, constant, or linear and cubic_spline: interpolated in "
            "time between the customer's rows, beyond them the nearest value.");
    v.field("constants", constants, "Value of a field whose `missing` is constant.");
    v.field("max_missing", max_missing, "Rows and columns with too little in them.");
    v.field("outliers", outliers, "Numbers far from the others; the limits come from the training rows.");
    v.field("scaling", scaling,
            "standard: a field's training values to mean 0 and variance 1. min_max: to 0 and 1. After "
            "outliers and missing values.");
    v.field("fitted_from", fitted_from,
            "prepared.h5 of an earlier run: types, dropped columns, fill values, limits and scales are taken "
            "from it, so that new customers are treated as those were.");
    v.field("events", events,
            "How events become the fields event_recency_days, event_frequency, event_amount, "
            "event_browse_rate and event_trend of a customer.");
    v.field("rules", rules, "What every row must hold to; the first rule that a row breaks counts.");
    v.field("split", split, "Training, validation and test parts.");
  }
};

struct ArchitectureSettings {
  std::string family = "bert";
  int64_t layers = 4;
  int64_t hidden = 192;
  int64_t heads = 6;
  int64_t inner = 768;
  int64_t max_positions = 512;
  std::string activation = "auto";
  double dropout = 0.1;
  template <class V>
  void visit(V& v) {
    v.field("family", family, "Model family; gpt2 and llama read each token with those before it alone.",
            OneOf{{"bert", "distilbert", "modernbert", "gpt2", "llama"}});
    v.field("layers", layers, "Transformer blocks.", Range{1, 200});
    v.field("hidden", hidden, "Width of a token's vector.", Range{8, 16384});
    v.field("heads", heads, "Attention heads; divides hidden.", Range{1, 256});
    v.field("inner", inner, "Width of the feed-forward layer.", Range{8, 65536});
    v.field("max_positions", max_positions, "Longest row in tokens.", Range{8, 131072});
    v.field("activation", activation,
            "gelu (exact), gelu_new (tanh), silu, relu. auto: the family's (gpt2 gelu_new, llama silu, "
            "others gelu).",
            OneOf{{"auto", "gelu", "gelu_new", "silu", "relu"}});
    v.field("dropout", dropout, "Dropout of hidden states and attention.", Range{0, 0.9});
  }
};

struct VocabularySettings {
  int64_t size = 8000;
  int64_t min_frequency = 2;
  bool lowercase = true;
  template <class V>
  void visit(V& v) {
    v.field("size", size, "Entries of the WordPiece vocabulary learned from the training rows.",
            Range{100, 1000000});
    v.field("min_frequency", min_frequency, "Rarer characters and pairs are not learned.", Range{1, 1e6});
    v.field("lowercase", lowercase, "Lower-case and strip accents before tokenizing.");
  }
};

struct ModelSettings {
  std::optional<std::string> checkpoint;
  ArchitectureSettings architecture;
  VocabularySettings vocabulary;
  Auto<int64_t> max_length;
  std::string prompt = "auto";
  template <class V>
  void visit(V& v) {
    v.field("checkpoint", checkpoint,
            "A Hugging Face or sentence-transformers folder to start from; null: from scratch.");
    v.field("architecture", architecture, "Shape of a model from scratch.");
    v.field("vocabulary", vocabulary, "Vocabulary of a model from scratch.");
    v.field("max_length", max_length,
            "Rows are cut to this many tokens. auto: what the checkpoint says, at most its positions.",
            Range{3, 131072});
    v.field(
        "prompt", prompt,
        "Put before every text, in training and extraction: the name of one of the checkpoint's prompts, or "
        "words. auto: the checkpoint's default prompt, if it has one.");
  }
};

struct HeadSettings {
  std::string name;
  std::string field;
  std::string kind = "single_label";
  double weight = 1.0;
  std::string class_weight = "none";
  double label_smoothing = 0.0;
  double focal_gamma = 0.0;
  std::string standardize = "auto";
  template <class V>
  void visit(V& v) {
    v.field("name", name, "Name of the head, in files and metrics.");
    v.field("field", field,
            "The prepared field it predicts. Rows where it is missing do not count for this head.");
    v.field("kind", kind, "single_label, multi_label or regression.",
            OneOf{{"single_label", "multi_label", "regression"}});
    v.field("weight", weight, "Share of this head's loss in the sum.", Range{0, 1e6});
    v.field("class_weight", class_weight,
            "auto: classes weigh inversely to their frequency. none: all alike.", OneOf{{"none", "auto"}});
    v.field("label_smoothing", label_smoothing,
            "Share of each label that is spread evenly over all classes (not for regression).",
            Range{0, 0.999});
    v.field("focal_gamma", focal_gamma,
            "Focal loss: a row's loss times (1 - probability of its label) to this power, so that what is "
            "known counts less (not for regression); 0: as it is.",
            Range{0, 20});
    v.field("standardize", standardize,
            "Regression targets to mean 0 and variance 1 of the training rows (predictions are given in the "
            "target's unit). auto: yes.",
            OneOf{{"auto", "no"}});
  }
};

struct MaskedLanguageModelSettings {
  double weight = 0.0;
  double mask_probability = 0.15;
  bool whole_words = true;
  template <class V>
  void visit(V& v) {
    v.field("weight", weight,
            "Share of this loss beside the heads' in fine-tuning; 0: only in pretraining, if there is one.",
            Range{0, 1e6});
    v.field("mask_probability", mask_probability, "Share of a row's tokens that the model must guess.",
            Range{0.01, 0.9});
    v.field("whole_words", whole_words, "Tokens of one word are hidden together.");
  }
};

struct CausalLanguageModelSettings {
  double weight = 0.0;
  template <class V>
  void visit(V& v) {
    v.field("weight", weight,
            "Share of this loss beside the heads' in fine-tuning; 0: only in pretraining, if there is one.",
            Range{0, 1e6});
  }
};

struct ContrastiveSettings {
  double weight = 0.0;
  std::string pair_by = "none";
  double temperature = 0.05;
  std::vector<int64_t> widths;
  template <class V>
  void visit(V& v) {
    v.field("weight", weight,
            "Share of this loss beside the heads' in fine-tuning; 0: only in pretraining, if that asks for "
            "it.",
            Range{0, 1e6});
    v.field("pair_by", pair_by,
            "What a text is paired with: another one of its customer or item, drawn anew in every epoch; "
            "where there is none, and with none, the same text read with other dropout (SimCSE).",
            OneOf{{"none", "customer", "item"}});
    v.field("temperature", temperature, "Cosines are divided by this before the softmax.", Range{0.001, 10});
    v.field("widths", widths,
            "Matryoshka: the loss is the mean of those of the first so many numbers of a vector. Empty: the "
            "whole vector.");
  }
};

struct PretrainingSettings {
  double num_train_epochs = 0;
  double learning_rate = 5e-4;
  std::string objective = "auto";
  template <class V>
  void visit(V& v) {
    v.field("num_train_epochs", num_train_epochs,
            "Passes over the training rows' texts, without their labels, before fine-tuning starts; 0: none. "
            "All else is as for fine-tuning.",
            Range{0, 1e6});
    v.field("learning_rate", learning_rate, "Highest learning rate of pretraining.", Range{0, 10});
    v.field("objective", objective,
            "auto: causal_language_model for a decoder (gpt2, llama, …), else masked_language_model.",
            OneOf{{"auto", "masked_language_model", "causal_language_model", "contrastive"}});
  }
};

struct LoraSettings {
  int64_t rank = 0;
  double alpha = 16;
  double dropout = 0.0;
  std::vector<std::string> targets = {"all-linear"};
  template <class V>
  void visit(V& v) {
    v.field("rank", rank, "Rank of the updates; 0: none, everything is trained.", Range{0, 4096});
    v.field("alpha", alpha, "Updates are scaled by alpha / rank.", Range{1e-3, 1e6});
    v.field("dropout", dropout, "Dropout of what the updates read.", Range{0, 0.9});
    v.field("targets", targets,
            "Linear layers that are updated, by Hugging Face's names or the ends of them (query, q_proj, "
            "c_attn); all-linear: all of the blocks.");
  }
};

struct FreezeSettings {
  bool embeddings = false;
  int64_t layers = 0;
  template <class V>
  void visit(V& v) {
    v.field("embeddings", embeddings, "The tables of words, positions and segments, and their norm.");
    v.field("layers", layers, "Blocks from the first on.", Range{0, 200});
  }
};

struct TrainSettings {
  std::vector<HeadSettings> heads;
  MaskedLanguageModelSettings masked_language_model;
  CausalLanguageModelSettings causal_language_model;
  ContrastiveSettings contrastive;
  std::optional<std::string> balance;
  PretrainingSettings pretraining;
  LoraSettings lora;
  FreezeSettings freeze;
  int64_t max_tokens_per_batch = 8192;
  int64_t gradient_accumulation_steps = 1;
  bool gradient_checkpointing = false;
  double num_train_epochs = 3;
  int64_t max_steps = 0;
  double learning_rate = 5e-5;
  std::string lr_scheduler_type = "linear";
  double lr_power = 1.0;
  double lr_end_ratio = 0.0;
  double decay_ratio = 0.1;
  double layer_lr_decay = 1.0;
  double warmup_ratio = 0.06;
  int64_t warmup_steps = 0;
  double weight_decay = 0.01;
  double adam_beta1 = 0.9;
  double adam_beta2 = 0.999;
  double adam_epsilon = 1e-8;
  double max_grad_norm = 1.0;
  double weight_average = 0.0;
  std::string pooling = "auto";
  Auto<double> dropout;
  int64_t logging_steps = 10;
  int64_t eval_steps = 0;
  int64_t save_steps = 0;
  int64_t save_total_limit = 2;
  int64_t early_stopping_patience = 0;
  std::string metric_for_best_model = "auto";
  std::string bad_step = "stop";
  double spike_factor = 0.0;
  std::string deterministic = "same_ranks";
  int64_t micro_batches = 8;
  bool shard_optimizer_state = false;
  bool save_in_background = true;
  template <class V>
  void visit(V& v) {
    v.field("heads", heads, "What the model learns to predict; several at once.");
    v.field("masked_language_model", masked_language_model,
            "Guessing hidden tokens: needs no labels, so every text teaches.");
    v.field("causal_language_model", causal_language_model,
            "Guessing each next token, for decoders: needs no labels.");
    v.field(
        "contrastive", contrastive,
        "Vectors of two texts that belong together are to be closer than those of others in the batch, on "
        "all ranks.");
    v.field(
        "balance", balance,
        "A single_label head by name: an epoch, as long as ever, draws its classes alike often, rare rows "
        "several times. null: every row once.");
    v.field("pretraining", pretraining, "Learning from the texts alone, before fine-tuning.");
    v.field("lora", lora,
            "Low-rank updates of linear layers, with everything below the heads frozen; saved as a PEFT "
            "adapter. Wants model.checkpoint or train.pretraining.");
    v.field("freeze", freeze, "What keeps the weights it starts with.");
    v.field("max_tokens_per_batch", max_tokens_per_batch,
            "Tokens of one global batch (over all ranks, before accumulation).", Range{16, 1e8});
    v.field("gradient_accumulation_steps", gradient_accumulation_steps, "Batches per optimizer step.",
            Range{1, 1e6});
    v.field(
        "gradient_checkpointing", gradient_checkpointing,
        "Keep each block's result only and compute the rest again in backward: the same gradients in less "
        "memory, for about a third more time.");
    v.field("num_train_epochs", num_train_epochs, "Passes over the training rows.", Range{0, 1e6});
    v.field("max_steps", max_steps, "Optimizer steps; 0: by num_train_epochs.", Range{0, 1e12});
    v.field("learning_rate", learning_rate, "Highest learning rate.", Range{0, 10});
    v.field("lr_scheduler_type", lr_scheduler_type,
            "Decay after the warm-up. warmup_stable_decay: constant, then linear over the last decay_ratio.",
            OneOf{{"linear", "cosine", "constant", "polynomial", "warmup_stable_decay"}});
    v.field("lr_power", lr_power, "Power of the polynomial schedule.", Range{0.01, 100});
    v.field("lr_end_ratio", lr_end_ratio, "Share of the learning rate that every schedule ends at.",
            Range{0, 1});
    v.field("decay_ratio", decay_ratio, "Share of the steps in which warmup_stable_decay falls.",
            Range{0, 1});
    v.field("layer_lr_decay", layer_lr_decay,
            "Factor of the learning rate from each layer to the one below: heads have the whole rate, the "
            "last block this share of it, the embeddings the least.",
            Range{0.01, 1});
    v.field("warmup_ratio", warmup_ratio, "Share of the steps in which the learning rate rises from 0.",
            Range{0, 1});
    v.field("warmup_steps", warmup_steps, "Steps of the warm-up; 0: by warmup_ratio.", Range{0, 1e12});
    v.field("weight_decay", weight_decay, "AdamW's decay of matrices (not of biases and normalisation).",
            Range{0, 10});
    v.field("adam_beta1", adam_beta1, "AdamW's decay of the first moment.", Range{0, 1});
    v.field("adam_beta2", adam_beta2, "AdamW's decay of the second moment.", Range{0, 1});
    v.field("adam_epsilon", adam_epsilon, "AdamW's epsilon.", Range{0, 1});
    v.field("max_grad_norm", max_grad_norm, "Gradients are scaled down to this norm; 0: never.",
            Range{0, 1e9});
    v.field("weight_average", weight_average,
            "Moving average of the weights (decay a step, such as 0.999; less in the first steps), which is "
            "evaluated and published instead of the weights; 0: none.",
            Range{0, 0.999999});
    v.field("pooling", pooling,
            "Vector that the heads read. auto: a decoder's last token, a checkpoint's pooler if it has one, "
            "else mean.",
            OneOf{{"auto", "mean", "cls", "max", "last", "pooler"}});
    v.field("dropout", dropout, "Dropout everywhere. auto: what the checkpoint or architecture says.",
            Range{0, 0.9});
    v.field("logging_steps", logging_steps, "Steps between lines of metrics.", Range{1, 1e9});
    v.field("eval_steps", eval_steps, "Steps between evaluations; 0: after each epoch.", Range{0, 1e12});
    v.field("save_steps", save_steps, "Steps between checkpoints; 0: after each epoch.", Range{0, 1e12});
    v.field("save_total_limit", save_total_limit, "Checkpoints kept beside the best; older ones are removed.",
            Range{1, 1e6});
    v.field("early_stopping_patience", early_stopping_patience,
            "Evaluations without a better metric until training ends; 0: never.", Range{0, 1e6});
    v.field("metric_for_best_model", metric_for_best_model,
            "auto: the validation loss; or HEAD/METRIC, such as sentiment/accuracy.");
    v.field(
        "bad_step", bad_step,
        "A step whose loss or gradient is not finite, or a spike: stop the run before the weights change, "
        "or skip the step (ten in a row stop the run).",
        OneOf{{"stop", "skip"}});
    v.field(
        "spike_factor", spike_factor,
        "A gradient norm beyond this many times the running mean of the norms before is a spike; 0: never.",
        Range{0, 1e9});
    v.field("deterministic", deterministic,
            "same_ranks: the same bits again for the same number of ranks. across_ranks: for any number of "
            "ranks, by summing the gradients of micro_batches in a fixed order.",
            OneOf{{"same_ranks", "across_ranks"}});
    v.field("micro_batches", micro_batches,
            "across_ranks: pieces of each global batch, whatever the ranks; ranks beyond that number have "
            "nothing to do.",
            Range{1, 4096});
    v.field(
        "shard_optimizer_state", shard_optimizer_state,
        "Each rank keeps AdamW's moments of its own part of the parameters, updates that part and gets the "
        "rest from the others (ZeRO, stage 1): the same bits in less memory, for more traffic.");
    v.field("save_in_background", save_in_background,
            "Checkpoints are written from a copy of the state while training goes on.");
  }
};

struct ExtractSettings {
  std::string checkpoint = "best";
  std::string pooling = "auto";
  Auto<bool> normalize;
  Auto<int64_t> dimensions;
  std::string dtype = "float16";
  int64_t max_tokens_per_batch = 16384;
  int64_t rows_per_shard = 65536;
  int64_t part = 0;
  int64_t parts = 1;
  template <class V>
  void visit(V& v) {
    v.field("checkpoint", checkpoint, "best, last, or a Hugging Face folder.");
    v.field("pooling", pooling,
            "How token vectors become one. auto: what the checkpoint says, else a decoder's last token, else "
            "mean.",
            OneOf{{"auto", "mean", "cls", "max", "last", "weighted_mean"}});
    v.field("normalize", normalize, "Scale vectors to length 1. auto: what the checkpoint says, else true.");
    v.field("dimensions", dimensions,
            "So many leading numbers of a vector are kept, before it is scaled: for models trained so "
            "(Matryoshka). auto: all.",
            Range{1, 1e6});
    v.field("dtype", dtype, "Type of /embedding.", OneOf{{"float16", "float32"}});
    v.field("max_tokens_per_batch", max_tokens_per_batch, "Tokens of one batch.", Range{16, 1e8});
    v.field("rows_per_shard", rows_per_shard, "Rows of one shard file: the unit of work and of recovery.",
            Range{16, 1e9});
    v.field("parts", parts,
            "Calls, such as tasks of a job array, that share the shards; the one that finds them all whole "
            "publishes them.",
            Range{1, 1e6});
    v.field("part", part, "Which of the parts this call does, from 0.", Range{0, 1e6});
  }
};

struct SegmentSettings {
  Auto<int64_t> k;
  std::string choose = "silhouette";
  int64_t k_max = 10;
  int64_t iterations = 50;
  std::string vectors = "texts";
  template <class V>
  void visit(V& v) {
    v.field("k", k, "Number of segments. auto: chosen up to k_max.", Range{1, 10000});
    v.field("choose", choose,
            "How auto chooses: the best silhouette, or the elbow of the sum of squared distances.",
            OneOf{{"silhouette", "elbow"}});
    v.field("k_max", k_max, "Largest k that auto tries.", Range{2, 1000});
    v.field("iterations", iterations, "Most k-means iterations.", Range{1, 10000});
    v.field("vectors", vectors,
            "What segments are made of where customers write: texts (the model's vectors) or word_vectors "
            "(profile.words.vectors, averaged).",
            OneOf{{"texts", "word_vectors"}});
  }
};

struct CostSettings {
  double false_positive = 1.0;
  double false_negative = 1.0;
  double true_positive = 0.0;
  double true_negative = 0.0;
  template <class V>
  void visit(V& v) {
    v.field("false_positive", false_positive, "Of acting on a customer without the outcome.",
            Range{-1e9, 1e9});
    v.field("false_negative", false_negative, "Of missing a customer with the outcome.", Range{-1e9, 1e9});
    v.field("true_positive", true_positive, "Of acting on a customer with the outcome; a gain is negative.",
            Range{-1e9, 1e9});
    v.field("true_negative", true_negative, "Of leaving a customer without the outcome alone.",
            Range{-1e9, 1e9});
  }
};

struct RegressionSettings {
  std::string target;
  std::string kind = "ridge";
  Auto<double> l2;
  double l1 = 1.0;
  int64_t trees = 200;
  Auto<int64_t> depth;
  double learning_rate = 0.1;
  int64_t min_leaf = 10;
  int64_t hidden = 16;
  int64_t rounds = 200;
  std::string calibration = "none";
  CostSettings costs;
  int64_t folds = 5;
  std::vector<std::string> attributes;
  std::vector<std::string> features{"attributes", "texts"};
  double penalty() const { return l2.value_or(1.0); }  // of kinds that do not choose it
  template <class V>
  void visit(V& v) {
    v.field("target", target, "Customer field to predict (a row field is averaged per customer).");
    v.field("kind", kind,
            "ridge, elastic_net: a number. logistic: a category of two or more classes. naive_bayes: two "
            "classes. tree, forest, boosting: a number, or two classes where the target is a category or has "
            "two values. mlp (one hidden layer): a number or a category.",
            OneOf{{"ridge", "elastic_net", "logistic", "naive_bayes", "tree", "forest", "boosting", "mlp"}});
    v.field("l2", l2,
            "Strength of the quadratic penalty on standardised features; of boosting, on the leaves. auto: "
            "ridge takes the one that tells each customer best from a fit to the others; elsewhere 1.",
            Range{0, 1e9});
    v.field("l1", l1, "elastic_net: strength of the absolute penalty on standardised features.",
            Range{0, 1e9});
    v.field("trees", trees, "Trees of a forest; rounds of boosting.", Range{1, 100000});
    v.field("depth", depth, "Deepest tree. auto: 5 for tree, 12 for forest, 4 for boosting.", Range{1, 30});
    v.field("learning_rate", learning_rate, "boosting: share of each tree that is added.", Range{1e-6, 1});
    v.field("min_leaf", min_leaf, "Fewest customers of a leaf (of boosting: their weight).", Range{1, 1e9});
    v.field("hidden", hidden, "mlp: units of the hidden layer.", Range{1, 10000});
    v.field("rounds", rounds, "mlp: most rounds of its fit.", Range{1, 1e6});
    v.field("calibration", calibration,
            "How probabilities are corrected by what was predicted out of fold: a logistic curve (platt), a "
            "rising step function (isotonic), or one factor of the log odds (temperature).",
            OneOf{{"none", "platt", "isotonic", "temperature"}});
    v.field("costs", costs, "What each outcome of a decision costs; two classes. They give the threshold.");
    v.field("folds", folds, "Cross-validation folds; a customer is in one fold.", Range{2, 100});
    v.field("attributes", attributes, "Customer fields used beside the vectors; empty: all but the targets.");
    v.field("features", features,
            "What it predicts from: attributes (fields of customers), texts (vectors and what the heads "
            "predict), topics (shares of them), word_vectors (profile.words.vectors, averaged), behaviour "
            "(how much and how lately a customer wrote and bought).",
            OneOf{{"attributes", "texts", "topics", "word_vectors", "behaviour"}});
  }
};

struct FairnessSettings {
  std::vector<std::string> groups;
  template <class V>
  void visit(V& v) {
    v.field("groups", groups, "Category fields of customers whose groups are compared.");
  }
};

struct ReportSettings {
  std::string title = "Customer profiles";
  std::string language = "auto";
  bool show_texts = true;
  template <class V>
  void visit(V& v) {
    v.field("title", title, "Heading of report.html.");
    v.field("language", language,
            "Of report.html and of segments that are named by their traits. auto: zh where most texts are "
            "Chinese, else en.",
            OneOf{{"auto", "en", "zh"}});
    v.field("show_texts", show_texts, "Quote typical texts in segment cards.");
  }
};

struct WordSettings {
  std::optional<std::string> dictionary;
  std::optional<std::string> stop_words;
  std::optional<std::string> lexicon;
  std::optional<std::string> vectors;
  bool bags = false;
  int64_t min_texts = 5;
  double max_share = 0.3;
  int64_t most = 20000;
  int64_t keywords = 6;
  template <class V>
  void visit(V& v) {
    v.field("dictionary", dictionary, "File of words that are cut as one, one a line (UTF-8).");
    v.field("stop_words", stop_words, "File of words left out beside the built-in Chinese and English ones.");
    v.field("lexicon", lexicon,
            "File of words and their sentiment from -1 to 1, a tab between, that are added to the built-in "
            "Chinese and English ones or take their place.");
    v.field("vectors", vectors,
            "File of word vectors, averaged per text and customer: word2vec's text or binary form (.bin), or "
            "GloVe's text.");
    v.field("bags", bags, "Write words.h5: the words of every text with their counts and TF-IDF.");
    v.field("min_texts", min_texts, "Words in fewer texts stay out of topics and keywords.", Range{1, 1e9});
    v.field("max_share", max_share, "Words in a larger share of the texts stay out.", Range{0.001, 1});
    v.field("most", most, "Words kept, the most frequent.", Range{10, 1e6});
    v.field("keywords", keywords, "Keywords listed per customer; 0: none, and no key sentence.",
            Range{0, 100});
  }
};

struct TopicSettings {
  Auto<int64_t> k;
  Auto<double> alpha;
  double eta = 0.05;
  int64_t passes = 10;
  int64_t texts_per_batch = 4096;
  template <class V>
  void visit(V& v) {
    v.field("k", k, "Topics of the texts; 0: none. auto: 10 where there are 200 texts with words, else none.",
            Range{0, 1000});
    v.field("alpha", alpha, "Prior of a text's topics. auto: 1 / k.", Range{1e-6, 100});
    v.field("eta", eta, "Prior of a topic's words.", Range{1e-6, 100});
    v.field("passes", passes, "Passes over the texts.", Range{1, 10000});
    v.field("texts_per_batch", texts_per_batch, "Texts between two updates of the topics.", Range{128, 1e7});
  }
};

struct RecommendationSettings {
  int64_t count = 10;
  int64_t neighbors = 50;
  int64_t factors = 32;
  template <class V>
  void visit(V& v) {
    v.field("count", count, "Items recommended per customer where the table has items; 0: none.",
            Range{0, 1000});
    v.field("neighbors", neighbors, "Similar items kept per item.", Range{1, 10000});
    v.field("factors", factors, "Width of the factorised table of customers and items; 0: none.",
            Range{0, 1000});
  }
};

struct ProfileSettings {
  Auto<double> half_life_days;
  SegmentSettings segments;
  std::vector<RegressionSettings> regressions;
  int64_t neighbors = 5;
  int64_t min_customers = 2;
  WordSettings words;
  TopicSettings topics;
  RecommendationSettings recommendations;
  std::optional<std::string> rules;
  FairnessSettings fairness;
  ReportSettings report;
  std::optional<std::string> fitted_from;
  template <class V>
  void visit(V& v) {
    v.field(
        "half_life_days", half_life_days,
        "Age at which a text weighs half in the recency-weighted mean. auto: a quarter of the table's span.",
        Range{0.001, 1e6});
    v.field("segments", segments, "k-means segments of customers.");
    v.field("regressions", regressions,
            "Models of customer fields from vectors and attributes; a target may have several of different "
            "kinds.");
    v.field("neighbors", neighbors, "Nearest customers listed per customer.", Range{0, 1000});
    v.field("min_customers", min_customers, "Fewer customers are refused.", Range{2, 1e9});
    v.field("words", words, "How texts are cut into words, and which words count.");
    v.field("topics", topics, "Topics of the texts (latent Dirichlet allocation).");
    v.field("recommendations", recommendations, "Items for every customer.");
    v.field("rules", rules, "File of rule-based segments, actions and audiences (docs/report.md).");
    v.field("fairness", fairness, "Comparison of the models over groups of customers.");
    v.field("report", report, "report.html.");
    v.field("fitted_from", fitted_from,
            "profile/ of an earlier run: nothing is fitted; its segments and models are applied to the "
            "customers of this run, who may be new. Their table wants prepare.fitted_from of that run.");
  }
};

struct PlanSettings {
  int64_t gpus = 8;
  int64_t gpus_per_node = 8;
  std::optional<std::string> measured;
  Auto<double> train_tokens_per_second;
  Auto<double> extract_tokens_per_second;
  double teraflops = 989;
  double utilization = 0.35;
  double memory_bandwidth = 3350;
  double node_bandwidth = 450;
  double network_bandwidth = 400;
  double latency = 10;
  double overlap = 0.8;
  double writer_bandwidth = 0.6;
  double disk_bandwidth = 10;
  template <class V>
  void visit(V& v) {
    v.field("gpus", gpus, "Most GPUs of the table; `limner plan CONFIG --gpus N` sets it.", Range{1, 1e6});
    v.field("gpus_per_node", gpus_per_node, "GPUs of one node.", Range{1, 1024});
    v.field("measured", measured,
            "JSON lines of `limner bench train` and `limner bench extract` on one device of that cluster.");
    v.field("train_tokens_per_second", train_tokens_per_second,
            "Of one device. auto: as measured says, else from teraflops and utilization.", Range{1e-3, 1e12});
    v.field("extract_tokens_per_second", extract_tokens_per_second, "Of one device, in the same way.",
            Range{1e-3, 1e12});
    v.field("teraflops", teraflops, "Peak of one device in 10^12 operations a second (H100 SXM, bf16).",
            Range{1e-3, 1e6});
    v.field("utilization", utilization, "Share of that peak that a model reaches.", Range{0.001, 1});
    v.field("memory_bandwidth", memory_bandwidth, "Of one device's memory, GB/s.", Range{1e-3, 1e6});
    v.field("node_bandwidth", node_bandwidth, "Between the devices of a node, GB/s a device and direction.",
            Range{1e-3, 1e6});
    v.field("network_bandwidth", network_bandwidth, "Of a node to others, GB/s and direction.",
            Range{1e-3, 1e6});
    v.field("latency", latency, "Of one message, microseconds.", Range{0, 1e6});
    v.field("overlap", overlap, "Share of the backward pass that can hide sums of gradients.", Range{0, 1});
    v.field("writer_bandwidth", writer_bandwidth, "HDF5 shards that one rank writes, GB/s.",
            Range{1e-6, 1e6});
    v.field("disk_bandwidth", disk_bandwidth, "What the file system takes from all ranks, GB/s.",
            Range{1e-6, 1e6});
  }
};

struct Settings {
  RunSettings run;
  RuntimeSettings runtime;
  PrepareSettings prepare;
  ModelSettings model;
  TrainSettings train;
  ExtractSettings extract;
  ProfileSettings profile;
  PlanSettings plan;
  template <class V>
  void visit(V& v) {
    v.field("run", run, "Where the run lives.");
    v.field("runtime", runtime, "Device, precision, threads.");
    v.field("prepare", prepare, "Raw tables to clean, joined, split rows.");
    v.field("model", model, "The transformer.");
    v.field("train", train, "Fine-tuning.");
    v.field("extract", extract, "Vectors and predictions of every row.");
    v.field("profile", profile, "Customer profiles, segments, regressions, report.");
    v.field("plan", plan, "The cluster that limner plan predicts for.");
  }
};

}  // namespace limner
