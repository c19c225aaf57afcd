// What the sandbox holds, kept up to date by its stream of events, and what a person can do in it.

/** Everything known: `chats` by id, and `messages` by chat, each a Map by message id. */
export const world = { bot: null, about: "", people: [], chats: new Map(), messages: new Map() };

/** Follow the sandbox: `tell("snapshot")` first and after every interruption, then each event; `online(bool)`. */
export function follow(tell, online) {
  const stream = new EventSource("/sandbox/stream");
  stream.addEventListener("snapshot", (event) => {
    take(JSON.parse(event.data));
    online(true);
    tell("snapshot");
  });
  stream.addEventListener("happened", (event) => {
    const happened = JSON.parse(event.data);
    if (!world.chats.has(happened.chat_id)) { // a chat that was made since: begin anew
      stream.close();
      follow(tell, online);
      return;
    }
    apply(happened);
    tell(happened.kind, happened.chat_id, happened.data);
  });
  stream.addEventListener("error", () => {
    online(false);
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => follow(tell, online), 2000);
  });
}

function take(snapshot) {
  Object.assign(world, { bot: snapshot.bot, about: snapshot.about, people: snapshot.people });
  world.chats = new Map(snapshot.chats.map((chat) => [chat.id, chat]));
  world.messages = new Map(snapshot.chats.map((chat) => [chat.id, new Map()]));
  for (const message of snapshot.messages) world.messages.get(message.chat.id)?.set(message.message_id, message);
}

function apply({ kind, chat_id, data }) {
  const messages = world.messages.get(chat_id);
  if (kind === "message" || kind === "edited") messages.set(data.message_id, data);
  if (kind === "deleted") messages.delete(data.message_id);
  if (kind === "member") {
    const chat = world.chats.get(chat_id);
    chat.members[world.bot.id] = data.new;
    chat.blocked = chat.type === "private" && data.new === "kicked";
  }
}

/** Do something as a person; throws an Error whose message is the sandbox's sentence. */
export async function act(action, values) {
  const answer = await fetch(`/sandbox/${action}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(values),
  });
  const body = await answer.json();
  if (!body.ok) throw new Error(body.error ?? body.description);
  return body.result;
}

/** Return the commands the bot's menu shows someone in a chat. */
export async function commandsFor(chatId, userId) {
  const answer = await fetch(`/sandbox/commands?chat_id=${chatId}&user_id=${userId}`);
  const body = await answer.json();
  return body.ok ? body.result : [];
}

const PRESENT = new Set(["member", "administrator", "creator", "restricted"]);

/** Return the chats a person sees: theirs with the bot, their groups, and channels. */
export function chatsOf(userId) {
  return [...world.chats.values()].filter((chat) =>
    chat.type === "private" ? chat.id === userId : chat.type === "channel" || PRESENT.has(chat.members[userId]));
}

/** Tell why somebody may not write in a chat; "" if they may. */
export function refusal(chat, userId) {
  if (chat.deleted) return "This chat was deleted.";
  if (chat.type !== "channel") return "";
  return ["creator", "administrator"].includes(chat.members[userId]) ? "" : "Only the channel's admins write here.";
}

/** Tell whether the bot is in a chat. */
export const hasBot = (chat) => PRESENT.has(chat.members[world.bot.id]) && !chat.blocked;

/** Return what a chat is called by those in it. */
export const titleOf = (chat) => (chat.type === "private" ? world.bot.first_name : chat.title);

/** Return who sent a message: a user, or the channel. */
export const senderOf = (message) => message.from ?? message.sender_chat;

/** Return one line that stands for a message. */
export function gist(message) {
  const words = message.text ?? message.caption ?? "";
  const kind = message.photo ? "Picture" : message.document ? message.document.file_name : "";
  return [kind, words].filter(Boolean).join(": ").replace(/\s+/g, " ").slice(0, 120) || service(message);
}

/** Return the sentence of a message nobody wrote; "" for one somebody did. */
export function service(message) {
  const names = (people) => people.map((one) => one.first_name).join(", ");
  if (message.new_chat_members) return `${names(message.new_chat_members)} came in`;
  if (message.left_chat_member) return `${names([message.left_chat_member])} left`;
  if (message.migrate_to_chat_id) return "This group became a supergroup; it goes on in a new chat";
  if (message.migrate_from_chat_id) return "A group became this supergroup";
  if (message.forum_topic_created) return `New topic: ${message.forum_topic_created.name}`;
  return "";
}
