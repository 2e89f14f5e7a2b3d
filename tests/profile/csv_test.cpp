#include "profile/csv.h"

#include <gtest/gtest.h>

namespace limner {
namespace {

TEST(Csv, QuotesWhereItMust) {
  EXPECT_EQ(csv_line({"a", "", "b c", "d,e", "f\"g", "h\ni"}), "a,,b c,\"d,e\",\"f\"\"g\",\"h\ni\"\r\n");
}

TEST(Csv, FormulasBecomeText) {
  for (const char* formula : {"=1+1", "+49 30 1234", "-2+3", "@SUM(A1)", "＝1", "＋1", "－1", "＠a", "\tx",
                              "-", "-inf", "-nan", "=", "-5e", "-0x10", "+5"}) {
    EXPECT_EQ(csv_line({formula}), std::string("'") + formula + "\r\n");
  }
  EXPECT_EQ(csv_line({"\r=1", "\n=1"}), "\"'\r=1\",\"'\n=1\"\r\n");
  EXPECT_EQ(csv_line({"=HYPERLINK(\"http://x\",\"y\")"}), "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"\r\n");
}

TEST(Csv, NumbersStayNumbers) {
  for (const char* number : {"-1", "-0.5", "-1e-05", "3", "-1.23457e+10"})
    EXPECT_EQ(csv_line({number}), std::string(number) + "\r\n");
  for (const char* text : {"a=b", "b-3", "don't", "'quoted'", "a@b.c"})
    EXPECT_EQ(csv_line({text}), std::string(text) + "\r\n");
}

}  // namespace
}  // namespace limner
