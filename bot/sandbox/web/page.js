// The page: who you are, which chat is open, and what happens when you type, tap or wait.

import { arrange, bubble, face, timeOf } from "./message.js";
import { act, chatsOf, commandsFor, follow, gist, hasBot, refusal, senderOf, titleOf, world } from "./world.js";

const $ = (id) => document.getElementById(id);
const copy = (id) => $(id).content.firstElementChild.cloneNode(true);

const TYPING = 5000; // milliseconds a chat action is shown, as in Telegram
const TOAST = 4000;
const PATIENCE = 15000; // until a button stops waiting for its answer
const NEAR = 120; // pixels from the end at which the list follows new messages
const MAX_FILE = 20 * 1024 * 1024; // bytes: what a bot can download
const MAX_PICTURE = 10 * 1024 * 1024;
const THEMES = ["automatic", "light", "dark"];

let me = 0;
let open = 0; // the chat's id; 0 while the list is shown on a phone
let answering = null; // the message that is replied to
let commands = []; // the menu of the open chat
let chosen = -1; // in the menu
const seen = new Map(); // "person/chat" → the last message id they looked at
const typing = new Map(); // chat → the timer that ends it
const waiting = new Set(); // callback queries of mine without an answer

// ---- where we are: the address says it, so that Back and a reload keep it ----

function where() {
  const [person, chat] = location.hash.slice(1).split("/").map(Number);
  me = world.people.some((one) => one.id === person) ? person : world.people[0].id;
  const chats = chatsOf(me);
  open = chats.some((one) => one.id === chat) ? chat : 0;
  if (!open && isWide.matches) open = chats[0].id;
}

const go = (person, chat) => { location.hash = chat ? `${person}/${chat}` : `${person}`; };
const isWide = matchMedia("(min-width: 700px)");

function moved() {
  where();
  stopAnswering();
  closeMenu();
  showPeople();
  showChat();
  showChats();
  if (open && isWide.matches) $("text").focus({ preventScroll: true });
}

// ---- people and chats ----

function showPeople() {
  $("people").replaceChildren(...world.people.map((person) => {
    const label = copy("t-person");
    const radio = label.querySelector("input");
    radio.checked = person.id === me;
    radio.addEventListener("change", () => {
      const same = chatsOf(person.id).find((chat) => chat.id === open && chat.type !== "private");
      go(person.id, open ? (same?.id ?? person.id) : 0);
    });
    face(label.querySelector(".avatar"), person);
    label.querySelector(".name").textContent = person.is_admin ? `${person.first_name} (admin)` : person.first_name;
    badge(label.querySelector(".badge"), chatsOf(person.id).reduce((sum, chat) => sum + unread(person.id, chat), 0));
    return label;
  }));
  $("people").querySelector("input:checked")?.toggleAttribute("data-focus", true);
}

function showBadges() {
  const badges = $("people").querySelectorAll(".badge");
  world.people.forEach((person, index) =>
    badge(badges[index], chatsOf(person.id).reduce((sum, chat) => sum + unread(person.id, chat), 0)));
}

function showChats() {
  const focused = document.activeElement?.dataset?.chat;
  $("chats").replaceChildren(...chatsOf(me).map((chat) => {
    const item = copy("t-chat");
    const button = item.firstElementChild;
    const part = (name) => item.querySelector(name);
    const last = [...world.messages.get(chat.id).values()].at(-1);
    button.dataset.chat = chat.id;
    button.ariaCurrent = chat.id === open ? "true" : "false";
    button.addEventListener("click", () => go(me, chat.id));
    face(part(".avatar"), chat);
    part(".name").textContent = titleOf(chat);
    part("time").textContent = last ? timeOf(last.date) : "";
    part(".last").textContent = last ? gistFor(last, chat) : kindOf(chat);
    badge(part(".badge"), unread(me, chat));
    return item;
  }));
  if (focused) $("chats").querySelector(`[data-chat="${focused}"]`)?.focus();
  const total = chatsOf(me).reduce((sum, chat) => sum + unread(me, chat), 0);
  document.title = total ? `(${total}) Watchword sandbox` : "Watchword sandbox";
  showBadges();
}

function gistFor(message, chat) {
  const sender = senderOf(message);
  const whose = sender.id === me ? "You: " : chat.type === "group" || chat.type === "supergroup" ? `${sender.first_name}: ` : "";
  return whose + gist(message);
}

const kindOf = (chat) => ({ private: "bot", channel: "channel" })[chat.type] ?? "group";

function unread(person, chat) {
  const from = seen.get(`${person}/${chat.id}`) ?? 0;
  return [...world.messages.get(chat.id).values()].filter((one) => one.message_id > from && senderOf(one).id !== person).length;
}

function badge(element, number) {
  element.hidden = !number;
  element.textContent = number > 99 ? "99+" : String(number);
  element.ariaLabel = `${number} unread`;
}

function look() {
  if (open) seen.set(`${me}/${open}`, Math.max(0, ...world.messages.get(open).keys()));
}

// ---- the open chat ----

function showChat() {
  $("app").dataset.view = open ? "chat" : "list";
  if (!open) return;
  const chat = world.chats.get(open);
  $("title").textContent = titleOf(chat);
  face($("face"), chat);
  $("log").dataset.type = chat.type;
  showState();
  $("messages").replaceChildren(...[...world.messages.get(open).values()].map(shown));
  arrange($("messages"));
  showWelcome();
  showTyping();
  toEnd();
  look();
  commandsFor(open, me).then((found) => { commands = found; });
}

function showState() {
  const chat = world.chats.get(open);
  const is = typing.has(open) ? "typing…" : { private: "bot", channel: "channel" }[chat.type] ?? membersOf(chat);
  $("subtitle").textContent = chat.blocked ? "bot, blocked" : is;
  $("subtitle").classList.toggle("busy", typing.has(open));
  const why = refusal(chat, me);
  $("readonly").hidden = !why;
  $("readonly").textContent = why;
  $("composer").hidden = Boolean(why);
  $("door").hidden = chat.type !== "private" && !["creator", "administrator"].includes(chat.members[me]);
  const verbs = chat.type === "private" ? ["Block the bot", "Unblock the bot"] : ["Put the bot out", "Let the bot in"];
  $("door").textContent = verbs[hasBot(chat) ? 0 : 1];
}

function membersOf(chat) {
  const number = Object.values(chat.members).filter((status) => status !== "left" && status !== "kicked").length;
  return `group, ${number} members`;
}

function showWelcome() {
  const chat = world.chats.get(open);
  const isEmpty = world.messages.get(open).size === 0;
  $("welcome").hidden = !isEmpty || Boolean(refusal(chat, me));
  $("about").textContent = {
    private: world.about || "It watches the news for the words you care about. Tap one to begin:",
    channel: "What is written here, the bot reads: send it a command.",
  }[chat.type] ?? "In a group the bot hears commands, answers to what it says, and its name.";
  const tries = ["/start", "/subscribe Idlib"].map((words) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = words;
    button.addEventListener("click", () => say(words));
    return button;
  });
  $("tries").replaceChildren(...tries);
}

function shown(message) {
  return bubble(message, me, {
    send: say,
    reply: () => answer(message),
    jump,
    press: (button, data) => press(message, button, data),
  });
}

function jump(messageId) {
  const item = $(`m${messageId}`);
  if (!item) return toast("That message is gone.");
  item.scrollIntoView({ block: "center", behavior: "smooth" });
  item.classList.remove("flash");
  requestAnimationFrame(() => item.classList.add("flash"));
}

// ---- the list follows what is new while its end is in sight ----

let end = 0; // how far the list was scrolled when its end was last in sight

const isFollowing = () => $("log").scrollTop > end - NEAR; // what grew since does not matter, only who scrolled up

function toEnd() {
  $("newer").hidden = true;
  $("log").scrollTop = $("log").scrollHeight;
  end = $("log").scrollTop;
}

$("log").addEventListener("scroll", () => {
  if ($("log").scrollHeight - $("log").scrollTop - $("log").clientHeight >= NEAR) return;
  end = $("log").scrollTop;
  $("newer").hidden = true;
});
$("newer").addEventListener("click", toEnd);
const grown = new ResizeObserver(() => { if (isFollowing()) toEnd(); }); // also by a picture that came, or a keyboard
for (const id of ["messages", "typing", "log"]) grown.observe($(id));

// ---- what happens ----

const happenings = {
  message(chatId, message) {
    if (senderOf(message).id === world.bot.id || message.sender_chat) stopTyping(chatId);
    if (chatId === open) {
      const item = shown(message);
      item.classList.add("new");
      $("messages").append(item);
      arrange($("messages"));
      $("welcome").hidden = true;
      if (senderOf(message).id === me) toEnd();
      else if (!isFollowing()) $("newer").hidden = false;
      look();
    }
  },
  edited(chatId, message) {
    if (chatId !== open) return;
    const old = $(`m${message.message_id}`);
    const focused = old?.contains(document.activeElement) ? [...old.querySelectorAll(".key")].indexOf(document.activeElement) : -1;
    const renewed = shown(message);
    old?.replaceWith(renewed);
    arrange($("messages"));
    if (focused >= 0) (renewed.querySelectorAll(".key")[focused] ?? $("text")).focus();
  },
  deleted(chatId, { message_id }) {
    const item = chatId === open ? $(`m${message_id}`) : null;
    if (!item) return;
    item.classList.add("gone");
    setTimeout(() => { item.remove(); arrange($("messages")); }, 250);
    if (answering?.message_id === message_id) stopAnswering();
  },
  action(chatId) {
    clearTimeout(typing.get(chatId));
    typing.set(chatId, setTimeout(() => stopTyping(chatId), TYPING));
    showTyping();
  },
  callback(chatId, query) {
    if (query.from.id === me) waiting.add(query.id);
  },
  answered(chatId, { id, text, show_alert }) {
    if (!waiting.delete(id)) return;
    for (const key of document.querySelectorAll(".key[aria-busy=true]")) key.ariaBusy = "false";
    if (text && show_alert) showAlert(text);
    else if (text) toast(text);
  },
  member(chatId) {
    if (chatId === open) showState();
  },
};

function stopTyping(chatId) {
  clearTimeout(typing.get(chatId));
  typing.delete(chatId);
  showTyping();
}

function showTyping() {
  if (!open) return;
  $("typing").hidden = !typing.has(open);
  showState();
}

follow((kind, chatId, data) => {
  if (kind === "snapshot") {
    const last = Math.max(0, ...[...world.messages.values()].flatMap((messages) => [...messages.keys()]));
    const isNew = seen.size === 0 || last < Math.max(...seen.values()); // the page, or the sandbox: it counts from 1 again
    if (isNew) for (const person of world.people) for (const chat of world.chats.keys()) seen.set(`${person.id}/${chat}`, last);
    moved();
    return;
  }
  happenings[kind]?.(chatId, data);
  showChats();
}, (isOnline) => { $("offline").hidden = isOnline; });

addEventListener("hashchange", moved);
isWide.addEventListener("change", moved);
$("back").addEventListener("click", () => go(me, 0));

// ---- writing ----

async function attempt(action, values) {
  try {
    return await act(action, values);
  } catch (error) {
    toast(error instanceof TypeError ? "The sandbox cannot be reached." : error.message);
    return null;
  }
}

async function say(text) {
  const reply_to = answering?.message_id ?? null;
  const sent = await attempt("say", { text, user_id: me, chat_id: open, reply_to });
  if (sent !== null) stopAnswering();
  return sent !== null;
}

$("composer").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = $("text").value;
  if (!text.trim()) return $("text").focus();
  $("text").value = "";
  typed();
  if (!(await say(text)) && !$("text").value) $("text").value = text; // nothing typed is lost
  $("text").focus();
});

function typed() {
  $("text").style.height = "auto";
  $("text").style.height = `${$("text").scrollHeight}px`;
  const start = $("text").value.match(/^\/(\w*)$/);
  if (start) openMenu(start[1].toLowerCase());
  else closeMenu();
}

$("text").addEventListener("input", typed);
$("text").addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  const inMenu = !$("commands").hidden;
  if (inMenu && (event.key === "ArrowDown" || event.key === "ArrowUp")) choose(chosen + (event.key === "ArrowDown" ? 1 : -1));
  else if (inMenu && chosen >= 0 && event.key === "Tab" && !event.shiftKey) complete();
  else if (inMenu && chosen >= 0 && event.key === "Enter" && !event.shiftKey) take();
  else if (event.key === "Escape") leave();
  else if (event.key === "Enter" && !event.shiftKey) $("composer").requestSubmit();
  else return;
  event.preventDefault();
});

function leave() {
  if (!$("commands").hidden) closeMenu();
  else if (answering) stopAnswering();
}

// ---- replies ----

function answer(message) {
  answering = message;
  const sender = senderOf(message);
  $("answered-name").textContent = sender.first_name ?? sender.title;
  $("answered-text").textContent = gist(message);
  $("answering").hidden = false;
  $("text").focus();
}

function stopAnswering() {
  answering = null;
  $("answering").hidden = true;
}

$("unanswer").addEventListener("click", () => { stopAnswering(); $("text").focus(); });

// ---- the command menu ----

function openMenu(prefix) {
  const found = commands.filter((one) => one.command.startsWith(prefix));
  $("commands").replaceChildren(...found.map((one, index) => {
    const item = copy("t-command");
    item.id = `c${index}`;
    item.dataset.command = one.command;
    item.firstElementChild.textContent = `/${one.command}`;
    item.lastElementChild.textContent = one.description;
    item.addEventListener("mousedown", (event) => event.preventDefault()); // the caret stays where it is
    item.addEventListener("click", () => { choose(index); take(); });
    return item;
  }));
  $("commands").hidden = !found.length;
  for (const id of ["text", "menu"]) $(id).ariaExpanded = String(found.length > 0);
  choose(prefix || !found.length ? 0 : -1);
}

function closeMenu() {
  $("commands").hidden = true;
  for (const id of ["text", "menu"]) $(id).ariaExpanded = "false";
  choose(-1);
}

function choose(index) {
  const items = [...$("commands").children];
  chosen = items.length && !$("commands").hidden && index >= -1 ? (index === -1 ? -1 : index % items.length) : -1;
  items.forEach((item, at) => { item.ariaSelected = String(at === chosen); });
  if (chosen >= 0) $("text").setAttribute("aria-activedescendant", `c${chosen}`);
  else $("text").removeAttribute("aria-activedescendant");
  items[chosen]?.scrollIntoView({ block: "nearest" });
}

const commandText = () => {
  const name = `/${$("commands").children[chosen].dataset.command}`;
  return world.chats.get(open).type === "private" ? name : `${name}@${world.bot.username}`;
};

function complete() {
  $("text").value = `${commandText()} `;
  typed();
}

function take() {
  const text = commandText();
  $("text").value = "";
  typed();
  say(text);
  $("text").focus();
}

$("menu").addEventListener("mousedown", (event) => event.preventDefault());
$("menu").addEventListener("click", () => {
  if (!$("commands").hidden) return closeMenu();
  if (!commands.length) return toast("The bot has set no commands yet.");
  $("text").focus();
  openMenu("");
});
document.addEventListener("click", (event) => {
  if (!event.target.closest?.("#commands, #composer")) closeMenu();
});

// ---- buttons ----

async function press(message, button, data) {
  button.ariaBusy = "true";
  setTimeout(() => { button.ariaBusy = "false"; }, PATIENCE);
  const query = await attempt("press", { message_id: message.message_id, button: data, user_id: me, chat_id: open });
  if (query === null) button.ariaBusy = "false";
}

$("door").addEventListener("click", async () => {
  const chat = world.chats.get(open);
  const isIn = hasBot(chat);
  if (chat.type === "private") await attempt(isIn ? "block" : "unblock", { user_id: me });
  else await attempt("set_bot_status", { chat_id: open, status: isIn ? "kicked" : chat.type === "channel" ? "administrator" : "member", user_id: me });
});

// ---- files: chosen, dropped or pasted ----

async function send(files) {
  let caption = $("text").value.trim() || null; // what is typed goes with the first
  $("text").value = "";
  typed();
  for (const file of files) {
    if (file.size > MAX_FILE) { toast(`${file.name} is larger than 20 MB, which is what a bot can read.`); continue; }
    const as_picture = /^image\/(png|jpeg|gif|webp)$/.test(file.type) && file.size <= MAX_PICTURE;
    const sent = await attempt("upload", {
      name: file.name, content: await base64(file), mime_type: file.type || null,
      user_id: me, chat_id: open, reply_to: answering?.message_id ?? null, as_picture, caption,
    });
    if (sent === null) $("text").value ||= caption ?? ""; // nothing typed is lost
    caption = null;
    stopAnswering();
  }
}

function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

$("attach").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", async () => { await send([...$("file").files]); $("file").value = ""; });
$("text").addEventListener("paste", (event) => {
  if (!event.clipboardData.files.length) return;
  event.preventDefault();
  send([...event.clipboardData.files]);
});
const chatArea = document.querySelector(".chat");
chatArea.addEventListener("dragover", (event) => { event.preventDefault(); chatArea.classList.add("dropping"); });
chatArea.addEventListener("dragleave", () => chatArea.classList.remove("dropping"));
chatArea.addEventListener("drop", (event) => {
  event.preventDefault();
  chatArea.classList.remove("dropping");
  if (open && !$("composer").hidden) send([...event.dataTransfer.files]);
});

// ---- telling ----

let toastTimer = 0;
function toast(words) {
  clearTimeout(toastTimer);
  $("toast").textContent = words;
  $("toast").classList.add("shown");
  toastTimer = setTimeout(() => { $("toast").classList.remove("shown"); $("toast").textContent = ""; }, TOAST);
}

function showAlert(words) {
  $("alert-text").textContent = words;
  $("alert").showModal();
}

// ---- light and dark ----

function paint(theme) {
  localStorage.setItem("theme", theme);
  document.documentElement.dataset.theme = theme;
  $("theme").lastElementChild.textContent = `Theme: ${theme}`;
}

$("theme").addEventListener("click", () => {
  paint(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length]);
});
paint(THEMES.includes(localStorage.getItem("theme")) ? localStorage.getItem("theme") : "automatic");
