// JSON lines, plain or gzip.
#include "tables/reader.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limner;
  const std::filesystem::path path = fuzz::put("table", fuzz::view(data, size));
  const TableFormat format = TableFormat::jsonl;
  fuzz::hold(size, [&] {
    const auto table = open_table(path, format, {{"customer", "a"}, {"text", "b + c"}}, 100);
    Record record;
    while (table->next(record)) {
      if (record.problem.none() && record.values.size() != 2) std::abort();
    }
  });
  return 0;
}
