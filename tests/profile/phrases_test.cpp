#include "profile/phrases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <regex>
#include <set>

#include "runtime/error.h"
#include "runtime/files.h"

namespace limner {
namespace {

// The fillings of a form: {} in turn are 0, 1, …; their order may differ, not their number.
std::set<std::string> fillings(const std::string& form) {
  std::set<std::string> found;
  static const std::regex filling("\\{(\\d*)\\}");
  for (std::sregex_iterator at(form.begin(), form.end(), filling), end; at != end; ++at)
    found.insert((*at)[1].length() > 0 ? (*at)[1].str() : std::to_string(found.size()));
  return found;
}

std::string sources() {
  std::string all;
  for (const auto& entry : std::filesystem::directory_iterator(LIMNER_PROFILE_SOURCES)) {
    if (entry.path().extension() == ".cpp") all += read_file(entry.path());
  }
  return all;
}

TEST(Phrases, StandOnceInBothLanguages) {
  std::set<std::string_view> names;
  for (const Phrase& phrase : phrase_table()) {
    EXPECT_TRUE(names.insert(phrase.name).second) << phrase.name;
    for (const std::string_view form : {phrase.english, phrase.chinese}) {
      EXPECT_FALSE(form.empty()) << phrase.name;
      EXPECT_TRUE(form.front() != ' ' && form.back() != ' ') << phrase.name;
    }
    EXPECT_EQ(fillings(std::string(phrase.chinese)),
              fillings(std::string(phrase.english.substr(phrase.english.find('|') + 1))))
        << phrase.name;
  }
  EXPECT_GT(names.size(), 300u);
}

// Names that stand in the sources, and those made there of a prefix ("reject." and a reason).
TEST(Phrases, AreUsedAndKnown) {
  const std::string text = sources();
  static const std::regex quoted("\"([a-z_]+\\.[A-Za-z_ .0-9]*)\"");
  std::set<std::string> names, prefixes;
  for (std::sregex_iterator at(text.begin(), text.end(), quoted), end; at != end; ++at) {
    const std::string name = (*at)[1];
    (name.ends_with('.') ? prefixes : names).insert(name);
  }
  std::set<std::string> heads;  // the first parts of the table's names
  std::map<std::string, bool> known;
  for (const Phrase& phrase : phrase_table()) {
    const std::string name(phrase.name);
    heads.insert(name.substr(0, name.find('.')));
    known[name] = names.contains(name) || std::any_of(prefixes.begin(), prefixes.end(),
                                                      [&](auto& prefix) { return name.starts_with(prefix); });
  }
  for (const auto& [name, used] : known) EXPECT_TRUE(used) << name << " is used nowhere";
  static const std::regex asked("say(?:\\.count)?\\(\"([^\"]+)\"");
  for (std::sregex_iterator at(text.begin(), text.end(), asked), end; at != end; ++at) {
    const std::string name = (*at)[1];
    EXPECT_TRUE(name.ends_with('.') || known.contains(name)) << name << " is asked for and not in the table";
  }
}

TEST(Phrases, Fill) {
  const Phrases english(Language::english), chinese(Language::chinese);
  EXPECT_EQ(english.count("count.customers", 1), "one customer");
  EXPECT_EQ(english.count("count.customers", 1381), "1,381 customers");
  EXPECT_EQ(chinese.count("count.customers", 1), "1 位客户");
  EXPECT_EQ(english("customers.page", 2, 15), "page 2 of 15");
  EXPECT_EQ(chinese("customers.page", 2, 15), "第 2 页，共 15 页");
  EXPECT_EQ(chinese.list({"音乐", "", "图书"}), "音乐、图书");
  EXPECT_EQ(english.join({"One.", "", "Two."}), "One. Two.");
  EXPECT_EQ(chinese.word("reject.", "empty text"), "缺少文本");
  EXPECT_EQ(chinese.word("reject.", "of the user's own"), "of the user's own");
  EXPECT_EQ(english.form("count.texts"), "{} texts");
  EXPECT_THROW(english("no.such phrase"), Error);
}

}  // namespace
}  // namespace limner
