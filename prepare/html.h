// HTML in customers' texts: tags, comments and character references.
#pragma once

#include <string>
#include <string_view>

namespace limner {

// Drops tags, comments, and <script> and <style> with their content, and resolves character references. Only
// the names of HTML elements make a tag: "5 < 7 > 3", "<3" and "<不错>" stay as written. A tag that breaks
// the line
// (<br>, <p>, <li>, …) becomes a blank; one within a line (<b>, <a>, …) vanishes. A reference that is unknown
// or no character stays as written. One pass: what a reference spells ("&lt;br&gt;") is text, not a tag.
std::string strip_html(std::string_view text);

}  // namespace limner
