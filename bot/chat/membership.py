"""Who let the bot in, and who put it out: changes of its own membership, and groups that became supergroups."""

from telegram import ChatMember

from bot.chat.request import Request
from bot.storage import chats, deliveries

OUT = (ChatMember.LEFT, ChatMember.BANNED)


async def changed(request: Request) -> None:
    """A person blocked the bot or unblocked it; a group removed it or took it in."""
    member = request.update.my_chat_member
    assert member is not None
    async with request.transaction() as connection:  # this alone makes a blocked chat active again
        if member.new_chat_member.status in OUT and request.chat.state != chats.BANNED:
            await chats.set_state(
                connection, request.chat.id, chats.BLOCKED, request.now, member.new_chat_member.status
            )
            await deliveries.cancel_chat(connection, request.chat.id, request.now, "the bot was put out")


async def member_changed(request: Request) -> None:
    """Somebody's say in a group may have changed. (Telegram tells it where the bot is an admin.)"""
    member = request.update.chat_member
    assert member is not None
    request.services.members.forget(member.chat.id, member.new_chat_member.user.id)
    async with request.transaction(meet=False):
        pass


async def migrated(request: Request) -> None:
    """A group became a supergroup: its subscriptions follow it to its new id."""
    message = request.update.effective_message
    assert message is not None
    old, new = message.chat.id, message.migrate_to_chat_id
    if message.migrate_from_chat_id is not None:
        old, new = message.migrate_from_chat_id, message.chat.id
    assert new is not None
    async with request.transaction(meet=False) as connection:  # Telegram tells it twice; the old id must not come back
        await chats.migrate(connection, old, new)
