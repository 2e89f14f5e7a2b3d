// Learns a SentencePiece model of either kind, with the usual normalizer, from the lines of a file as they
// stand:
//
//   sentencepiece_tool LINES PREFIX bpe|unigram SIZE   writes PREFIX.model and PREFIX.vocab
//
// A program of its own: Debian's library carries a protobuf that does not go with the one Limner is linked
// with.
#include <sentencepiece_trainer.h>

#include <iostream>
#include <string>
#include <unordered_map>

int main(int count, char** values) {
  if (count != 5) {
    std::cerr << "sentencepiece_tool: see the head of tests/text/sentencepiece_tool.cpp\n";
    return 64;
  }
  const std::string kind = values[3];
  const std::unordered_map<std::string, std::string> options = {
      {"input", values[1]},
      {"model_prefix", values[2]},
      {"model_type", kind},
      {"vocab_size", values[4]},
      {"hard_vocab_limit", "false"},
      {"byte_fallback", kind == "bpe" ? "true" : "false"},
      {"normalization_rule_name", kind == "bpe" ? "identity" : "nmt_nfkc"},
      {"num_threads", "1"},
      {"minloglevel", "2"}};
  const auto status = sentencepiece::SentencePieceTrainer::Train(options);
  if (status.ok()) return 0;
  std::cerr << "sentencepiece_tool: " << status.ToString() << "\n";
  return 70;
}
