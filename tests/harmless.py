"""Whether html can do anything in a browser, judged by a parser and rules of their own.

Shares nothing with what makes the html: an attribute, a tag or an address that is not named here as
harmless is a finding.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

from markdown_it import MarkdownIt

_TAGS = {
    "a", "blockquote", "br", "code", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "img",
    "input", "li", "mark", "ol", "p", "pre", "s", "span", "strong", "sub", "sup", "table", "tbody",
    "td", "th", "thead", "tr", "u", "ul", "video",
}  # fmt: skip
_ATTRIBUTES = {
    "alt", "checked", "class", "colspan", "controls", "data-attrs", "data-checked", "data-mark",
    "data-marks", "data-type", "data-value", "dir", "disabled", "height", "href", "rel", "rowspan",
    "src", "start", "style", "title", "type", "width",
}  # fmt: skip
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*(?=:)", re.I)  # without one an address is relative
_SCHEMES = {"http", "https", "mailto", "tel", "sms", "ftp", "ftps", "xmpp", "geo"}
_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp|avif|bmp);base64,[a-z0-9+/=]*", re.I)
_STYLE = re.compile(
    r"(?:color|background-color|font-family|font-size|text-align|white-space): "
    r"(?:[#a-z0-9 .,%'_-]|(?:rgb|hsl)a?\([0-9., %/]*\))*",
    re.I,
)


def findings(html: str) -> list[str]:
    """What in `html` could run, load a page, send a form or leave its place; empty if nothing."""
    judge = _Judge()
    judge.feed(html)
    judge.close()
    return judge.found


def markdown_findings(markdown: str) -> list[str]:
    """The same of what a reader of markdown shows who lets html through and judges no address."""
    renderer = _Unjudging("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return findings(renderer.render(markdown))


class _Unjudging(MarkdownIt):
    def validateLink(self, url: str) -> bool:
        return True


class _Judge(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            if not _harmless(tag, name, value or ""):
                self.found.append(f"<{tag} {name}={value!r}>")

    def handle_comment(self, data: str) -> None:
        self.found.append(f"<!--{data}")  # where one ends, browsers disagree

    def handle_decl(self, decl: str) -> None:
        self.found.append(f"<!{decl}")

    def handle_pi(self, data: str) -> None:
        self.found.append(f"<?{data}")

    def unknown_decl(self, data: str) -> None:
        self.found.append(f"<![{data}")


def _harmless(tag: str, name: str, value: str) -> bool:
    match name:
        case "href" | "src":
            if name == "src" and tag == "img" and _PICTURE.fullmatch(value):
                return True
            # As a browser reads it: controls and spaces before, and line ends, do not count.
            scheme = _SCHEME.match(re.sub(r"^[\x00-\x20]+|[\t\r\n]+", "", value))
            return scheme is None or scheme[0].lower() in _SCHEMES
        case "style":
            return all(_STYLE.fullmatch(part.strip()) for part in value.split(";"))
        case "type":
            return value == "checkbox"
    return name in _ATTRIBUTES
