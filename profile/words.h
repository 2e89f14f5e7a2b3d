// Words of Chinese and English texts, for telling what a segment writes about.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace limner {

// Cuts by ICU's word boundaries (a dictionary for Chinese), lower-cases, drops numbers, punctuation, stop
// words of both languages and Latin words of one or two letters. Chinese characters that the dictionary
// leaves alone are joined with the lone ones beside them (two to four: 文笔); one that stands by a longer
// word is its torn-off end (充电器) and dropped, one between stop words or punctuation is a word (很辣). Not
// shared between threads.
class WordCutter {
 public:
  WordCutter();
  ~WordCutter();
  // The different words of a text, in the order of their first place.
  std::vector<std::string> distinct_words(const std::string& text);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// English and Chinese words that tell nothing about a subject.
const std::unordered_set<std::string_view>& stop_words();

}  // namespace limner
