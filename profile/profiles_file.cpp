// profiles.h5 and profiles.jsonl: one record a customer.
#include <algorithm>
#include <cmath>

#include "profile/results.h"
#include "runtime/hdf5.h"

namespace limner {
namespace {

constexpr int64_t format_version = 1;

std::vector<int32_t> one_based(const std::vector<int32_t>& segment) {
  std::vector<int32_t> result;
  for (const int32_t index : segment) result.push_back(index + 1);
  return result;
}

// Datasets of one row a customer, each with the scale /row.
class CustomerFile {
 public:
  CustomerFile(const fs::path& path, int64_t customers) : file_(path), customers_(customers) {
    std::vector<int64_t> numbers(static_cast<size_t>(customers));
    for (int64_t i = 0; i < customers; ++i) numbers[static_cast<size_t>(i)] = i;
    file_.dataset("/row", hdf5::Type::i64, {customers}, numbers.data());
  }
  void numbers(const std::string& path, hdf5::Type type, const void* data) {
    file_.dataset(path, type, {customers_}, data);
    file_.dimension_scale(path, "/row", 0, "row");
  }
  void matrix(const std::string& path, hdf5::Type type, int64_t columns, const void* data) {
    file_.dataset(path, type, {customers_, columns}, data);
    file_.dimension_scale(path, "/row", 0, "row");
  }
  // As float32, block by block.
  void floats(const std::string& path, const Rows& rows) {
    std::vector<float> block;
    file_.dataset_by_rows(path, hdf5::Type::f32, {customers_, rows.columns()},
                          [&](int64_t first, int64_t count) {
                            const Matrix values = rows.block(first, count);
                            block.assign(values.data(), values.data() + values.size());
                            return block.data();
                          });
    file_.dimension_scale(path, "/row", 0, "row");
  }
  void floats(const std::string& path, const Matrix& matrix) { floats(path, MatrixRows(matrix)); }
  hdf5::Writer& file() { return file_; }

 private:
  hdf5::Writer file_;
  int64_t customers_;
};

void write_attributes(hdf5::Writer& file, const ProfileResults& results) {
  const ShardProvenance& from = results.provenance;
  file.attribute("/", "format", "limner profiles");
  file.attribute("/", "format_version", format_version);
  file.attribute("/", "customers", results.customers.count());
  file.attribute("/", "rows", from.rows);
  file.attribute("/", "model_sha256", from.model_sha256);
  file.attribute("/", "tokenizer_sha256", from.tokenizer_sha256);
  file.attribute("/", "prepared_sha256", from.prepared_sha256);
  file.attribute("/", "settings_sha256", results.settings_sha256);
  file.attribute("/", "pooling", from.pooling);
  file.attribute("/", "map", results.map.method);
}

Json row_ranges(const std::vector<std::pair<int64_t, int64_t>>& ranges) {
  Json rows = Json::array();
  for (const auto& [first, last] : ranges) rows.push_back({first, last});
  return rows;
}

Json predictions_json(const Customers& customers, size_t index) {
  Json predictions = Json::object();
  for (const HeadAverages& head : customers.heads) {
    const auto row = head.mean.row(static_cast<int64_t>(index));
    if (head.kind == "regression") {
      predictions[head.name] = rounded(row[0]);
      continue;
    }
    Json shares = Json::object();
    for (size_t i = 0; i < head.classes.size(); ++i)
      shares[head.classes[i]] = rounded(row[static_cast<int64_t>(i)]);
    predictions[head.name] = std::move(shares);
  }
  return predictions;
}

Json attributes_json(const std::vector<CustomerColumn>& columns, size_t index) {
  Json attributes = Json::object();
  for (const CustomerColumn& column : columns) {
    if (column.is_number) {
      attributes[column.name] = rounded(column.numbers[index]);
    } else {
      const int32_t code = column.codes[index];
      attributes[column.name] = code < 0 ? Json() : Json(column.categories[static_cast<size_t>(code)]);
    }
  }
  return attributes;
}

Json regressions_json(const std::vector<Regression>& regressions, size_t index) {
  Json entries = Json::object();
  for (const Regression& regression : regressions) {
    Json entry{{"observed", rounded(regression.target.values[index])},
               {"predicted", rounded(regression.predicted[index])}};
    if (regression.two_classes()) entry["of"] = regression.target.positive;
    entries[regression.name] = std::move(entry);
  }
  return entries;
}

Json classifications_json(const std::vector<Classification>& classifications, size_t index) {
  Json entries = Json::object();
  for (const Classification& classification : classifications) {
    const auto chances = classification.predicted.row(static_cast<int64_t>(index));
    const int64_t observed = classification.observed[index];
    Json& entry = entries[classification.name];
    if (observed < 0) {
      entry = {{"observed", nullptr}, {"predicted", nullptr}, {"probability", nullptr}};
      continue;
    }
    Eigen::Index likeliest = 0;
    const double probability = chances.maxCoeff(&likeliest);
    entry = {{"observed", classification.classes[static_cast<size_t>(observed)]},
             {"predicted", classification.classes[static_cast<size_t>(likeliest)]},
             {"probability", rounded(probability)}};
  }
  return entries;
}

Json neighbors_json(const ProfileResults& results, size_t index) {
  Json entries = Json::array();
  const auto per_customer = static_cast<size_t>(results.neighbors.per_customer);
  for (size_t place = index * per_customer; place < (index + 1) * per_customer; ++place) {
    entries.push_back(
        {{"customer", results.customers.ids[static_cast<size_t>(results.neighbors.customer[place])]},
         {"similarity", rounded(results.neighbors.similarity[place])}});
  }
  return entries;
}

Json keywords_json(const KeyPhrases& phrases) {
  Json words = Json::array();
  for (const Keyword& word : phrases.words)
    words.push_back({{"word", word.word}, {"score", rounded(word.score)}});
  return words;
}

// Shares of the topics, in their order; null without a text that has words.
Json topics_of(const ProfileResults& results, size_t index) {
  const auto row = results.topics.customers.row(static_cast<int64_t>(index));
  if (std::isnan(row[0])) return nullptr;
  Json shares = Json::array();
  for (const double share : row) shares.push_back(rounded(share));
  return shares;
}

Json record(const ProfileResults& results, size_t index) {
  const Customers& customers = results.customers;
  const auto segment = static_cast<size_t>(results.segmentation.segment[index]);
  Json json{{"schema_version", format_version},
            {"customer", customers.ids[index]},
            {"texts", customers.texts[index]},
            {"tokens", customers.tokens[index]}};
  Json of_rows{"texts", "tokens"}, of_model{"segment", "map"};
  if (customers.has_time()) {
    for (const auto& [name, times] :
         {std::pair("first_text", &customers.first_time), std::pair("last_text", &customers.last_time)}) {
      const std::string date = format_date((*times)[index]);
      json[name] = date.empty() ? Json() : Json(date);
      of_rows.push_back(name);
    }
  }
  json["segment"] = {{"number", segment + 1},
                     {"title", results.segment_title(segment)},
                     {"similarity", rounded(results.segmentation.similarity[index])}};
  const auto place = results.map.places.row(static_cast<int64_t>(index));
  json["map"] = {rounded(place[0]), rounded(place[1])};
  if (!customers.heads.empty()) {
    json["predictions"] = predictions_json(customers, index);
    of_model.push_back("predictions");
  }
  if (!results.key_phrases.empty()) {
    const KeyPhrases& phrases = results.key_phrases[index];
    json["keywords"] = keywords_json(phrases);
    json["key_sentence"] = phrases.row < 0 ? Json() : Json{{"row", phrases.row}, {"text", phrases.sentence}};
    of_rows.push_back("keywords");
    of_rows.push_back("key_sentence");
  }
  if (!customers.sentiment.empty()) {
    json["sentiment_by_lexicon"] = rounded(customers.sentiment[index]);
    of_rows.push_back("sentiment_by_lexicon");
  }
  if (!customers.change.empty()) {
    json["change"] = rounded(customers.change[index]);
    of_model.push_back("change");
  }
  if (results.topics.count() > 0) {
    json["topics"] = topics_of(results, index);
    of_rows.push_back("topics");
  }
  if (results.neighbors.per_customer > 0) {
    json["neighbors"] = neighbors_json(results, index);
    of_model.push_back("neighbors");
  }
  Json sources{{"rows", row_ranges(customers.rows[index])},
               {"prepared", results.provenance.prepared_sha256.substr(0, 12)},
               {"model", results.provenance.model_sha256.substr(0, 12)},
               {"from_rows", std::move(of_rows)},
               {customers.have_texts() ? "from_model" : "from_attributes", std::move(of_model)}};
  if (!results.columns.empty()) {
    json["attributes"] = attributes_json(results.columns, index);
    sources["from_customer_tables"] = {"attributes"};
  }
  if (!results.regressions.empty()) {
    json["regressions"] = regressions_json(results.regressions, index);
    sources["from_out_of_fold_regression"] = {"regressions"};
  }
  if (!results.classifications.empty()) {
    json["classifications"] = classifications_json(results.classifications, index);
    sources["from_out_of_fold_classification"] = {"classifications"};
  }
  json["sources"] = std::move(sources);
  return json;
}

}  // namespace

void write_profiles_hdf5(const fs::path& path, const ProfileResults& results) {
  const Customers& customers = results.customers;
  CustomerFile out(path, customers.count());
  hdf5::Writer& file = out.file();
  file.strings("/customer", customers.ids);
  file.dimension_scale("/customer", "/row", 0, "row");
  out.numbers("/texts", hdf5::Type::i64, customers.texts.data());
  out.numbers("/tokens", hdf5::Type::i64, customers.tokens.data());
  if (customers.has_time()) {
    for (const auto& [name, times] :
         {std::pair("/first_time", &customers.first_time), std::pair("/last_time", &customers.last_time)}) {
      out.numbers(name, hdf5::Type::i64, times->data());
      file.attribute(name, "units", "microseconds since 1970-01-01");
    }
  }
  out.floats("/mean", customers.mean);
  if (customers.recent) {
    out.floats("/recent", *customers.recent);
    file.attribute("/recent", "half_life_days", customers.half_life_days);
  }
  if (customers.attention) out.floats("/attention", *customers.attention);
  if (customers.trend) {
    out.floats("/trend", *customers.trend);
    out.numbers("/change", hdf5::Type::f64, customers.change.data());
  }
  if (!customers.sentiment.empty())
    out.numbers("/sentiment_by_lexicon", hdf5::Type::f64, customers.sentiment.data());
  if (results.word_vectors.width > 0) out.floats("/word_vector", results.word_vectors.customers);
  out.numbers("/segment", hdf5::Type::i32, one_based(results.segmentation.segment).data());
  out.numbers("/segment_similarity", hdf5::Type::f64, results.segmentation.similarity.data());
  out.floats("/map", results.map.places);
  if (!customers.heads.empty()) file.group("/prediction");
  for (const HeadAverages& head : customers.heads) {
    const std::string name = "/prediction/" + head.name;
    out.floats(name, head.mean);
    file.attribute(name, "classes", head.classes);
    file.attribute(name, "kind", head.kind);
  }
  if (results.topics.count() > 0) out.floats("/topic", results.topics.customers);
  if (results.neighbors.per_customer > 0) {
    out.matrix("/neighbor", hdf5::Type::i32, results.neighbors.per_customer,
               results.neighbors.customer.data());
    out.matrix("/neighbor_similarity", hdf5::Type::f32, results.neighbors.per_customer,
               results.neighbors.similarity.data());
  }
  if (!results.regressions.empty()) file.group("/regression");
  for (const Regression& regression : results.regressions) {
    const std::string group = "/regression/" + regression.name;
    file.group(group);
    out.numbers(group + "/observed", hdf5::Type::f64, regression.target.values.data());
    out.numbers(group + "/predicted", hdf5::Type::f64, regression.predicted.data());
    out.numbers(group + "/fold", hdf5::Type::i64, regression.fold.data());
  }
  if (!results.classifications.empty()) file.group("/classification");
  for (const Classification& classification : results.classifications) {
    const std::string group = "/classification/" + classification.name;
    file.group(group);
    out.numbers(group + "/observed", hdf5::Type::i64, classification.observed.data());
    out.floats(group + "/predicted", classification.predicted);
    file.attribute(group + "/predicted", "classes", classification.classes);
  }
  write_attributes(file, results);
  file.close();
}

void write_profiles_jsonl(const fs::path& path, const ProfileResults& results) {
  FileWriter file(path);
  for (size_t index = 0; index < results.customers.ids.size(); ++index) {
    file.write(record(results, index).dump() + "\n");
  }
  file.publish();
}

}  // namespace limner
