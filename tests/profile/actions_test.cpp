#include "profile/actions.h"

#include <gmock/gmock.h>

#include <cmath>

#include "tests/profile/reference.h"
#include "tests/runtime/temporary_folder.h"

namespace limner {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<CustomerColumn> columns() {
  return {{"spend", true, {10, 250, NAN, 90}, {}, {}, "spend"},
          {"region", false, {}, {0, 1, 1, -1}, {"north", "东部"}, "region"}};
}

Actions actions_of(const std::string& yaml) {
  const TemporaryFolder folder;
  write_file(folder.path() / "rules.yaml", yaml);
  return apply_rules(read_rules(folder.path() / "rules.yaml", columns()), columns());
}

std::string message_of(const std::string& yaml) {
  const auto [code, message] = error_of([&] { actions_of(yaml); });
  EXPECT_EQ(code, ExitCode::bad_config);
  return message;
}

constexpr const char* good = R"(
segments:
  - name: rich, east
    when: [{column: spend, above: 90}, {column: region, is: 东部}]
    action: 'call "now"'
    coupon: TEN
  - name: north or unknown spend below 100
    when: [{column: spend, at_most: 90}]
    action: mail
    channel: e-mail
audiences:
  - {name: best, score: spend, most: 2}
  - {name: above, score: spend, at_least: 90}
)";

TEST(Rules, FirstThatHolds) {
  const Actions actions = actions_of(good);
  EXPECT_THAT(actions.rule, ElementsAre(1, 0, -1, 1));  // a missing value fails
  EXPECT_THAT(actions.customers, ElementsAre(1, 2));
  ASSERT_EQ(actions.audiences.size(), 2u);
  EXPECT_EQ(actions.audiences[0].members[0].customer, 1u);
  EXPECT_EQ(actions.audiences[0].members.size(), 2u);
  EXPECT_EQ(actions.audiences[1].members[1].score, 90);
}

TEST(Rules, FilesAreCsv) {
  const TemporaryFolder folder;
  const std::vector<std::string> ids = {"A", "B,1", "C", "D"};
  const Actions actions = actions_of(good);
  write_actions_csv(folder.path() / "actions.csv", actions, ids);
  EXPECT_EQ(read_file(folder.path() / "actions.csv"),
            "customer,segment,action,coupon,channel\r\n"
            "A,north or unknown spend below 100,mail,,e-mail\r\n"
            "\"B,1\",\"rich, east\",\"call \"\"now\"\"\",TEN,\r\n"
            "D,north or unknown spend below 100,mail,,e-mail\r\n");
  write_audiences_csv(folder.path() / "audiences.csv", actions, ids);
  EXPECT_THAT(read_file(folder.path() / "audiences.csv"), HasSubstr("best,1,\"B,1\",250\r\nbest,2,D,90\r\n"));
}

TEST(Rules, MistakesNameTheirLine) {
  EXPECT_THAT(
      message_of("segments:\n  - {name: a, action: b, when: [{column: spnd, above: 1}]}\n"),
      testing::AllOf(HasSubstr("rules.yaml:2:"), HasSubstr("no column `spnd`; did you mean `spend`?")));
  EXPECT_THAT(message_of("segments:\n  - {name: a, action: b, when: [{above: 1}]}\n"),
              testing::AllOf(HasSubstr("rules.yaml:2:"), HasSubstr("has no `column`")));
  EXPECT_THAT(message_of("segments:\n  - {name: a, action: b, when: [{column: spend}]}\n"),
              HasSubstr("compares `spend` with nothing"));
  EXPECT_THAT(message_of("segments:\n  - {name: a, action: b, when: [{column: region, above: 1}]}\n"),
              HasSubstr("`region` is a category"));
  EXPECT_THAT(message_of("segments:\n  - {name: a, action: b, when: [{column: spend, is: north}]}\n"),
              HasSubstr("`spend` is a number"));
  EXPECT_THAT(message_of("segments:\n  - {name: a, action: b, when: [{column: region, is: west}]}\n"),
              HasSubstr("`west` is no category"));
  EXPECT_THAT(message_of("segments:\n  - {name: a, when: []}\n"), HasSubstr("has no `action`"));
  EXPECT_THAT(message_of("audiences:\n  - {name: a, score: region}\n"), HasSubstr("`region` is a category"));
  EXPECT_THAT(message_of("audiences:\n  - {name: a, score: spend}\n  - {name: a, score: spend}\n"),
              HasSubstr("used twice"));
  EXPECT_THAT(message_of("segment: []\n"), HasSubstr("did you mean `segments`?"));
}

}  // namespace
}  // namespace limner
