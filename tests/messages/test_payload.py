import pytest
from markupsafe import Markup

from bot.messages.callbacks import ListButton
from bot.messages.payload import Rows, TextPayload, edit, from_json, photo, to_payload
from bot.messages.signing import Signer, is_signed
from bot.models import Button, Message

UNSIGNED: Rows = ((ListButton(0).labelled("List"),),)
SIGNED = Signer(b"k" * 32).sign_buttons(1, Message(Markup("News"), UNSIGNED))


def test_a_button_that_is_not_signed_is_refused_when_its_message_is_made() -> None:
    with pytest.raises(ValueError, match=r"signature: \['list:0'\]"):
        to_payload(Message(Markup("News"), UNSIGNED))
    with pytest.raises(ValueError, match="signature"):
        edit(Message(Markup("News"), UNSIGNED))
    with pytest.raises(ValueError, match="signature"):
        photo("a.png", b"x", Markup("News"), UNSIGNED)


def test_signed_buttons_and_links_are_stored() -> None:
    rows = (*SIGNED.buttons, (Button("Site", url="https://e.org"),))
    stored = to_payload(Message(Markup("News"), rows))
    assert [row[0]["label"] for row in stored["buttons"]] == ["List", "Site"]
    assert edit(SIGNED).buttons == photo("a.png", b"x", Markup(), SIGNED.buttons).buttons == SIGNED.buttons


def test_a_message_is_neither_plain_nor_silent_nor_an_answer_unless_it_says_so() -> None:
    stored = to_payload(Message(Markup("News")))
    assert from_json(stored) == TextPayload("News") == TextPayload("News", (), False, False, None)
    full = TextPayload("News", SIGNED.buttons, plain=True, silent=True, reply_to=7)
    assert from_json(full.to_json()) == full
    assert from_json(edit(SIGNED).to_json()) == edit(SIGNED)


@pytest.mark.parametrize("data", ["", "list:0", "abcdefghijklmnop", "list.0", "list:0.abcdefghijklmno", "a:1.b.c"])
def test_packed_data_has_not_the_form_of_signed_data(data: str) -> None:
    assert not is_signed(data)
