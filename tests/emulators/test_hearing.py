"""What is announced, as several emulators hear it that follow the same caller."""

from voicekit.emulators.hearing import Announced, Progress


def followers(count: int) -> list[Announced]:
    progress = Progress()
    made = [Announced() for _ in range(count)]
    for each in made:
        each.progress = progress
        for text in ("One.", "Two."):
            each.add(text, 0)
    return made


def test_what_one_has_heard_is_over_for_the_others() -> None:
    one, other = followers(2)
    heard = one.next("")
    one.over(heard)
    assert (heard.text, other.next("").text, one.next("").text) == ("One.", "Two.", "Two.")


def test_what_one_failed_at_is_heard_by_the_other() -> None:
    one, other = followers(2)
    one.next("")
    heard = other.next("")
    other.over(heard)
    assert (heard.text, one.next("").text, one.next("Hello.").text) == ("One.", "Two.", "Hello.")


def test_who_was_told_alone_is_not_behind() -> None:
    one, other = followers(2)
    late = Announced()
    late.progress = one.progress
    late.add("For you.", 0)
    for each in (one, one):
        each.over(each.next(""))
    assert (late.next("").text, other.next("Hello.").text) == ("For you.", "Hello.")


def test_what_nobody_announced_is_nobody_s_progress() -> None:
    one, other = followers(1)[0], Announced()
    other.progress = one.progress
    other.over(other.next("Hello."))
    assert one.next("").text == "One."
