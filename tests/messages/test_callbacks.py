import contextlib
from collections import Counter
from dataclasses import fields
from enum import StrEnum
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.buttons import OFFER_HANDLERS, PRESSES
from bot.messages.callbacks import (
    BUTTONS,
    ButtonData,
    ButtonTooOld,
    Choice,
    ListButton,
    OfferButton,
    ResumeButton,
    ScheduleButton,
    Setting,
    SettingButton,
    SubscriptionButton,
    WhyButton,
    unpack,
)
from bot.messages.signing import Signer
from bot.models import Schedule

IDS = st.integers(-(2**63), 2**63 - 1)
SHORT = st.from_regex(r"[a-z-]{0,8}", fullmatch=True)


def values(kind: Any) -> st.SearchStrategy[Any]:
    if kinds := get_args(kind):
        return st.one_of(*map(values, kinds))
    if kind is int:
        return IDS
    return st.sampled_from(list(kind)) if issubclass(kind, StrEnum) else SHORT


def buttons_of(button: type[ButtonData]) -> st.SearchStrategy[ButtonData]:
    hints = get_type_hints(button)
    return st.builds(button, **{field.name: values(hints[field.name]) for field in fields(button)})


@given(st.sampled_from(list(BUTTONS.values())).flatmap(buttons_of))
def test_every_button_is_read_as_it_was_written_and_fits_with_its_signature(button: ButtonData) -> None:
    assert unpack(button.pack()) == button
    signer = Signer(b"key")
    signed = signer.sign(2**63 - 1, button.pack())  # raises ValueError over 64 bytes
    assert signer.read(2**63 - 1, signed) == button.pack()


@given(st.text(max_size=64))
def test_any_other_data_is_too_old(data: str) -> None:
    with contextlib.suppress(ButtonTooOld):
        assert isinstance(unpack(data), ButtonData)


def test_prefixes_are_unique() -> None:
    assert set(Counter(one.prefix for one in ButtonData.__subclasses__()).values()) == {1}


def test_every_button_has_a_handler() -> None:
    assert set(PRESSES) | {OfferButton} == set(BUTTONS.values())
    assert OFFER_HANDLERS


@pytest.mark.parametrize(
    ("data", "button"),
    [
        ("why:12", WhyButton(12)),
        ("list:0", ListButton(0)),
        ("item:3:1", SubscriptionButton(3, 1)),
        ("when:5:daily", ScheduleButton(5, Schedule.DAILY)),
        ("resume", ResumeButton()),
        ("set:page", SettingButton(Setting.PAGE)),
        ("set:new:weekly", SettingButton(Setting.NEW, Schedule.WEEKLY)),
        ("set:language:ar", SettingButton(Setting.LANGUAGE, "ar")),
        ("offer:7:yes", OfferButton(7, Choice.YES)),
        ("offer:7:0", OfferButton(7, 0)),
    ],
)
def test_data_under_messages_already_sent_is_read_for_ever(data: str, button: ButtonData) -> None:
    assert unpack(data) == button
    assert button.pack() == data


@pytest.mark.parametrize("data", ["", "gone:1", "why", "why:x", "why:1:2", "when:5:yearly", "offer:1:maybe", "set"])
def test_data_of_another_version_is_too_old(data: str) -> None:
    with pytest.raises(ButtonTooOld):
        unpack(data)


@pytest.mark.parametrize("value", ["a:b", "a.b"])
def test_a_field_cannot_pass_for_two_or_for_a_signature(value: str) -> None:
    with pytest.raises(ValueError, match="ids and words"):
        SettingButton(Setting.LANGUAGE, value).pack()
