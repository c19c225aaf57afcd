import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.messages.signing import MOST, Signer
from bot.models import Button, Message

SIGNER = Signer(b"k" * 32)
DATA = st.from_regex(r"[a-z]{1,8}(:[0-9]{1,12}){1,2}", fullmatch=True)
CHATS = st.integers(1, 10**9)


@given(DATA, CHATS)
def test_what_was_signed_for_a_chat_is_read_there_and_nowhere_else(data: str, chat: int) -> None:
    signed = SIGNER.sign(chat, data)
    assert len(signed.encode()) <= MOST
    assert SIGNER.read(chat, signed) == data
    assert SIGNER.read(chat + 1, signed) is None
    assert Signer(b"other" * 8).read(chat, signed) is None


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_nothing_else_is_ever_taken_for_signed(made_up: str) -> None:
    assert SIGNER.read(1, made_up) is None


@given(DATA, st.integers(0, 63), st.characters())
def test_a_changed_letter_breaks_the_signature(data: str, place: int, letter: str) -> None:
    signed = SIGNER.sign(1, data)
    place %= len(signed)
    changed = signed[:place] + letter + signed[place + 1 :]
    assert SIGNER.read(1, changed) == (data if changed == signed else None)


def test_text_is_too_long_for_a_button() -> None:
    with pytest.raises(ValueError, match="never text"):
        SIGNER.sign(1, "x" * 48)


def test_links_are_not_signed() -> None:
    message = Message("x", ((Button("a", "list:0"), Button("b", url="https://e.org")),))  # type: ignore[arg-type]
    ((pressed, link),) = SIGNER.sign_buttons(1, message).buttons
    assert SIGNER.read(1, pressed.data or "") == "list:0"
    assert (link.url, link.data) == ("https://e.org", None)


def test_a_pseudonym_is_nobodys_number() -> None:
    assert SIGNER.pseudonym(1001) == SIGNER.pseudonym(1001) < 0
    assert SIGNER.pseudonym(1001) != SIGNER.pseudonym(1002)
