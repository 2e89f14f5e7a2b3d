// Cleaning, case by case, in Chinese and English.
#include "prepare/clean.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "prepare/html.h"

namespace limner {
namespace {

std::string cleaned(std::string_view raw, const CleanSettings& settings = {}) {
  return clean_text(raw, settings).text;
}

TEST(Clean, WhiteSpace) {
  EXPECT_EQ(cleaned("  two\t words \r\n\n and　more\u00a0here\u2003 "), "two words and more here");
  EXPECT_EQ(cleaned("很好 　 不错\n推荐"), "很好 不错 推荐");
  EXPECT_EQ(cleaned(" \n\u3000"), "");
  CleanSettings keep;
  keep.collapse_whitespace = false;
  EXPECT_EQ(cleaned(" a\n b ", keep), " a\n b ");
}

TEST(Clean, UnseenCharacters) {
  EXPECT_EQ(cleaned("\ufeff做父母一定\ufeff要有"), "做父母一定要有");
  EXPECT_EQ(cleaned(std::string("nul\0byte\x07\x1b[0m\x7f", 15)), "nulbyte[0m");
  EXPECT_EQ(cleaned("ze\u200bro\u200d wi\u2060dth\u00ad \u202eleft\u200f"), "zero width left");
  EXPECT_EQ(cleaned("中\u200d文\u200c字"), "中文字");
  EXPECT_EQ(cleaned("line\u0085end"), "line end");
  EXPECT_EQ(cleaned("\u2028x"), "x");
}

TEST(Clean, JoinersStayWhereTheyMeanSomething) {
  EXPECT_EQ(cleaned("👩\u200d👧"), "👩\u200d👧");
  EXPECT_EQ(cleaned("❤\ufe0f\u200d🔥"), "❤\ufe0f\u200d🔥");
  EXPECT_EQ(cleaned("می\u200cخواهم"), "می\u200cخواهم");
}

TEST(Clean, Urls) {
  EXPECT_EQ(strip_urls("see https://a.example/x?y=1&z=%20#f for more"), "see   for more");
  EXPECT_EQ(cleaned("链接http://t.example/abc很好用"), "链接 很好用");
  EXPECT_EQ(cleaned("(WWW.Shop.Example)."), "( ).");
  EXPECT_EQ(cleaned("at https://a.example/x, or not"), "at , or not");
  EXPECT_EQ(cleaned("awww.that is nice"), "awww.that is nice");
  EXPECT_EQ(cleaned("https:// is a prefix; www. too"), "https:// is a prefix; www. too");
  CleanSettings keep;
  keep.strip_urls = false;
  EXPECT_EQ(cleaned("www.a.example", keep), "www.a.example");
}

TEST(Clean, HtmlTags) {
  EXPECT_EQ(cleaned("<p>one<br/>two</P><BR >three"), "one two three");
  EXPECT_EQ(cleaned("un<b>believ</b>able <a href=\"http://x.example/?a>b\" title='y'>link</a>"),
            "unbelievable link");
  EXPECT_EQ(cleaned("很<span class=x>好</span><br>推荐"), "很好 推荐");
  EXPECT_EQ(cleaned("a<!-- hidden <b> -->b<!-- open"), "ab<!-- open");
  EXPECT_EQ(cleaned("x<script type=\"t\">if (a<b) { '</b>' }</script>y<style>p {}</STYLE>z"), "x y z");
  EXPECT_EQ(cleaned("x<script>never closed"), "x");
}

TEST(Clean, WhatIsNoHtmlStays) {
  for (const char* text :
       {"I <3 it", "5 < 7 > 3", "<不错>", "<(^_^)>", "a <b", "<notatag>", "<b-lue>", "a<", "<", "</", "R&D",
        "AT&T;", "&nosuch;", "&#0;", "&#xd800;", "&#99999999999;", "&;", "&"}) {
    EXPECT_EQ(cleaned(text), text);
  }
}

TEST(Clean, CharacterReferences) {
  EXPECT_EQ(cleaned("&lt;3 &amp; &quot;x&quot; &#39;y&#x27; caf&eacute; &hellip; &yuml;&nbsp;&nbsp;end"),
            "<3 & \"x\" 'y' café … ÿ end");
  EXPECT_EQ(cleaned("&#20013;&#x6587; &#150; &#128512;"), "中文 – 😀");
  EXPECT_EQ(cleaned("&lt;br&gt;"), "<br>");
  EXPECT_EQ(cleaned("&amp;lt;"), "&lt;");
  EXPECT_EQ(cleaned("http://x.example/?a=1&amp;b=2 ok"), "ok");
}

TEST(Clean, HtmlMayStay) {
  CleanSettings keep;
  keep.strip_html = false;
  EXPECT_EQ(cleaned("<b>x</b> &amp;", keep), "<b>x</b> &amp;");
}

TEST(Clean, NfkcOnlyWhereAsked) {
  CleanSettings nfkc;
  nfkc.nfkc = true;
  EXPECT_EQ(cleaned("ＡＢＣ１２３！ﬁne①", nfkc), "ABC123!fine1");
  EXPECT_EQ(cleaned("e\u0301", nfkc), "é");
  EXPECT_EQ(cleaned("ＡＢＣ"), "ＡＢＣ");
}

TEST(Clean, LowerCasePerLanguage) {
  CleanSettings settings;
  settings.lowercase = "latin";
  EXPECT_EQ(cleaned("GREAT Phone ÉTÉ", settings), "great phone été");
  EXPECT_EQ(cleaned("这个 iPhone 很好用，值得推荐", settings), "这个 iPhone 很好用，值得推荐");
  settings.lowercase = "all";
  EXPECT_EQ(cleaned("这个 iPhone ΣΑΣ İ", settings), "这个 iphone σας i\u0307");
  settings.lowercase = "none";
  EXPECT_EQ(cleaned("GREAT", settings), "GREAT");
}

TEST(Clean, CountsCharactersAndFindsTheScript) {
  EXPECT_EQ(clean_text(" 很好 ok😀", {}).characters, 6);
  EXPECT_EQ(clean_text("很好 ok 的", {}).script, Script::han);
  EXPECT_EQ(clean_text("very good 好", {}).script, Script::latin);
  EXPECT_EQ(clean_text("хорошо", {}).script, Script::other);
  EXPECT_EQ(clean_text("5/5 !!! 😀", {}).script, Script::none);
}

TEST(Clean, Values) {
  EXPECT_EQ(clean_value(" \ufeff C001\u200b\t"), "C001");
  EXPECT_EQ(clean_value("　两 个 "), "两 个");
  EXPECT_EQ(clean_value(" \u3000 "), "");
  EXPECT_EQ(clean_value(""), "");
}

TEST(Clean, LongHostileTextsTakeLinearTime) {
  for (const char* piece : {"<!--", "<a ", "</", "<", "&", "&#", "<script>", "http://", "<b title=\""}) {
    std::string text;
    while (text.size() < 200000) text += piece;
    const auto started = std::chrono::steady_clock::now();
    cleaned(text);
    EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(5)) << piece;
  }
}

}  // namespace
}  // namespace limner
