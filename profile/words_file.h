// words.h5: the vocabulary, and every text as counts and TF-IDF of its words (docs/formats.md).
#pragma once

#include <filesystem>

#include "profile/vocabulary.h"
#include "runtime/communicator.h"
#include "runtime/hdf5.h"
#include "tables/prepared.h"

namespace limner {

// A collective; rank 0 writes. Holds 20 bytes a word of each text in memory while it does.
void write_words_hdf5(const std::filesystem::path& path, const PreparedReader& prepared, WordCutter& cutter,
                      const Vocabulary& vocabulary, const Communicator& communicator);

// A vocabulary in any file of words: /term, /texts_with_term, /occurrences, attribute `texts`.
void write_vocabulary(hdf5::Writer& file, const Vocabulary& vocabulary);
Vocabulary read_vocabulary(const hdf5::Reader& file);

}  // namespace limner
