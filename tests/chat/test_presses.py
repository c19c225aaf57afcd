"""Each handler takes the class of its button: mypy refuses another, and an ignore that it does not need."""

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.chat.buttons import OFFER_HANDLERS, PRESSES, Result, prepared_press, press
from bot.chat.request import Request
from bot.messages.callbacks import BUTTONS, ListButton, OfferButton, StopButton
from bot.storage.offers import OfferKind


async def _stop(request: Request, connection: AsyncConnection, button: StopButton) -> Result:
    return None, ""


async def _count(request: Request, button: StopButton) -> int:
    return button.subscription_id


async def _stop_named(request: Request, connection: AsyncConnection, button: StopButton, name: str) -> Result:
    return None, name


def test_every_button_and_every_offer_that_is_shown_has_a_handler() -> None:
    assert set(PRESSES) == set(BUTTONS.values()) - {OfferButton}
    assert set(OFFER_HANDLERS) == set(OfferKind) - {OfferKind.EDIT}  # answered by a plain message


def test_which_buttons_and_offers_are_for_admins_and_which_for_everybody() -> None:
    assert {button.prefix for button, press in PRESSES.items() if press.for_admins} == {
        "test",
        "aliases",
        "unalias",
        "full",
        "revoke",
    }
    assert {button.prefix for button, press in PRESSES.items() if press.for_all} == {"forget"}
    assert {button.prefix for button, press in PRESSES.items() if not press.changes} == {
        "latest",
        "news",
        "more",
        "why",
    }
    assert {kind for kind, offer in OFFER_HANDLERS.items() if offer.for_admins} == {
        OfferKind.ALIAS_UNDO,
        OfferKind.BROADCAST,
        OfferKind.BAN,
    }
    assert {kind for kind, offer in OFFER_HANDLERS.items() if offer.for_all} == {OfferKind.FORGET}


def test_a_press_is_typed_by_its_button() -> None:
    assert press(StopButton, _stop).button is StopButton
    press(ListButton, _stop)  # type: ignore[arg-type]
    prepared_press(StopButton, _count, _stop_named)  # type: ignore[misc]
