// cut_words PREPARED.h5: the words of every text as profiling cuts them, a text a line, for compare_topics.
#include <cstdio>

#include "profile/words.h"
#include "runtime/error.h"
#include "tables/prepared.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: cut_words PREPARED.h5\n");
    return 64;
  }
  try {
    const limner::PreparedReader prepared(argv[1]);
    limner::WordCutter cutter;
    constexpr int64_t rows_per_read = 4096;
    for (int64_t first = 0; first < prepared.rows(); first += rows_per_read) {
      for (const std::string& text :
           prepared.texts(first, std::min(rows_per_read, prepared.rows() - first))) {
        std::string line;
        for (const std::string& word : cutter.words(text)) line += (line.empty() ? "" : " ") + word;
        std::printf("%s\n", line.c_str());
      }
    }
  } catch (const limner::Error& error) {
    std::fprintf(stderr, "cut_words: %s\n", error.what());
    return static_cast<int>(error.code());
  }
  return 0;
}
