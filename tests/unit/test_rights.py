"""Who may do what: the table of decisions over tokens and grants, and how a refusal is told."""

from __future__ import annotations

from itertools import permutations

import pytest

from collab.errors import DocumentNotFound, NotAllowed
from collab.rights import ACCESS_BY_NAME, Principal, covers, refusal, right_to
from collab.words import ANY, Access, Grant

NONE, READ, WRITE, ADMIN = Access

DOC_ADA, ALL_ADA, DOC_ALL, ALL_ALL = ("doc", "ada"), (ANY, "ada"), ("doc", ANY), (ANY, ANY)


def who(user: str | None, **rights: Access) -> Principal:
    """A principal with these rights; `all` stands for `*`."""
    return Principal(
        user, None, tuple({"*" if k == "all" else k: v for k, v in rights.items()}.items())
    )


def granted(*said: tuple[tuple[str, str], Access | None]) -> list[Grant]:
    return [Grant(*place, access, version) for version, (place, access) in enumerate(said, start=1)]


# Patterns ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "document", "matches"),
    [
        ("notes", "notes", True),
        ("notes", "notes2", False),
        ("notes", "Notes", False),
        ("notes*", "notes", True),
        ("notes*", "notes:1", True),
        ("notes*", "note", False),
        ("no*es", "notes", False),
        ("*", "anything", True),
        ("", "notes", False),
        ("*notes", "my-notes", False),
    ],
)
def test_a_pattern_is_an_id_or_the_beginning_of_ids(
    pattern: str, document: str, matches: bool
) -> None:
    assert covers(pattern, document) is matches


@pytest.mark.parametrize(
    ("rights", "right"),
    [
        ((), None),
        ((("other", ADMIN),), None),
        ((("doc", READ),), READ),
        ((("*", READ), ("doc", WRITE)), WRITE),
        ((("doc", READ), ("d*", ADMIN), ("*", WRITE)), ADMIN),
        ((("*", ADMIN), ("doc", NONE)), NONE),
        ((("d*", NONE), ("doc", ADMIN)), NONE),
        ((("other", NONE), ("*", READ)), READ),
    ],
)
def test_a_token_gives_its_highest_right_unless_it_refuses(
    rights: tuple[tuple[str, Access], ...], right: Access | None
) -> None:
    for order in permutations(rights):
        assert Principal("ada", None, order).right("doc") is right


@pytest.mark.parametrize(
    ("rights", "everything"),
    [
        ((("*", ADMIN),), True),
        ((("*", ADMIN), ("doc", READ)), True),
        ((("*", ADMIN), ("doc", NONE)), False),
        ((("*", WRITE),), False),
        ((("d*", ADMIN),), False),
        ((), False),
    ],
)
def test_who_administers_everything(
    rights: tuple[tuple[str, Access], ...], everything: bool
) -> None:
    assert Principal("ada", None, rights).administers_everything is everything


@pytest.mark.parametrize("pattern", ["b", "b*", "bb*", "a*", "c*", "*", "", "bbb", "z*", "b:1"])
def test_narrowed_to_some_documents_it_says_the_same_of_them(pattern: str) -> None:
    documents = ["b", "c:2", "b:1", "bb", "a"]
    ada = Principal("ada", "Ada", ((pattern, READ), ("b", NONE), ("x", WRITE)))
    narrowed = ada.narrowed(documents)
    assert [narrowed.right(id) for id in documents] == [ada.right(id) for id in documents]
    matching = any(covers(pattern, id) for id in documents)
    assert [each for each, _ in narrowed.rights] == [pattern] * matching + ["b"]


def test_rights_have_names() -> None:
    assert ACCESS_BY_NAME == {"none": NONE, "read": READ, "write": WRITE, "admin": ADMIN}


# Tokens and grants -------------------------------------------------------------------------------


def test_without_grants_the_token_counts() -> None:
    assert right_to("doc", who("ada"), []) is None
    assert right_to("doc", who("ada", doc=WRITE), []) is WRITE
    assert right_to("doc", who("ada", all=READ, doc=NONE), []) is NONE


@pytest.mark.parametrize("own", [None, NONE, READ, WRITE, ADMIN])
@pytest.mark.parametrize("access", [NONE, READ, WRITE, ADMIN])
@pytest.mark.parametrize("place", [DOC_ADA, ALL_ADA])
def test_a_grant_for_the_user_overrides_every_token(
    place: tuple[str, str], access: Access, own: Access | None
) -> None:
    ada = who("ada") if own is None else who("ada", doc=own)
    assert right_to("doc", ada, granted((place, access))) is access


@pytest.mark.parametrize("user", ["ada", None])
@pytest.mark.parametrize("own", [None, NONE, READ, WRITE, ADMIN])
@pytest.mark.parametrize("access", [NONE, READ, WRITE, ADMIN])
@pytest.mark.parametrize("place", [DOC_ALL, ALL_ALL])
def test_a_grant_for_all_users_overrides_every_token_but_an_administrators(
    place: tuple[str, str], access: Access, own: Access | None, user: str | None
) -> None:
    somebody = who(user) if own is None else who(user, doc=own)
    expected = ADMIN if own is ADMIN else access
    assert right_to("doc", somebody, granted((place, access))) is expected


def test_of_several_grants_the_closest_counts() -> None:
    """Each time the closest of the remaining four is taken back, the next one counts."""
    order = [(DOC_ADA, NONE), (ALL_ADA, ADMIN), (DOC_ALL, READ), (ALL_ALL, WRITE)]
    somebody = who("ada")
    for closest in range(4):
        said = [(place, None if n < closest else access) for n, (place, access) in enumerate(order)]
        for grants in permutations(granted(*said)):
            assert right_to("doc", somebody, grants) is order[closest][1]
    assert right_to("doc", somebody, granted(*((place, None) for place, _ in order))) is None


def test_an_administrator_by_token_hears_only_what_names_them() -> None:
    admin = who("ada", all=ADMIN)
    everybody = [(DOC_ALL, NONE), (ALL_ALL, NONE)]
    assert right_to("doc", admin, granted(*everybody)) is ADMIN
    assert right_to("doc", admin, granted(*everybody, (ALL_ADA, READ))) is READ
    assert right_to("doc", admin, granted(*everybody, (DOC_ADA, NONE))) is NONE
    # Only where the token says so: another document is everybody's.
    assert right_to("doc", who("ada", other=ADMIN), granted(*everybody)) is NONE
    assert right_to("doc", who("ada", all=ADMIN, doc=NONE), granted((DOC_ALL, READ))) is READ


def test_a_grant_taken_back_lets_the_token_count_again() -> None:
    ada = who("ada", doc=WRITE)
    assert right_to("doc", ada, granted((DOC_ADA, None))) is WRITE
    assert right_to("doc", ada, granted((DOC_ADA, None), (ALL_ALL, READ))) is READ


def test_grants_for_others_say_nothing() -> None:
    grants = granted((("doc", "bob"), ADMIN), (("other", "ada"), ADMIN), (("other", ANY), ADMIN))
    assert right_to("doc", who("ada"), grants) is None
    assert right_to("doc", who(None), [*grants, *granted((DOC_ADA, ADMIN))]) is None


# Refusals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("right", [None, *Access])
@pytest.mark.parametrize("needed", list(Access))
def test_a_right_includes_those_below_it(right: Access | None, needed: Access) -> None:
    allowed = needed is NONE or (right is not None and right >= needed)
    assert (refusal(right, needed) is None) is allowed


def test_who_was_told_nothing_does_not_learn_whether_the_document_exists() -> None:
    for needed in (READ, WRITE, ADMIN):
        error = refusal(None, needed)
        assert isinstance(error, DocumentNotFound)
        assert str(error) == str(DocumentNotFound())


@pytest.mark.parametrize(
    ("right", "needed", "told"),
    [
        (NONE, READ, "you may not open this document"),
        (NONE, ADMIN, "you may not open this document"),
        (READ, WRITE, "you may read this document, not write to it"),
        (READ, ADMIN, "you may read this document, not administer it"),
        (WRITE, ADMIN, "you may write to this document, not administer it"),
    ],
)
def test_who_has_too_little_is_told_what_they_have(
    right: Access, needed: Access, told: str
) -> None:
    error = refusal(right, needed)
    assert isinstance(error, NotAllowed)
    assert str(error) == told
