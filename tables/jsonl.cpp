#include "tables/jsonl.h"

#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <unordered_set>

#include "runtime/error.h"
#include "tables/utf8.h"

namespace limner {

namespace {

using SaxJson = nlohmann::json;

// Takes the values of one flat object. Nested objects are walked over; if a mapped key holds one, that is the
// record's problem.
class ObjectHandler : public nlohmann::json_sax<SaxJson> {
 public:
  using Slots = std::map<std::string, std::vector<size_t>, std::less<>>;
  ObjectHandler(const Slots& slots, Record& record, std::vector<bool>& slot_seen)
      : slots_(slots), record_(record), slot_seen_(slot_seen) {}

  bool null() override { return depth_ == 0 ? not_an_object() : true; }
  bool boolean(bool value) override { return take(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return take(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return take(std::to_string(value)); }
  bool number_float(number_float_t, const string_t& written) override { return take(written); }
  bool string(string_t& value) override { return take(value); }
  bool binary(binary_t&) override { return false; }

  bool start_object(std::size_t) override {
    if (depth_ > 0) refuse_nested();
    ++depth_;
    return true;
  }
  bool end_object() override {
    --depth_;
    return true;
  }
  bool start_array(std::size_t) override {
    if (depth_ == 0) return not_an_object();
    if (depth_ > 1) refuse_nested();
    ++depth_;
    return true;
  }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool key(string_t& name) override {
    if (depth_ != 1) return true;
    if (!keys_.insert(name).second) {
      record_.problem = {"malformed JSON", "a key stands twice"};
      return false;
    }
    const auto found = slots_.find(name);
    target_ = found == slots_.end() ? nullptr : &found->second;
    if (target_ != nullptr) {
      for (const size_t slot : *target_) slot_seen_[slot] = true;
    }
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    record_.problem = {"malformed JSON", ""};
    return false;
  }
  const std::unordered_set<std::string>& keys() const { return keys_; }

 private:
  const Slots& slots_;
  Record& record_;
  std::vector<bool>& slot_seen_;
  std::unordered_set<std::string> keys_;
  const std::vector<size_t>* target_ = nullptr;
  int depth_ = 0;

  bool take(std::string_view value) {
    if (depth_ == 0) return not_an_object();
    if (target_ == nullptr || depth_ > 2) return true;
    for (const size_t slot : *target_) {
      std::string& into = record_.values[slot];
      if (depth_ == 2 && !into.empty()) into += '|';
      into += value;
    }
    return true;
  }
  void refuse_nested() {
    if (target_ != nullptr && record_.problem.none()) record_.problem = {"nested JSON in a mapped key", ""};
  }
  bool not_an_object() {
    record_.problem = {"malformed JSON", "not an object"};
    return false;
  }
};

}  // namespace

JsonlReader::JsonlReader(const std::filesystem::path& path, const std::map<std::string, std::string>& fields,
                         int64_t max_characters)
    : source_(path),
      // A character takes at most twelve bytes (two \u escapes); the rest is for keys and other values.
      max_line_bytes_(static_cast<size_t>(max_characters) * 12 + (size_t{1} << 20)),
      max_characters_(max_characters) {
  for (const auto& [field, key] : fields) {
    slots_of_key_[key].push_back(names_.size());
    names_.push_back(field);
  }
  slot_seen_.assign(names_.size(), false);
  if (source_.peek() == '[') {
    fail(ExitCode::bad_data,
         "{}: is a JSON array; JSON lines are wanted, one object a line (convert with: jq -c '.[]')",
         source_.name());
  }
}

JsonlReader::LineKind JsonlReader::read_line(int64_t& number) {
  while (true) {
    line_.clear();
    number = source_.line();
    bool too_long = false, blank = true;
    int byte = source_.next();
    if (byte == ByteSource::end_of_file) return LineKind::none;
    for (; byte != '\n' && byte != ByteSource::end_of_file; byte = source_.next()) {
      blank = blank && (byte == ' ' || byte == '\t' || byte == '\r');
      if (line_.size() < max_line_bytes_) {
        line_.push_back(static_cast<char>(byte));
      } else {
        too_long = true;
      }
    }
    if (!blank) return too_long ? LineKind::too_long : LineKind::whole;
  }
}

bool JsonlReader::next(Record& record) {
  record.problem = {};
  record.values.resize(names_.size());
  for (std::string& value : record.values) value.clear();
  switch (read_line(record.line)) {
    case LineKind::none:
      check_keys();
      return false;
    case LineKind::too_long:
      record.problem = {"value too long", "the line is far over prepare.clean.max_characters"};
      return true;
    case LineKind::whole:
      parse_line(record);
      return true;
  }
  return false;
}

void JsonlReader::parse_line(Record& record) {
  if (!valid_utf8(line_)) {
    record.problem = {"broken UTF-8", ""};
    return;
  }
  ObjectHandler handler(slots_of_key_, record, slot_seen_);
  SaxJson::sax_parse(line_, &handler);
  if (!record.problem.none()) return;
  ++objects_;
  for (const std::string& key : handler.keys()) {
    if (keys_seen_.size() < 40 && key.size() <= 40) keys_seen_.insert(key);
  }
  for (const std::string& value : record.values) {
    if (value.size() > static_cast<size_t>(max_characters_) * 4) {
      record.problem = {"value too long", "more than prepare.clean.max_characters"};
    }
  }
}

void JsonlReader::check_keys() const {
  if (objects_ == 0) return;
  for (const auto& [key, slots] : slots_of_key_) {
    for (const size_t slot : slots) {
      if (slot_seen_[slot]) continue;
      fail(ExitCode::bad_data, "{}: no line has the key `{}` for field `{}`; the keys are: {}",
           source_.name(), key, names_[slot], fmt::join(keys_seen_, ", "));
    }
  }
}

}  // namespace limner
