// Rule-based segments with their actions, and audiences.
#include "profile/html.h"
#include "profile/report_sections.h"

namespace limner {

std::string describe_actions(const ReportInputs& inputs) {
  const Actions& actions = inputs.results.actions;
  if (actions.rules.empty()) return "";
  int64_t reached = 0;
  for (const int64_t count : actions.customers) reached += count;
  return inputs.say("summary.actions", inputs.say.count("count.customers", reached));
}

Section actions_section(const ReportInputs& inputs) {
  const Actions& actions = inputs.results.actions;
  const Phrases& say = inputs.say;
  Section section = open_section(inputs, "actions");
  if (!actions.rules.empty()) {
    section.lead = say("actions.lead");
    const auto all = static_cast<double>(inputs.results.customers.count());
    std::string rows;
    for (size_t i = 0; i < actions.rules.size(); ++i) {
      const ActionRule& rule = actions.rules[i];
      rows += "<tr><td>" + escape(rule.name) + "</td>" + number_cell(count_text(actions.customers[i])) +
              number_cell(percent_text(static_cast<double>(actions.customers[i]) / all, 1)) + "<td>" +
              escape(rule.action) + "</td><td>" + escape(rule.coupon) + "</td><td>" + escape(rule.channel) +
              "</td></tr>\n";
    }
    section.body =
        table_open({say("actions.segment"), ">" + say("actions.customers"), ">" + say("actions.share"),
                    say("actions.action"), say("actions.coupon"), say("actions.channel")}) +
        rows + table_close();
  }
  if (actions.audiences.empty()) return section;
  std::string rows;
  for (const Audience& audience : actions.audiences) {
    const bool nobody = audience.members.empty();
    rows += "<tr><td>" + escape(audience.name) + "</td><td>" + escape(audience.score) + "</td>" +
            number_cell(count_text(std::ssize(audience.members))) +
            number_cell(nobody ? "–" : number_text(audience.members.front().score)) +
            number_cell(nobody ? "–" : number_text(audience.members.back().score)) + "</tr>\n";
  }
  section.body +=
      "<h3>" + say("audiences.title") + "</h3>" +
      table_open({say("audiences.audience"), say("audiences.score"), ">" + say("actions.customers"),
                  ">" + say("audiences.highest"), ">" + say("audiences.lowest")}) +
      rows + table_close() + "<p class=\"note\">" + say("audiences.note") + "</p>\n";
  return section;
}

}  // namespace limner
