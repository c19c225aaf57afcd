"""Membership: the bot is added to a chat, blocked or removed; groups that become supergroups."""

from telegram import ChatMember

from bot.actions import chats as actions
from bot.chat.request import Request
from bot.storage import chats

OUT = (ChatMember.LEFT, ChatMember.BANNED)


async def changed(request: Request) -> None:
    """Block a chat when its person blocked the bot or its group removed it; unblock it when that is undone."""
    member = request.update.my_chat_member
    assert member is not None
    async with request.transaction() as connection:  # it makes a blocked chat active again
        if member.new_chat_member.status in OUT:
            await actions.block(connection, request.chat, member.new_chat_member.status, request.now)


async def member_changed(request: Request) -> None:
    """Drop the cached status of a group's member. (Telegram reports changes where the bot is an admin.)"""
    member = request.update.chat_member
    assert member is not None
    request.services.members.forget(member.chat.id, member.new_chat_member.user.id)
    async with request.transaction(meet=False):
        pass


async def migrated(request: Request) -> None:
    """Give the chats of a group the id of the supergroup it became."""
    message = request.update.effective_message
    assert message is not None
    old, new = message.chat.id, message.migrate_to_chat_id
    if message.migrate_from_chat_id is not None:
        old, new = message.migrate_from_chat_id, message.chat.id
    assert new is not None
    async with request.transaction(meet=False) as connection:  # sent twice: for the old id and the new
        await chats.migrate(connection, old, new)
