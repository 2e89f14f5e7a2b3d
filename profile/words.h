// Words of Chinese and English texts: the one way in which profiling cuts them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "runtime/settings.h"

namespace limner {

// Cuts by ICU's word boundaries (a dictionary for Chinese), lower-cases, drops numbers, punctuation, stop
// words of both languages and Latin words of one or two letters. Chinese characters that the dictionary
// leaves alone are joined with the lone ones beside them (two to four: 文笔); one that stands by a longer
// word is its torn-off end (充电器) and dropped, one between stop words or punctuation is a word (很辣). A
// word of the user's dictionary is cut whole, the longest first, from left to right. Not shared between
// threads.
class WordCutter {
 public:
  // Reads the user's files. Errors: missing (missing_input); not UTF-8 (bad_data, with its line).
  explicit WordCutter(const WordSettings& settings = {});
  ~WordCutter();
  // The words of a text in their order, repetitions included.
  std::vector<std::string> words(const std::string& text);
  // The different words of a text, in the order of their first place.
  std::vector<std::string> distinct_words(const std::string& text);
  // The sentences of a text, without blanks around them.
  std::vector<std::string> sentences(const std::string& text);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// ICU's version, which decides where Chinese is cut.
std::string word_rules_version();

// English and Chinese words that tell nothing about a subject.
const std::unordered_set<std::string_view>& stop_words();

}  // namespace limner
