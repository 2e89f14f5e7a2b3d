#include "profile/results.h"

#include "profile/evaluation.h"
#include "profile/names.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>

namespace limner {
namespace {

constexpr double least_named_difference = 0.3;  // in standard deviations

Json terms_json(const std::vector<TypicalTerm>& terms, const char* name) {
  Json list = Json::array();
  for (const TypicalTerm& term : terms) {
    list.push_back({{name, term.term},
                    {"texts", term.texts},
                    {"share", rounded(term.share)},
                    {"share_elsewhere", rounded(term.share_elsewhere)},
                    {"score", rounded(term.score)}});
  }
  return list;
}

Json segment_json(const ProfileResults& results, size_t segment) {
  int64_t texts = 0;
  for (size_t i = 0; i < results.customers.texts.size(); ++i) {
    if (results.segmentation.segment[i] == static_cast<int32_t>(segment)) texts += results.customers.texts[i];
  }
  const SegmentDescription& description = results.descriptions[segment];
  Json quotes = Json::array(), traits = Json::array();
  for (const TypicalText& text : description.texts) {
    quotes.push_back({{"row", text.row}, {"similarity", rounded(text.similarity)}, {"text", text.text}});
  }
  for (const Trait& trait : results.traits) {
    traits.push_back({{"name", trait.name},
                      {"mean", rounded(trait.by_segment[segment])},
                      {"mean_of_all", rounded(trait.mean)},
                      {"difference_in_deviations", rounded(trait.difference(segment))}});
  }
  const auto size = static_cast<double>(results.segmentation.sizes[segment]);
  return {{"segment", segment + 1},
          {"title", results.segment_title(segment)},
          {"customers", results.segmentation.sizes[segment]},
          {"share", rounded(size / static_cast<double>(results.customers.count()))},
          {"texts", texts},
          {"words", terms_json(description.words, "word")},
          {"items", terms_json(description.items, "item")},
          {"typical_texts", quotes},
          {"traits", traits}};
}

Json number_scores(const NumberScores& scores) {
  return {{"count", scores.count},
          {"r2", rounded(scores.r2)},
          {"rmse", rounded(scores.rmse)},
          {"mae", rounded(scores.mae)},
          {"bias", rounded(scores.bias)},
          {"baseline_rmse", rounded(scores.baseline_rmse)},
          {"baseline_mae", rounded(scores.baseline_mae)}};
}

Json probability_scores(const ProbabilityScores& scores) {
  return {{"count", scores.count},
          {"positive_share", rounded(scores.positive_share)},
          {"accuracy", rounded(scores.accuracy)},
          {"precision", rounded(scores.precision)},
          {"recall", rounded(scores.recall)},
          {"f1", rounded(scores.f1)},
          {"auc", rounded(scores.auc)},
          {"pr_auc", rounded(scores.pr_auc)},
          {"log_loss", rounded(scores.log_loss)},
          {"brier", rounded(scores.brier)},
          {"baseline_accuracy", rounded(scores.baseline_accuracy)},
          {"baseline_log_loss", rounded(scores.baseline_log_loss)},
          {"baseline_brier", rounded(scores.baseline_brier)}};
}

Json set_json(const FeatureSetScores& set, bool logistic) {
  return {{"features", set.name},
          {"columns", set.features},
          {"text_components", set.components},
          {"out_of_fold", logistic ? probability_scores(set.probability) : number_scores(set.number)}};
}

Json regression_entry(const ProfileResults& results, const Regression& regression) {
  Json sets = Json::array(), coefficients = Json::array();
  for (const FeatureSetScores& set : regression.sets) sets.push_back(set_json(set, regression.two_classes()));
  for (const Coefficient& entry : regression.coefficients) {
    coefficients.push_back(
        {{"feature", entry.feature.name},
         {"source", source_name(entry.feature.source)},
         {"reference", entry.feature.reference.empty() ? Json() : Json(entry.feature.reference)},
         {"mean", rounded(entry.mean)},
         {"deviation", rounded(entry.deviation)},
         {"per_deviation", rounded(entry.per_deviation)},
         {"standard_error", rounded(entry.standard_error)},
         {"per_unit", rounded(entry.per_unit)}});
  }
  Json json{{"name", regression.name},          {"target", regression.target.name},
            {"kind", regression.settings.kind}, {"l2", regression.settings.penalty()},
            {"folds", regression.folds},        {"customers", regression.customers},
            {"missing", regression.missing}};
  if (regression.two_classes()) {
    json["negative"] = regression.target.negative;
    json["positive"] = regression.target.positive;
  }
  json["feature_sets"] = sets;
  json["coefficients"] = coefficients;
  add_evaluation(json, results, regression);
  json["head_was_trained_on_target"] = regression.head_saw_target;
  json["held_out_customers"] = regression.held_out_customers;
  json["held_out"] = regression.held_out ? set_json(*regression.held_out, regression.two_classes()) : Json();
  return json;
}

Json comparison_json(const GroupComparison& comparison) {
  const bool logistic = comparison.two_classes;
  Json groups = Json::array(), gaps = Json::array();
  for (const GroupScores& group : comparison.groups) {
    Json entry{{"group", group.group},
               {"customers", group.customers},
               {"compared", group.customers >= comparison.least_customers},
               {"mean_outcome", rounded(group.observed)},
               {"mean_prediction", rounded(group.predicted)},
               {"scores", logistic ? probability_scores(group.probability) : number_scores(group.number)}};
    if (logistic) {
      entry["share_selected"] = rounded(group.selected);
      entry["true_positive_rate"] = rounded(group.true_positive_rate);
      entry["false_positive_rate"] = rounded(group.false_positive_rate);
    }
    groups.push_back(std::move(entry));
  }
  for (const Gap& gap : comparison.gaps) {
    gaps.push_back({{"measure", gap.measure},
                    {"gap", rounded(gap.value)},
                    {"lowest", gap.lowest},
                    {"highest", gap.highest}});
  }
  return {{"field", comparison.field}, {"target", comparison.target},
          {"kind", comparison.kind},   {"least_customers", comparison.least_customers},
          {"groups", groups},          {"gaps", gaps}};
}

// "low balance, often country = Spain": the traits that differ most, of two fields, or "Segment 2".
std::string title_of_traits(const Phrases& say, const std::vector<Trait>& traits, size_t segment) {
  std::vector<const Trait*> order;
  for (const Trait& trait : traits) {
    if (std::abs(trait.difference(segment)) >= least_named_difference) order.push_back(&trait);
  }
  std::stable_sort(order.begin(), order.end(), [&](const Trait* a, const Trait* b) {
    return std::abs(a->difference(segment)) > std::abs(b->difference(segment));
  });
  const auto field = [](const Trait& trait) { return trait.name.substr(0, trait.name.find(" = ")); };
  std::vector<std::string> parts, fields;
  for (const Trait* trait : order) {
    // "rarely products = 2" says little beside "often products = 1".
    if (parts.size() == 2 || std::find(fields.begin(), fields.end(), field(*trait)) != fields.end()) continue;
    const bool more = trait->difference(segment) > 0;
    parts.push_back(
        say(trait->is_share ? (more ? "title.often" : "title.rarely") : (more ? "title.high" : "title.low"),
            trait_name(say, *trait)));
    fields.push_back(field(*trait));
  }
  return parts.empty() ? say("title.none", segment + 1) : say.list(parts);
}

}  // namespace

Json sources_json(const ProfileResults& results) {
  return {{"rows", results.provenance.rows},
          {"prepared_sha256", results.provenance.prepared_sha256},
          {"model_sha256", results.provenance.model_sha256},
          {"tokenizer_sha256", results.provenance.tokenizer_sha256},
          {"extract_settings_sha256", results.provenance.settings_sha256},
          {"profile_settings_sha256", results.settings_sha256}};
}

Json rounded(double value) {
  if (!std::isfinite(value)) return nullptr;
  return std::strtod(fmt::format("{:.6g}", value).c_str(), nullptr);
}

std::string format_date(int64_t microseconds) {
  if (microseconds == missing_time) return "";
  const auto day = std::chrono::floor<std::chrono::days>(
      std::chrono::sys_time<std::chrono::microseconds>(std::chrono::microseconds(microseconds)));
  const std::chrono::year_month_day date(day);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

const std::string& AppliedModel::likeliest(size_t customer) const {
  Eigen::Index index = 0;
  chances.row(static_cast<Eigen::Index>(customer)).maxCoeff(&index);
  return classes[static_cast<size_t>(index)];
}

std::string ProfileResults::segment_title(size_t segment) const {
  if (fitted_before()) return titles[segment];
  const std::vector<TypicalTerm>& words = descriptions[segment].words;
  std::vector<std::string> first;
  for (size_t i = 0; i < std::min<size_t>(3, words.size()); ++i) first.push_back(words[i].term);
  const Phrases say(language);
  return first.empty() ? title_of_traits(say, traits, segment) : say.list(first);
}

int64_t ProfileResults::customers_of_topic(size_t topic) const {
  int64_t count = 0;
  for (int64_t row = 0; row < topics.customers.rows(); ++row) {
    Eigen::Index largest = 0;
    if (std::isnan(topics.customers(row, 0))) continue;
    topics.customers.row(row).maxCoeff(&largest);
    count += static_cast<size_t>(largest) == topic ? 1 : 0;
  }
  return count;
}

Json segments_json(const ProfileResults& results) {
  const Segmentation& segmentation = results.segmentation;
  Json tried = Json::array(), segments = Json::array();
  for (size_t i = 0; i < segmentation.tried.size(); ++i) {
    const auto& [k, silhouette] = segmentation.tried[i];
    tried.push_back(
        {{"k", k}, {"silhouette", rounded(silhouette)}, {"inertia", rounded(segmentation.tried_inertia[i])}});
  }
  for (size_t segment = 0; segment < segmentation.sizes.size(); ++segment) {
    segments.push_back(segment_json(results, segment));
  }
  return {{"format_version", 1},
          {"sources", sources_json(results)},
          {"geometry", segmentation.geometry == Geometry::cosine ? "cosine" : "euclidean"},
          {"vectors", results.segment_vectors},
          {"k", segmentation.count()},
          {"k_chosen_by_silhouette", segmentation.k_chosen},
          {"k_chosen_by_elbow", segmentation.k_of_elbow},
          {"k_chosen_on_customers", segmentation.chosen_on_customers},
          {"silhouette", rounded(segmentation.silhouette)},
          {"silhouette_customers", segmentation.silhouette_customers},
          {"tried", tried},
          {"inertia", rounded(segmentation.inertia)},
          {"segments", segments}};
}

Json regression_json(const ProfileResults& results) {
  Json regressions = Json::array();
  for (const Regression& regression : results.regressions)
    regressions.push_back(regression_entry(results, regression));
  Json classifications = Json::array();
  for (const Classification& classification : results.classifications)
    classifications.push_back(classification_json(results, classification));
  return {{"format_version", 1},
          {"sources", sources_json(results)},
          {"regressions", regressions},
          {"classifications", classifications}};
}

Json texts_json(const ProfileResults& results) {
  Json baselines = Json::array();
  for (const LexiconBaseline& baseline : results.sentiment.baselines) {
    const bool number = baseline.kind == "regression";
    baselines.push_back({{"head", baseline.head},
                         {"part", baseline.part},
                         {"texts", baseline.texts},
                         {"accuracy", number ? Json() : rounded(baseline.accuracy)},
                         {"commonest_class", number ? Json() : rounded(baseline.guess)},
                         {"r2", number ? rounded(baseline.r2) : Json()}});
  }
  const UnknownTokens& tokens = results.unknown_tokens;
  const WordVectorMeans& vectors = results.word_vectors;
  Json json{{"format_version", 1}, {"sources", sources_json(results)}};
  json["sentiment_by_lexicon"] = {
      {"share_of_texts_with_its_words", rounded(results.sentiment.share_with_words)},
      {"mean", rounded(results.sentiment.mean)},
      {"baselines", baselines}};
  json["unknown_tokens"] = tokens.tokens == 0
                               ? Json()
                               : Json{{"tokenizer", tokens.tokenizer},
                                      {"tokens", tokens.tokens},
                                      {"unknown", tokens.has_unknown ? Json(tokens.unknown) : Json()},
                                      {"texts_with_unknown", tokens.texts_with_unknown}};
  json["word_vectors"] = vectors.width == 0
                             ? Json()
                             : Json{{"width", vectors.width},
                                    {"words", vectors.terms},
                                    {"words_without_vector", vectors.missing_terms},
                                    {"occurrences", vectors.occurrences},
                                    {"occurrences_without_vector", vectors.missing_occurrences}};
  return json;
}

Json fairness_json(const ProfileResults& results) {
  Json comparisons = Json::array();
  for (const GroupComparison& comparison : results.comparisons)
    comparisons.push_back(comparison_json(comparison));
  return {{"format_version", 1}, {"sources", sources_json(results)}, {"comparisons", comparisons}};
}

}  // namespace limner
