import pytest

from bot.matching.engine.evaluate import matches
from bot.matching.query.parser import parse
from bot.models import Article


def found(query: str, text: str, title: str = "") -> list[str]:
    match = matches(parse(query), Article(title, text, "en"))
    return [term.text for term in match.terms] if match else []


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("Jordan", "the shoes of Michael Jordan sold"),
        ("Jordan", "a goal by Jordan Henderson was enough, and then Henderson left"),
        ("Jordan", "the catch by P. Jordan was good"),
        ("Jordan", "said Mr Jordan, a teacher"),
        (
            "Washington",
            "a win for MaliVai Washington over him. Then Washington, who was tired, lost",
        ),
        ("England", "it was translated into English by Howard Curtis"),
        ("Russia", "the Russian language is taught"),
        ("Jakarta", "as the Jakarta Post reported"),
        ("Texas", "she won the Texas Open by two shots"),
        ("Germany", "results of the German Cup"),
        ("Belgium", "won the Belgian Grand Prix on Sunday"),
        ("Europe", "at the 2019 European Athletics Indoor Championships"),
        ("Edinburgh", "a goal for Edinburgh Rovers today"),
        ("Bucharest", "a draw with Dinamo Bucharest at home"),
        ("Minsk", "under the Minsk Protocol of that year"),
        ("South Africa", "miners of Gold Fields of South Africa Ltd said"),
        ("Baghdad", "a shop in Baghdad Street was hit"),
        ("Washington", 'the engine "Washington" hauled it'),
        ("Chicago", "aboard USS Chicago they slept"),
        ("Paris", "a farm near Paris, Texas burnt"),
        ("Athens", "a school in Athens, Ga. closed"),
        ("Boston", "Boston 7 Oakland 0 Chicago 3 Detroit 2 Houston 5 Dallas 4 Seattle 1 Denver 0"),
        ("Georgia", "from Atlanta to Savannah, voters in Georgia queued"),
    ],
)
def test_what_is_only_named_after_a_place_is_not_the_place(query: str, text: str) -> None:
    assert found(query, f"It was late, and {text}.") == []


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("Jordan", "talks with Michael, Jordan and Egypt"),
        ("Jordan", "after Michael Jordan came they flew to Jordan"),
        ("Egypt", "Jordan Egypt talks went on"),
        ("Jordan", "the Jordan Valley and the rest of the Valley"),
        ("Ireland", "Derek Ryan ( Ireland ) won"),
        ("Russia", "Vladimir's Russia was feared"),
        ("Iraq", "troops in N. Iraq said"),
        ("Peru", "the winner was Miss Peru again"),
        ("Australia", "in Victoria, Australia, it rained"),
        ("England", "an upset in English football"),
        ("Iran", "the Iran World Cup squad"),
        ("Iran", "Iran United Nations talks"),
        ("Syria", "the Syrian Army said"),
        ("Iraq", "Iraqi Airways flies again"),
        ("Moscow", "the Moscow-backed leader"),
        ("Paris", "the Paris Observatory saw it, as the Southern Observatory did"),
        ("Paris", "they met in Paris, France"),
        ("Macedonia", 'what they call "Macedonia" there'),
        ("Boston", "Boston 7 people died"),
        ("Georgia", "voters in Georgia queued"),
        ("Georgia", "Georgian troops came from Atlanta to Georgia"),
        ("Georgia", "a flight from Atlanta to Georgia and on to Armenia"),
        ("in:US", "from Atlanta to Savannah, voters in Georgia queued"),
        ("Athens", "to Athens, Gaza and Cairo"),
    ],
)
def test_a_place_is_not_lost_among_names_like_it(query: str, text: str) -> None:
    assert found(query, f"It was late, and {text}.") != []


def test_a_headline_of_capitals_tells_no_newspaper_or_open_from_a_verb() -> None:
    assert found("Iran", "", "Iran Open To New Talks, Says Minister") == ["Iran"]
    assert found("Iran", "", "GERMAN CUP RESULTS") == []


def test_a_dateline_is_a_place_whatever_follows() -> None:
    assert found("Paris", "PARIS Air France said on Friday it would fly.") == ["PARIS"]
    assert found("New York", "NEW YORK U.S. Open Tennis Championships go on.") == ["NEW YORK"]
