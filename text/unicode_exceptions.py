"""Writes text/unicode_exceptions.inc: where Hugging Face `tokenizers` and ICU disagree about a code point.

    $(scripts/python-env) text/unicode_exceptions.py > text/unicode_exceptions.inc

Needs ICU 72 (Unicode 15.0), against which the exceptions are stated; text/unicode.cpp says how they are used.
Everything that text/unicode.cpp computes is compared over all code points; what its rules leave over is printed.
"""

import ctypes
import sys

import tokenizers
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

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


check_rules()
print(f"// Generated by unicode_exceptions.py from tokenizers {tokenizers.__version__} and ICU {ICU_VERSION}. Do not edit.")
table("CodeRange", "punctuation_differs", "Categories that later versions of the standard changed.", ranges(punctuation_differs()))
table("CodeRange", "nonspacing_mark_differs", "Likewise.", ranges(nonspacing_mark_differs()))
table("CodeRange", "newer_word_characters", "Letters, marks and digits younger than Unicode 15.0.", ranges(newer_word_characters()))
table("CaseRange", "newer_lowercase", "Capital letters younger than Unicode 15.0.", newer_lowercase())
