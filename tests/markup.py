"""Texts that would be something else than themselves if they were read as markup, and reading what
was escaped."""

import re


def undo_escapes(markdown: str) -> str:
    """Markdown with its escapes undone, as a reader sees the text in it."""
    return re.sub(r":color\[\]|&nbsp;|\\[!-/:-@\[-`{-~]", _undo, markdown)


def _undo(found: re.Match[str]) -> str:
    return {":color[]": "", "&nbsp;": " "}.get(found[0], found[0][1:])


HOSTILE = (
    "![x](http://127.0.0.1:1/image)",
    "[![x](http://127.0.0.1:1/a)](http://127.0.0.1:1/b)",
    "[click](http://127.0.0.1:1/link)",
    "[x][y] [y]: http://127.0.0.1:1/reference",
    "[y]: http://127.0.0.1:1/definition",
    "<http://127.0.0.1:1/angle>",
    "http://127.0.0.1:1/bare",
    "HTTPS://example.org/path?a=b&c=d#e",
    "see www.example.org, WWW.example.org.",
    "write to someone@example.org or a.b+c@x-y.example.org",
    "mailto:someone@example.org xmpp:someone@example.org/x",
    "ftp://example.org //example.org",
    "<img src=http://127.0.0.1:1/tag>",
    "<script>alert(1)</script><b>bold</b><!-- hidden -->",
    "&lt;b&gt; &amp; &#42; &nbsp; &copy &hellip;",
    "*a* **b** ***c*** _d_ __e__ ~~f~~ ~g~",
    "a_b_c __init__ _x",
    "`code` ``c``",
    "```",
    "~~~",
    "# heading",
    "###### heading",
    "> quote",
    "- item",
    "+ item",
    "* item",
    "- [ ] task",
    "1. item",
    "2) item",
    "1234567890) item",
    "---",
    "***",
    "===",
    "| a | b |",
    "a | b\\|c",
    ":-:",
    "    four spaces",
    "two  spaces and an end ",
    "$x^2$ and $$y$$ and 5 $ to 6 $",
    "\\(x\\) \\[y\\] \\$z$",
    ":red[x] :blue-background[y] :rainbow[z] :small[s] :shimmer[t]",
    ":green-badge[:material/verified: Gate passed]",
    ":color[x]{foreground=red} :help[x]",
    ":material/home: :material_home: :streamlit:",
    ":material/ and material/home:",
    ":smile: :+1: :-1: :100: 12:30:45 a:b:c :x",
    ":::note",
    "::leaf[x]",
    "a -> b <- c <-> d -- e >= f <= g ~= h",
    "->",
    "--",
    "--- ->",
    "<-> <->",
    "[^1] and [^1]: note",
    "ends with \\",
    "\\* \\_ \\[x\\]",
    "!(x) ![ ]() !",
    "{x} {{y}} {0} %s %(z)s",
    "'quoted' \"twice\"",
    "javascript:alert(1) [x](javascript:alert(1))",
    "![x](data:image/png;base64,AAAA)",
    "<https://example.org> <a@b.example>",
    "^a^ ==b== ++c++",
    "Zoë, 表, naïve, emoji \U0001f600",
    "@everyone @here <!channel> <@U123> <#C1|x>",
    "PLUMBLINE_NOTIFY_x",
    ")](http://127.0.0.1:1/closing)",
    "**](http://127.0.0.1:1/x)**",
)
"""Each is shown exactly as it is written."""

HIDDEN = (
    ("rtl \u202eevil", "rtl ⟨U+202E⟩evil"),
    ("zero\u200bwidth", "zero⟨U+200B⟩width"),
    ("line\nbreak", "line⟨U+000A⟩break"),
    ("tab\tand\r\n", "tab⟨U+0009⟩and⟨U+000D⟩⟨U+000A⟩"),
    ("bell\x07 nul\x00", "bell⟨U+0007⟩ nul⟨U+0000⟩"),
    ("no\u00a0break \ufeff", "no⟨U+00A0⟩break ⟨U+FEFF⟩"),
    ("isolate \u2066x\u2069", "isolate ⟨U+2066⟩x⟨U+2069⟩"),
    ("soft\u00adhyphen \u2060", "soft⟨U+00AD⟩hyphen ⟨U+2060⟩"),
    ("# a\n# b", "# a⟨U+000A⟩# b"),
    ("tags \U000e0041", "tags ⟨U+E0041⟩"),
    ("filler \u3164", "filler ⟨U+3164⟩"),
    ("z" + "\u0301" * 5, "z\u0301\u0301⟨U+0301⟩⟨U+0301⟩⟨U+0301⟩"),
    ("para\u2029graph\u2028", "para⟨U+2029⟩graph⟨U+2028⟩"),
)
"""Texts with characters that nobody would see, and how they are shown."""
