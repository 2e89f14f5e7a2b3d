#include "text/tokenizer.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <variant>

#include "runtime/error.h"
#include "runtime/parallel.h"
#include "text/bert_encoder.h"
#include "text/pipeline_encoder.h"
#include "text/pipeline_files.h"

namespace limner {

struct Tokenizer::State {
  // One of the two.
  std::optional<BertTables> bert;
  std::optional<PipelineTables> pipeline;
  PipelineFiles files;  // of the pipeline

  const std::vector<std::string>& contents() const {
    return bert ? bert->contents : pipeline->pipeline.contents;
  }
  bool is_special(int32_t id) const {
    const std::vector<AddedToken>& added = bert ? bert->parts.added_tokens : pipeline->pipeline.added_tokens;
    return std::any_of(added.begin(), added.end(),
                       [&](const AddedToken& token) { return token.id == id && token.special; });
  }
};

namespace {

class Encoder {
 public:
  Encoder(const std::optional<BertTables>& bert, const std::optional<PipelineTables>& pipeline,
          PipelineEncoder::Use use) {
    if (bert) {
      bert_.emplace(*bert);
    } else {
      pipeline_.emplace(*pipeline, use);
    }
  }
  bool encode(std::string_view text, int64_t max_length, std::vector<int32_t>& ids,
              BertEncoder::Offsets* offsets) {
    return bert_ ? bert_->encode(text, max_length, ids, offsets)
                 : pipeline_->encode(text, max_length, ids, offsets);
  }

 private:
  std::optional<BertEncoder> bert_;
  std::optional<PipelineEncoder> pipeline_;
};

// Encoders that wait for the next block of texts: as many as there are threads.
class EncoderPool {
 public:
  template <class Make>
  std::unique_ptr<Encoder> take(Make&& make) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (waiting_.empty()) return make();
    std::unique_ptr<Encoder> encoder = std::move(waiting_.back());
    waiting_.pop_back();
    return encoder;
  }
  void give_back(std::unique_ptr<Encoder> encoder) {
    const std::lock_guard<std::mutex> lock(mutex_);
    waiting_.push_back(std::move(encoder));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Encoder>> waiting_;
};

constexpr int64_t texts_per_block = 64;

}  // namespace

Tokenizer::Tokenizer(std::shared_ptr<const State> state) : state_(std::move(state)) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

Tokenizer Tokenizer::load(const std::filesystem::path& folder) {
  auto state = std::make_shared<State>();
  std::variant<TokenizerParts, PipelineFiles> read = read_tokenizer_folder(folder);
  if (TokenizerParts* parts = std::get_if<TokenizerParts>(&read)) {
    state->bert.emplace(std::move(*parts));
  } else {
    state->files = std::move(std::get<PipelineFiles>(read));
    state->pipeline.emplace(std::move(state->files.pipeline));
  }
  return Tokenizer(std::move(state));
}

Tokenizer Tokenizer::from_vocabulary(std::vector<std::string> vocabulary, const WordPieceOptions& options) {
  auto state = std::make_shared<State>();
  state->bert.emplace(bert_parts(std::move(vocabulary), normalizer_of(options)));
  return Tokenizer(std::move(state));
}

void Tokenizer::set_prompt(std::string words) { prompt_ = std::move(words); }

int64_t Tokenizer::prompt_tokens(int64_t max_length) const {
  if (prompt_.empty()) return 0;
  const std::vector<int32_t> alone = encode("", max_length);
  const bool special_end = !alone.empty() && state_->is_special(alone.back());
  return static_cast<int64_t>(alone.size()) - (special_end ? 1 : 0);
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, int64_t max_length) const {
  std::vector<int32_t> ids;
  Encoder encoder(state_->bert, state_->pipeline, PipelineEncoder::Use::one_text);
  std::string prompted;
  encoder.encode(with_prompt(text, prompted), max_length, ids, nullptr);
  return ids;
}

Encoding Tokenizer::encode_with_offsets(std::string_view text, int64_t max_length) const {
  Encoding encoding;
  Encoder encoder(state_->bert, state_->pipeline, PipelineEncoder::Use::one_text);
  std::string prompted;
  encoder.encode(with_prompt(text, prompted), max_length, encoding.ids, &encoding.offsets);
  return encoding;
}

// Without a prompt nothing is copied: of a long text no more is read than fills the row.
std::string_view Tokenizer::with_prompt(std::string_view text, std::string& prompted) const {
  if (prompt_.empty()) return text;
  prompted = prompt_;
  prompted += text;
  return prompted;
}

std::vector<std::vector<int32_t>> Tokenizer::encode_all(const std::vector<std::string>& texts,
                                                        int64_t max_length, int threads,
                                                        int64_t* truncated) const {
  const auto count = static_cast<int64_t>(texts.size());
  const int64_t blocks = (count + texts_per_block - 1) / texts_per_block;
  std::vector<std::vector<int32_t>> ids(texts.size());
  std::vector<int64_t> cut(static_cast<size_t>(blocks));
  EncoderPool pool;
  parallel_for(blocks, threads, [&](int64_t block) {
    std::unique_ptr<Encoder> encoder = pool.take([&] {
      return std::make_unique<Encoder>(state_->bert, state_->pipeline, PipelineEncoder::Use::many_texts);
    });
    std::string prompted;
    const int64_t end = std::min(count, (block + 1) * texts_per_block);
    for (int64_t index = block * texts_per_block; index < end; ++index) {
      const auto i = static_cast<size_t>(index);
      const bool is_cut = encoder->encode(with_prompt(texts[i], prompted), max_length, ids[i], nullptr);
      cut[static_cast<size_t>(block)] += is_cut ? 1 : 0;
    }
    pool.give_back(std::move(encoder));
  });
  if (truncated != nullptr) {
    *truncated = 0;
    for (const int64_t rows : cut) *truncated += rows;
  }
  return ids;
}

std::string Tokenizer::kind() const { return state_->bert ? "WordPiece" : state_->pipeline->pipeline.kind; }
int64_t Tokenizer::vocabulary_size() const { return static_cast<int64_t>(state_->contents().size()); }

std::optional<int32_t> Tokenizer::unknown_id() const {
  return state_->bert ? state_->bert->unknown_id : state_->pipeline->pipeline.unknown_id;
}

std::optional<int32_t> Tokenizer::pad_id() const {
  return state_->bert ? state_->bert->pad_id : state_->files.pad_id;
}

const std::string& Tokenizer::token(int32_t id) const {
  require(id >= 0 && id < vocabulary_size(), "token {} of a vocabulary of {}", id, vocabulary_size());
  return state_->contents()[static_cast<size_t>(id)];
}

void Tokenizer::save(const std::filesystem::path& folder, int64_t model_max_length) const {
  if (state_->bert) {
    write_tokenizer_files(folder, state_->bert->parts, model_max_length);
  } else {
    write_pipeline_files(folder, state_->files, state_->pipeline->pipeline.document, model_max_length);
  }
}

std::string Tokenizer::sha256() const {
  std::string description = state_->bert ? describe_tokenizer(state_->bert->parts)
                                         : describe_pipeline(state_->pipeline->pipeline.document);
  if (!prompt_.empty()) description += "\nprompt " + prompt_;
  return limner::sha256(description);
}

}  // namespace limner
