#include "model/file_parts.h"

#include <algorithm>

namespace limner {

std::vector<FilePart> file_parts(const ParamSpec& spec, const Family& family, const std::string& prefix,
                                 const std::string& classifier) {
  const std::string classifier_prefix = head_prefix + classifier + ".";
  if (!classifier.empty() && spec.role == Role::head && spec.name.starts_with(classifier_prefix)) {
    const std::string name = family.head.output + ("." + spec.name.substr(classifier_prefix.size()));
    return {{name, spec.offset, spec.dims, spec.storage}};
  }
  const bool prefixed = spec.role == Role::encoder || spec.role == Role::pooler || spec.role == Role::update;
  const std::string start = prefixed ? prefix : "";
  if (spec.parts.empty()) return {{start + spec.name, spec.offset, spec.dims, spec.storage}};
  std::vector<FilePart> parts;
  int64_t offset = spec.offset;
  for (const ParamSpec::Part& part : spec.parts) {
    std::vector<int64_t> dims = spec.dims;
    dims[0] = part.rows;
    parts.push_back({start + part.name, offset, dims, spec.storage});
    offset += static_cast<int64_t>(parts.back().elements());
  }
  return parts;
}

std::vector<float> transposed(std::span<const float> from, int64_t rows, int64_t columns) {
  std::vector<float> to(from.size());
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      to[static_cast<size_t>(column * rows + row)] = from[static_cast<size_t>(row * columns + column)];
    }
  }
  return to;
}

std::string head_of(const ParamSpec& spec) {
  const size_t start = std::string(head_prefix).size();
  return spec.name.substr(start, spec.name.rfind('.') - start);
}

void convert_regression(const ParamSpec& spec, const std::vector<HeadSpec>& heads, std::span<float> values,
                        Unit to) {
  if (spec.role != Role::head) return;
  const std::string name = head_of(spec);
  const auto head = std::find_if(heads.begin(), heads.end(), [&](const auto& h) { return h.name == name; });
  if (head->kind != "regression") return;
  const double factor = to == Unit::target ? head->target_scale : 1.0 / head->target_scale;
  const double shift = to == Unit::target ? head->target_mean : -head->target_mean / head->target_scale;
  const double added = spec.name.ends_with(".bias") ? shift : 0.0;
  for (float& value : values) value = static_cast<float>(factor * static_cast<double>(value) + added);
}

}  // namespace limner
