// A run as prepare, train and extract leave it, made up: customers of three kinds who write in English and
// Chinese.
#pragma once

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "extract/shards.h"
#include "runtime/files.h"
#include "runtime/random.h"
#include "runtime/run.h"
#include "tables/prepared.h"

namespace limner {

struct RunFolderOptions {
  int64_t customers = 240;
  bool time = true, items = true, attributes = true, heads = true;
  bool training_files = true, quality = true;
  bool identical_vectors = false;
  bool hostile = false;     // markup in every name and text
  bool texts = true;        // without: customers of attributes alone, and no embeddings
  bool long_names = false;  // of customers, fields and items, some written from right to left
};

namespace run_folder {

constexpr int64_t width = 24;
inline const std::vector<std::vector<std::string>> subjects = {
    {"guitar strings sound bright", "tuning pegs hold the pitch", "this amplifier hums a little",
     "the pickup is noisy", "bought it for my band, warm tone", "fretboard feels smooth"},
    {"送餐速度很快，味道不错", "米饭有点凉，汤洒了", "外卖小哥态度很好", "菜量足，辣椒很香",
     "等了两个小时才送到", "包装漏了，味道一般"},
    {"这本书的故事很感人", "纸张质量差，印刷模糊", "作者文笔优美，值得收藏", "a moving novel, fine print",
     "翻译生硬，读不下去", "孩子很喜欢这本绘本"}};
inline const std::vector<std::vector<std::string>> moods = {
    {"很失望，不会再买", "broke after a week, refund please", "差评，客服不理人"},
    {"非常满意，下次再来", "excellent quality, highly recommended", "好评，推荐给朋友"}};
inline const std::vector<std::string> items = {"Dunlop picks", "A-101 amplifier", "麻辣香锅",
                                               "鱼香肉丝饭",   "《活着》",        "绘本套装"};
inline const std::vector<std::string> regions = {"north", "south", "东部", "west"};

struct Maker {
  RunFolderOptions options;
  Random random{17, "run folder"};
  uint64_t drawn = 0;
  PreparedTable table;
  ShardProvenance provenance;
  ShardData data;

  double uniform() { return random.uniform(drawn++); }
  double normal() { return random.normal(1000000 + drawn++); }
  size_t below(size_t limit) { return static_cast<size_t>(uniform() * static_cast<double>(limit)); }
  std::string name(const std::string& plain) const {
    if (options.long_names)
      return plain + "، عميل وفيّ جدا, a name that goes on and on and has no end " + plain;
    return options.hostile ? plain + "</script><script>alert('" + plain + "')</script>&\"'\\" : plain;
  }

  // Names of fields are paths in prepared.h5 and hold no slash.
  std::string field(const std::string& plain) const {
    if (options.long_names)
      return plain + " as it was told by the customers in the survey of last year مرحبا";
    return options.hostile ? plain + "<script>alert('" + plain + "')&\"" : plain;
  }

  struct Person {
    size_t kind;
    double happy, age, spend;
    bool churned;
    size_t region;
  };

  Person make_person() {
    const size_t kind = uniform() < 0.5 ? 0 : uniform() < 0.6 ? 1 : 2;
    Person person{kind, 0.25 + 0.6 * uniform(), 22 + 45 * uniform(), 0, false, below(regions.size())};
    person.spend = 40 + 30 * static_cast<double>(kind) + 90 * person.happy + 0.8 * person.age + 12 * normal();
    person.churned = uniform() < 1 / (1 + std::exp(7 * (person.happy - 0.45)));
    return person;
  }

  void add_text(int64_t customer, const Person& person) {
    const bool happy = uniform() < person.happy;
    const auto& about = subjects[person.kind];
    std::string text = about[below(about.size())] + "，" + moods[happy ? 1 : 0][below(3)];
    if (uniform() < 0.5) text = about[below(about.size())] + ". " + text;
    table.texts.push_back(name(text));
    table.customer.push_back(customer);
    table.split.push_back(customer % 10 == 8   ? Split::validation
                          : customer % 10 == 9 ? Split::test
                                               : Split::train);
    table.source.emplace_back(0, std::ssize(table.texts) + 1);
    if (options.time) {
      const double day = 18000 + 900 * uniform();
      table.time.push_back(uniform() < 0.02 ? missing_time : static_cast<int64_t>(day * 86400e6));
    }
    if (options.items) table.items.push_back(uniform() < 0.1 ? "" : name(items[person.kind * 2 + below(2)]));

    std::vector<float> vector(width, 0.1F);
    if (!options.identical_vectors) {
      for (float& value : vector) value += static_cast<float>(0.25 * normal());
      vector[person.kind] += 1.3F;
      vector[3] += happy ? 0.9F : -0.9F;
    }
    float length = 0;
    for (const float value : vector) length += value * value;
    for (const float value : vector) data.embedding.push_back(value / std::sqrt(length));
    data.tokens.push_back(static_cast<int32_t>(table.texts.back().size() / 3) + 2);
    data.customers.push_back(table.customer_ids[static_cast<size_t>(customer)]);
    if (!options.heads) return;
    const auto chance =
        static_cast<float>(std::min(0.98, std::max(0.02, 0.5 + (happy ? 0.35 : -0.35) + 0.1 * normal())));
    data.predictions[0].insert(data.predictions[0].end(), {1 - chance, chance});
    for (size_t kind = 0; kind < 3; ++kind) data.predictions[1].push_back(kind == person.kind ? 0.8F : 0.1F);
    data.predictions[2].push_back(static_cast<float>(happy ? 4.6 : 1.9) + static_cast<float>(0.2 * normal()));
    table.values[0].numbers.push_back(happy ? 5 : 2);
  }

  void make_rows() {
    if (options.heads && options.texts) {
      table.fields.push_back({field("rating"), FieldType::number, false, {}});
      table.values.emplace_back();
      data.predictions.resize(3);
    }
    std::vector<Person> people;
    for (int64_t customer = 0; customer < options.customers; ++customer) {
      table.customer_ids.push_back(name("C" + std::to_string(1000 + customer)));
      people.push_back(make_person());
    }
    if (!options.texts) {
      for (int64_t customer = 0; customer < options.customers; ++customer) {
        table.texts.emplace_back();
        table.customer.push_back(customer);
        table.split.push_back(Split::train);
        table.source.emplace_back(0, customer + 2);
      }
    }
    // Texts of customers are scattered over the table; everyone writes at least one.
    for (int round = 0; options.texts && round < 12; ++round) {
      for (int64_t customer = 0; customer < options.customers; ++customer) {
        if (round == 0 || uniform() < 0.3) add_text(customer, people[static_cast<size_t>(customer)]);
      }
    }
    if (!options.attributes) return;
    std::vector<std::string> region_names;
    for (const std::string& region : regions) region_names.push_back(name(region));
    table.fields.push_back({"age", FieldType::number, true, {}});
    table.fields.push_back({field("region"), FieldType::category, true, region_names});
    table.fields.push_back({"spend", FieldType::number, true, {}});
    table.fields.push_back({"churned", FieldType::category, true, {"no", "yes"}});
    table.fields.push_back({"interests", FieldType::multi_category, true, {"food", "music", "reading"}});
    const size_t first = table.values.size();
    table.values.resize(first + 5);
    for (const Person& person : people) {
      const bool known = uniform() > 0.05;
      table.values[first].numbers.push_back(known ? std::round(person.age) : std::nan(""));
      table.values[first + 1].codes.push_back(uniform() < 0.03 ? -1 : static_cast<int32_t>(person.region));
      table.values[first + 2].numbers.push_back(std::round(person.spend * 100) / 100);
      table.values[first + 3].codes.push_back(person.churned ? 1 : 0);
      table.values[first + 4].multi_codes.push_back({static_cast<int32_t>((person.kind + 1) % 3)});
    }
  }

  void write_embeddings(const fs::path& directory) {
    const int64_t rows = std::ssize(table.texts), rows_per_shard = 512;
    provenance.rows = rows;
    provenance.width = width;
    provenance.rows_per_shard = rows_per_shard;
    provenance.dtype = "float16";
    provenance.pooling = "mean";
    provenance.normalize = true;
    provenance.model_sha256 = sha256("model");
    provenance.tokenizer_sha256 = sha256("tokenizer");
    provenance.settings_sha256 = sha256("settings");
    provenance.prepared_sha256 = sha256_file(directory / "prepared" / "prepared.h5");
    if (options.heads) {
      provenance.heads = {{"sentiment", "single_label", {name("negative"), name("positive")}},
                          {"category", "single_label", {"music", "takeaway", name("图书")}},
                          {"stars", "regression", {"rating"}}};
    }
    make_folder(directory / "embeddings" / "shards");
    for (int64_t first = 0; first < rows; first += rows_per_shard) {
      const int64_t count = std::min(rows_per_shard, rows - first);
      const auto part = [&](const auto& values, int64_t columns) {
        return std::decay_t<decltype(values)>(values.begin() + first * columns,
                                              values.begin() + (first + count) * columns);
      };
      ShardData shard{first, part(data.embedding, width), part(data.tokens, 1), part(data.customers, 1), {}};
      for (size_t head = 0; head < provenance.heads.size(); ++head) {
        shard.predictions.push_back(part(data.predictions[head], std::ssize(provenance.heads[head].classes)));
      }
      write_shard(directory / "embeddings", provenance, shard);
    }
    publish_embeddings(directory / "embeddings", provenance);
  }

  static Json text_quality(int64_t rows) {
    return {{"characters", {{"median", 21.0}, {"p95", 61.0}, {"max", 74.0}}},
            {"histogram",
             {{{"from", 0}, {"to", 10}, {"count", 12}},
              {{"from", 10}, {"to", 20}, {"count", rows / 3}},
              {{"from", 20}, {"to", 50}, {"count", rows / 2}},
              {{"from", 50}, {"to", nullptr}, {"count", rows / 10}}}},
            {"languages", {{"han", 0.55}, {"latin", 0.44}, {"other", 0.01}, {"none", 0.0}}}};
  }

  Json quality() const {
    const int64_t rows = std::ssize(table.texts);
    Json text = text_quality(rows);
    return {{"format_version", 1},
            {"rows",
             {{"read", rows + 51},
              {"prepared", rows},
              {"duplicates", 34},
              {"near_duplicates", 6},
              {"rejected", 17}}},
            {"rejected", {{"empty text", 9}, {name("rule plausible"), 8}}},
            {"customers", {{"count", options.customers}}},
            {"text", options.texts ? text : Json()},
            {"fields",
             {{{"name", "age"},
               {"type", "number"},
               {"of", "customer"},
               {"missing", options.customers / 20},
               {"distinct", 44},
               {"min", 22.0},
               {"mean", 44.2},
               {"max", 67.0},
               {"filled", 3},
               {"fill", 44.0},
               {"outliers", {{"method", "iqr"}, {"limit", 1.5}, {"action", "clip"}, {"count", 2}}},
               {"scaling", {{"kind", "standard"}, {"offset", 44.2}, {"scale", 11.0}}}},
              {{"name", field("region")},
               {"type", "category"},
               {"of", "customer"},
               {"missing", 7},
               {"distinct", 4},
               {"top", {{{"value", name("north")}, {"count", 66}}, {{"value", "东部"}, {"count", 58}}}}}}},
            {"rules",
             {{{"name", name("plausible")},
               {"field", "age"},
               {"check", "range"},
               {"on_failure", "reject"},
               {"rejected", 8}}}},
            {"sources",
             {{{"file", name("reviews.csv")},
               {"holds", "texts"},
               {"read", rows + 51},
               {"kept", rows},
               {"duplicates", 34},
               {"rejected", 17}},
              {{"file", "customers.jsonl"},
               {"holds", "customers"},
               {"read", options.customers},
               {"kept", options.customers},
               {"duplicates", 0},
               {"rejected", 0},
               {"orphans", 0}}}},
            {"dropped_columns", {{{"name", field("shoe size")}, {"missing_share", 0.97}}}},
            {"splits",
             {{"by", "customer"},
              {"train", {{"rows", rows * 8 / 10}}},
              {"validation", {{"rows", rows / 10}}},
              {"test", {{"rows", rows / 10}}}}},
            {"warnings",
             {{{"kind", "looks_like_text"}, {"field", name("nickname")}, {"count", 120}, {"of", 130}}}}};
  }

  Json training() const {
    return {
        {"steps", 240},
        {"parameters", 1843200},
        {"best_step", 180},
        {"tokens_per_second", 8421.5},
        {"test",
         {{"heads",
           {{{"name", name("sentiment")},
             {"kind", "single_label"},
             {"count", 120},
             {"loss", 0.31},
             {"accuracy", 0.908},
             {"macro_f1", 0.905},
             {"auc", 0.962},
             {"classes", {name("negative"), name("positive")}},
             {"per_class",
              {{{"class", name("negative")},
                {"precision", 0.9},
                {"recall", 0.88},
                {"f1", 0.89},
                {"support", 52}},
               {{"class", name("positive")},
                {"precision", 0.912},
                {"recall", 0.926},
                {"f1", 0.919},
                {"support", 68}}}},
             {"confusion", {{46, 6}, {5, 63}}}},
            {{"name", "category"},
             {"kind", "single_label"},
             {"count", 120},
             {"loss", 0.2},
             {"accuracy", 0.925},
             {"macro_f1", 0.921},
             {"classes", {"music", "takeaway", "图书"}},
             {"per_class",
              {{{"class", "music"}, {"precision", 0.97}, {"recall", 0.95}, {"f1", 0.96}, {"support", 60}},
               {{"class", "takeaway"}, {"precision", 0.9}, {"recall", 0.917}, {"f1", 0.908}, {"support", 36}},
               {{"class", "图书"}, {"precision", 0.85}, {"recall", 0.875}, {"f1", 0.862}, {"support", 24}}}},
             {"confusion", {{57, 1, 2}, {1, 33, 2}, {1, 2, 21}}}},
            {{"name", "stars"},
             {"kind", "regression"},
             {"count", 120},
             {"r2", 0.61},
             {"rmse", 0.82},
             {"mae", 0.6},
             {"baseline_rmse", 1.31}}}}}}};
  }

  void write_metrics(const fs::path& path) {
    std::string lines;
    for (int step = 10; step <= 240; step += 10) {
      const double t = step / 60.0;
      lines += Json{{"step", step},
                    {"time", 1.7e9 + step},
                    {"train/loss", 1.9 * std::exp(-t) + 0.35 + 0.08 * normal()}}
                   .dump() +
               "\n";
      if (step % 60 != 0) continue;
      lines += Json{{"step", step},
                    {"time", 1.7e9 + step},
                    {"validation/loss", 1.8 * std::exp(-t) + 0.42},
                    {"validation/sentiment/accuracy", 0.92 - 0.3 * std::exp(-t)},
                    {"validation/sentiment/macro_f1", 0.91 - 0.35 * std::exp(-t)},
                    {"validation/category/accuracy", 0.93 - 0.4 * std::exp(-t)},
                    {"validation/stars/r2", 0.63 - 0.5 * std::exp(-t)}}
                   .dump() +
               "\n";
    }
    write_file(path, lines);
  }
};

}  // namespace run_folder

inline Settings write_run_folder(const fs::path& directory, const RunFolderOptions& options = {}) {
  run_folder::Maker maker;
  maker.options = options;
  maker.table.source_names = {"reviews.csv"};
  maker.table.source_sha256 = {sha256("reviews")};
  maker.table.settings_sha256 = sha256("prepare");
  maker.make_rows();
  make_folder(directory / "prepared");
  write_prepared(directory / "prepared" / "prepared.h5", maker.table);
  if (options.texts) maker.write_embeddings(directory);
  if (options.quality) write_json(directory / "prepared" / "quality.json", maker.quality());
  if (options.training_files && options.texts) {
    make_folder(directory / "train");
    write_json(directory / "train" / "summary.json", maker.training());
    maker.write_metrics(directory / "train" / "metrics.jsonl");
    write_json(
        directory / "run.json",
        {{"stages",
          {{"prepare",
            {{"finished_at", "2024-05-02T09:12:44Z"}, {"seconds", 3.2}, {"ranks", 2}, {"version", "0.1.0"}}},
           {"train", {{"finished_at", "2024-05-02T09:20:01Z"}, {"seconds", 421.0}, {"ranks", 2}}}}}});
  }
  Settings settings;
  settings.run.directory = directory.string();
  settings.profile.report.title = maker.name("Customers of 好店");
  settings.profile.report.language = "en";
  settings.runtime.threads.value = 1;
  if (options.attributes) {
    RegressionSettings spend, churned;
    spend.target = "spend";
    churned.target = "churned";
    churned.kind = "logistic";
    settings.profile.regressions = {spend, churned};
    settings.profile.fairness.groups = {maker.field("region")};
  }
  if (options.heads && options.texts) {
    RegressionSettings rating;
    rating.target = maker.field("rating");
    settings.profile.regressions.push_back(rating);
    HeadSettings head;
    head.name = "stars";
    head.field = maker.field("rating");
    head.kind = "regression";
    settings.train.heads = {head};
  }
  return settings;
}

}  // namespace limner
