// What the texts are about: a card a topic.
#include <algorithm>
#include <cmath>

#include "profile/html.h"
#include "profile/report_sections.h"

namespace limner {
namespace {

constexpr size_t words_shown = 10;
constexpr double told_about = 0.05;  // less agreement with a category is not worth a sentence

std::string topic_card(const ProfileResults& results, size_t index) {
  const Topic& topic = results.topics.topics[index];
  const std::string color = segment_color(static_cast<int64_t>(index));
  const double largest = std::max_element(topic.words.begin(), topic.words.end(), [](auto& a, auto& b) {
                           return a.probability < b.probability;
                         })->probability;
  std::string words;
  for (size_t i = 0; i < std::min(words_shown, topic.words.size()); ++i) {
    const TopicWord& word = topic.words[i];
    words += fmt::format(
        "<li title=\"{} of the topic's words, {} times its share elsewhere\"><span>{}</span><i><s "
        "style=\"width:{:.1f}%;background:{}\"></s></i><b>{}</b></li>",
        percent_text(word.probability, 1), number_text(word.lift), escape(shorten(word.word, 28)),
        100 * word.probability / largest, color, percent_text(word.probability, 1));
  }
  return fmt::format(
      "<article class=\"card\" style=\"--c:{}\" id=\"topic-{}\">\n<h3><b class=\"badge\" "
      "style=\"background:{}\">{}</b>{}</h3>\n<p class=\"size\">{} of what is written · {} · {} · coherence "
      "{}</p><div class=\"share\"><i style=\"width:{:.1f}%\"></i></div>\n<h4>Words</h4><ul class=\"terms "
      "words\">{}</ul></article>\n",
      color, index + 1, color, index + 1, escape(topic.title()), percent_text(topic.share),
      counted(topic.texts, "text", "texts"),
      counted(results.customers_of_topic(index), "customer", "customers"), number_text(topic.coherence),
      100 * topic.share, words);
}

}  // namespace

std::string describe_topics(const ReportInputs& inputs) {
  const Topics& topics = inputs.results.topics;
  if (topics.count() == 0) return "";
  const auto largest = std::max_element(topics.topics.begin(), topics.topics.end(),
                                        [](const Topic& a, const Topic& b) { return a.share < b.share; });
  return fmt::format("They write about <strong>{} topics</strong>; the largest, <em>{}</em>, takes {}.",
                     topics.count(), escape(largest->title()), percent_text(largest->share));
}

Section topics_section(const ReportInputs& inputs) {
  const Topics& topics = inputs.results.topics;
  Section section{"topics", "What they write about", "Topics", "", ""};
  if (topics.count() == 0) return section;
  section.lead = fmt::format(
      "{} topics found in {} texts by the words that stand together (latent Dirichlet allocation). A text "
      "may have several; a bar is the word's share of the topic's words. Customers are counted where they "
      "write most. The coherence is 1 where a topic's words always meet and 0 where they meet by chance.",
      topics.count(), count_text(topics.texts_with_words));
  std::string cards;
  for (size_t index = 0; index < topics.topics.size(); ++index) cards += topic_card(inputs.results, index);
  section.body = "<div class=\"cards\">\n" + cards + "</div>\n";
  for (const TopicAgreement& agreement : topics.agreements) {
    if (!(agreement.information >= told_about)) continue;
    section.body += fmt::format(
        "<p class=\"note\">The largest topic of a text and its {} share {} of what they tell (normalised "
        "mutual information, {} texts).</p>\n",
        escape(agreement.field), number_text(agreement.information), count_text(agreement.texts));
  }
  return section;
}

}  // namespace limner
