#include "text/older_files.h"

namespace limner {

std::optional<OlderFiles> read_older_files(const std::filesystem::path&, const Json&) { return {}; }

}  // namespace limner
