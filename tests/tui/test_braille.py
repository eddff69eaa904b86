import math
import random

from tarot_tui.tui.widgets.braille import draw, masks
from tarot_tui.tui.widgets.frame import frame
from tarot_tui.tui.widgets.plot import LABEL_WIDTH, Flag, Layer, lines, plot_size, render
from tarot_tui.tui.widgets.series import Series, Smoothing


def plot(points, width=60, height=9):
    """The rows of dots, without labels and grid."""
    return [row[LABEL_WIDTH:].replace("⠂", " ") for row in render(points, width, height)[:-1]]


def test_every_line_has_the_asked_width_and_there_are_as_many_as_asked():
    for points in ([], [(1, 2.0)], [(n, n * n) for n in range(500)]):
        for width, height in ((80, 20), (20, 5), (9, 2), (1, 1)):
            drawn = render(points, width, height)
            assert len(drawn) == height
            assert all(len(line) <= max(width, LABEL_WIDTH + 1) for line in drawn)


def test_a_falling_curve_falls():
    rows = plot([(n, math.exp(-n / 40)) for n in range(1, 129)])
    columns = [next((y for y, row in enumerate(rows) if row[x] != " "), None) for x in (0, 10, 25, 50)]
    assert columns == sorted(columns) and columns[0] < columns[-1]


def test_one_spike_among_a_hundred_thousand_readings_reaches_its_height():
    points = [(n, 1.0 + 0.2 * (n % 2)) for n in range(100_000)]
    points[61_803] = (61_803, 1.5)
    rows = plot(points)
    assert len(rows[0].strip()) == 1
    # What lies beside it is drawn evenly, however often the old part was thinned.
    assert len({row[2:35].strip("^") for row in rows[2:]}) == 1


def test_the_spike_survives_thinning_too():
    series = Series(keep=100)
    for n in range(10_000):
        series.append(n, 5.0 if n == 777 else -5.0 if n == 4242 else math.sin(n))
    assert len(series.points) <= 200 + 256
    assert [y for _, y in series.points if abs(y) > 1] == [5.0, -5.0]
    assert [x for x, _ in series.points] == sorted(x for x, _ in series.points)


def test_wild_values_are_cut_at_the_top_and_marked_so_that_the_rest_stays_readable():
    points = [(n, 2.0 + 0.1 * (n % 5)) for n in range(1, 257)]
    points[100] = (101, 1e6)
    shown = frame(points)
    assert shown.top < 4
    curve = Layer("raw", draw(points, shown, *plot_size(60, 9)))
    assert any("^" in text for role, text in lines([curve], [], shown, 60, 9)[0] if role == "bad")


def test_what_is_no_number_is_counted_marked_and_leaves_a_gap():
    series = Series()
    for step, loss in enumerate((1.0, 1.0, math.nan, math.inf, None, 1e308, 2.0, 2.0), 1):
        series.append(step, loss)
    assert series.bad_count == 4
    drawn = lines([], [Flag(x, "!", "bad") for x in series.bad], frame(series.points), 60, 9)
    assert "!" in "".join(text for role, text in drawn[-2] if role == "bad")
    between = masks(series.points, frame(series.points), 53, 8)
    assert not any(row[18 * 53 // 60] for row in between)


def test_only_bad_values_draw_an_empty_chart():
    assert "!" in "".join(render([(1, math.nan), (2, -math.inf)], 60, 9))


def test_a_single_point_is_one_dot_and_a_flat_line_one_row():
    single = "".join(plot([(5, 3.0)])).replace(" ", "")
    assert len(single) == 1
    flat = plot([(n, 3.0) for n in range(1, 64)])
    assert sum(1 for row in flat if row.strip()) == 1


def test_hostile_magnitudes_never_fail():
    random.seed(3)
    for _round in range(50):
        points = [(n, random.choice((-1, 1)) * 10 ** random.uniform(-320, 308)) for n in range(20)]
        assert len(render(points, 60, 9)) == 9


def test_the_picture_does_not_jump_while_the_curve_creeps():
    shown = frame([(n, 3.0 - n / 100) for n in range(1, 65)], 400)
    assert shown.right == 64
    later = frame([(n, 3.0 - n / 100) for n in range(1, 100)], 400, shown)
    assert later.right == 128
    assert (later.bottom, later.top) == (shown.bottom, shown.top) or later.bottom < shown.bottom
    assert frame([(n, 1.0) for n in range(1, 400)], 400).right == 400


def test_a_resumed_run_replaces_what_lies_behind_its_checkpoint():
    series = Series()
    for step, loss in ((1, 5.0), (2, 4.0), (3, math.nan), (4, 3.0), (2, 4.5), (3, 3.5)):
        series.append(step, loss)
    assert series.points == [(1, 5.0), (2, 4.5), (3, 3.5)]
    assert series.bad_count == 0


def test_the_average_starts_without_bias_and_is_untouched_by_what_is_no_number():
    smoothing = Smoothing()
    assert math.isnan(smoothing.add(math.nan))
    assert math.isclose(smoothing.add(4.0), 4.0)
    assert math.isclose(smoothing.add(math.inf), 4.0)
    assert 4.0 < smoothing.add(5.0) < 5.0
    for _number in range(100):
        last = smoothing.add(7.0)
    assert math.isclose(last, 7.0, abs_tol=0.01)
