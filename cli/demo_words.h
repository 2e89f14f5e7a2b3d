// The words of the demo's reviews, by category and language. Every list has entries of one kind, so that any
// choice makes a sentence.
#pragma once

#include <array>
#include <string_view>

namespace limner::demo_words {

// What one language says about one category.
struct CategoryWords {
  std::array<std::string_view, 8> products;  // in the order of Category::items
  std::array<std::string_view, 8> aspects;
  std::array<std::string_view, 7> praise, blame;  // whole clauses
};

struct Category {
  std::string_view name;
  std::array<std::string_view, 8> items;  // as the column `product` names them
  CategoryWords english, chinese;
};

inline constexpr std::array<Category, 5> categories{{
    {"electronics",
     {"headphones", "phone", "keyboard", "tablet", "charger", "camera", "speaker", "monitor"},
     {{"headphones", "phone", "keyboard", "tablet", "charger", "camera", "speaker", "monitor"},
      {"battery", "screen", "sound", "Bluetooth connection", "build quality", "software", "cable",
       "camera lens"},
      {"it charges within an hour", "the sound is crisp and clear", "it pairs with my laptop at once",
       "the battery lasts for days", "the display is bright and sharp", "setup took two minutes",
       "it runs every app without a stutter"},
      {"it overheats while charging", "the sound crackles all the time",
       "it loses the connection every few minutes", "the battery dies before noon",
       "there are dead pixels on the display", "it froze during the first update",
       "one button stopped working after a week"}},
     {{"耳机", "手机", "键盘", "平板", "充电器", "相机", "音箱", "显示器"},
      {"电池", "屏幕", "音质", "蓝牙", "做工", "系统", "数据线", "镜头"},
      {"充电速度特别快", "音质清晰有层次", "蓝牙一连就上", "续航能用好几天", "屏幕亮度高色彩好",
       "设置两分钟就搞定", "运行流畅不卡顿"},
      {"充电时烫得吓人", "声音一直有杂音", "蓝牙老是断开", "电池半天就没电", "屏幕上有坏点",
       "升级系统时死机了", "按键用了一周就失灵"}}},
    {"food",
     {"noodles", "coffee", "cookies", "tea", "chocolate", "nuts", "dumplings", "honey"},
     {{"noodles", "coffee", "cookies", "tea", "chocolate", "nuts", "dumplings", "honey"},
      {"taste", "smell", "portion", "freshness", "packaging", "sauce", "aftertaste", "texture"},
      {"it tastes like my grandmother made it", "everything arrived fresh", "the whole family asked for more",
       "the flavour is rich and balanced", "it smells wonderful when you open the bag",
       "the portion fills you up", "not too sweet and not too salty, just right"},
      {"it tastes like cardboard", "half of the pack was stale", "it gave me a stomach ache",
       "far too salty to eat", "the bag was torn and leaking", "the portion would not feed a mouse",
       "it was past its date"}},
     {{"面条", "咖啡", "饼干", "茶叶", "巧克力", "坚果", "饺子", "蜂蜜"},
      {"味道", "香气", "分量", "新鲜度", "包装", "酱料", "口感", "馅料"},
      {"味道和外婆做的一样", "收到时非常新鲜", "全家人都抢着吃", "味道浓郁又不腻", "一打开就香气扑鼻",
       "分量足吃得饱", "甜度刚刚好"},
      {"吃起来像嚼蜡", "有一半已经不新鲜了", "吃完肚子疼", "咸得没法吃", "袋子破了漏得到处都是",
       "分量少得可怜", "已经过了保质期"}}},
    {"clothing",
     {"jacket", "jeans", "sweater", "dress", "shirt", "shoes", "scarf", "coat"},
     {{"jacket", "jeans", "sweater", "dress", "shirt", "shoes", "scarf", "coat"},
      {"fabric", "fit", "colour", "stitching", "size", "zip", "lining", "cut"},
      {"it fits like it was made for me", "the fabric is soft and warm",
       "the colour is just like in the picture", "it still looks new after ten washes",
       "everybody asks me where I bought it", "the seams are neat and strong",
       "light enough for summer and warm enough for autumn"},
      {"it shrank two sizes in the wash", "the fabric is thin and scratchy",
       "the colour ran and ruined my laundry", "the seam tore on the first day",
       "the sleeves are far too short", "the zip got stuck and broke",
       "it smells of chemicals even after washing"}},
     {{"外套", "牛仔裤", "毛衣", "裙子", "衬衫", "鞋子", "围巾", "大衣"},
      {"面料", "版型", "颜色", "走线", "尺码", "拉链", "里衬", "剪裁"},
      {"穿上特别合身", "面料柔软又保暖", "颜色和图片一样好看", "洗了很多次也不变形", "朋友都问我哪里买的",
       "针脚细密很结实", "又轻又显瘦"},
      {"洗一次缩水两个码", "面料又薄又扎人", "掉色把别的衣服都染了", "第一天穿就开线", "袖子短了一大截",
       "拉链卡住拉坏了", "洗过还有一股刺鼻的味道"}}},
    {"books",
     {"novel", "history", "cookbook", "dictionary", "biography", "poems", "textbook", "comic"},
     {{"novel", "history book", "cookbook", "dictionary", "biography", "book of poems", "textbook", "comic"},
      {"plot", "writing", "print", "translation", "cover", "paper", "ending", "artwork"},
      {"I read it in one night", "the author explains hard things simply", "the characters stay with you",
       "the translation reads like an original", "the paper is thick and pleasant",
       "my children want it every evening", "I learned more than in a year of school"},
      {"I fell asleep after ten pages", "pages are missing in the middle", "the translation makes no sense",
       "the print is so pale that it hurts the eyes", "the binding fell apart at once",
       "it is the same book under a new title", "the plot has holes everywhere"}},
     {{"小说", "历史书", "菜谱", "词典", "传记", "诗集", "教材", "漫画"},
      {"情节", "文笔", "印刷", "翻译", "封面", "纸张", "结尾", "插图"},
      {"一口气读到天亮", "作者把难懂的道理讲得很明白", "人物让人难忘", "翻译流畅自然", "纸张厚实手感好",
       "孩子每天晚上都要听", "读完收获很大"},
      {"看了十页就想睡", "中间缺了好几页", "翻译得不知所云", "字迹模糊伤眼睛", "一翻就散架了",
       "换个书名又来骗钱", "情节漏洞百出"}}},
    {"hotel",
     {"harbour-hotel", "garden-inn", "station-hotel", "mountain-lodge", "city-hostel", "beach-resort",
      "old-town-house", "airport-hotel"},
     {{"harbour hotel", "garden inn", "station hotel", "mountain lodge", "city hostel", "beach resort",
       "old town house", "airport hotel"},
      {"room", "bed", "breakfast", "staff", "bathroom", "location", "view", "air conditioning"},
      {"the staff remembered our names", "the bed was so comfortable that we overslept",
       "breakfast had everything you can wish for", "the room was spotless",
       "two minutes on foot to the station", "we could see the sea from the balcony",
       "they gave us a better room for free"},
      {"there was mould in the bathroom", "the walls are paper thin and we heard everything",
       "nobody was at the reception for an hour", "the sheets had stains", "cockroaches ran across the floor",
       "the air conditioning roared all night", "they charged us twice"}},
     {{"海港酒店", "花园客栈", "车站宾馆", "山间小屋", "城市旅舍", "海滩度假村", "古城民宿", "机场酒店"},
      {"房间", "床", "早餐", "前台", "卫生间", "位置", "景色", "空调"},
      {"前台记得我们的名字", "床舒服得睡过了头", "早餐品种丰富", "房间一尘不染", "走路两分钟就到车站",
       "阳台上能看到海", "还免费升级了房型"},
      {"卫生间发霉了", "隔音差得什么都听得见", "前台一个小时没有人", "床单上有污渍", "地上有蟑螂爬",
       "空调响了一夜", "房费扣了两次"}}},
}};

// What one language says about anything. Of each pair of lists the first belongs to positive reviews.
struct Language {
  std::array<std::string_view, 12> good, bad;  // "The battery is …"
  std::array<std::string_view, 8> negated_bad,
      negated_good;                          // negations: they mean the opposite of their words
  std::array<std::string_view, 10> openers;  // say nothing about the mood
  std::array<std::string_view, 8> asides;    // nor do these
  std::array<std::string_view, 9> good_end, bad_end;
};

inline constexpr Language english{
    {"excellent", "great", "lovely", "perfect", "really good", "impressive", "wonderful", "solid", "superb",
     "a delight", "better than expected", "first class"},
    {"terrible", "awful", "poor", "a disappointment", "really bad", "useless", "horrible", "cheap and nasty",
     "dreadful", "a joke", "worse than expected", "unacceptable"},
    {"not bad at all", "not a bit disappointing", "nothing to complain about", "never a problem",
     "not too expensive for what you get", "far from poor", "anything but boring", "without a single fault"},
    {"not good at all", "not worth the money", "nothing like the description", "never as good as promised",
     "not what I would call great", "far from perfect", "anything but impressive", "without any charm"},
    {"Bought this for my daughter.", "This was my second order here.", "A colleague told me about it.",
     "I ordered it last month.", "It was a gift for my father.", "We tried it at the weekend.",
     "I compared three offers before I chose this one.", "Here is my honest opinion.",
     "It came on a Tuesday.", "My wife picked it."},
    {"The parcel came with a note.", "I paid by card.", "It came in a brown box.",
     "I used it three times so far.", "The order number was easy to find.",
     "There is a second version in blue.", "My neighbour has one too.", "It was delivered in the afternoon."},
    {"I would buy it again.", "Highly recommended!", "Five stars from me.", "I am very happy.",
     "Thank you, I will come back.", "Worth every penny.", "You cannot go wrong here.", "My new favourite.",
     "All in all I am glad that I chose it."},
    {"I want my money back.", "Stay away!", "One star is too much.", "I am very unhappy.", "Never again.",
     "A waste of money.", "I sent it back.", "I regret it.", "All in all I wish that I had not chosen it."}};

inline constexpr Language chinese{
    {"很好", "非常棒", "特别满意", "无可挑剔", "超出预期", "相当不错", "让人惊喜", "一流", "很赞",
     "好得没话说", "十分出色", "令人喜欢"},
    {"很差", "太糟糕了", "让人失望", "一塌糊涂", "比想象的还差", "相当劣质", "让人生气", "不合格", "烂透了",
     "差得离谱", "十分粗糙", "令人讨厌"},
    {"一点也不差", "没有让人失望", "没什么可挑剔的", "从来没出过问题", "价格不算贵", "绝对不算差",
     "一点都不无聊", "找不出毛病"},
    {"一点也不好", "根本不值这个价", "和描述完全不符", "没有说的那么好", "谈不上好", "远远不够完美",
     "并不让人满意", "毫无亮点"},
    {"给女儿买的。", "第二次在这里下单。", "同事推荐的。", "上个月买的。", "送给爸爸的礼物。",
     "周末试了一下。", "对比了三家才选的。", "说说我的真实感受。", "星期二收到的。", "是我爱人挑的。"},
    {"包裹里有一张卡片。", "用银行卡付的款。", "外面是棕色的盒子。", "到现在用了三次。", "订单号很容易找到。",
     "还有一款蓝色的。", "邻居也有一个。", "下午送到的。"},
    {"下次还会再来！", "强烈推荐！", "给五星好评。", "我很开心。", "谢谢，以后常来。", "物超所值。",
     "闭眼入不会错。", "成了我的最爱。", "总的来说选对了。"},
    {"我要退款。", "大家千万别买！", "给一星都嫌多。", "我很不开心。", "再也不会来了。", "白花钱。",
     "已经退货了。", "后悔了。", "总的来说选错了。"}};

}  // namespace limner::demo_words
