"""Names of people and of places, as they are written: initials, hyphens, and a language that was guessed wrong."""

import pytest

from bot.matching.engine.evaluate import matches
from bot.matching.engine.percolator import Percolator
from bot.matching.query.parser import parse
from bot.models import Article


def found(query: str, text: str, language: str | None = None) -> list[str]:
    article = Article("", text, language)
    match = matches(parse(query), article)
    percolator = Percolator()
    percolator.add(1, parse(query))
    assert (1 in percolator.match(article)) is (match is not None)
    return [term.text for term in match.terms] if match else []


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("J. K. Rowling", "books by JK Rowling sold"),
        ("J.K. Rowling", "books by J. K. Rowling sold"),
        ("JK Rowling", "books by J. K. Rowling sold"),
        ("George W. Bush", "when George Bush spoke"),
        ("George Bush", "when George W. Bush spoke"),
        ("Steve Waugh", "caught by S. Waugh today"),
        ("Tsai Ing-wen", "when Tsai Ingwen spoke"),
        ("Tsai Ing-wen", "when Tsai Ing-wen spoke"),
        ("Al-Sisi", "when AlSisi and al Sisi spoke"),
        ("Covid-19", "a covid19 ward"),
        ("F-16", "an F16 crashed"),
        ("G7", "the G-7 met"),
        ("S&P 500", "the S&P 500 fell"),
        ("AT&T", "an at&t shop"),
        ("M&A", "大型M＆Aが増えた"),
        ("SOVIET ARMY", "in the Soviet Army then"),
        ("REAL MADRID", "when Real Madrid won"),
        ("BANG & OLUFSEN", "shares of Bang and Olufsen fell"),
        ("US TREASURY", "at the US Treasury now"),
        ("US DOLLAR EXCHANGE RATE", "the US dollar exchange rate"),
    ],
)
def test_a_name_is_found_as_people_write_it(query: str, text: str) -> None:
    assert found(query, text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("J. K. Rowling", "the Rowling house"),
        ("George W. Bush", "the Bush house of George"),
        ("AT&T", "look at t now"),
        ("Ing-wen Tsai", "Ing and Tsai"),
        ("H&S", "with both hands"),
        ("P & O", "in Pando"),
        ("US TREASURY", "shows us treasury bonds"),
        ("WHO REPORT", "those who report it"),
        ("US ARMY", "let us army him"),
    ],
)
def test_and_not_in_other_words(query: str, text: str) -> None:
    assert not found(query, text)


@pytest.mark.parametrize(
    "ways",
    [
        ("AT&T", "AT & T"),
        ("R&D", "R & D", "R and D"),
        ("S&P 500", "S & P 500"),
        ("Marks&Spencer", "Marks & Spencer", "Marks and Spencer"),
    ],
)
def test_an_ampersand_is_an_and_however_it_is_joined(ways: tuple[str, ...]) -> None:
    assert all(found(query, f"of {text} in 2024") for query in ways for text in ways)


@pytest.mark.parametrize(
    ("query", "text", "language"),
    [
        ("Irak", "IRAK'ta patlama", None),
        ("Irak", "IRAK'ta patlama", "en"),
        ("Syrie", "l'armée en Syrie", "de"),
        ("Suriye", "Suriye", "und"),
        ("Großbritannien", "Großbritannien", "fr"),
        ("işçi", "işçi", "en"),
        ("سوريا", "في سوريا", "fr"),
    ],
)
def test_a_wrong_language_loses_no_exact_match(query: str, text: str, language: str | None) -> None:
    assert found(query, text, language)


def test_a_language_that_is_not_said_is_guessed_for_names_of_places_too() -> None:
    assert found("United States", "ABD'nin kararı dün açıklandı") == ["ABD"]
    assert found("Jerusalem", "הפגנה גדולה בירושלים") == ["בירושלים"]
    assert found("Israel", "שר הביטחון בישראל") == ["בישראל"]
