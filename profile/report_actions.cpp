// Rule-based segments with their actions, and audiences.
#include "profile/html.h"
#include "profile/report_sections.h"

namespace limner {

std::string describe_actions(const ReportInputs& inputs) {
  const Actions& actions = inputs.results.actions;
  if (actions.rules.empty()) return "";
  int64_t reached = 0;
  for (const int64_t count : actions.customers) reached += count;
  return fmt::format("The rules give {} an action.",
                     "<strong>" + counted(reached, "customer", "customers") + "</strong>");
}

Section actions_section(const ReportInputs& inputs) {
  const Actions& actions = inputs.results.actions;
  Section section{"actions", "What to do", "Actions", "", ""};
  if (actions.empty()) return section;
  if (!actions.rules.empty()) {
    section.lead =
        "Segments by rule, in the order of the file: a customer belongs to the first whose conditions all "
        "hold. <code>actions.csv</code> lists every customer with an action.";
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
        "<div class=\"scroll\"><table><tr><th>segment</th><th class=\"n\">customers</th><th "
        "class=\"n\">share</th><th>action</th><th>coupon</th><th>channel</th></tr>\n" +
        rows + "</table></div>\n";
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
      "<h3>Audiences</h3><div class=\"scroll\"><table><tr><th>audience</th><th>by score</th><th "
      "class=\"n\">customers</th><th class=\"n\">highest</th><th class=\"n\">lowest</th></tr>\n" +
      rows + "</table></div><p class=\"note\">Members are in <code>audiences.csv</code>.</p>\n";
  return section;
}

}  // namespace limner
