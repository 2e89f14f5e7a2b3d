#include "cli/demo_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <string>
#include <vector>

#include "cli/demo_words.h"
#include "runtime/files.h"
#include "runtime/random.h"

namespace limner {

namespace {

using demo_words::Category;
using demo_words::CategoryWords;
using demo_words::Language;

enum class Mood : uint8_t { negative, positive };
Mood opposite(Mood mood) { return mood == Mood::positive ? Mood::negative : Mood::positive; }

// Draws one after the other from one stream.
class Draw {
 public:
  Draw(uint64_t seed, std::string_view purpose, int64_t stream)
      : random_(seed, purpose, static_cast<uint64_t>(stream)) {}
  int64_t below(int64_t limit) {
    return static_cast<int64_t>(random_.below(next_++, static_cast<uint64_t>(limit)));
  }
  bool chance(double probability) { return uniform() < probability; }
  double uniform() { return static_cast<double>(below(int64_t{1} << 53)) * 0x1p-53; }
  double normal() { return random_.normal(next_++); }
  template <class List>
  const auto& pick(const List& list) {
    return list[static_cast<size_t>(below(static_cast<int64_t>(list.size())))];
  }

 private:
  Random random_;
  uint64_t next_ = 0;
};

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

// --- Texts

enum class Tongue : uint8_t { english, chinese };

class Writer {
 public:
  Writer(Draw& draw, const Category& category, size_t item, Tongue tongue)
      : draw_(draw),
        words_(tongue == Tongue::english ? category.english : category.chinese),
        language_(tongue == Tongue::english ? demo_words::english : demo_words::chinese),
        item_(item),
        english_(tongue == Tongue::english) {}

  std::string review(Mood mood) {
    if (draw_.chance(0.35)) add(std::string(draw_.pick(language_.openers)));
    if (draw_.chance(0.5))
      add(english_ ? fmt::format("This is about the {}.", words_.products[item_])
                   : fmt::format("这次说的是{}。", words_.products[item_]));
    const bool mixed = draw_.chance(0.2);
    if (mixed) add(sentence(claim(opposite(mood))));
    const int64_t claims = 1 + draw_.below(3);
    for (int64_t index = 0; index < claims; ++index) {
      const std::string but = mixed && index == 0 ? (english_ ? "but " : "不过") : "";
      const std::string next = sentence(but + claim(mood));
      if (text_.find(next) == std::string::npos) add(next);
    }
    if (draw_.chance(0.25)) add(std::string(draw_.pick(language_.asides)));
    if (mixed || draw_.chance(0.5)) {
      add(std::string(draw_.pick(mood == Mood::positive ? language_.good_end : language_.bad_end)));
    }
    return text_;
  }

 private:
  Draw& draw_;
  const CategoryWords& words_;
  const Language& language_;
  size_t item_;
  bool english_;
  std::string text_;

  void add(const std::string& sentence) {
    if (english_ && !text_.empty()) text_ += ' ';
    text_ += sentence;
  }
  // In English a clause, in lower case: "the battery is great".
  std::string claim(Mood mood) {
    const bool good = mood == Mood::positive;
    const double kind = draw_.uniform();
    if (kind < 0.4) return std::string(draw_.pick(good ? words_.praise : words_.blame));
    const std::string_view aspect = draw_.pick(words_.aspects);
    const std::string_view judgement =
        kind < 0.8 ? draw_.pick(good ? language_.good : language_.bad)
                   : draw_.pick(good ? language_.negated_bad : language_.negated_good);
    return english_ ? fmt::format("the {} is {}", aspect, judgement) : fmt::format("{}{}", aspect, judgement);
  }
  std::string sentence(std::string claim) const {
    if (!english_) return claim + "。";
    if (claim[0] >= 'a' && claim[0] <= 'z') claim[0] = static_cast<char>(claim[0] - 'a' + 'A');
    return claim + ".";
  }
};

// --- Customers

struct Review {
  int64_t time = 0;  // seconds since 1970
  int64_t customer = 0;
  std::string text;
  std::string_view item, category;
  Mood mood = Mood::positive, label = Mood::positive;
};

struct Customer {
  std::string id;
  std::string_view region;
  int64_t age = 0;
  size_t preferred = 0;  // category
  double mood = 0, drift = 0;
  double chinese = 0;  // share of texts
  int64_t reviews = 0;
  int64_t member_since = 0;
};

constexpr int64_t day = 86400;
constexpr int64_t first_day = 1672531200;  // 2023-01-01
constexpr int64_t days = 730;

std::string customer_id(int64_t index) { return fmt::format("C{:05}", index + 1); }

Customer make_customer(uint64_t seed, int64_t index) {
  constexpr std::array<std::string_view, 10> regions{"north", "north", "north", "south", "south",
                                                     "south", "east",  "east",  "west",  "west"};
  constexpr std::array<double, 5> preferred_age{28, 45, 33, 55, 50};  // by category
  Draw draw(seed, "demo customer", index);
  Customer customer;
  customer.id = customer_id(index);
  customer.region = draw.pick(regions);
  customer.age = 18 + draw.below(58);
  double best = -1e9;
  for (size_t category = 0; category < preferred_age.size(); ++category) {
    const double distance = (static_cast<double>(customer.age) - preferred_age[category]) / 15;
    const double liking = -distance * distance / 2 - std::log(-std::log(draw.uniform() * 0.998 + 0.001));
    if (liking > best) {
      best = liking;
      customer.preferred = category;
    }
  }
  customer.mood = 0.9 + draw.normal() - (customer.region == "west" ? 0.8 : 0.0);
  customer.drift = 1.5 * draw.normal();
  const double tongue = draw.uniform();
  customer.chinese = tongue < 0.5 ? 1.0 : tongue < 0.8 ? 0.0 : 0.5;
  customer.reviews = 3 + draw.below(15);
  customer.member_since = first_day - day * draw.below(2000);
  return customer;
}

std::vector<Review> write_reviews(uint64_t seed, int64_t index, const Customer& customer) {
  Draw draw(seed, "demo reviews", index);
  std::vector<int64_t> times;
  for (int64_t review = 0; review < customer.reviews; ++review) {
    times.push_back(first_day + draw.below(days * day));
  }
  std::sort(times.begin(), times.end());
  std::vector<Review> reviews;
  for (const int64_t time : times) {
    const double progress = static_cast<double>(time - first_day) / static_cast<double>(days * day);
    Review review;
    review.time = time;
    review.customer = index;
    review.mood = draw.chance(logistic(customer.mood + customer.drift * (2 * progress - 1))) ? Mood::positive
                                                                                             : Mood::negative;
    review.label = draw.chance(0.01) ? opposite(review.mood) : review.mood;
    const size_t other = static_cast<size_t>(draw.below(static_cast<int64_t>(demo_words::categories.size())));
    const Category& category = demo_words::categories[draw.chance(0.5) ? customer.preferred : other];
    const auto item = static_cast<size_t>(draw.below(static_cast<int64_t>(category.items.size())));
    review.category = category.name;
    review.item = category.items[item];
    const Tongue tongue = draw.chance(customer.chinese) ? Tongue::chinese : Tongue::english;
    review.text = Writer(draw, category, item, tongue).review(review.mood);
    reviews.push_back(std::move(review));
  }
  return reviews;
}

// --- Effects of the causes that demo_data.h names

double share_of(Mood mood, const std::vector<Review>& reviews, size_t last) {
  const size_t first = reviews.size() - std::min(last, reviews.size());
  const auto count = std::count_if(reviews.begin() + static_cast<std::ptrdiff_t>(first), reviews.end(),
                                   [mood](const Review& review) { return review.mood == mood; });
  return static_cast<double>(count) / static_cast<double>(reviews.size() - first);
}

double spend(const Customer& customer, const std::vector<Review>& reviews, Draw& draw) {
  constexpr std::array<double, 5> of_category{90, 0, 20, -30, 60};
  const double amount = 120 + 260 * share_of(Mood::positive, reviews, reviews.size()) +
                        of_category[customer.preferred] + 1.5 * static_cast<double>(customer.age - 45) +
                        25 * draw.normal();
  return std::round(std::max(0.0, amount) * 100) / 100;
}

bool churns(const Customer& customer, const std::vector<Review>& reviews, Draw& draw) {
  const double logit = -0.9 + 4.5 * (share_of(Mood::negative, reviews, 3) - 0.4) -
                       0.12 * static_cast<double>(customer.reviews - 10) +
                       (customer.region == "west" ? 0.8 : 0.0);
  return draw.chance(logistic(logit));
}

// --- Files

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string out = "\"";
  for (const char byte : text) out += byte == '"' ? std::string("\"\"") : std::string(1, byte);
  return out + "\"";
}

std::string calendar(int64_t seconds, bool with_clock) {
  using namespace std::chrono;
  const sys_days date(std::chrono::days(seconds / day));
  const year_month_day ymd(date);
  std::string text = fmt::format("{:04}-{:02}-{:02}", static_cast<int>(ymd.year()),
                                 static_cast<unsigned>(ymd.month()), static_cast<unsigned>(ymd.day()));
  const int64_t clock = seconds % day;
  if (!with_clock) return text;
  return text + fmt::format(" {:02}:{:02}:{:02}", clock / 3600, clock / 60 % 60, clock % 60);
}

std::string with_dirt(const std::string& text, int64_t row) {
  if (row % 97 == 10) return "\xef\xbb\xbf" + text;
  if (row % 89 == 20) return "\xe2\x80\x8b" + text + "\xe2\x80\x8b";
  if (row % 53 == 30) return "<p>" + text + "&nbsp;</p><br />";
  if (row % 101 == 40) return text + " https://shop.example/item?id=" + std::to_string(row) + "&ref=mail";
  if (row % 61 == 50) return "\"" + text + "\"\n\n";
  return text;
}

std::string csv_row(const Review& review, const std::string& text, const std::string& time,
                    std::string_view label) {
  return fmt::format("{},{},{},{},{},{}\n", customer_id(review.customer), quoted(text), time, review.item,
                     review.category, label);
}

std::string reviews_csv(const std::vector<Review>& reviews) {
  std::string table = "customer_id,review,created_at,product,category,label\n";
  for (size_t index = 0; index < reviews.size(); ++index) {
    const Review& review = reviews[index];
    const auto row = static_cast<int64_t>(index);
    const std::string time = calendar(review.time, true);
    const std::string_view label = row % 157 == 70                  ? ""
                                   : review.label == Mood::positive ? "positive"
                                                                    : "negative";
    const std::string line = csv_row(review, with_dirt(review.text, row), time, label);
    table += line;
    if (row % 211 == 60) table += line;
    if (row % 977 == 100) table += csv_row(review, "", time, label);
    if (row % 983 == 200) table += line.substr(0, line.size() - 1) + ",surplus\n";
    if (row % 991 == 300) table += csv_row(review, "broken \xff\xfe text", time, label);
    if (row % 997 == 400) table += csv_row(review, review.text + "!", "soon", label);
  }
  return table;
}

std::string customers_jsonl(uint64_t seed, const std::vector<Customer>& customers,
                            const std::vector<std::vector<Review>>& reviews) {
  std::string lines;
  const auto count = static_cast<int64_t>(customers.size());
  const int64_t silent = std::max<int64_t>(1, count / 50);
  for (int64_t index = 0; index < count + silent; ++index) {
    if (index % 75 == 70 && index < count) continue;  // wrote reviews, but stands in no table
    const bool writes = index < count;
    const Customer customer = writes ? customers[static_cast<size_t>(index)] : make_customer(seed, index);
    Draw draw(seed, "demo effects", index);
    Json record{{"id", customer.id},
                {"region", customer.region},
                {"age", customer.age},
                {"member_since", calendar(customer.member_since, false)}};
    if (index % 50 == 40) record["age"] = nullptr;
    record["spend_next_quarter"] =
        writes ? spend(customer, reviews[static_cast<size_t>(index)], draw) : 100.0;
    record["churned"] = writes ? churns(customer, reviews[static_cast<size_t>(index)], draw) : false;
    const std::string line = record.dump() + "\n";
    lines += line;
    if (index == count / 2) lines += line;
    if (index == count / 3) lines += line.substr(0, line.size() / 2) + "\n";
  }
  return lines;
}

// What customers did in the shop; happy ones buy more.
std::string events_csv(uint64_t seed, const std::vector<Customer>& customers) {
  std::string table = "customer_id,at,what,amount\n";
  for (size_t index = 0; index < customers.size(); ++index) {
    Draw draw(seed, "demo events", static_cast<int64_t>(index));
    const double buying = 0.2 + 0.3 * logistic(customers[index].mood);
    const int64_t count = draw.below(40);  // 0: a customer without events
    for (int64_t event = 0; event < count; ++event) {
      const std::string time = calendar(first_day + draw.below(days * day), true);
      const bool buys = draw.chance(buying);
      const double amount = std::round(100 * std::exp(3 + draw.normal())) / 100;
      table += fmt::format("{},{},{},{}\n", customer_id(static_cast<int64_t>(index)), time,
                           buys               ? "bought"
                           : draw.chance(0.3) ? "searched"
                                              : "looked",
                           buys ? fmt::format("{:.2f}", amount) : "");
    }
    if (index % 80 == 30)
      table += customer_id(static_cast<int64_t>(index)) + ",1969-12-31 23:00:00,looked,\n";
    if (index % 90 == 40)
      table += customer_id(static_cast<int64_t>(index)) + ",2024-03-01 10:00:00,phoned,\n";
  }
  return table;
}

}  // namespace

void write_demo_data(const std::filesystem::path& folder, uint64_t seed, int64_t customers) {
  std::vector<Customer> everyone;
  std::vector<std::vector<Review>> by_customer;
  std::vector<Review> by_time;
  for (int64_t index = 0; index < customers; ++index) {
    everyone.push_back(make_customer(seed, index));
    by_customer.push_back(write_reviews(seed, index, everyone.back()));
    by_time.insert(by_time.end(), by_customer.back().begin(), by_customer.back().end());
  }
  std::stable_sort(by_time.begin(), by_time.end(),
                   [](const Review& a, const Review& b) { return a.time < b.time; });
  make_folder(folder);
  write_file(folder / "reviews.csv", reviews_csv(by_time));
  write_file(folder / "customers.jsonl", customers_jsonl(seed, everyone, by_customer));
  write_file(folder / "events.csv", events_csv(seed, everyone));
}

}  // namespace limner
