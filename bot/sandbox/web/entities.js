// A text and its entities (offsets in UTF-16 units, as JavaScript counts) into DOM nodes. Text stays text: no HTML is read.

const TAGS = { bold: "strong", italic: "em", underline: "u", strikethrough: "s", code: "code", pre: "pre" };
const BLOCKS = new Set(["pre", "blockquote", "expandable_blockquote"]);
const LINK = /^(https?|tg|mailto|tel):/i;

/** Return a fragment; `send` is called with a command that is clicked. */
export function formatted(text, entities, send) {
  const ordered = [...(entities ?? [])].sort((a, b) => a.offset - b.offset || b.length - a.length);
  return within(text, ordered, 0, text.length, send);
}

function within(text, entities, start, end, send) {
  const fragment = document.createDocumentFragment();
  let at = start;
  let afterBlock = false;
  const plain = (until, beforeBlock) => {
    let piece = text.slice(at, until);
    if (afterBlock) piece = piece.replace(/^\n/, ""); // a block ends its line by itself
    if (beforeBlock) piece = piece.replace(/\n$/, "");
    if (piece) fragment.append(piece);
  };
  while (entities.length && entities[0].offset < end) {
    const entity = entities.shift();
    const from = Math.max(entity.offset, at);
    const to = Math.min(entity.offset + entity.length, end);
    if (from >= to) continue;
    const isBlock = BLOCKS.has(entity.type);
    plain(from, isBlock);
    const covered = text.slice(from, to);
    const element = elementFor(entity, covered, send);
    element.append(within(text, entities, from, to, send));
    fragment.append(element);
    at = to;
    afterBlock = isBlock;
  }
  plain(end, false);
  return fragment;
}

function elementFor(entity, covered, send) {
  switch (entity.type) {
    case "text_link": return link(entity.url);
    case "url": return link(covered);
    case "bot_command": return pressable("command", `Send ${covered}`, () => send(covered));
    case "spoiler": return spoiler();
    case "blockquote": return document.createElement("blockquote");
    case "expandable_blockquote": return folded();
    case "mention": case "hashtag": case "text_mention": return classed("span", "mention");
    default: return document.createElement(TAGS[entity.type] ?? "span");
  }
}

function classed(tag, name) {
  const element = document.createElement(tag);
  element.className = name;
  return element;
}

function link(url) {
  if (!LINK.test(url)) return document.createElement("span");
  const element = document.createElement("a");
  element.href = url;
  element.target = "_blank";
  element.rel = "noopener noreferrer";
  return element;
}

/** A part of the text that acts when it is clicked, or when Enter or Space is pressed on it. */
function pressable(name, label, act) {
  const element = classed("span", name);
  element.role = "button";
  element.tabIndex = 0;
  if (label) element.ariaLabel = label;
  element.addEventListener("click", act);
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    act();
  });
  return element;
}

function spoiler() {
  const element = pressable("spoiler", "Hidden text: show it", () => {
    element.classList.add("open");
    element.removeAttribute("role");
    element.removeAttribute("tabindex");
    element.removeAttribute("aria-label");
  });
  return element;
}

function folded() {
  const element = document.createElement("blockquote");
  element.className = "folded";
  element.tabIndex = 0;
  const toggle = () => element.classList.toggle("open");
  element.addEventListener("click", toggle);
  element.addEventListener("keydown", (event) => event.key === "Enter" && toggle());
  return element;
}
