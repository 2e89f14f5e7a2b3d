#include "profile/saved_words.h"

#include "profile/words.h"
#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/log.h"

namespace limner {
namespace {

constexpr int64_t format_version = 1;
constexpr const char* file_name = "words.json";

Json list_json(const std::optional<std::string>& path) {
  if (!path) return nullptr;
  return {{"file", fs::path(*path).filename().string()}, {"sha256", sha256_file(*path)}};
}

// "names.txt (SHA-256 3f1c00aa12bc…)"
std::string list_text(const Json& list) {
  if (list.is_null()) return "none";
  return fmt::format("{} (SHA-256 {}…)", list.at("file").get<std::string>(),
                     list.at("sha256").get<std::string>().substr(0, 12));
}

void check_list(const fs::path& path, const char* key, const Json& fitted,
                const std::optional<std::string>& given) {
  const Json here = list_json(given);
  const bool same =
      fitted.is_null() ? here.is_null() : !here.is_null() && fitted.at("sha256") == here["sha256"];
  if (same) return;
  fail(ExitCode::bad_config,
       "profile.words.{}: the words of {} were cut with {}, this run's would be with {}; topics and word "
       "vectors want the same file",
       key, path.string(), list_text(fitted), list_text(here));
}

}  // namespace

void write_word_rules(const fs::path& models, const WordSettings& settings) {
  write_json(models / file_name, {{"format_version", format_version},
                                  {"dictionary", list_json(settings.dictionary)},
                                  {"stop_words", list_json(settings.stop_words)},
                                  {"icu", word_rules_version()}});
}

void check_word_rules(const fs::path& models, const WordSettings& settings) {
  const fs::path path = models / file_name;
  const Json json = read_json(path);
  try {
    if (json.at("format_version") != format_version)
      fail(ExitCode::bad_data, "{}: is not of format version {}", path.string(), format_version);
    check_list(path, "dictionary", json.at("dictionary"), settings.dictionary);
    check_list(path, "stop_words", json.at("stop_words"), settings.stop_words);
    const auto icu = json.at("icu").get<std::string>();
    if (icu != word_rules_version()) {
      log_warning("{}: words were cut by ICU {}, here it is {}: some Chinese words may be cut elsewhere",
                  path.string(), icu, word_rules_version());
    }
  } catch (const Json::exception& error) {
    fail(ExitCode::bad_data, "{}: cannot be used ({}); run `limner profile` there again", path.string(),
         error.what());
  }
}

}  // namespace limner
