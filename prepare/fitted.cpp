#include "prepare/fitted.h"

#include <array>

#include "runtime/error.h"
#include "tables/prepared.h"

namespace limner {

namespace {

constexpr std::array<std::pair<const char*, std::optional<double> FittedField::*>, 5> numbers{
    {{"fill", &FittedField::fill_number},
     {"low", &FittedField::low},
     {"high", &FittedField::high},
     {"offset", &FittedField::offset},
     {"scale", &FittedField::scale}}};

FittedField read_field(const Json& json) {
  FittedField field;
  const auto type = json.at("type").get<std::string>();
  for (const ValueType known :
       {ValueType::number, ValueType::time, ValueType::category, ValueType::multi_category}) {
    if (type == value_type_name(known)) field.type = known;
  }
  field.treatment = json.at("treatment").get<std::string>();
  for (const auto& [name, member] : numbers) {
    if (json.contains(name) && json.at(name).is_number()) field.*member = json.at(name).get<double>();
  }
  if (json.contains("fill") && json.at("fill").is_string())
    field.fill_category = json.at("fill").get<std::string>();
  return field;
}

}  // namespace

std::string treatment_words(const FieldPlan& plan) {
  std::string words;
  const auto add = [&](const std::string& part) { words += (words.empty() ? "" : ", ") + part; };
  if (plan.missing == MissingPolicy::mean || plan.missing == MissingPolicy::median ||
      plan.missing == MissingPolicy::most_frequent) {
    add(std::string("missing: ") + missing_policy_name(plan.missing));
  }
  if (plan.outliers) {
    add(fmt::format("outliers: {} {} {}", outlier_method_name(plan.outliers->method), plan.outliers->limit,
                    outlier_action_name(plan.outliers->action)));
  }
  if (plan.scaling != Scaling::none) add(std::string("scaling: ") + scaling_name(plan.scaling));
  return words;
}

Json to_json(const Fitted& fitted) {
  Json fields = Json::object();
  for (const auto& [name, field] : fitted.fields) {
    Json json{{"type", value_type_name(field.type)}, {"treatment", field.treatment}};
    for (const auto& [key, member] : numbers) {
      if (field.*member) json[key] = *(field.*member);
    }
    if (field.fill_category) json["fill"] = *field.fill_category;
    fields[name] = json;
  }
  return {{"fields", fields}, {"dropped", fitted.dropped}};
}

Fitted read_fitted(const std::string& json, const std::string& where) {
  try {
    const Json parsed = Json::parse(json);
    Fitted fitted;
    for (const auto& [name, field] : parsed.at("fields").items()) fitted.fields[name] = read_field(field);
    fitted.dropped = parsed.at("dropped").get<std::vector<std::string>>();
    return fitted;
  } catch (const Json::exception& error) {
    fail(ExitCode::bad_data, "{}: its fitted values cannot be read ({}); run limner prepare again", where,
         error.what());
  }
}

Fitted load_fitted(const std::string& path) {
  const PreparedReader prepared(path);
  const std::string json = prepared.fitted();
  if (json.empty()) {
    fail(ExitCode::bad_data, "prepare.fitted_from: {} holds no fitted values; run limner prepare there again",
         path);
  }
  return read_fitted(json, path);
}

}  // namespace limner
