#include "tests/runtime/hdf5_answers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <random>

#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/hdf5.h"

namespace limner::hdf5 {
namespace {

constexpr std::array paths{"/",       "/a",   "/b",     "a",        "/g",     "/g/a",
                           "//g//a/", "/g/h", "/g/h/a", "/a/below", "/none/a"};
constexpr std::array names{"n", "m"};
constexpr std::array types{Type::i8, Type::u8, Type::i32, Type::i64, Type::f16, Type::f32, Type::f64};

class Answers {
 public:
  template <class Call>
  void ask(const std::string& what, Call&& call) {
    text_ += what + " ";
    try {
      text_ += call();
    } catch (const Error& error) {
      text_ += fmt::format("error {}", static_cast<int>(error.code()));
    }
    text_ += '\n';
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

class Draw {
 public:
  explicit Draw(uint64_t seed) : generator_(seed) {}
  size_t below(size_t limit) { return generator_() % limit; }
  template <class Values>
  auto any(const Values& values) {
    return values[below(values.size())];
  }
  std::string text() {  // now and then with a zero byte
    std::string value(below(4), 'x');
    if (below(16) == 0) value += '\0';
    return value;
  }
  std::vector<std::string> texts() {
    std::vector<std::string> values(below(4));
    for (std::string& value : values) value = text();
    return values;
  }

 private:
  std::mt19937_64 generator_;
};

void write_one(Writer& writer, Draw& draw) {
  const std::string path = draw.any(paths), name = draw.any(names);
  switch (draw.below(8)) {
    case 0:
      return writer.group(path);
    case 1:
    case 2: {
      std::vector<int64_t> dims(draw.below(8) == 0 ? 3 * draw.below(2) : 1 + draw.below(2));
      for (int64_t& dim : dims) dim = static_cast<int64_t>(draw.below(5)) - (draw.below(16) == 0 ? 1 : 0);
      std::array<uint8_t, 5 * 5 * 8> bytes{};
      for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(draw.below(256));
      return writer.dataset(path, draw.any(types), dims, draw.below(8) == 0 ? nullptr : bytes.data());
    }
    case 3:
      return writer.strings(path, draw.texts());
    case 4:
      return writer.attribute(path, name, draw.text());
    case 5:
      return writer.attribute(path, name, static_cast<int64_t>(draw.below(100)) - 50);
    case 6:
      return writer.attribute(path, name, static_cast<double>(draw.below(100)) / 8);
    default:
      return writer.attribute(path, name, draw.texts());
  }
}

void ask_for_rows(Answers& answers, const Reader& reader, const std::string& path, int64_t first,
                  int64_t count) {
  for (const Type type : types) {
    answers.ask(fmt::format("read {} {} {} {}", path, static_cast<int>(type), first, count), [&] {
      std::array<uint8_t, 5 * 5 * 8> bytes{};
      reader.read(path, type, first, count, bytes.data());
      return fmt::format("{}", fmt::join(bytes, " "));
    });
  }
  answers.ask(fmt::format("strings {} {} {}", path, first, count),
              [&] { return fmt::format("{}", reader.strings(path, first, count)); });
}

void ask_about(Answers& answers, const Reader& reader, const std::string& path) {
  answers.ask("has " + path, [&] { return fmt::format("{}", reader.has(path)); });
  answers.ask("names " + path, [&] { return fmt::format("{}", reader.names(path)); });
  answers.ask("dims " + path, [&] { return fmt::format("{}", reader.dims(path)); });
  answers.ask("type " + path, [&] { return fmt::format("{}", static_cast<int>(reader.type(path))); });
  for (const auto& [first, count] : std::array<std::pair<int64_t, int64_t>, 7>{
           {{0, 0}, {0, 1}, {1, 2}, {0, 4}, {4, 1}, {-1, 1}, {1, -1}}}) {
    ask_for_rows(answers, reader, path, first, count);
  }
  for (const std::string name : names) {
    const std::string where = fmt::format("{}@{}", path, name);
    answers.ask("has " + where, [&] { return fmt::format("{}", reader.has_attribute(path, name)); });
    answers.ask("string " + where, [&] { return reader.attribute(path, name); });
    answers.ask("int " + where, [&] { return fmt::format("{}", reader.attribute_int(path, name)); });
    answers.ask("double " + where, [&] { return fmt::format("{}", reader.attribute_double(path, name)); });
    answers.ask("strings " + where, [&] { return fmt::format("{}", reader.attribute_strings(path, name)); });
  }
}

}  // namespace

std::string answers(uint64_t seed, const std::filesystem::path& path) {
  Draw draw(seed);
  Answers answers;
  Writer writer;
  for (size_t objects = 2 + draw.below(8); objects > 0; --objects) {
    answers.ask("write", [&] { return write_one(writer, draw), "done"; });
  }
  write_file(path, writer.image());
  answers.ask("write after the end", [&] { return write_one(writer, draw), "done"; });
  answers.ask("end again", [&] { return writer.image(), "done"; });

  const Reader reader(path);
  for (const std::string object : paths) ask_about(answers, reader, object);
  write_file(path, "no image");
  answers.ask("other file", [&] { return Reader(path), "open"; });
  answers.ask("folder", [&] { return Reader(path.parent_path()), "open"; });
  answers.ask("no file", [&] { return Reader(path.string() + "x"), "open"; });
  return answers.text();
}

}  // namespace limner::hdf5
