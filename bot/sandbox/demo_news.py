"""Demo news: invented, harmless, and a pure function of the clock, so that every run has the same news.

Time is cut into slots of five seconds. Each slot has one item, from the six sources in turn: each publishes every
half minute. Within any forty seconds an English source has an item on Idlib, the place the README's example watches.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

SLOT = 5  # seconds
RECENT = 15 * 60  # seconds an item stays in its feed …
KEPT_EVERY = 4 * 3600  # … except the first item of each period of so many seconds,
HISTORY = 7 * 86_400  # which stays for so many seconds
MARK = {
    "en": "Invented for this demo: none of it happened.",
    "ar": "خبر مختلق لهذا العرض التجريبي: لم يحدث شيء منه.",
    "ru": "Придумано для демонстрации: ничего этого не было.",
}


@dataclass(frozen=True, slots=True)
class Outlet:
    """A demo source; `kind` is its feed format."""

    path: str
    title: str
    language: str
    kind: str  # "rss", "rss-content", "atom", "json"


OUTLETS = (
    Outlet("/atlas.rss", "Atlas Wire (demo)", "en", "rss"),
    Outlet("/meridian.atom", "Meridian Post (demo)", "en", "atom"),
    Outlet("/harbour.rss", "Harbour Gazette (demo)", "en", "rss-content"),
    Outlet("/lantern.json", "Lantern Daily (demo)", "en", "json"),
    Outlet("/noor.rss", "أخبار نور (تجريبي)", "ar", "rss"),
    Outlet("/volna.atom", "Волна (демо)", "ru", "atom"),
)


@dataclass(frozen=True, slots=True)
class DemoItem:
    """A news item; `slot` identifies it."""

    slot: int
    title: str
    text: str

    @property
    def published_at(self) -> datetime:
        """The start of its slot (UTC)."""
        return datetime.fromtimestamp(self.slot * SLOT, UTC)


# Every fourth is Idlib.
PLACES = {
    "en": (
        *("Idlib", "Syria", "Egypt", "Aleppo"),
        *("Idlib", "Russia", "Khartoum", "Gaza"),
        *("Idlib", "Egypt and Russia", "Beirut", "Turkey"),
    ),
    "ar": (
        *("إدلب", "سوريا", "مصر", "حلب"),
        *("إدلب", "روسيا", "الخرطوم", "غزة"),
        *("إدلب", "مصر وروسيا", "بيروت", "تركيا"),
    ),
    "ru": (
        *("Идлибе", "Сирии", "Египте", "Алеппо"),
        *("Идлибе", "России", "Хартуме", "Газе"),
        *("Идлибе", "Египте и России", "Бейруте", "Турции"),
    ),
}
# The lengths are coprime, so that headlines which share two of their parts are far apart, and name other places.
WHO = {
    "en": (
        *("Bakers", "Teachers", "Farmers", "Engineers", "Doctors", "Bus drivers", "Fishermen"),
        *("Booksellers", "Students", "Shopkeepers", "Architects", "Gardeners", "Musicians"),
    ),
    "ar": ("الخبازون", "المعلمون", "المزارعون", "المهندسون", "الأطباء", "السائقون", "الطلاب"),
    "ru": ("Пекари", "Учителя", "Фермеры", "Инженеры", "Врачи", "Водители", "Студенты"),
}
WHAT = {
    "en": (
        "reopen the old covered market",
        "agree on a shared timetable for water",
        "plant two thousand olive trees",
        "rebuild a footbridge over the river",
        "publish a map of every clinic",
        "start a night school for adults",
        "ask for cheaper train tickets",
        "restore a library lost to fire",
        "open a museum of local trades",
        "repair the power line to the north",
        "bring back the spring film festival",
        "test a ferry that runs on sunlight",
        "count storks for the first time in years",
        "sign a truce over football pitches",
        "lower the price of bread",
        "send medical supplies to mountain villages",
        "find a mosaic under a car park",
    ),
    "ar": (
        "يعيدون فتح السوق القديم",
        "يتفقون على جدول لتوزيع المياه",
        "يزرعون ألفي شجرة زيتون",
        "يبنون جسرا للمشاة من جديد",
        "يفتتحون مدرسة مسائية للكبار",
        "يرممون مكتبة أتت عليها النار",
        "يصلحون خط الكهرباء",
        "يخفضون سعر الخبز",
        "يرسلون أدوية إلى القرى",
        "يعثرون على فسيفساء قديمة",
        "ينظمون مهرجانا للأفلام",
    ),
    "ru": (
        "вновь открывают старый рынок",
        "договариваются о графике подачи воды",
        "сажают две тысячи деревьев",
        "восстанавливают пешеходный мост",
        "открывают вечернюю школу",
        "спасают сгоревшую библиотеку",
        "чинят линию электропередачи",
        "снижают цену на хлеб",
        "отправляют лекарства в деревни",
        "находят древнюю мозаику",
        "проводят фестиваль кино",
    ),
}
WHY = {
    "en": (
        "after a winter of repairs",
        "as the rains return",
        "despite a shortage of cement",
        "with help from neighbours abroad",
        "a month ahead of plan",
        "while talks go on",
        "to the surprise of officials",
        "before the school year begins",
        "with money saved from fines",
        "on the third attempt",
        "and invite the whole district",
    ),
    "ar": ("بعد شتاء من الإصلاحات", "مع عودة الأمطار", "بمساعدة الجيران", "قبل الموعد بشهر", "في المحاولة الثالثة"),
    "ru": (
        "после зимнего ремонта",
        "с началом дождей",
        "с помощью соседей",
        "на месяц раньше срока",
        "с третьей попытки",
    ),
}
TITLE = {
    "en": "{who} in {place} {what} {why}",
    "ar": "{who} في {place} {what} {why}",
    "ru": "{who} в {place} {what} {why}",
}
TOLD_AGAIN = (1, 14, 27)  # slots after which other sources report an event too, each in its own words
RETOLD = {
    "en": (
        "{place}: {who} {what} {why}, officials confirm",
        "How {who} in {place} came to {what} {why}",
        "{who} in {place} {what} {why}: what we know so far",
    ),
    "ar": (
        "مسؤولون يؤكدون: {who} في {place} {what} {why}",
        "{place}: {who} {what} {why}",
        "كيف كان: {who} في {place} {what} {why}",
    ),
    "ru": (
        "{who} в {place} {what} {why}, подтвердили власти",
        "Как {who} в {place} {what} {why}: репортаж",
        "{who} в {place} {what} {why}: что известно",
    ),
}
TEXT = {
    "en": "{title}. The work took {days} days and {hands} people had a hand in it, a spokeswoman said on {date}.",
    "ar": "{title}. استغرق العمل {days} يوما وشارك فيه {hands} شخصا، كما قالت متحدثة في {date}.",
    "ru": "{title}. Работа заняла {days} дней, в ней участвовали {hands} человек, сообщила пресс-секретарь {date}.",
}


def item(slot: int) -> DemoItem:
    """Return the item of a slot, in its source's language."""
    language = OUTLETS[slot % len(OUTLETS)].language
    event = event_of(slot)
    wording = RETOLD[language][TOLD_AGAIN.index(slot - event)] if event != slot else TITLE[language]
    who = _pick(WHO[language], event)
    title = wording.format(
        who=who if wording.startswith("{who}") else who.lower(),
        what=_pick(WHAT[language], event),
        why=_pick(WHY[language], event),
        place=PLACES[language][place_of(event)],
    )
    date = datetime.fromtimestamp(slot * SLOT, UTC).date().isoformat()
    text = TEXT[language].format(title=title, days=event % 89 + 2, hands=event % 977 + 12, date=date)
    return DemoItem(slot, title, f"{text} {MARK[language]}")


def event_of(slot: int) -> int:
    """Return the slot that first reported a slot's event: its own, or an earlier one of another source, on Idlib.

    One item in eight repeats the one before it. Every two minutes an event is told by four sources, and so it grows.
    """
    turn = _turn(slot)
    for after in TOLD_AGAIN:
        if (turn - after) % (8 if after == 1 else 24) == 0:
            return slot - after
    return slot


def place_of(event: int) -> int:
    """Return the number of an event's place in PLACES."""
    return _turn(event) % len(PLACES["en"])


def items(outlet: int, now: float) -> list[DemoItem]:
    """Return the items of a source's feed at a time (seconds since the epoch), newest first."""
    turns = len(OUTLETS)
    newest = int(now // SLOT)
    newest -= (newest - outlet) % turns
    recent = [slot for slot in range(newest, newest - RECENT // SLOT, -turns) if slot * SLOT > now - RECENT]
    step = KEPT_EVERY // SLOT
    first_kept = newest - newest % step + outlet
    kept = [slot for slot in range(first_kept, first_kept - HISTORY // SLOT, -step) if slot < recent[-1]]
    return [item(slot) for slot in recent + kept]


def _turn(slot: int) -> int:
    """Return the slot's number, shifted every four hours, so that the items kept for a week have every place too."""
    return slot + slot // (KEPT_EVERY // SLOT)


def _pick(phrases: tuple[str, ...], event: int) -> str:
    return phrases[event % len(phrases)]
