// What the texts are about: a card a topic.
#include <algorithm>
#include <cmath>

#include "profile/html.h"
#include "profile/report_sections.h"

namespace limner {
namespace {

constexpr size_t words_shown = 10;
constexpr double told_about = 0.05;  // less agreement with a category is not worth a sentence

std::string topic_title(const Phrases& say, const Topic& topic) {
  std::vector<std::string> words;
  for (size_t i = 0; i < std::min<size_t>(3, topic.words.size()); ++i) words.push_back(topic.words[i].word);
  return escape(say.list(words));
}

std::string topic_card(const Phrases& say, const ProfileResults& results, size_t index) {
  const Topic& topic = results.topics.topics[index];
  const std::string color = segment_color(static_cast<int64_t>(index));
  const double largest = std::max_element(topic.words.begin(), topic.words.end(), [](auto& a, auto& b) {
                           return a.probability < b.probability;
                         })->probability;
  std::string words;
  for (size_t i = 0; i < std::min(words_shown, topic.words.size()); ++i) {
    const TopicWord& word = topic.words[i];
    words += fmt::format(
        "<li title=\"{}\"><span>{}</span><i><s "
        "style=\"width:{:.1f}%;background:{}\"></s></i><b>{}</b></li>",
        say("topics.word", percent_text(word.probability, 1), number_text(word.lift)),
        escape(shorten(word.word, 28)), 100 * word.probability / largest, color,
        percent_text(word.probability, 1));
  }
  return fmt::format(
      "<article class=\"card\" style=\"--c:{}\" id=\"topic-{}\">\n<h3><b class=\"badge\" "
      "style=\"background:{}\">{}</b>{}</h3>\n<p class=\"size\">{}</p><div class=\"share\"><i "
      "style=\"width:{:.1f}%\"></i></div>\n<h4>{}</h4><ul class=\"terms "
      "words\">{}</ul></article>\n",
      color, index + 1, color, index + 1, topic_title(say, topic),
      say("topics.size", percent_text(topic.share), say.count("count.texts", topic.texts),
          say.count("count.customers", results.customers_of_topic(index)), number_text(topic.coherence)),
      100 * topic.share, say("card.words"), words);
}

}  // namespace

std::string describe_topics(const ReportInputs& inputs) {
  const Topics& topics = inputs.results.topics;
  if (topics.count() == 0) return "";
  const auto largest = std::max_element(topics.topics.begin(), topics.topics.end(),
                                        [](const Topic& a, const Topic& b) { return a.share < b.share; });
  if (topics.count() == 1) return inputs.say("summary.topics.one", topic_title(inputs.say, *largest));
  return inputs.say("summary.topics", topics.count(), topic_title(inputs.say, *largest),
                    percent_text(largest->share));
}

Section topics_section(const ReportInputs& inputs) {
  const Topics& topics = inputs.results.topics;
  const Phrases& say = inputs.say;
  Section section = open_section(inputs, "topics");
  if (topics.count() == 0) return section;
  section.lead = say("topics.lead", count_text(topics.texts_with_words), topics.count());
  std::string cards;
  for (size_t index = 0; index < topics.topics.size(); ++index)
    cards += topic_card(say, inputs.results, index);
  section.body = "<div class=\"cards\">\n" + cards + "</div>\n";
  for (const TopicAgreement& agreement : topics.agreements) {
    if (!(agreement.information >= told_about)) continue;
    section.body += "<p class=\"note\">" +
                    say("topics.agreement", escape(agreement.field), number_text(agreement.information),
                        count_text(agreement.texts)) +
                    "</p>\n";
  }
  return section;
}

}  // namespace limner
