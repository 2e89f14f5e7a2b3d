#include "profile/html.h"

#include <gtest/gtest.h>

#include <cmath>

#include "profile/svg.h"

namespace limner {
namespace {

TEST(Html, EscapesMarkup) {
  EXPECT_EQ(escape("<script>alert(\"1\") & 'x'</script>"),
            "&lt;script&gt;alert(&quot;1&quot;) &amp; &#39;x&#39;&lt;/script&gt;");
  EXPECT_EQ(escape("好评 😀 naïve\nline"), "好评 😀 naïve\nline");
}

TEST(Html, ReplacesWhatIsNoText) {
  const std::string gone = "\xef\xbf\xbd";
  EXPECT_EQ(escape("a\xff\x01z"), "a" + gone + gone + "z");
  EXPECT_EQ(escape("\xc0\xaf"), gone + gone);                  // overlong
  EXPECT_EQ(escape("\xed\xa0\x80"), gone + gone + gone);       // a surrogate
  EXPECT_EQ(escape(std::string("\xe4\xbd", 2)), gone + gone);  // cut short
}

TEST(Html, JsonCannotLeaveItsScript) {
  const std::string text = script_json(Json{{"a", "</script><!--"}, {"b", "x & y"}});
  EXPECT_EQ(text.find('<'), std::string::npos);
  EXPECT_EQ(text.find('&'), std::string::npos);
  EXPECT_EQ(Json::parse(text)["a"], "</script><!--");
  EXPECT_NO_THROW(script_json(Json("\xff broken")));
}

TEST(Html, Numbers) {
  EXPECT_EQ(number_text(0), "0");
  EXPECT_EQ(number_text(17), "17");
  EXPECT_EQ(number_text(-1.5), "−1.50");
  EXPECT_EQ(number_text(0.9123), "0.912");
  EXPECT_EQ(number_text(12.34), "12.3");
  EXPECT_EQ(number_text(123.4), "123");
  EXPECT_EQ(number_text(12345.6), "12,346");
  EXPECT_EQ(number_text(0.00012), "0.00012");
  EXPECT_EQ(number_text(std::nan("")), "–");
  EXPECT_EQ(signed_text(2.5), "+2.50");
  EXPECT_EQ(count_text(1234567), "1,234,567");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(percent_text(0.43), "43%");
  EXPECT_EQ(percent_text(0.001), "<1%");
  EXPECT_EQ(percent_text(0.9999), ">99%");
  EXPECT_EQ(percent_text(1), "100%");
}

TEST(Html, ShortensByCharacters) {
  EXPECT_EQ(shorten("音乐很好听", 3), "音乐很…");
  EXPECT_EQ(shorten("音乐", 2), "音乐");
  EXPECT_EQ(shorten("", 2), "");
}

TEST(Html, ColoursRunFromBlueToOrange) {
  EXPECT_EQ(diverging_color(0), "#faf9f6");
  EXPECT_EQ(diverging_color(-9), "#6aa3d1");
  EXPECT_EQ(diverging_color(1), "#f0a35e");
  EXPECT_EQ(diverging_color(std::nan("")), "transparent");
}

TEST(Svg, AxisMarksAreRound) {
  EXPECT_EQ(axis_marks(0, 10, 6), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(axis_marks(-0.3, 0.9, 4), (std::vector<double>{-0.5, 0, 0.5, 1}));
  for (const double high : {1e-6, 0.7, 3.0, 12345.0}) {
    const std::vector<double> marks = axis_marks(0, high, 5);
    EXPECT_GE(marks.back(), high * (1 - 1e-9));
    EXPECT_LE(marks.size(), 7u);
  }
}

TEST(Svg, TextsAreCutToTheirRoom) {
  EXPECT_EQ(fit_text("short", 100, 12), "short");
  const std::string cut = fit_text("a name that goes on and on", 80, 12);
  EXPECT_TRUE(cut.ends_with("…"));
  EXPECT_LE(text_width(cut, 12), 80);
  EXPECT_GT(text_width(cut + "n", 12), 70);
  EXPECT_EQ(fit_text("客户画像报告", 40, 12), "客户…");
}

TEST(Svg, ChartsStandOddData) {
  ChartOptions options;
  options.title = "<b>";
  const double nan = std::nan("");
  for (const std::string& svg :
       {line_chart({}, options),
        line_chart({{"flat", "red", {{1, 2}, {2, 2}}, Series::Style::line}}, options),
        line_chart({{"gaps", "red", {{1, nan}, {2, 3}}, Series::Style::line_with_dots}}, options),
        scatter_chart({}, options), scatter_chart({{1, 1}}, options), column_chart({}, options),
        effect_chart({{"a<b", "", 1, nan, "red"}, {"zero", "", 0, 0, "red"}}, options)}) {
    EXPECT_EQ(svg.find("nan"), std::string::npos) << svg;
    EXPECT_EQ(svg.find("inf"), std::string::npos) << svg;
    EXPECT_EQ(svg.find("<b"), std::string::npos) << svg;
    EXPECT_TRUE(svg.starts_with("<svg") && svg.ends_with("</svg>"));
  }
}

}  // namespace
}  // namespace limner
