// Numbers and times as tables write them.
#include "prepare/values.h"

#include <gtest/gtest.h>

namespace limner {
namespace {

TEST(Numbers, WhatIsOne) {
  EXPECT_EQ(parse_number("12"), 12.0);
  EXPECT_EQ(parse_number("-3.50"), -3.5);
  EXPECT_EQ(parse_number("+1e-3"), 1e-3);
  EXPECT_EQ(parse_number(".5"), 0.5);
  for (const char* text :
       {"", "+", "-", "+-1", "1 2", "1,000", "12kg", "nan", "inf", "-inf", "1e999", "0x10", "一"}) {
    EXPECT_FALSE(parse_number(text)) << text;
  }
}

TEST(Times, UnixTimes) {
  EXPECT_EQ(parse_time("1393545600"), 1393545600000000);
  EXPECT_EQ(parse_time("1393545600.25"), 1393545600250000);
  EXPECT_EQ(parse_time("1393545600123"), 1393545600123000);
  EXPECT_EQ(parse_time("1393545600123456"), 1393545600123456);
  EXPECT_EQ(parse_time("0"), 0);
  EXPECT_EQ(parse_time("-1"), -1000000);
}

TEST(Times, DatesAndClocks) {
  const int64_t day = 1393545600000000;  // 2014-02-28
  for (const char* text : {"2014-02-28", "2014/2/28", "20140228", "02 28, 2014", "2 28, 2014"}) {
    EXPECT_EQ(parse_time(text), day) << text;
  }
  const int64_t half_past_nine = day + (9 * 60 + 30) * int64_t{60000000};
  for (const char* text :
       {"2014-02-28T09:30", "2014-02-28 09:30:00", "2014/2/28 9:30", "2014-02-28T09:30:00Z",
        "2014-02-28T17:30:00+08:00", "2014-02-28T04:30:00.000-0500", "2014-02-28 17:30 +08"}) {
    EXPECT_EQ(parse_time(text), half_past_nine) << text;
  }
  EXPECT_EQ(parse_time("2014-02-28T09:30:00.1234567"), half_past_nine + 123456);
  EXPECT_EQ(parse_time("1969-12-31T23:59:59Z"), -1000000);
  EXPECT_EQ(parse_time("2014-02"), parse_time("2014-02-01"));
  EXPECT_EQ(parse_time("2014"), parse_time("2014-01-01"));
  EXPECT_EQ(parse_time("2016-02-29"), 1456704000000000);
}

TEST(Times, WhatIsNone) {
  for (const char* text :
       {"", "soon", "2014-02-29", "2014-13-01", "2014-", "2014-13", "2014-02-28T", "2014-02-28T25:00",
        "2014-02-28T09:60", "2014-02-28T09:30:00x", "2014-02-28T09:30+15:00", "2014-02/28",
        "2014-02-28T09:30+08:", "20141301", "28 02, 2014", "02 28 2014", "1e300", "nan"}) {
    EXPECT_FALSE(parse_time(text)) << text;
  }
}

TEST(Times, Formatted) {
  EXPECT_EQ(format_time(1393579800999999), "2014-02-28T09:30:00Z");
  EXPECT_EQ(format_time(-1), "1969-12-31T23:59:59Z");
}

}  // namespace
}  // namespace limner
