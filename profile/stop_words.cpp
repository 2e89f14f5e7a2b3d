#include "profile/words.h"

namespace limner {

const std::unordered_set<std::string_view>& stop_words() {
  static const std::unordered_set<std::string_view> words = {
      // English: articles, pronouns, prepositions, auxiliaries and adverbs of degree
      "a", "about", "above", "after", "again", "against", "all", "also", "although", "always", "am", "an",
      "and", "any", "anyone", "anything", "are", "aren't", "around", "as", "at", "back", "be", "because",
      "been", "before", "being", "below", "between", "both", "but", "by", "came", "can", "can't", "cannot",
      "come", "could", "couldn't", "did", "didn't", "do", "does", "doesn't", "doing", "don't", "done", "dont",
      "down", "during", "each", "either", "else", "enough", "etc", "even", "ever", "every", "everything",
      "far", "few", "find", "first", "for", "from", "further", "gave", "get", "gets", "getting", "give",
      "given", "go", "goes", "going", "gone", "got", "had", "hadn't", "has", "hasn't", "have", "haven't",
      "having", "he", "he'd", "he'll", "her", "here", "hers", "herself", "him", "himself", "his", "how",
      "however", "i", "i'd", "i'll", "i'm", "i've", "if", "in", "instead", "into", "is", "isn't", "it", "its",
      "it'll", "itself", "ive", "just", "keep", "know", "last", "less", "let", "let's", "like", "look",
      "looked", "looking", "looks", "lot", "lots", "made", "make", "makes", "making", "many", "may", "maybe",
      "me", "might", "mine", "more", "most", "much", "must", "my", "myself", "need", "needed", "needs",
      "neither", "never", "new", "no", "nor", "not", "nothing", "now", "of", "off", "often", "old", "on",
      "once", "one", "ones", "only", "onto", "or", "other", "others", "ought", "our", "ours", "ourselves",
      "out", "over", "own", "per", "put", "quite", "rather", "really", "said", "same", "say", "says",
      "second", "see", "seem", "seems", "seen", "several", "shall", "shan't", "she", "she'd", "she'll",
      "should", "shouldn't", "since", "so", "some", "someone", "something", "sometimes", "still", "such",
      "sure", "take", "taken", "than", "that", "the", "their", "theirs", "them", "themselves", "then",
      "there", "these", "they", "they'd", "they'll", "they're", "they've", "thing", "things", "think", "this",
      "those", "though", "thought", "through", "thus", "till", "to", "together", "too", "took", "toward",
      "tried", "try", "trying", "two", "under", "until", "up", "upon", "us", "use", "used", "uses", "using",
      "very", "want", "wanted", "was", "wasn't", "way", "we", "we'd", "we'll", "we're", "we've", "well",
      "went", "were", "weren't", "what", "whatever", "when", "where", "whether", "which", "while", "who",
      "whom", "whose", "why", "will", "with", "within", "without", "won't", "would", "wouldn't", "yes", "yet",
      "you", "you'd", "you'll", "you're", "you've", "your", "yours", "yourself", "yourselves",
      // Chinese: particles, pronouns, measure words, conjunctions and adverbs of degree
      "的", "了", "和", "是", "就", "都", "而", "及", "与", "着", "或", "一个", "没有", "我们", "你们",
      "他们", "她们", "它们", "我", "你", "您", "他", "她", "它", "这", "那", "这个", "那个", "这些", "那些",
      "这样", "那样", "这么", "那么", "这里", "那里", "这种", "那种", "这儿", "那儿", "哪", "哪个", "哪里",
      "什么", "怎么", "怎样", "为什么", "多少", "几", "谁", "自己", "大家", "别人", "人家", "在", "有", "也",
      "不", "没", "很", "太", "还", "又", "再", "才", "只", "就是", "只是", "只有", "但", "但是", "可是",
      "不过", "然而", "虽然", "尽管", "因为", "所以", "因此", "由于", "如果", "要是", "假如", "即使", "而且",
      "并且", "以及", "或者", "还是", "不是", "要", "会", "能", "能够", "可以", "可能", "应该", "应当",
      "必须", "需要", "想", "说", "看", "看到", "觉得", "感觉", "知道", "认为", "给", "让", "叫", "把", "被",
      "对", "对于", "关于", "从", "自", "自从", "向", "往", "到", "由", "于", "以", "为", "为了", "跟", "同",
      "比", "比较", "用", "按", "按照", "根据", "通过", "经过", "上", "下", "里", "中", "内", "外", "前",
      "后", "左", "右", "上面", "下面", "里面", "外面", "之前", "之后", "以前", "以后", "时候", "时", "时间",
      "现在", "今天", "昨天", "明天", "当时", "已经", "正在", "刚", "刚刚", "马上", "一直", "总是", "经常",
      "有时", "有时候", "从来", "曾经", "将", "将要", "一", "二", "两", "三", "四", "五", "六", "七", "八",
      "九", "十", "个", "些", "点", "一些", "一点", "一下", "一样", "一种", "一次", "有点", "有些", "次",
      "件", "只能", "每", "每个", "各", "各种", "某", "另", "另外", "其他", "其它", "其中", "其实", "全部",
      "所有", "许多", "很多", "多", "少", "大", "小", "来", "去", "过", "得", "地", "吗", "呢", "吧", "啊",
      "呀", "哦", "嗯", "哈", "啦", "嘛", "哎", "唉", "么", "之", "其", "此", "所", "等", "等等", "如",
      "如此", "例如", "比如", "像", "好像", "似乎", "大概", "也许", "当然", "确实", "真的", "真", "非常",
      "十分", "特别", "相当", "更", "更加", "最", "挺", "极", "越", "越来越", "还有", "除了", "然后", "于是",
      "接着", "最后", "首先", "其次", "结果", "之间", "一般", "使用", "做", "作", "弄", "搞", "请", "行",
      "是否", "并", "却", "则", "便", "即", "且", "若", "虽", "仍", "仍然", "倒", "竟然", "居然", "反正",
      "甚至", "至于", "无", "无法", "不能", "不会", "不要", "不用", "不到", "不知道", "没什么", "东西", "事",
      "事情", "人", "年", "月", "日", "天", "号", "块", "元", "家", "本", "种", "样", "出", "起", "起来",
      "出来", "下来", "上来", "过来", "回来", "进", "进去", "开", "开始", "成", "成为", "算", "该", "本来",
      "原来", "后来", "完全", "几乎", "差不多", "左右"};
  return words;
}

}  // namespace limner
