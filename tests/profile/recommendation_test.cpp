// Item similarity and ranking scores against scikit-learn on three tables, and recommendations by hand.
#include "profile/recommendation.h"

#include <gmock/gmock.h>

#include "tests/profile/text_reference.h"

namespace limner {
namespace {

using Histories = std::vector<std::vector<int32_t>>;

// Tolerance 1e-12: whole counts under one root.
TEST(TakenTogether, IsTheCosineOfScikitLearn) {
  for (const Json& data : text_reference("rankings")) {
    const auto items = data["items"].get<size_t>();
    const SimilarItems similar = taken_together(data["histories"].get<Histories>(), items, items);
    const Matrix cosine = matrix_of(data["cosine"]);
    Matrix found = Matrix::Zero(cosine.rows(), cosine.cols());
    for (size_t item = 0; item < items; ++item) {
      found(static_cast<int64_t>(item), static_cast<int64_t>(item)) =
          cosine(static_cast<int64_t>(item), static_cast<int64_t>(item));
      double before = 2;
      for (const SimilarItem& other : similar[item]) {
        found(static_cast<int64_t>(item), other.item) = other.similarity;
        EXPECT_LE(other.similarity, before);
        before = other.similarity;
      }
    }
    EXPECT_LT((found - cosine).cwiseAbs().maxCoeff(), 1e-12);
  }
}

TEST(RankingScores, AreScikitLearns) {
  for (const Json& data : text_reference("rankings")) {
    const RankingScores scores = score_places("", data["places"].get<std::vector<int>>());
    EXPECT_NEAR(scores.recall, data["recall"].get<double>(), 1e-12);
    EXPECT_NEAR(scores.ndcg, data["ndcg"].get<double>(), 1e-12);
  }
}

TEST(Recommend, NamesTheReason) {
  // 0 and 1 are taken together, 2 is popular, 3 is described like 0.
  const Histories histories = {{0, 1}, {0, 1}, {2}, {2}, {2}, {3}};
  SimilarItems texts(4);
  texts[0] = {{3, 0, 0.9}};
  const ItemModel model = learn_items(histories, texts, 4, 10);
  const auto first = [&](const EvidenceWeights& weights) { return recommend(model, {0}, weights, 1).at(0); };
  EXPECT_EQ(first({1, 0, 0}).item, 1);
  EXPECT_EQ(first({1, 0, 0}).because, Evidence::together);
  EXPECT_EQ(first({1, 0, 0}).of_item, 0);
  EXPECT_EQ(first({1, 0, 0}).customers, 2);
  EXPECT_EQ(first({0, 1, 0}).item, 3);
  EXPECT_EQ(first({0, 1, 0}).because, Evidence::texts);
  EXPECT_EQ(first({0, 0, 1}).item, 2);
  EXPECT_EQ(first({0, 0, 1}).because, Evidence::popularity);
  EXPECT_EQ(first({0, 0, 1}).customers, 3);
  EXPECT_EQ(recommend(model, {0, 1, 2, 3}, {1, 1, 1}, 5).size(), 0u);  // nothing is left
  EXPECT_EQ(recommend(model, {}, {1, 1, 1}, 5).size(), 4u);            // of an unknown customer: the popular
}

TEST(Recommend, WeightsThatTellMoreAreChosen) {
  // Whoever has 2i takes 2i + 1 next; nothing is popular.
  Histories histories;
  std::vector<HeldOut> held_out;
  for (int32_t pair = 0; pair < 30; ++pair) {
    for (int i = 0; i < 3; ++i) histories.push_back({2 * pair, 2 * pair + 1});
    held_out.push_back({{2 * pair}, 2 * pair + 1});
  }
  const ItemModel model = learn_items(histories, SimilarItems(60), 60, 10);
  const EvidenceWeights weights = choose_weights(model, held_out);
  EXPECT_EQ(weights.together, 1);
  EXPECT_EQ(score_places("", places_of(model, held_out, weights)).ndcg, 1);
  EXPECT_LT(score_places("", places_of(model, held_out, {0, 0, 1})).recall, 0.5);
}

// Two tastes: whoever has most of one wants the rest of it.
TEST(Factors, TellTastesApart) {
  Histories histories;
  for (int32_t customer = 0; customer < 60; ++customer) {
    const int32_t first = customer % 2 == 0 ? 0 : 6;
    histories.push_back({first + customer % 6, first + (customer + 1) % 6, first + (customer + 3) % 6});
  }
  const ItemFactors factors = factorise_items(histories, 12, 2, 17, 1);
  const Vector wants = factors.wants({0, 1});
  for (int32_t item = 2; item < 6; ++item) EXPECT_GT(wants[item], 2 * std::abs(wants[item + 6])) << item;
  EXPECT_EQ(factorise_items(histories, 12, 2, 17, 4).items, factors.items);
  // At the minimum the factors of a customer have no gradient: with confidence 2 for what was taken.
  const Vector x = factors.customer({0, 1});
  Vector gradient = 10 * x;
  for (int32_t item = 0; item < 12; ++item) {
    const Vector row = factors.items.row(item);
    const bool taken = item < 2;
    gradient += (taken ? 2 : 1) * (row.dot(x) - (taken ? 1 : 0)) * row;
  }
  EXPECT_LT(gradient.norm(), 1e-9);
  EXPECT_EQ(factorise_items(histories, 12, 0, 17, 1).items.cols(), 0);
}

TEST(Factors, EnterTheChoiceAndTheComparison) {
  Histories histories;
  std::vector<HeldOut> held_out;
  for (int32_t customer = 0; customer < 60; ++customer) {
    const int32_t first = customer % 2 == 0 ? 0 : 20;
    histories.push_back({first + customer % 20, first + (customer + 7) % 20, first + (customer + 3) % 20});
    held_out.push_back({{histories.back()[0], histories.back()[1]}, histories.back()[2]});
  }
  ItemModel model = learn_items(histories, SimilarItems(40), 40, 5);
  EXPECT_EQ(compare_rankings(model, held_out, {1, 0, 0}).methods.size(), 4u);
  EXPECT_EQ(choose_weights(model, held_out).factors, 0);
  model.factors = factorise_items(histories, 40, 4, 17, 1);
  const RankingComparison comparison = compare_rankings(model, held_out, {0, 0, 1, 1});
  ASSERT_EQ(comparison.methods.size(), 5u);
  EXPECT_EQ(comparison.methods[3].name, "factors");
  EXPECT_GT(comparison.methods[3].recall, comparison.methods[0].recall);
  const std::vector<Recommendation> best = recommend(model, {0, 7}, {0, 0, 0, 1}, 10);
  ASSERT_EQ(best.size(), 10u);
  for (size_t place = 0; place < 5; ++place) EXPECT_LT(best[place].item, 20) << place;
  for (const Recommendation& entry : best)
    EXPECT_EQ(entry.because, Evidence::popularity);  // the factors name no reason
}

TEST(Purchases, LastItemsAreHeldOut) {
  Purchases purchases;
  purchases.items = {"a", "b", "c"};
  purchases.of_customer = {{2, 0, 1}, {1, 0}, {2}, {}};
  EXPECT_EQ(purchases.until(2), purchases.of_customer);
  EXPECT_EQ(purchases.until(1), (Histories{{2, 0}, {1}, {2}, {}}));
  EXPECT_EQ(purchases.until(0), (Histories{{2}, {1}, {2}, {}}));
  EXPECT_EQ(purchases.lateness(0, 1), 2);
  EXPECT_EQ(purchases.lateness(0, 0), 1);
  EXPECT_EQ(purchases.lateness(1, 1), 0);
  EXPECT_EQ(purchases.lateness(2, 2), 0);
}

}  // namespace
}  // namespace limner
