import re

import pytest

from deepchord.coordinator.report.regression.page import render_page
from deepchord.coordinator.report.regression.page.cards import error_cards, uncertain_cards
from deepchord.coordinator.report.regression.page.headline import headline, member_strip


def test_the_page_of_a_table_speaks_of_rows_and_of_nothing_else(make_numbers):
    page = render_page(make_numbers(column="<b>size"))

    text = re.sub(r"<style>.*?</style>|<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"(?<!data:)\bimages?\b", text)
    assert "accuracy" not in text
    assert "&lt;b&gt;size" in text
    assert "<b>size" not in text
    assert "Left out: same (the same in all rows)." in text


def test_the_page_says_what_a_reader_may_conclude(make_numbers, numbers_text):
    text = numbers_text(make_numbers())

    assert "Of new rows like these, rent should lie in about 9 of 10 cases within" in text
    assert "The predicted variance is multiplied by" in text
    assert "Conformal intervals are as wide as the held-out rows needed." in text
    assert 'task = "regression"' in text
    assert 'target = "rent"' in text


def test_several_numbers_have_their_own_tables_and_charts(make_numbers, numbers_text):
    content = make_numbers(targets=("rent", "heating"))
    page = render_page(content)

    assert page.count("Predicted against actual</figcaption>") == 2
    assert page.count('<table class="summary') == 2
    assert "in predicting 2\u00a0numbers, in their standard deviations" in numbers_text(content)
    assert headline(content).unit == "SD"
    assert 'target = "rent,heating"' in numbers_text(content)


def test_images_are_shown_as_pictures(make_numbers):
    page = render_page(make_numbers(of_images=True))

    assert page.count('<img class="picture" src="data:image/png;base64,') == 24
    assert "Test images, from the lowest prediction" in page


def test_a_card_shows_where_the_actual_number_lies_in_the_interval(make_numbers):
    content = make_numbers()

    for card in (*uncertain_cards(content), *error_cards(content)):
        (number,) = card.numbers
        assert number.is_inside == (number.low - 1e-9 <= number.dot <= number.high + 1e-9)
        assert number.middle == pytest.approx((number.low + number.high) / 2)
        assert dict(card.cells).keys() == {"size", "town"}


def test_members_stand_on_an_axis_of_errors_whose_best_is_the_lowest(make_numbers):
    content = make_numbers()
    strip = member_strip(content)

    (best,) = (dot for dot in strip.dots if dot.is_best)
    assert best.left == min(dot.left for dot in strip.dots)
    assert strip.ensemble < strip.mean


def test_a_run_whose_members_failed_and_whose_result_is_poor_says_so(make_numbers, numbers_text):
    text = numbers_text(make_numbers(failed=(1,), noise=30.0))

    assert "1\u00a0member failed" in text
    assert "no better than the mean" in text


def test_a_first_epoch_far_off_is_drawn_at_the_edge(make_numbers, numbers_text):
    assert "Values far above the others are drawn at the upper edge." in numbers_text(make_numbers())
