#include "profile/names.h"

#include <gtest/gtest.h>

namespace limner {
namespace {

const Phrases english(Language::english), chinese(Language::chinese);

Feature feature(const std::string& name, FeatureSource source, Feature::Part part = Feature::Part::number) {
  Feature result{name, source, ""};
  result.part = part;
  return result;
}

TEST(Names, AUsersFieldKeepsItsOwn) {
  for (const char* name :
       {"topic 3", "topic of the call", "texts", "word vectors", "predicted revenue", "days missing", "items",
        "days since last text", "tokens a text", "region = missing", "plan = topic 2"}) {
    for (const Phrases& say : {english, chinese}) {
      EXPECT_EQ(feature_name(say, feature(name, FeatureSource::attribute)), name);
      EXPECT_EQ(feature_name(say, feature(name, FeatureSource::attribute, Feature::Part::value)), name);
      EXPECT_EQ(trait_name(say, {TraitGroup::attribute, name, false, 0, 0, {}, {}}), name);
    }
  }
  EXPECT_EQ(feature_name(chinese,
                         feature("topic 3 missing", FeatureSource::attribute, Feature::Part::missing_number)),
            "topic 3 缺失");
  EXPECT_EQ(feature_name(chinese, feature("predicted revenue = missing", FeatureSource::attribute,
                                          Feature::Part::missing_value)),
            "predicted revenue = 缺失");
}

TEST(Names, OursAreInTheLanguageOfTheReport) {
  Feature topic = feature("topic 3", FeatureSource::topic);
  topic.category = "2";
  const Feature head = feature("predicted mood = good", FeatureSource::prediction),
                items = feature("items", FeatureSource::behaviour),
                days = feature("days since last text missing", FeatureSource::behaviour,
                               Feature::Part::missing_number),
                texts = feature("texts", FeatureSource::component),
                words = feature("word vectors", FeatureSource::word_vector);
  for (const Feature& each : {topic, head, items, days, texts, words})
    EXPECT_EQ(feature_name(english, each), each.name);
  EXPECT_EQ(feature_name(chinese, topic), "主题 3");
  EXPECT_EQ(feature_name(chinese, head), "预测的 mood = good");
  EXPECT_EQ(feature_name(chinese, items), "商品数");
  EXPECT_EQ(feature_name(chinese, days), "距上次文本的天数 缺失");
  EXPECT_EQ(feature_name(chinese, texts), "文本");
  EXPECT_EQ(feature_name(chinese, words), "词向量");
  EXPECT_EQ(set_name(chinese, "attributes, texts and word vectors"), "属性、文本、词向量");
}

TEST(Names, OfTraits) {
  EXPECT_EQ(trait_name(chinese, {TraitGroup::behaviour, "texts per customer", false, 0, 0, {}, {}}),
            "人均文本数");
  EXPECT_EQ(trait_name(chinese, {TraitGroup::prediction, "predicted stars", false, 0, 0, {}, {}}),
            "预测的 stars");
  // A head named so, of classes.
  EXPECT_EQ(trait_name(chinese, {TraitGroup::prediction, "predicted = yes", true, 0, 0, {}, {}}),
            "predicted = yes");
}

}  // namespace
}  // namespace limner
