"""Namesakes: people and things named after a place, recognised by the words around the name rather than by lists.

In: the words of a field, and the position of a place's name. Out: whether the name belongs there to a person (MaliVai
Washington), a language ("translated into English"), a newspaper, ship, club, competition, treaty or street. A team in a
table of results ("Boston 7 Oakland 0") is not news from its city either. A country's army, bank or airline counts as
the country. Names without such signs (Chicago Bulls) are listed in `data/others.txt`.
"""

from collections.abc import Collection
from functools import cache
from importlib.resources import files

from bot.matching.text.analysis import Case, Text, Token, fold, word_set

MOST_BETWEEN = 3  # words of a competition between the place and its kind: "European Athletics Indoor Championships"
LONGEST_ACRONYM = 3  # letters: a longer word in capitals belongs to a headline or dateline
TABLE = 6  # places followed by a number that make a field a table of results

TITLES = word_set("mr mrs dr sir judge justice senator sen prof professor coach")
AFTER_SURNAME = word_set("jr sr iii")
GIVEN_TOO = word_set(
    "jordan chad georgia paris sydney austin dallas florence virginia charlotte victoria madison savannah brooklyn "
    "chelsea houston camden kingston troy denver"
)
COMPASS = frozenset("nsew")  # "N. Iraq"
GREATER = word_set(
    "north south east west northern southern eastern western central greater downtown upper lower new old fort mount "
    "port saint st san los las el al the a in of and mr president"
)
ARTICLES = ("the", "a", "an", "this", "that")  # never before a surname
BODIES = word_set(
    "senate police river valley airport university college government state council congress parliament army court "
    "city county house times post street open tech committee ministry department assembly district region"
)
WHERE = word_set(
    "in at to from near into outside across around through throughout inside within toward towards between over via "
    "visit visiting visited leave leaving left reach reached reaching"
)

STATES = word_set(  # as news agencies shorten them, after a town and a comma
    "ala ariz ark calif colo conn del fla ga ill ind kan ky la md mass mich minn miss mo mont nc nd neb nev nh nj "
    "nm ny okla ont ore pa que ri sc sd tenn tex va vt wash wis wva wyo"
)
SHIPS = word_set("uss hms rms")
QUOTES = frozenset('"“”«»„')
# In Arabic, folded: words before a place, and endings of the word before a language.
ARABIC_WHERE = word_set(
    "في الي من نحو شمال جنوب شرق غرب شمالي جنوبي شرقي غربي وسط داخل خارج دوله جمهوريه بين لدي عبر باتجاه حكومه جيش "
    "سلطات عاصمه حدود تجاه ضد مع علي"
)
ARABIC_TONGUE = ("لغه", "لغتين", "لغات", "لسان")
ARABIC_TONGUES = word_set(  # joined by "and" with one of OTHER_TONGUES, these are languages: "العربية والفرنسية"
    "عربيه امازيغيه فرنسيه انجليزيه انكليزيه اسبانيه المانيه ايطاليه روسيه تركيه فارسيه صينيه "
    "عبريه كرديه لاتينيه برتغاليه"
)
OTHER_TONGUES = word_set("عربيه امازيغيه فارسيه عبريه لاتينيه")  # languages of no single country
PAPERS = word_set("times post tribune herald globe chronicle gazette observer telegraph inquirer courier")
LEGAL_FORMS = word_set("ltd inc plc gmbh")
STREETS = word_set("street avenue boulevard square")
TREATIES = word_set("convention conventions treaty protocol accord accords pact declaration syndrome")
CONTESTS = word_set("cup masters marathon championship championships prix derby trophy invitational bowl")
LEAGUES = word_set("premier football super hockey basketball soccer rugby cricket")
NOT_ITS_OWN = word_set("world nations asian african champions european premier uefa fifa olympic davis fed ryder")
CLUBS_AFTER = word_set("rovers wanderers albion athletic rangers hotspur fc afc cf rfc")
CLUBS_BEFORE = word_set(
    "real inter atletico dynamo dinamo spartak lokomotiv cska sparta slavia partizan steaua legia bayern borussia "
    "eintracht hertha werder ajax olympique sporting fc ac as vfb fk sk deportivo hapoel maccabi beitar"
)
SHORT_CLUBS = 4  # letters: the short ones of these are written in capitals (AC Milan)
UNITED = word_set("states nations kingdom arab airlines")  # before these, "United" is not a club

LANGUAGES = word_set(
    "english french german spanish italian portuguese russian chinese japanese korean turkish polish dutch greek "
    "danish swedish norwegian finnish hungarian czech romanian bulgarian ukrainian vietnamese thai indonesian welsh"
)
SPOKEN = word_set("in into speak speaks speaking spoke spoken learn learning learned")
OF_LANGUAGE = word_set("language languages dictionary translation translations subtitles")
AFTER_LANGUAGE = word_set("by with as for on at to is was") | OF_LANGUAGE


def is_table(text: Text, ends: Collection[int]) -> bool:
    """Return whether a field is a table of results; `ends` are the positions after its places."""
    words = text.tokens
    return sum(end < len(words) and words[end].folded.isdigit() for end in ends) >= TABLE


def is_in_table(text: Text, start: int, end: int) -> bool:
    """Return whether a city or state in a table of results is a team."""
    before, after = _word(text, start - 1), _word(text, end)
    return (after is not None and (after.folded.isdigit() or after.folded == "at")) or (
        before is not None and before.folded in ("at", "beat", "v", "vs") and before.case is not Case.LOWER
    )


def is_other_thing(text: Text, start: int, end: int, *, is_city: bool) -> bool:
    """Return whether a place's name at `start` to `end` (exclusive) belongs to a thing; for people, see `is_person`."""
    if end - start == 1 and _is_language(text, start):
        return True
    after = _word(text, end)
    is_capital = after is not None and after.case > Case.LOWER
    if is_capital and _is_beside(text, end) and _is_of(text, end, is_city=is_city):
        return True
    return is_city and (_is_quoted(text, start, end) or (_is_beside(text, start) and _is_after_another(text, start)))


def _is_after_another(text: Text, start: int) -> bool:
    """Return whether the word before a city's name makes it the name of a ship or a club."""
    before = text.tokens[start - 1]
    return before.folded in SHIPS or _is_club_before(before, text)


def _is_of(text: Text, end: int, *, is_city: bool) -> bool:
    """Return whether the word after a name, which has a capital, makes it the name of another thing."""
    folded = text.tokens[end].folded
    if folded in LEGAL_FORMS or _is_contest(text, end):
        return True
    if (folded in PAPERS or folded in STREETS or folded == "open") and not text.is_loud:
        return True
    return is_city and (folded in TREATIES or _is_club(text, end))


def is_person(text: Text, position: int) -> bool:
    """Return whether a place's name of one word is a surname here, by the words beside it."""
    words = text.tokens
    word = words[position]
    if word.glued or word.case is Case.NONE:
        return False
    if _is_before_generation(text, position + 1):
        return True
    if position == 0 or word.breaks:
        return False
    before = words[position - 1]
    if before.case is not Case.TITLE:
        return False
    return _is_before_surname(before, text.gaps.get(position, "")) and not _is_possessive(text, position - 1)


def _is_before_generation(text: Text, end: int) -> bool:
    """Return whether "Jr." or the like follows a name."""
    after = _word(text, end)
    is_generation = after is not None and after.folded in AFTER_SURNAME and after.case > Case.LOWER
    return is_generation and _is_beside(text, end)


def _is_before_surname(before: Token, gap: str) -> bool:
    """Return whether a word with a capital and the gap after it precede a surname."""
    if len(before.folded) == 1:  # "P. Jordan"
        return gap.startswith(".") and before.folded.isalpha() and before.folded not in COMPASS
    if before.folded in TITLES:
        return gap.strip() in ("", ".")
    if gap.strip():
        return False
    return before.folded in given_names() and before.folded not in GIVEN_TOO  # "Jordan Egypt talks"


def is_before_who(text: Text, position: int) -> bool:
    """Return whether "who" follows a name, as after a person: "Washington, who lost"."""
    after = _word(text, position + 1)
    return after is not None and after.folded == "who" and not after.breaks


def is_in_a_state(text: Text, end: int) -> bool:
    """Return whether a comma and an American state's short name follow: "Athens, Ga."."""
    after = _word(text, end)
    return (
        after is not None
        and after.folded in STATES
        and after.case > Case.LOWER
        and text.gaps.get(end, " ").strip() == ","
    )


def has_forename(text: Text, position: int) -> bool:
    """Return whether a possible forename precedes a name, which is then not a town."""
    if not _is_beside(text, position):
        return False
    before = text.tokens[position - 1]
    is_name = before.case is Case.TITLE and not before.begins and before.folded not in GREATER
    return is_name and not _is_possessive(text, position - 1)


def surname_after(text: Text, position: int) -> str:
    """Return the possible surname after a place's name that is also a given name (Jordan Henderson), or ""."""
    if text.tokens[position].folded not in GIVEN_TOO or not _is_beside(text, position + 1):
        return ""
    after = text.tokens[position + 1]
    return after.folded if after.case is Case.TITLE and not after.glued and after.folded not in BODIES else ""


def is_alone(text: Text, position: int) -> bool:
    """Return whether a word may be a surname alone: with a capital, after a sign or a word in small letters."""
    word, before = text.tokens[position], _word(text, position - 1)
    if word.case is not Case.TITLE or before is None:
        return False
    return word.begins or position in text.gaps or (before.case is Case.LOWER and before.folded not in ARTICLES)


def is_location(text: Text, start: int, end: int) -> bool:
    """Return whether the words around a name show that it is a place: "in Washington", "Washington (Reuters)"."""
    before = _word(text, start - 1)
    if before is None or text.tokens[start].begins:
        return "(" in text.gaps.get(end, "") or "—" in text.gaps.get(end, "")
    return before.folded in WHERE


@cache
def given_names() -> frozenset[str]:
    """Return the commonest given names, folded (of Latin and Arabic script)."""
    lines = files("bot.matching.gazetteer").joinpath("data", "given_names.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(fold(name) for line in lines if not line.startswith("#") for name in line.split())


def _word(text: Text, position: int) -> Token | None:
    return text.tokens[position] if 0 <= position < len(text.tokens) else None


def _is_beside(text: Text, position: int) -> bool:
    """Return whether only a space or glue precedes the word at `position`, and no dateline ends there ("PARIS Air
    France said")."""
    words = text.tokens
    if not 0 < position < len(words) or position in text.gaps:
        return False
    return words[position].case is not Case.TITLE or not _is_loud(words[position - 1])


def _is_loud(word: Token) -> bool:
    """Return whether a word is in capitals, as in a headline or dateline, and too long for an acronym."""
    return word.case is Case.UPPER and len(word.folded) > LONGEST_ACRONYM


def _is_arabic_language(text: Text, position: int) -> bool:
    """Return whether an Arabic demonym is a language: بالفرنسية, اللغة الفرنسية, العربية والفرنسية."""
    folded = text.tokens[position].folded
    before, after = _word(text, position - 1), _word(text, position + 1)
    if folded.startswith("بال") or (before is not None and before.folded.endswith(ARABIC_TONGUE)):
        return True
    if folded.removeprefix("و").removeprefix("ال") not in ARABIC_TONGUES:
        return False
    joined = [before] if folded.startswith("و") else [after] if after and after.folded.startswith("و") else []
    return any(word is not None and word.folded.removeprefix("و").lstrip("بل").removeprefix("ال").removeprefix("ل")
               in OTHER_TONGUES for word in joined)  # fmt: skip


def is_arabic_surname(text: Text, position: int) -> bool:
    """Return whether an Arabic demonym follows a given name, and so may be a surname: بثينة عراقي."""
    if not text.tokens[position].folded.endswith("ي") or not _is_beside(text, position):
        return False
    return text.tokens[position - 1].folded in given_names()


def is_arabic_location(text: Text, position: int, name: str) -> bool:
    """Return whether the word before a name, or the preposition attached to it, shows that it is a place."""
    folded, before = text.tokens[position].folded, _word(text, position - 1)
    if folded == name:
        return before is not None and before.folded in ARABIC_WHERE
    return folded in ("ب" + name, "ل" + name)


def is_another_spelling(text: Text, start: int, end: int) -> bool:
    """Return whether an Arabic word ends in ى, which is folded to ي: "اليمنى" is the right hand, not Yemeni."""
    at = text.span(start, end)[1]
    return text.source[at - 1 : at] == "ى"


def _is_possessive(text: Text, position: int) -> bool:
    """Return whether a word has a possessive ending: "Putin's Russia"."""
    end = text.span(position, position + 1)[1]
    return text.source[end : end + 1] in tuple("'’ʼ＇")


def _is_language(text: Text, position: int) -> bool:
    """Return whether a demonym is a language: "in English", but not "in English football"."""
    word = text.tokens[position]
    if word.case is Case.NONE:
        return word.folded.endswith("يه") and _is_arabic_language(text, position)
    if word.folded not in LANGUAGES:
        return False
    before, after = _word(text, position - 1), _word(text, position + 1)
    if after is not None and after.folded in OF_LANGUAGE:
        return True
    if before is None or before.folded not in SPOKEN or not _is_beside(text, position):
        return False
    return after is None or not _is_beside(text, position + 1) or after.folded in AFTER_LANGUAGE


def _is_quoted(text: Text, start: int, end: int) -> bool:
    """Return whether a name is alone in quotation marks, as a film or a ship is."""
    gaps = text.gaps
    return start in gaps and end in gaps and gaps[start][-1] in QUOTES and gaps[end][0] in QUOTES


def _is_contest(text: Text, end: int) -> bool:
    """Return whether the words from `end` on make a competition: "German Cup", but not "Iran World Cup"."""
    is_loud = _is_loud(text.tokens[end - 1])
    for position in range(end, min(end + MOST_BETWEEN + 1, len(text.tokens))):
        word = text.tokens[position]
        if not _is_beside(text, position) or word.case is Case.LOWER or word.folded in NOT_ITS_OWN:
            return False
        if is_loud and word.case is Case.TITLE:
            return False
        if word.folded in CONTESTS:
            return True
    return False


def _is_club(text: Text, end: int) -> bool:
    after = text.tokens[end]
    if after.folded == "united":
        then = _word(text, end + 1)
        return then is None or then.folded not in UNITED
    return after.folded in CLUBS_AFTER


def _is_club_before(before: Token, text: Text) -> bool:
    if before.folded not in CLUBS_BEFORE or before.case is Case.LOWER:
        return False
    is_short = len(before.folded) <= SHORT_CLUBS and before.folded != "real"
    return before.case is Case.UPPER if is_short else not text.is_loud
