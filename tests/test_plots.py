"""The figures of the course: what they draw, what they refuse, and how a notebook shows them."""

import base64
import io
import itertools
from pathlib import Path

import matplotlib
import nbformat
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb
from nbclient import NotebookClient
from PIL import Image

from course_utils import plots
from course_utils.data import ten_digits

ROOT = Path(__file__).resolve().parents[1]


class History:
    """What fit returns, as far as a plot looks at it."""

    def __init__(self, **history):
        self.history = history


def pixels(figure):
    return np.asarray(Image.open(io.BytesIO(figure.png())).convert("RGB"))


def shown_images(figure):
    return [axes.images[0] for axes in figure.axes if axes.images]


def curves(figure):
    """The lines that hold data, without the samples beside the names."""
    axes = figure.axes[0]
    return [line for line in axes.lines if line.get_transform() == axes.transData]


def names(figure):
    return [text.get_text().replace("\n", " ") for text in figure.axes[0].texts if text.get_text()]


# --- the style ------------------------------------------------------------------------------


def test_use_course_style_sets_matplotlibs_parameters():
    with matplotlib.rc_context():
        matplotlib.rcParams["figure.facecolor"] = "black"
        assert plots.use_course_style() is None
        assert to_hex(matplotlib.rcParams["figure.facecolor"]) == "#ffffff"
        colours = matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]
        assert colours == list(plots.COLOURS.values())


def luminance(colour):
    """Relative luminance as WCAG 2 defines it."""
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return float(np.dot(parts, [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize("ink", [plots.INK, plots.GREY])
def test_text_has_contrast(ink):
    assert (1 + 0.05) / (luminance(ink) + 0.05) >= 7  # WCAG 2, level AAA, on white


def test_lines_show_on_white():
    for name, colour in plots.COLOURS.items():
        assert (1 + 0.05) / (luminance(colour) + 0.05) > 2, name


def test_learners_settings_change_nothing():
    digits = ten_digits()
    calm = plots.show_images(digits, titles=range(10), title="Ten digits").png()
    with matplotlib.rc_context(
        {
            "figure.facecolor": "black",
            "text.color": "white",
            "font.size": 30,
            "savefig.transparent": True,
            "image.interpolation": "bilinear",
            "savefig.bbox": "tight",
        }
    ):
        wild = plots.show_images(digits, titles=range(10), title="Ten digits").png()
        assert matplotlib.rcParams["font.size"] == 30  # and the learner's settings stay
    assert wild == calm


# --- how a notebook shows a figure ----------------------------------------------------------

PREPARE = """
import numpy as np
from course_utils.plots import plot_lines, show_images
images = np.zeros((2, 4, 4), np.uint8)
"""
CELLS = {
    "last line": 'show_images(images, title="A")',
    "not the last line": 'show_images(images, title="B")\nx = 1',
    "assigned": 'figure = show_images(images, title="C")',
    "named again": "figure",
    "display": 'for k in "DE":\n    display(show_images(images, title=k))\nprint("after")',
    "with pyplot": 'import matplotlib.pyplot as plt\nshow_images(images, title="F")',
    "plt.show": 'figure = show_images(images, title="G")\nplt.show()',
    "dark": 'plt.style.use("dark_background")\nshow_images(images, title="H")',
    "own figure": 'plt.plot([1, 2])\nshow_images(images, title="I")',
    "changed": "figure.axes[0].set_title('new')\nfigure",
}


@pytest.fixture(scope="module")
def shown():
    """What each of the cells above shows, in a real kernel: pairs of MIME data and metadata."""
    cells = [nbformat.v4.new_code_cell(source) for source in [PREPARE, *CELLS.values()]]
    notebook = nbformat.v4.new_notebook(cells=cells)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    nbformat.validate(notebook)
    return dict(zip(CELLS, [cell.outputs for cell in notebook.cells[1:]], strict=True))


def texts(outputs):
    """The text of each output, printed or instead of a picture."""
    return [output.get("text") or output.data["text/plain"] for output in outputs]


def described(name):
    return f"Figure: {name} (2 images of 4 × 4)"


def test_a_figure_shows_once_as_the_last_line(shown):
    (output,) = shown["last line"]
    assert set(output.data) == {"image/png", "text/plain"}
    assert output.data["text/plain"] == described("A")
    assert output.metadata["image/png"] == {"width": 320}
    image = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"])))
    assert image.width == 480
    assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_a_figure_is_a_value(shown):
    assert shown["not the last line"] == []
    assert shown["assigned"] == []
    assert texts(shown["named again"]) == [described("C")]
    assert texts(shown["changed"]) == [described("G")]


def test_display_shows_at_its_place(shown):
    assert texts(shown["display"]) == [described("D"), described("E"), "after\n"]


def test_pyplot_does_not_show_it_again(shown):
    assert texts(shown["with pyplot"]) == [described("F")]
    assert shown["plt.show"] == []


def test_a_dark_style_leaves_the_figure_light(shown):
    (output,) = shown["dark"]
    image = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"])))
    assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_a_pyplot_figure_beside_it_is_shown_too(shown):
    own = [text for text in texts(shown["own figure"]) if text != described("I")]
    assert len(shown["own figure"]) == len(own) + 1
    assert any("with 1 Axes" in text for text in own)


def test_description_names_what_is_seen():
    figure = plots.show_images(ten_digits())
    assert repr(figure) == "Figure (10 images of 28 × 28)"
    assert repr(plots.show_images(ten_digits()[:1])) == "Figure (1 image of 28 × 28)"


def test_few_colours_are_packed_and_many_are_kept():
    curve = plots.plot_lines([0, 1], {"a": [0, 1]}, xlabel="x", ylabel="y")
    packed = Image.open(io.BytesIO(curve.png()))
    assert packed.mode == "P"
    assert (0x00, 0x72, 0xB2) in [colour for _, colour in packed.convert("RGB").getcolors(256)]
    noise = np.random.default_rng(0).random((4, 32, 32, 3))
    assert Image.open(io.BytesIO(plots.show_images(noise).png())).mode == "RGB"


# --- images ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(6, 5, 4), (6, 5, 4, 1), (6, 5, 4, 3), (6, 3, 3), (6, 8, 1)])
def test_shapes_that_are_images(shape):
    figure = plots.show_images(np.zeros(shape, np.uint8))
    assert len(shown_images(figure)) == 6
    assert shown_images(figure)[0].get_array().shape[:2] == shape[1:3]


def test_values_are_drawn_as_stated():
    images = np.array([[[0, 51], [102, 255]], [[0, 0], [0, 0]]], np.uint8)
    figure = plots.show_images(images)
    first = shown_images(figure)[0]
    assert np.allclose(first.get_array(), [[0.0, 0.2], [0.4, 1.0]])
    assert first.get_clim() == (0.0, 1.0)
    assert figure.get_supxlabel() == "black 0, white 255"
    drawn = pixels(plots.show_images(np.full((1, 2, 2), 255, np.uint8)))
    assert (drawn[drawn.shape[0] // 2, drawn.shape[1] // 2] == 255).all()
    drawn = pixels(plots.show_images(np.zeros((1, 2, 2), np.uint8)))
    assert (drawn[drawn.shape[0] // 2, drawn.shape[1] // 2] == 0).all()


@pytest.mark.parametrize(
    ("value_range", "first", "second", "note"),
    [
        ((0, 2), [0.0, 0.5], [1.0, 1.0], "black 0, white 2"),
        ("shared", [0.0, 0.25], [0.5, 1.0], "black 0, white 4"),
        ("each", [0.0, 1.0], [0.0, 1.0], "each image by itself"),
    ],
)
def test_value_range(value_range, first, second, note):
    images = np.array([[[0.0, 1.0]], [[2.0, 4.0]]])
    figure = plots.show_images(images, value_range=value_range)
    drawn = [image.get_array().ravel().tolist() for image in shown_images(figure)]
    assert np.allclose(drawn, [first, second])
    assert note in figure.get_supxlabel()


def test_colour_images_keep_their_channels():
    image = np.zeros((1, 1, 1, 3))
    image[..., 1] = 1.0
    figure = plots.show_images(image)
    assert shown_images(figure)[0].get_array().tolist() == [[[0.0, 1.0, 0.0]]]
    assert figure.get_supxlabel() == "each channel from 0 to 1"


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, bool])
def test_floats_and_booleans_run_from_0_to_1(dtype):
    figure = plots.show_images(np.eye(3, dtype=dtype)[np.newaxis])
    assert np.array_equal(shown_images(figure)[0].get_array(), np.eye(3))
    assert figure.get_supxlabel() == "black 0, white 1"


def test_signed_images_are_symmetric():
    images = np.array([[[-1.0, 0.0, 0.5]], [[0.0, 0.0, -4.0]]])
    figure = plots.show_images(images, signed=True)
    drawn = [image.get_array().ravel() for image in shown_images(figure)]
    assert np.allclose(drawn, [[0.375, 0.5, 0.5625], [0.5, 0.5, 0.0]])
    assert figure.get_supxlabel() == "purple -4, white 0, orange 4"
    each = plots.show_images(images, signed=True, value_range="each")
    assert np.allclose(shown_images(each)[0].get_array(), [[0.0, 0.5, 0.75]])
    assert "each image by itself: purple negative" in each.get_supxlabel()
    stated = plots.show_images(images, signed=True, value_range=(-2, 2))
    assert np.allclose(shown_images(stated)[1].get_array(), [[0.5, 0.5, 0.0]])
    low, middle, high = (shown_images(figure)[0].get_cmap()(value) for value in (0.0, 0.5, 1.0))
    assert low[2] > low[1]  # purple
    assert min(middle[:3]) > 0.95  # white
    assert high[0] > high[2]  # orange


@pytest.mark.parametrize("value_range", [None, "shared", "each"])
@pytest.mark.parametrize("signed", [False, True])
def test_a_constant_image_is_drawn(value_range, signed):
    figure = plots.show_images(np.zeros((2, 3, 3)), value_range=value_range, signed=signed)
    assert np.isfinite(shown_images(figure)[0].get_array()).all()
    figure.png()


def test_titles_and_columns():
    figure = plots.show_images(np.zeros((7, 4, 4)), titles=np.arange(7), columns=3, title="Seven")
    assert [axes.get_title() for axes in figure.axes[:7]] == list("0123456")
    assert len(figure.axes) == 9
    assert figure.axes[0].get_gridspec().nrows == 3
    assert not any(axes.axison for axes in figure.axes)
    assert figure.get_suptitle() == "Seven"
    assert len(plots.show_images(np.zeros((2, 4, 4)), columns=5).axes) == 2
    ten = plots.show_images(np.zeros((10, 4, 4)), titles=["a longer title"] * 10)
    assert ten.axes[0].get_gridspec().ncols == 5
    assert plots.show_images(np.zeros((20, 4, 4))).axes[0].get_gridspec().ncols == 10


def test_a_long_title_is_wrapped_into_the_figure():
    long = "A message that is much too long to stand in one line over a figure of this width"
    figure = plots.plot_lines([0, 1], {"a": [0, 1]}, xlabel="x", ylabel="y", title=long)
    figure.draw_without_rendering()
    assert "\n" in figure.get_suptitle()
    assert figure.get_suptitle().replace("\n", " ") == long
    box = figure._suptitle.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.width
    assert repr(figure).startswith(f"Figure: {long} (")


IMAGES = np.zeros((2, 12, 12))


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (np.zeros((28, 28)), ValueError, r"got shape \(28, 28\)\. .*images\[np\.newaxis\]"),
        (np.zeros((28, 28, 1)), ValueError, r"looks like one image.*images\[np\.newaxis\]"),
        (np.zeros((28, 28, 3)), ValueError, r"looks like one image.*images\[np\.newaxis\]"),
        (np.zeros((2, 3, 28, 28)), ValueError, r"got shape \(2, 3, 28, 28\)\. Channels come last"),
        (np.zeros((2, 28, 28, 2)), ValueError, r"got shape \(2, 28, 28, 2\)\.$"),
        (np.zeros(784), ValueError, r"got shape \(784,\)"),
        (np.zeros((1, 1, 2, 2, 1)), ValueError, r"got shape \(1, 1, 2, 2, 1\)"),
        (np.zeros((0, 28, 28)), ValueError, r"something in it, got shape \(0, 28, 28\)"),
        (np.zeros((101, 4, 4)), ValueError, r"at most 100 images, got 101\. Write images\[:50\]"),
        (np.full((1, 2, 2), np.nan), ValueError, "expected finite values, got 4"),
        (np.full((1, 2, 2), np.inf), ValueError, "expected finite values, got 4"),
        (np.full((1, 2, 2), 1.5), ValueError, r"floats from 0 to 1, got 1\.5 to 1\.5.*value_range"),
        (np.full((1, 2, 2), -0.5), ValueError, r"floats from 0 to 1, got -0\.5 to -0\.5"),
        (np.zeros((1, 2, 2), np.int32), TypeError, "uint8 or floats, got dtype int32.*value_range"),
        (np.zeros((1, 2, 2), complex), TypeError, "array of numbers.*got dtype complex128"),
        ([["a", "b"]], TypeError, "got dtype <U1"),
        ([[[1, 2], [3]]], TypeError, "expected numbers, got"),
        (None, TypeError, "got dtype object"),
    ],
)
def test_images_that_are_refused(images, error, message):
    with pytest.raises(error, match=rf"^images: .*{message}"):
        plots.show_images(images)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"titles": ["a"]}, ValueError, "titles: expected 2, one an image, got 1"),
        ({"titles": "ab"}, TypeError, "titles: expected a list.*got 'ab'"),
        ({"titles": {0: "a", 1: "b"}}, TypeError, "titles: expected a list"),
        ({"columns": 0}, ValueError, "columns: expected at least 1, got 0"),
        ({"columns": 2.0}, TypeError, r"columns: expected a whole number, got 2\.0"),
        ({"columns": True}, TypeError, "columns: expected a whole number"),
        ({"title": 3}, TypeError, r"title: expected a text, got 3"),
        ({"value_range": "auto"}, ValueError, "value_range: .*got 'auto'"),
        ({"value_range": (1, 1)}, ValueError, "value_range: .*low below high, got"),
        ({"value_range": (0, np.inf)}, ValueError, "value_range: expected"),
        ({"value_range": (0, 1, 2)}, ValueError, "value_range: expected"),
        ({"value_range": 1}, ValueError, "value_range: expected"),
        ({"value_range": (None, 1)}, TypeError, "value_range: expected numbers"),
        ({"signed": 1}, TypeError, "signed: expected True or False"),
        ({"signed": True, "value_range": (0, 1)}, ValueError, r"value_range: .*\(-high, high\)"),
    ],
)
def test_options_that_are_refused(options, error, message):
    with pytest.raises(error, match=f"^{message}"):
        plots.show_images(IMAGES, **options)


def test_signed_needs_one_channel():
    with pytest.raises(ValueError, match=r"^signed: expected images of one channel, got three"):
        plots.show_images(np.zeros((1, 4, 4, 3)), signed=True)


def test_whole_numbers_need_a_range():
    figure = plots.show_images(np.full((1, 2, 2), 128, np.int32), value_range=(0, 256))
    assert (shown_images(figure)[0].get_array() == 0.5).all()


def test_options_are_keyword_only():
    with pytest.raises(TypeError):
        plots.show_images(IMAGES, ["a", "b"])
    with pytest.raises(TypeError):
        plots.plot_histories({"loss": [1.0]}, "loss")


# --- histories ------------------------------------------------------------------------------


def test_runs_are_lines_with_their_names():
    runs = {
        "plain": {
            "loss": [2.0, 1.0, 0.5],
            "val_loss": [2.1, 1.2, 0.8],
            "accuracy": [0.1, 0.2, 0.3],
        },
        "residual": History(loss=[1.5, 0.5]),
    }
    figure = plots.plot_histories(runs, title="Two runs")
    solid, dashed, other = curves(figure)
    assert solid.get_xydata().tolist() == [[1, 2.0], [2, 1.0], [3, 0.5]]
    assert dashed.get_ydata().tolist() == [2.1, 1.2, 0.8]
    assert other.get_xydata().tolist() == [[1, 1.5], [2, 0.5]]
    assert (solid.get_linestyle(), dashed.get_linestyle()) == ("-", "--")
    assert solid.get_color() == dashed.get_color() == plots.COLOURS["blue"]
    assert other.get_color() == plots.COLOURS["vermilion"]
    assert names(figure) == ["plain", "plain, validation", "residual"]
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "loss")
    assert axes.get_xticks().tolist() == [1, 2, 3]
    accuracy = plots.plot_histories(
        {"plain": runs["plain"]}, metric="accuracy", ylabel="accuracy (share)"
    )
    assert curves(accuracy)[0].get_ydata().tolist() == [0.1, 0.2, 0.3]
    assert accuracy.axes[0].get_ylabel() == "accuracy (share)"


@pytest.mark.parametrize("run", [{"loss": [2.0, 1.0], "val_loss": [3, 2]}, History(loss=(2, 1.0))])
def test_a_single_run_may_stand_alone(run):
    figure = plots.plot_histories(run)
    assert curves(figure)[0].get_ydata().tolist() == [2.0, 1.0]
    assert names(figure)[0] == "training"
    assert ("validation" in names(figure)) == isinstance(run, dict)


def test_one_epoch_is_a_dot():
    figure = plots.plot_histories({"loss": [2.0]})
    assert curves(figure)[0].get_marker() == "o"
    assert figure.axes[0].get_xticks().tolist() == [1]


def test_the_first_epoch_is_1_on_long_runs():
    ticks = plots.plot_histories({"loss": np.linspace(2, 1, 100)}).axes[0].get_xticks()
    assert ticks[0] == 1
    assert ticks.max() <= 100
    assert len(ticks) <= 9
    assert all(tick == int(tick) for tick in ticks)


def test_a_run_that_becomes_nan_says_so():
    values = {"NaN": [2.0, 3.0, np.nan, np.nan], "infinite": [2.0, 3.0, 4.0, np.inf]}
    figure = plots.plot_histories({name: {"loss": value} for name, value in values.items()})
    assert names(figure) == ["NaN (NaN from epoch 3)", "infinite (infinite from epoch 4)"]
    crosses = [line for line in curves(figure) if line.get_marker() == "x"]
    assert [line.get_xydata().tolist() for line in crosses] == [[[2, 3.0]], [[3, 4.0]]]
    never = plots.plot_histories({"loss": [np.nan, np.nan]})
    assert names(never) == ["training (NaN from epoch 1)"]
    never.png()


def test_events_are_marked():
    figure = plots.plot_histories({"loss": [3, 2, 1]}, events={"halved": 2, "stopped": 3.0})
    assert {"halved", "stopped"} <= set(names(figure))
    verticals = [line for line in figure.axes[0].lines if len(set(line.get_xdata())) == 1]
    assert sorted(float(line.get_xdata()[0]) for line in verticals) == [2.0, 3.0]
    assert "marked: halved, stopped" in repr(figure)


def test_names_do_not_overlap_and_stay_inside():
    runs = {f"run {k}": {"loss": [2, 1 + k / 1000], "val_loss": [2, 1.0]} for k in range(5)}
    figure = plots.plot_histories(runs, title="Ten lines end at one place")
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts if text.get_text()]
    assert len(boxes) == 10
    levels = sorted((box.y0, box.y1) for box in boxes)
    assert all(low[1] <= high[0] + 1 for low, high in itertools.pairwise(levels))
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.width for box in boxes)
    assert all(box.y0 >= 0 and box.y1 <= figure.bbox.height for box in boxes)


@pytest.mark.parametrize(
    ("histories", "options", "error", "message"),
    [
        ([1.0, 2.0], {}, TypeError, "histories: expected what fit returns"),
        (None, {}, TypeError, "histories: expected what fit returns"),
        ({}, {}, ValueError, "histories: expected at least one run, got none"),
        ({"a": {"loss": [1]}, "b": [1]}, {}, TypeError, r"histories\['b'\]: expected what fit"),
        ({"a": {"loss": [1]}}, {"metric": "mae"}, ValueError, r"metric: .*no 'mae'. It has: loss"),
        ({"loss": [1]}, {"metric": "mae"}, ValueError, "metric: histories has no 'mae'"),
        ({"a": {}}, {}, ValueError, r"metric: histories\['a'\] has no 'loss'. It has: nothing"),
        ({"loss": [1]}, {"metric": 3}, TypeError, "metric: expected a text, got 3"),
        ({"a": {"loss": []}}, {}, ValueError, r"a: loss: expected a list of numbers, got shape"),
        ({"a": {"loss": [[1]]}}, {}, ValueError, r"a: loss: .*got shape \(1, 1\)"),
        ({"a": {"loss": ["x"]}}, {}, TypeError, "a: loss: expected numbers"),
        ({"loss": [1, 0]}, {"log_y": True}, ValueError, "training: loss: .*above 0 only, got 0"),
        ({"loss": [1]}, {"title": 1}, TypeError, "title: expected a text"),
        ({"loss": [1]}, {"ylabel": 1}, TypeError, "ylabel: expected a text"),
        ({"loss": [1]}, {"events": [2]}, TypeError, "events: expected a dict"),
        ({"loss": [1]}, {"events": {"a": "b"}}, TypeError, r"events\['a'\]: expected numbers"),
        ({"loss": [1]}, {"events": {"a": np.nan}}, ValueError, r"events\['a'\]: expected a finite"),
        ({"loss": [1]}, {"events": {"a": [1]}}, ValueError, r"events\['a'\]: expected a finite"),
        (
            {str(k): {"loss": [1]} for k in range(8)},
            {},
            ValueError,
            "histories: 8 runs, but at most 7 can be told apart",
        ),
    ],
)
def test_histories_that_are_refused(histories, options, error, message):
    with pytest.raises(error, match=f"^{message}"):
        plots.plot_histories(histories, **options)


# --- curves ---------------------------------------------------------------------------------

LABELS = {"xlabel": "step", "ylabel": "time (ms)"}


def test_lines():
    figure = plots.plot_lines(
        [1, 10, 100], {"a": [1, 2, 4], "b": [3, np.nan, 5]}, log_x=True, markers=True, **LABELS
    )
    first, second = curves(figure)
    assert first.get_xydata().tolist() == [[1, 1], [10, 2], [100, 4]]
    assert np.isnan(second.get_ydata()[1])
    assert first.get_marker() == "o"
    axes = figure.axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "linear")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "time (ms)")
    assert names(figure) == ["a", "b"]
    both = plots.plot_lines([1, 2], {"a": [1, 2]}, log_y=True, events={"here": 1.5}, **LABELS)
    assert both.axes[0].get_yscale() == "log"
    assert "here" in names(both)


@pytest.mark.parametrize(
    ("x", "ys", "options", "error", "message"),
    [
        ([1, 2], [1, 2], {}, TypeError, "ys: expected a dict.*name"),
        ([1, 2], {}, {}, ValueError, "ys: expected at least one curve"),
        ([1, 2], {"a": [1]}, {}, ValueError, r"ys\['a'\]: expected 2 values, as many as x, got 1"),
        ([1, 2], {"a": [[1, 2]]}, {}, ValueError, r"ys\['a'\]: expected a list of numbers"),
        ([1, 2], {"a": ["1", "2"]}, {}, TypeError, r"ys\['a'\]: expected numbers"),
        ([1, np.nan], {"a": [1, 2]}, {}, ValueError, "x: expected finite numbers"),
        ([], {"a": []}, {}, ValueError, "x: expected a list of numbers"),
        ([0, 1], {"a": [1, 2]}, {"log_x": True}, ValueError, "x: a logarithmic axis.*got 0"),
        ([0, 1], {"a": [1, -2]}, {"log_y": True}, ValueError, r"ys\['a'\]: .*got -2"),
        ([1], {str(k): [1] for k in range(8)}, {}, ValueError, "ys: 8 curves, but at most 7"),
        ([1], {"a": [1]}, {"xlabel": None}, TypeError, "xlabel: expected a text, got None"),
        ([1], {"a": [1]}, {"ylabel": 2}, TypeError, "ylabel: expected a text, got 2"),
        ([1], {"a": [1]}, {"events": 2}, TypeError, "events: expected a dict"),
    ],
)
def test_lines_that_are_refused(x, ys, options, error, message):
    with pytest.raises(error, match=f"^{message}"):
        plots.plot_lines(x, ys, **{**LABELS, **options})


def test_lines_need_their_labels():
    with pytest.raises(TypeError, match="xlabel"):
        plots.plot_lines([1], {"a": [1]})


def test_spread_keeps_order_and_distance():
    heights = [0.1] * 6
    wanted = [0.9, 0.5, 0.5, 0.52, 0.1, 1.4]
    levels = plots.spread(wanted, heights)
    order = sorted(range(6), key=wanted.__getitem__)
    placed = [levels[index] for index in order]
    assert all(b - a >= 0.1 - 1e-9 for a, b in itertools.pairwise(placed))
    assert max(levels) <= 0.95 + 1e-9
    assert levels[0] == pytest.approx(0.85)
    assert levels[4] == pytest.approx(0.1)
    assert plots.spread([], []) == []
    assert plots.spread([0.3, 0.7], [0.1, 0.1]) == pytest.approx([0.3, 0.7])


# --- what TensorFlow and Keras hand over ----------------------------------------------------


def test_tensors_and_histories_of_keras():
    tf = pytest.importorskip("tensorflow")
    import keras

    images = tf.reshape(tf.linspace(0.0, 1.0, 32), (2, 4, 4, 1))
    for dtype in (tf.float32, tf.float16, tf.bfloat16):
        figure = plots.show_images(tf.cast(images, dtype), titles=tf.constant([3, 4]))
        assert np.allclose(shown_images(figure)[1].get_array(), images[1, ..., 0], atol=0.01)
        assert [axes.get_title() for axes in figure.axes] == ["3", "4"]
    with pytest.raises(TypeError, match=r"^images: "):
        plots.show_images(keras.Input((28, 28, 1)))

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(loss="mse")
    history = model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=2, verbose=0)
    figure = plots.plot_histories({"linear": history})
    assert curves(figure)[0].get_ydata().tolist() == history.history["loss"]
