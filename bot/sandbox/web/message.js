// One message as it is shown: its bubble, its buttons, and how it joins its neighbours.

import { formatted } from "./entities.js";
import { gist, senderOf, service, world } from "./world.js";

const TOGETHER = 300; // seconds between two messages of one sender that are shown as one block
const HUES = 7; // colours of people's names and faces

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

const hue = (who) => (who.id === world.bot.id ? "bot" : String(Math.abs(who.id) % HUES));

/** Return the time of day of a number of seconds since the epoch. */
export const timeOf = (seconds) => clock.format(seconds * 1000);

/** Put a sender's letter, or a picture of what a chat is, into an avatar. */
export function face(avatar, who) {
  avatar.dataset.hue = hue(who);
  const kind = who.id === world.bot.id || who.type === "private" ? "bot" : { channel: "channel", group: "group", supergroup: "group" }[who.type];
  if (!kind) return avatar.replaceChildren(who.first_name.slice(0, 1));
  avatar.dataset.kind = kind;
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${kind}`);
  icon.append(use);
  return avatar.replaceChildren(icon);
}

/** Return the list item for a message, as `me` sees it. `on` has what to do: send(text), press(button, data), reply(), jump(id). */
export function bubble(message, me, on) {
  if (service(message)) return note(message);
  const item = document.getElementById("t-message").content.firstElementChild.cloneNode(true);
  const part = (name) => item.querySelector(`.${name}`);
  const sender = senderOf(message);
  const name = sender.first_name ?? sender.title;
  item.id = `m${message.message_id}`;
  item.dataset.sender = sender.id;
  item.dataset.date = message.date;
  item.classList.toggle("mine", sender.id === me);
  face(part("avatar"), sender);
  part("sender").textContent = name;
  part("sender").dataset.hue = hue(sender);
  quote(part("quote"), message.reply_to_message, on);
  media(part("media"), message, name);
  text(part("text"), part("meta"), message, on);
  keys(part("keys"), message.reply_markup?.inline_keyboard, on);
  part("edited").hidden = !message.edit_date;
  part("meta").lastElementChild.textContent = timeOf(message.date);
  part("reply").ariaLabel = `Reply to ${name}: ${gist(message).slice(0, 40)}`;
  part("reply").addEventListener("click", on.reply);
  return item;
}

function note(message) {
  const item = document.createElement("li");
  item.id = `m${message.message_id}`;
  item.className = "note";
  item.dataset.date = message.date;
  item.textContent = service(message);
  return item;
}

function quote(element, replied, on) {
  if (!replied) return element.remove();
  const sender = senderOf(replied);
  element.firstElementChild.textContent = sender.first_name ?? sender.title;
  element.lastElementChild.textContent = gist(replied);
  element.tabIndex = 0;
  element.role = "link";
  element.addEventListener("click", () => on.jump(replied.message_id));
  element.addEventListener("keydown", (event) => event.key === "Enter" && on.jump(replied.message_id));
}

function media(element, message, name) {
  if (message.photo) element.append(picture(message, name));
  else if (message.document) element.append(file(message.document));
  else element.remove();
}

const address = (fileId) => `/sandbox/files/${encodeURIComponent(fileId)}`;

function picture(message, name) {
  const largest = message.photo.at(-1);
  const link = document.createElement("a");
  link.className = "picture";
  link.href = address(largest.file_id);
  link.target = "_blank";
  const image = document.createElement("img");
  image.src = link.href;
  image.alt = `Picture from ${name}`;
  link.append(image);
  return link;
}

function file(document_) {
  const link = document.getElementById("t-document").content.firstElementChild.cloneNode(true);
  const name = document_.file_name ?? "file";
  link.href = address(document_.file_id);
  link.download = name;
  link.ariaLabel = `Download ${name}, ${size(document_.file_size)}`;
  link.querySelector("b").textContent = name;
  link.querySelector("i").textContent = size(document_.file_size);
  return link;
}

function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function text(element, meta, message, on) {
  const words = message.text ?? message.caption;
  if (!words) return element.remove();
  element.append(formatted(words, message.entities ?? message.caption_entities, on.send), meta); // it stands beside the last line
}

function keys(element, rows, on) {
  if (!rows?.length) return element.remove();
  for (const row of rows) {
    const line = document.createElement("div");
    line.append(...row.map((button) => key(button, on)));
    element.append(line);
  }
}

function key(button, on) {
  const element = document.createElement(button.url ? "a" : "button");
  element.className = "key";
  element.dir = "auto";
  element.textContent = button.text;
  if (button.url) {
    if (/^https?:/i.test(button.url)) element.href = button.url;
    element.target = "_blank";
    element.rel = "noopener noreferrer";
  } else {
    element.type = "button";
    element.addEventListener("click", () => on.press(element, button.callback_data ?? button.text));
  }
  return element;
}

/** Put days between the messages of a list, and join those of one sender that are close in time. */
export function arrange(list) {
  for (const old of list.querySelectorAll(".day")) old.remove();
  let before = null;
  for (const item of [...list.children]) {
    const today = day.format(item.dataset.date * 1000);
    if (!before || day.format(before.dataset.date * 1000) !== today) {
      const separator = document.createElement("li");
      separator.className = "note day";
      separator.textContent = today;
      item.before(separator);
      before?.classList.add("last");
      before = null;
    }
    const joined = before && before.dataset.sender && before.dataset.sender === item.dataset.sender
      && item.dataset.date - before.dataset.date < TOGETHER;
    item.classList.toggle("first", !joined);
    before?.classList.toggle("last", !joined);
    before = item;
  }
  before?.classList.add("last");
}
