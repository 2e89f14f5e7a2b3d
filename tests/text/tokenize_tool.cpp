// What our tokenizer makes of texts, for tokenizer_parity.py.
//
//   tokenize_tool encode FOLDER TEXTS OUT MAX_LENGTH   int32 per text: count, then id, begin, end of each
//   token tokenize_tool words OPTIONS TEXTS OUT              one line per text: words as JSON [[word, begin,
//   end], …] tokenize_tool learn TEXTS FOLDER SIZE              learns a vocabulary and saves the tokenizer
//   tokenize_tool save FOLDER OUT                      loads a tokenizer and saves it again
//   tokenize_tool speed FOLDER TEXTS MAX_LENGTH THREADS
//
// TEXTS: one JSON value a line, a text or {"bytes": "hexadecimal"} for what need not be UTF-8. OPTIONS: four
// characters for clean_text, handle_chinese_chars, strip_accents and lowercase: 0, 1, or n for null.
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "runtime/error.h"
#include "runtime/files.h"
#include "text/tokenizer.h"
#include "text/word_reader.h"

namespace {

using namespace limner;

std::vector<std::string> read_texts(const std::string& path) {
  std::ifstream file(path);
  require(file.good(), "{}: cannot be read", path);
  std::vector<std::string> texts;
  for (std::string line; std::getline(file, line);) {
    const auto value = nlohmann::json::parse(line);
    if (value.is_string()) {
      texts.push_back(value.get<std::string>());
      continue;
    }
    const std::string digits = value.at("bytes");
    std::string bytes;
    for (size_t i = 0; i < digits.size(); i += 2) {
      bytes.push_back(static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16)));
    }
    texts.push_back(std::move(bytes));
  }
  return texts;
}

void encode(const std::string& folder, const std::string& texts, const std::string& out, int64_t max_length) {
  const Tokenizer tokenizer = Tokenizer::load(folder);
  std::vector<int32_t> numbers;
  const std::vector<std::string> read = read_texts(texts);
  const std::vector<std::vector<int32_t>> all = tokenizer.encode_all(read, max_length, 2);
  for (size_t row = 0; row < read.size(); ++row) {
    const Encoding encoding = tokenizer.encode_with_offsets(read[row], max_length);
    require(encoding.ids == all[row], "row {}: ids differ alone and among other texts", row);
    numbers.push_back(static_cast<int32_t>(encoding.ids.size()));
    for (size_t i = 0; i < encoding.ids.size(); ++i) {
      numbers.insert(numbers.end(), {encoding.ids[i], encoding.offsets[i].first, encoding.offsets[i].second});
    }
  }
  write_file(out, {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(int32_t)});
}

void words(const std::string& options, const std::string& texts, const std::string& out) {
  NormalizerOptions normalizer;
  normalizer.clean_text = options.at(0) == '1';
  normalizer.handle_chinese_chars = options.at(1) == '1';
  if (options.at(2) != 'n') normalizer.strip_accents = options.at(2) == '1';
  normalizer.lowercase = options.at(3) == '1';
  const CharacterTable& table = CharacterTable::of(normalizer, CharacterTable::Spaces::implied);
  const AddedTokenSet no_tokens({});
  WordReader reader(table, no_tokens, no_tokens);
  std::string lines;
  for (const std::string& text : read_texts(texts)) {
    Json found = Json::array();
    const auto on_word = [&](int64_t begin, int64_t end) {
      std::string word;
      for (int64_t i = begin; i < end; ++i) append_utf8(word, reader.at(i).code());
      found.push_back({word, reader.at(begin).source, reader.at(end - 1).source + 1});
      return true;
    };
    reader.read(text, on_word, [](int32_t, int64_t, int64_t) { return true; });
    lines += found.dump() + "\n";
  }
  write_file(out, lines);
}

void learn(const std::string& texts, const std::string& folder, int64_t size) {
  const std::vector<std::string> read = read_texts(texts);
  const auto start = std::chrono::steady_clock::now();
  WordPieceOptions options;
  options.vocabulary_size = size;
  WordCounter counter(options);
  counter.add(read, 1);
  const auto counted = std::chrono::steady_clock::now();
  const Tokenizer tokenizer = Tokenizer::from_vocabulary(counter.learn(), options);
  const std::chrono::duration<double> counting = counted - start;
  const std::chrono::duration<double> learning = std::chrono::steady_clock::now() - counted;
  std::filesystem::create_directories(folder);
  tokenizer.save(folder, 512);
  std::cout << Json{{"entries", tokenizer.vocabulary_size()},
                    {"counting_s", counting.count()},
                    {"learning_s", learning.count()}}
                   .dump()
            << "\n";
}

void speed(const std::string& folder, const std::string& texts, int64_t max_length, int threads) {
  const auto start = std::chrono::steady_clock::now();
  const Tokenizer tokenizer = Tokenizer::load(folder);
  const std::chrono::duration<double> loading = std::chrono::steady_clock::now() - start;
  const std::vector<std::string> read = read_texts(texts);
  double best = 1e9;
  int64_t tokens = 0, cut = 0;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const auto begin = std::chrono::steady_clock::now();
    const auto ids = tokenizer.encode_all(read, max_length, threads, &cut);
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    tokens = 0;
    for (const auto& row : ids) tokens += static_cast<int64_t>(row.size());
  }
  std::cout << Json{{"tokens", tokens},
                    {"cut", cut},
                    {"seconds", best},
                    {"tokens_per_second", static_cast<double>(tokens) / best},
                    {"loading_s", loading.count()}}
                   .dump()
            << "\n";
}

int run(const std::vector<std::string>& arguments) {
  const std::string command = arguments.empty() ? "" : arguments[0];
  const auto argument = [&](size_t index) { return arguments.at(index); };
  if (command == "encode") {
    encode(argument(1), argument(2), argument(3), std::stoll(argument(4)));
  } else if (command == "words") {
    words(argument(1), argument(2), argument(3));
  } else if (command == "learn") {
    learn(argument(1), argument(2), std::stoll(argument(3)));
  } else if (command == "save") {
    std::filesystem::create_directories(argument(2));
    Tokenizer::load(argument(1)).save(argument(2), 512);
  } else if (command == "speed") {
    speed(argument(1), argument(2), std::stoll(argument(3)), std::stoi(argument(4)));
  } else {
    std::cerr << "tokenize_tool: see the head of tests/text/tokenize_tool.cpp\n";
    return 64;
  }
  return 0;
}

}  // namespace

int main(int count, char** values) {
  try {
    return run({values + 1, values + count});
  } catch (const std::exception& error) {
    std::cerr << "tokenize_tool: " << error.what() << "\n";
    return 70;
  }
}
