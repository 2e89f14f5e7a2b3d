// topics.h5 and topics.json.
#include <numeric>

#include "profile/results.h"
#include "profile/topics.h"
#include "profile/words_file.h"

namespace limner {
namespace {

constexpr int64_t format_version = 1;

}  // namespace

void write_topics_hdf5(const fs::path& path, const Topics& topics) {
  const TopicModel& model = topics.model;
  hdf5::Writer file;
  file.attribute("/", "format", "limner topics");
  file.attribute("/", "format_version", format_version);
  file.attribute("/", "topics", model.topics);
  file.attribute("/", "alpha", model.alpha);
  file.attribute("/", "eta", model.eta);
  file.attribute("/", "updates", model.updates);
  write_vocabulary(file, topics.vocabulary);
  file.dataset("/weight", hdf5::Type::f64, {model.terms(), model.topics}, model.weight.data());
  file.dataset("/topic_of_row", hdf5::Type::i32, {std::ssize(topics.of_text)}, topics.of_text.data());
  write_file(path, file.image());
}

SavedTopics read_topics_hdf5(const fs::path& path) {
  const hdf5::Reader file(path);
  if (!file.has_attribute("/", "format") || file.attribute("/", "format") != "limner topics" ||
      file.attribute_int("/", "format_version") != format_version) {
    fail(ExitCode::bad_data, "{}: not topics of version {}; run `limner profile` again", path.string(),
         format_version);
  }
  TopicModel model;
  model.topics = file.attribute_int("/", "topics");
  model.alpha = file.attribute_double("/", "alpha");
  model.eta = file.attribute_double("/", "eta");
  model.updates = file.attribute_int("/", "updates");
  Vocabulary vocabulary = read_vocabulary(file);
  model.weight.resize(static_cast<size_t>(vocabulary.size() * model.topics));
  file.read("/weight", hdf5::Type::f64, 0, vocabulary.size(), model.weight.data());
  return {std::move(vocabulary), std::move(model)};
}

Json topics_json(const ProfileResults& results) {
  const Topics& found = results.topics;
  Json topics = Json::array(), agreements = Json::array();
  for (size_t i = 0; i < found.topics.size(); ++i) {
    const Topic& topic = found.topics[i];
    Json words = Json::array();
    for (const TopicWord& word : topic.words) {
      words.push_back(
          {{"word", word.word}, {"probability", rounded(word.probability)}, {"lift", rounded(word.lift)}});
    }
    topics.push_back({{"topic", i + 1},
                      {"title", topic.title()},
                      {"share", rounded(topic.share)},
                      {"texts", topic.texts},
                      {"customers", results.customers_of_topic(i)},
                      {"coherence", rounded(topic.coherence)},
                      {"words", words}});
  }
  for (const TopicAgreement& agreement : found.agreements) {
    agreements.push_back({{"field", agreement.field},
                          {"normalised_mutual_information", rounded(agreement.information)},
                          {"texts", agreement.texts}});
  }
  return {{"format_version", format_version},
          {"sources", sources_json(results)},
          {"k", found.count()},
          {"alpha", found.model.alpha},
          {"eta", found.model.eta},
          {"updates", found.model.updates},
          {"words_in_vocabulary", found.vocabulary.size()},
          {"texts", found.vocabulary.texts()},
          {"texts_with_words", found.texts_with_words},
          {"coherence", found.count() > 0 ? rounded(found.coherence()) : Json()},
          {"agreements", agreements},
          {"topics", topics}};
}

}  // namespace limner
