from bot.delivery.outcome import Verdict


def test_the_names_of_verdicts_are_those_that_dashboards_and_logs_are_searched_for() -> None:
    """They are labels of `watchword_sends_total`: another name starts another series."""
    named = {"retry", "wait", "uncertain", "plain", "unreachable", "migrated", "stop", "gone", "dead"}
    assert {verdict.value for verdict in Verdict} == named
