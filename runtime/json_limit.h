// How deep JSON may be nested: copying and printing a document recurses once a level.
#pragma once

namespace limner {

constexpr int deepest_json = 100;

}  // namespace limner
