"""What may leave as html: one allow-list, and the same judgement for a single address or style.

Owns the rules; knows nothing of trees. Nothing that runs, loads a page or leaves its place gets
through: no script, handler, frame, form, SVG or MathML, no address but of the schemes named here,
no style but the few properties named here with plain values.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape

import nh3

SCHEMES = frozenset({"http", "https", "mailto", "tel", "sms", "ftp", "ftps", "xmpp", "geo"})

_EVERYWHERE = {"class", "data-attrs", "data-mark", "data-marks", "data-type", "dir", "style"}
_ATTRIBUTES = {
    "*": _EVERYWHERE,
    "a": {"href", "title"},
    "img": {"alt", "height", "src", "title", "width"},
    "input": {"checked", "disabled", "type"},
    "li": {"data-checked"},
    "ol": {"start"},
    "span": {"data-value"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
    "video": {"controls", "src"},
}
_TAGS = {
    "a", "blockquote", "br", "code", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "img",
    "input", "li", "mark", "ol", "p", "pre", "s", "span", "strong", "sub", "sup", "table", "tbody",
    "td", "th", "tr", "u", "ul", "video",
}  # fmt: skip

_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp|avif|bmp);base64,[A-Za-z0-9+/=]*", re.I)
_CLASS = re.compile(r"language-[^\s\x00]{1,64}|ql-indent-[1-9][0-9]?|ql-formula")
_COLOR = re.compile(r"#[0-9a-f]{3,8}|[a-z]{1,30}|(?:rgb|hsl)a?\([0-9., %/]{1,60}\)", re.I)
_STYLES = {
    "color": _COLOR,
    "background-color": _COLOR,
    "font-family": re.compile(r"[A-Za-z0-9 ,'_-]{1,100}"),
    "font-size": re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,4})?(?:px|pt|em|rem|%)|[a-z-]{1,20}"),
    "text-align": re.compile("left|center|right|justify"),
    "white-space": re.compile("pre-wrap"),
}


def clean(html: str) -> str:
    """`html` with everything left out that the allow-list does not name.

    A fixed point: clean(clean(x)) == clean(x).
    """
    return _cleaner.clean(html)


@lru_cache(maxsize=4096)
def safe_address(address: str, image: bool = False) -> bool:
    """Whether a link, or with `image` a picture, may have this address."""
    tag = "img src" if image else "a href"
    return "=" in _address_cleaner.clean(f'<{tag}="{escape(address)}">')


def safe_style(name: str, value: str) -> bool:
    """Whether a style property may have this value."""
    rule = _STYLES.get(name)
    return rule is not None and rule.fullmatch(value) is not None


def safe_class(name: str) -> bool:
    """Whether this may be a class."""
    return _CLASS.fullmatch(name) is not None


def declarations(style: str) -> list[tuple[str, str]]:
    """The properties of a style attribute and their values, as far as they are safe."""
    found = []
    for declaration in style.split(";"):
        name, _, value = declaration.partition(":")
        name, value = name.strip().lower(), value.strip()
        if safe_style(name, value):
            found.append((name, value))
    return found


def _attribute(tag: str, name: str, value: str) -> str | None:
    """The value that an allowed attribute may keep."""
    match name:
        case "style":
            return "; ".join(f"{name}: {kept}" for name, kept in declarations(value)) or None
        case "class":
            return " ".join(part for part in value.split() if safe_class(part)) or None
        case "href" | "src" if _scheme(value) == "data":
            return value if name == "src" and tag == "img" and _PICTURE.fullmatch(value) else None
        case "type":
            return value if value == "checkbox" else None
    return value


def _scheme(address: str) -> str:
    """What a browser takes for the scheme: it skips controls and spaces before, and line ends."""
    bare = re.sub(r"^[\x00-\x20]+|[\t\r\n]+", "", address)
    return bare[:64].partition(":")[0].lower()


_cleaner = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags={"script", "style"},
    attributes=_ATTRIBUTES,
    attribute_filter=_attribute,
    url_schemes=set(SCHEMES) | {"data"},
    link_rel="noopener noreferrer nofollow",
)
_address_cleaner = nh3.Cleaner(
    tags={"a", "img"},
    attributes={"a": {"href"}, "img": {"src"}},
    attribute_filter=_attribute,
    url_schemes=set(SCHEMES) | {"data"},
    link_rel=None,
)
