"""Writes text/unicode_exceptions.inc: where Hugging Face `tokenizers` and ICU disagree about a code point.

    $(scripts/python-env) text/unicode_exceptions.py > text/unicode_exceptions.inc
    $(scripts/python-env) text/unicode_exceptions.py regex > text/regex_exceptions.inc

The second table is of the characters that Oniguruma, which `tokenizers` runs regular expressions with, and PCRE2 disagree about; each
gets a substitute that both treat as Oniguruma treats the character. It may be made with any PCRE2 from 10.40 on.

Needs ICU 72 (Unicode 15.0), against which the exceptions are stated; text/unicode.cpp says how they are used.
Everything that text/unicode.cpp computes is compared over all code points; what its rules leave over is printed.
"""

import ctypes
import sys

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

ICU_VERSION = 72
icu = ctypes.CDLL(f"libicuuc.so.{ICU_VERSION}")


def icu_function(name, result):
    function = getattr(icu, f"{name}_{ICU_VERSION}")
    function.restype = result
    return function


char_type = icu_function("u_charType", ctypes.c_int8)
to_lower = icu_function("u_tolower", ctypes.c_int32)
has_property = icu_function("u_hasBinaryProperty", ctypes.c_int8)
is_white_space = icu_function("u_isUWhiteSpace", ctypes.c_int8)
combining_class = icu_function("u_getCombiningClass", ctypes.c_uint8)
char_age = icu_function("u_charAge", None)

CODES = [code for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]
MN, MC, ME, ND, PC = 6, 8, 7, 9, 22  # UCharCategory
OTHER = {15, 16, 17}
PUNCTUATION = {19, 20, 21, 22, 23, 28, 29}
ALPHABETIC, JOIN_CONTROL = 0, 20  # UProperty


def born(code):
    version = (ctypes.c_uint8 * 4)()
    char_age(code, version)
    return (version[0], version[1])


AGE = {code: born(code) for code in CODES}
TYPE = {code: char_type(code) for code in CODES}


def known(code, version):
    return (0, 0) < AGE[code] <= version


def bert(**options):
    off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**off, **options}).normalize_str


def ranges(codes):
    result = []
    for code in sorted(codes):
        if result and result[-1][1] == code - 1:
            result[-1][1] = code
        else:
            result.append([code, code])
    return result


def expect_equal(what, ours, theirs):
    if ours != theirs:
        sys.exit(f"{what}: the rules of text/unicode.cpp no longer hold for {[hex(c) for c in sorted(ours ^ theirs)][:20]}")


def check_rules():
    """The properties that need no exceptions."""
    clean = bert(clean_text=True)
    other = {c for c in CODES if clean(f"a{chr(c)}b") == "ab"} - {0, 0xFFFD}
    expect_equal("is_other", {c for c in CODES if TYPE[c] in OTHER and known(c, (8, 0)) and c not in (0, 9, 10, 13)}, other)
    split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    expect_equal("is_white_space", {c for c in CODES if is_white_space(c)},
                 {c for c in CODES if len(split(f"a{chr(c)}b")) == 2})
    nfd = normalizers.NFD().normalize_str
    probes = {}
    for code in CODES:
        if combining_class(code) and known(code, (7, 0)) and nfd(chr(code)) == chr(code):
            probes.setdefault(combining_class(code), chr(code))

    def observed_class(mark):
        if nfd("a" + probes[240] + mark) == "a" + probes[240] + mark and nfd("a" + mark + probes[1]) == "a" + mark + probes[1]:
            return 0
        moves = lambda first, second: nfd("a" + first + second) != "a" + first + second
        return [k for k, probe in probes.items() if not moves(mark, probe) and not moves(probe, mark)]

    single = [c for c in CODES if nfd(chr(c)) == chr(c)]
    expect_equal("combining_class", {(c, combining_class(c)) for c in single if known(c, (9, 0)) and combining_class(c)},
                 {(c, k) for c in single for k in (observed_class(chr(c)) or [])})


def punctuation_differs():
    split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    theirs = {c for c in CODES if c >= 0x80 and len(split(f"a{chr(c)}b")) == 3}
    return theirs ^ {c for c in CODES if c >= 0x80 and TYPE[c] in PUNCTUATION and known(c, (8, 0))}


def nonspacing_mark_differs():
    strip = bert(strip_accents=True)
    nfd = normalizers.NFD().normalize_str
    theirs = {c for c in CODES if strip(chr(c)) == "" and nfd(chr(c)) == chr(c)}
    return theirs ^ {c for c in CODES if TYPE[c] == MN and known(c, (8, 0)) and nfd(chr(c)) == chr(c)}


def newer_word_characters():
    tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.add_tokens([AddedToken("qq", single_word=True, normalized=False)])
    found = tokenizer.token_to_id("qq")
    encodings = tokenizer.encode_batch([f"qq{chr(c)}" for c in CODES])
    theirs = {c for c, encoding in zip(CODES, encodings) if encoding.ids[0] != found}
    ours = {c for c in CODES if has_property(c, ALPHABETIC) or TYPE[c] in (MN, MC, ME, ND, PC) or has_property(c, JOIN_CONTROL)}
    if ours - theirs:
        sys.exit(f"is_word_character: ICU alone has {[hex(c) for c in sorted(ours - theirs)]}")
    return theirs - ours


def newer_lowercase():
    lower = normalizers.Lowercase().normalize_str
    pairs = [(c, ord(lower(chr(c)))) for c in CODES if c != 0x130 and lower(chr(c)) != chr(to_lower(c))]
    result = []
    for code, low in pairs:
        if result and result[-1][1] == code - 1 and result[-1][2] + code - result[-1][0] == low:
            result[-1][1] = code
        else:
            result.append([code, code, low])
    return result


def mark_differs():
    strip = normalizers.StripAccents().normalize_str
    theirs = {c for c in CODES if strip(chr(c)) == ""}
    return theirs ^ {c for c in CODES if TYPE[c] in (MN, MC, ME) and known(c, (9, 0))}


def newer_numeric():
    split = pre_tokenizers.Digits(individual_digits=True).pre_tokenize_str
    theirs = {c for c in CODES if len(split(f"a{chr(c)}b")) == 3}
    ours = {c for c in CODES if TYPE[c] in (9, 10, 11)}
    if ours - theirs:
        sys.exit(f"is_numeric: ICU alone has {[hex(c) for c in sorted(ours - theirs)]}")
    return theirs - ours


CLASSES = ([rf"\p{{{name}}}" for name in "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co".split()]
           + [r"\s", r"\w"])
WORD = r"[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}²³¹¼-¾]"  # what text/regular_expression.cpp writes for \w


def oniguruma_matches(pattern, text):
    runs = pre_tokenizers.Split(Regex(f"{pattern}+"), "removed", invert=True).pre_tokenize_str(text)
    return {ord(c) for run, _ in runs for c in run}


def pcre_matches(pattern, text):
    pcre = ctypes.CDLL("libpcre2-8.so.0")
    for name in ("pcre2_compile_8", "pcre2_match_data_create_8", "pcre2_get_ovector_pointer_8"):
        getattr(pcre, name).restype = ctypes.c_void_p
    number, size = ctypes.c_int(), ctypes.c_size_t()
    subject, source = text.encode(), f"{WORD if pattern == CLASSES[-1] else pattern}+".encode()
    code = pcre.pcre2_compile_8(source, ctypes.c_size_t(len(source)), 0x00080000 | 0x00020000, ctypes.byref(number), ctypes.byref(size), None)
    data = pcre.pcre2_match_data_create_8(1, None)
    ends = ctypes.cast(pcre.pcre2_get_ovector_pointer_8(ctypes.c_void_p(data)), ctypes.POINTER(ctypes.c_size_t))
    found, position = set(), 0
    while pcre.pcre2_match_8(ctypes.c_void_p(code), subject, ctypes.c_size_t(len(subject)), ctypes.c_size_t(position), 0x40000000, ctypes.c_void_p(data), None) > 0:
        found.update(map(ord, subject[ends[0]:ends[1]].decode()))
        position = ends[1]
    return found


def regex_substitutes():
    text = "".join(map(chr, CODES))
    signatures = []
    for matches in (oniguruma_matches, pcre_matches):
        signature = dict.fromkeys(CODES, 0)
        for bit, pattern in enumerate(CLASSES):
            for code in matches(pattern, text):
                signature[code] |= 1 << bit
        signatures.append(signature)
    theirs, ours = signatures
    same = {}
    for code in CODES:
        if theirs[code] == ours[code] and code >= 0x800:
            same.setdefault((theirs[code], code < 0x10000), code)
    rows = []
    for code in CODES:
        if theirs[code] == ours[code]:
            continue
        if code < 0x800:
            sys.exit(f"U+{code:04X} has no substitute: the rules of text/regular_expression.cpp do not hold for it")
        by = same[theirs[code], code < 0x10000]
        if rows and rows[-1][1] == code - 1 and rows[-1][2] == by:
            rows[-1][1] = code
        else:
            rows.append([code, code, by])
    return rows


def table(kind, name, comment, rows):
    print(f"\n// {comment}\nconstexpr {kind} {name}[] = {{")
    line = "   "
    for row in rows:
        item = " {" + ", ".join(f"0x{value:X}" for value in row) + "},"
        if len(line) + len(item) > 108:
            print(line)
            line = "   "
        line += item
    print(line + "\n};")


if sys.argv[1:] == ["regex"]:
    print(f"// Generated by unicode_exceptions.py from tokenizers {tokenizers.__version__}. Do not edit.")
    table("Substitute", "substitutes", "First, last, and the character that stands for each of them.", regex_substitutes())
    sys.exit()
check_rules()
print(f"// Generated by unicode_exceptions.py from tokenizers {tokenizers.__version__} and ICU {ICU_VERSION}. Do not edit.")
table("CodeRange", "punctuation_differs", "Categories that later versions of the standard changed.", ranges(punctuation_differs()))
table("CodeRange", "nonspacing_mark_differs", "Likewise.", ranges(nonspacing_mark_differs()))
table("CodeRange", "newer_word_characters", "Letters, marks and digits younger than Unicode 15.0.", ranges(newer_word_characters()))
table("CaseRange", "newer_lowercase", "Capital letters younger than Unicode 15.0.", newer_lowercase())
table("CodeRange", "mark_differs", "Categories that later versions of the standard changed.", ranges(mark_differs()))
table("CodeRange", "newer_numeric", "Numbers younger than Unicode 15.0.", ranges(newer_numeric()))
