"""Pictures of images, training curves and other curves, in one quiet style.

Each function returns a figure and shows nothing by itself. A notebook shows the figure exactly
once, where it is the last line of a cell, as with any other value; anywhere else, ``display``
shows it::

    show_images(ten_digits(), title="Ten digits")            # the last line of a cell

    for name, run in runs.items():
        display(plot_histories(run, title=name))

A figure is a matplotlib figure (``figure.axes[0]``, ``figure.savefig(...)``) that pyplot does
not know of, so nothing is drawn twice, nothing has to be closed, and ``plt.show()`` does not
touch it. In a notebook it comes as a PNG on a light background, the same with every theme and
every setting of matplotlib, and with a text that names what it shows. That text is what a
notebook test compares: it holds the title, the axes and the names, and no measured number.
Colours are those of Okabe and Ito, which readers with any colour vision can tell apart.
"""

import io
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib
import matplotlib.figure
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator
from PIL import Image, ImageChops, ImageStat  # Pillow comes with matplotlib

from course_utils.arguments import check_flag, check_text, check_whole, short

INK, GREY, PALE = "#222222", "#595959", "#E4E4E4"
COLOURS = {
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "black": "#000000",
}  # Okabe and Ito's, without the yellow that does not show on white

WIDTH = 6.4  # inches; 640 pixels on the page
PIXELS_PER_INCH = 100  # on the page
SHARPNESS = 1.5  # pixels of the PNG for each pixel on the page
TITLE_SIZE, LABEL_SIZE, NOTE_SIZE = 13, 12, 10.5  # points
MOST_IMAGES = 100

STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "axes.facecolor": "white",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": LABEL_SIZE,
    "axes.linewidth": 0.8,
    "axes.prop_cycle": matplotlib.cycler(color=list(COLOURS.values())),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": LABEL_SIZE,
    "figure.constrained_layout.use": True,
    "figure.dpi": PIXELS_PER_INCH,
    "figure.edgecolor": "white",
    "figure.facecolor": "white",
    "figure.figsize": (WIDTH, 3.8),
    "figure.titlesize": TITLE_SIZE,
    "figure.titleweight": "bold",
    "font.family": ["DejaVu Sans"],
    "font.size": LABEL_SIZE,
    "grid.color": PALE,
    "grid.linewidth": 0.8,
    "image.cmap": "gray",
    "image.interpolation": "nearest",
    "legend.frameon": False,
    "lines.linewidth": 2.0,
    "lines.markersize": 5.0,
    "savefig.facecolor": "white",
    "text.color": INK,
    "xtick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.color": GREY,
    "ytick.labelcolor": INK,
}

SIGNED_COLOURS = "PuOr_r"  # purple below zero, white at zero, orange above


class Figure(matplotlib.figure.Figure):
    """A matplotlib figure that a notebook shows once, with a text that says what it shows."""

    description = "Figure"

    def __repr__(self) -> str:
        return self.description

    def png(self) -> bytes:
        """Return the figure as the PNG bytes that a notebook shows.

        256 colours are enough for curves and grey images, and make a third of the bytes;
        pictures of many colours keep them all.
        """
        drawn, packed = io.BytesIO(), io.BytesIO()
        with _course_style():
            self.savefig(drawn, format="png", dpi=SHARPNESS * PIXELS_PER_INCH, facecolor="white")
        picture = Image.open(drawn).convert("RGB")
        few = picture.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        loss = ImageStat.Stat(ImageChops.difference(picture, few.convert("RGB"))).mean
        (few if max(loss) < 0.5 else picture).save(packed, "png", optimize=True)
        return packed.getvalue()

    def _ipython_display_(self) -> None:
        # Of all the ways to show an object this one comes first: matplotlib's inline backend
        # would draw a figure by the learner's own settings.
        from IPython.display import display

        data = {"image/png": self.png(), "text/plain": self.description}
        size = {"width": round(self.get_figwidth() * PIXELS_PER_INCH)}
        display(data, metadata={"image/png": size}, raw=True)


def use_course_style() -> None:
    """Give the figures that you draw with matplotlib yourself the style of the course.

    Sets ``matplotlib.rcParams`` for this process. The functions of this module do not need it.
    """
    matplotlib.rcParams.update(STYLE)


def show_images(
    images: Any,
    *,
    titles: Sequence[Any] | None = None,
    columns: int | None = None,
    title: str | None = None,
    value_range: tuple[float, float] | str | None = None,
    signed: bool = False,
) -> Figure:
    """Draw a batch of images as a grid, row by row.

    Args:
        images: an array or tensor of shape (n, height, width), (n, height, width, 1), or
            (n, height, width, 3) for red, green, blue.
        titles: a short text or number over each image.
        columns: images in a row; chosen to fit if not given.
        title: the message of the figure.
        value_range: which values are black and white. By default (0, 255) for uint8 and (0, 1)
            for floats and booleans, and a value outside is an error. A pair ``(low, high)``
            clips what is outside. ``"shared"`` takes the lowest and highest value of all images,
            ``"each"`` those of each image by itself.
        signed: draw one channel from purple (negative) over white (0) to orange (positive), for
            filters and gradients. The range is symmetric: by default the largest distance from
            0 among all images.

    A line under the grid says what black and white mean.

    >>> show_images(np.zeros((3, 28, 28)), titles=[7, 2, 1], title="Nothing written yet")
    Figure: Nothing written yet (3 images of 28 × 28)

    Raises:
        TypeError: an argument has the wrong type, or ``images`` holds neither numbers nor booleans.
        ValueError: wrong shape, no images or more than 100, values that are NaN or out of range,
            or as many titles as there are not images.
    """
    pictures = _check_images(images)
    if title is not None:
        check_text("title", title)
    count, height, width, channels = pictures.shape
    names = _check_titles(titles, count)
    low, high, note = _check_range(pictures, value_range, signed)
    if columns is None:
        columns = 10 if all(len(name) <= 6 for name in names) else 5
    columns = min(check_whole("columns", columns), count)
    rows = math.ceil(count / columns)

    figure_width = max(min(WIDTH, 1.6 * columns), 3.2)
    lines = max((name.count("\n") + 1 if name else 0) for name in names)
    cell = 0.96 * figure_width / columns  # the rest lies between the images
    image_height = min(cell * height / width, 4.0)
    figure_height = rows * (image_height + 0.21 * lines) + 0.27
    with _course_style():
        figure = _new_figure(figure_width, figure_height, title)
        figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02)
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for place in grid:
            place.set_axis_off()
        for place, picture, name, bottom, top in zip(
            grid, pictures, names, low, high, strict=False
        ):
            span = top - bottom
            scaled = np.clip((picture - bottom) / (span if span else 1.0), 0.0, 1.0)
            if channels == 1:
                colours = SIGNED_COLOURS if signed else "gray"
                place.imshow(scaled[..., 0], cmap=colours, vmin=0.0, vmax=1.0, aspect="equal")
            else:
                place.imshow(scaled, aspect="equal")
            if name:
                place.set_title(name, loc="center", fontsize=LABEL_SIZE, pad=3)
        wrapped = textwrap.fill(note, round(figure_width * 12))
        figure.supxlabel(wrapped, x=0.01, ha="left", fontsize=NOTE_SIZE, color=GREY)
    size = f"{height} × {width}" + (" × 3" if channels == 3 else "")
    noun = "image" if count == 1 else "images"
    figure.description = _describe(title, f"{count} {noun} of {size}")
    return figure


def plot_histories(
    histories: Any,
    *,
    metric: str = "loss",
    title: str | None = None,
    ylabel: str | None = None,
    log_y: bool = False,
    events: Mapping[str, float] | None = None,
) -> Figure:
    """Draw one metric of one or more training runs against the epoch.

    A run's values are a solid line. If it has values of the same metric on validation data (by
    Keras' name, ``val_`` and the metric), they are a dashed line of the same colour. Where a
    value is not finite the line ends, and its name says from which epoch on.

    Args:
        histories: a dict from the name of a run to the run: what ``fit`` returns, or a dict from
            the name of a metric to a list of numbers, one an epoch. A single run may stand alone.
        metric: the metric to draw.
        title: the message of the figure.
        ylabel: the name of the vertical axis, with its unit; the metric's name if not given.
        log_y: a logarithmic vertical axis.
        events: vertical lines, from a short name to an epoch.

    >>> runs = {"slow": {"loss": [2.3, 2.2]}, "fast": {"loss": [2.3, 0.9]}}
    >>> plot_histories(runs, title="A higher rate learns faster")
    Figure: A higher rate learns faster (lines: slow, fast; x: epoch; y: loss)

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: there is no run, no epoch, more than seven runs, no such metric, or a value
            that a logarithmic axis cannot show.
    """
    check_text("metric", metric)
    runs = _check_runs(histories)
    lines = []
    for (name, run), colour in zip(runs.items(), COLOURS.values(), strict=False):
        if metric not in run:
            known = ", ".join(map(str, run)) or "nothing"
            where = f"histories[{name!r}]" if name else "histories"
            raise ValueError(f"metric: {where} has no {metric!r}. It has: {known}.")
        validation = f"val_{metric}"
        pair = [(metric, name or "training", "-")]
        if validation in run:
            pair.append((validation, f"{name}, validation" if name else "validation", "--"))
        for key, label, dashes in pair:
            values = _check_curve(f"{label}: {key}", run[key], log=log_y)
            lines.append((np.arange(1, len(values) + 1), values, label, colour, dashes))
    events = _check_events(events)

    def finish(axes: Axes) -> None:
        last = max(len(values) for _, values, *_ in lines)
        ticks = MaxNLocator(nbins=8, integer=True, min_n_ticks=1).tick_values(1, last)
        axes.set_xticks([1, *(tick for tick in ticks if 1 < tick <= last)])

    return _draw_lines(
        lines,
        title=title,
        xlabel="epoch",
        ylabel=metric.replace("_", " ") if ylabel is None else ylabel,
        log_y=log_y,
        events=events,
        finish=finish,
        lost="from epoch {}",
    )


def plot_lines(
    x: Any,
    ys: Mapping[str, Any],
    *,
    xlabel: str,
    ylabel: str,
    title: str | None = None,
    log_x: bool = False,
    log_y: bool = False,
    markers: bool = False,
    events: Mapping[str, float] | None = None,
) -> Figure:
    """Draw one or more curves over the same x, each with its name at its end.

    Args:
        x: finite numbers, shape (n,).
        ys: from the name of a curve to its values, shape (n,). Where a value is not finite the
            curve has a gap.
        xlabel: the name of the horizontal axis, with its unit.
        ylabel: the name of the vertical axis, with its unit.
        title: the message of the figure.
        log_x: a logarithmic horizontal axis.
        log_y: a logarithmic vertical axis.
        markers: a dot at each value.
        events: vertical lines, from a short name to a place on the x axis.

    >>> x = [1, 10, 100]
    >>> plot_lines(x, {"graph": [3, 4, 9]}, xlabel="operations", ylabel="time (ms)", log_x=True)
    Figure (lines: graph; x: operations; y: time (ms))

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: no curve or more than seven, shapes that do not fit, an x that is not finite,
            or a value that a logarithmic axis cannot show.
    """
    places = _check_curve("x", x, log=log_x)
    if not np.isfinite(places).all():
        raise ValueError("x: expected finite numbers, got NaN or infinity.")
    if not isinstance(ys, Mapping):
        raise TypeError(
            "ys: expected a dict from the name of a curve to its values, "
            f'got {short(ys)}. Write {{"name": values}}.'
        )
    _check_count("ys", ys, "curve")
    lines = []
    for (name, values), colour in zip(ys.items(), COLOURS.values(), strict=False):
        curve = _check_curve(f"ys[{name!r}]", values, log=log_y)
        if len(curve) != len(places):
            raise ValueError(
                f"ys[{name!r}]: expected {len(places)} values, as many as x, got {len(curve)}."
            )
        lines.append((places, curve, str(name), colour, "-"))
    return _draw_lines(
        lines,
        title=title,
        xlabel=xlabel,
        ylabel=ylabel,
        log_x=log_x,
        log_y=log_y,
        markers=markers,
        events=_check_events(events),
    )


# --- drawing --------------------------------------------------------------------------------


def _course_style():
    """Return a context in which only matplotlib's defaults and the course's style hold."""
    return matplotlib.style.context(["default", STYLE])


def _new_figure(width: float, height: float, title: str | None) -> Figure:
    """Return an empty figure that grows by the lines of its title."""
    wrapped = textwrap.fill(title, round(width * 9)) if title else ""
    lines = wrapped.count("\n") + 1 if wrapped else 0
    figure = Figure(figsize=(width, height + 0.26 * lines))
    figure.get_layout_engine().set(w_pad=0.06)
    if wrapped:
        figure.suptitle(wrapped, x=0.01, ha="left")
    return figure


def _describe(title: str | None, content: str) -> str:
    return f"Figure: {title} ({content})" if title else f"Figure ({content})"


def _draw_lines(
    lines: list[tuple[np.ndarray, np.ndarray, str, str, str]],
    *,
    title: str | None,
    xlabel: str,
    ylabel: str,
    log_x: bool = False,
    log_y: bool = False,
    markers: bool = False,
    events: Mapping[str, float],
    finish: Callable[[Axes], None] | None = None,
    lost: str | None = None,
) -> Figure:
    """Draw lines (x, y, name, colour, dashes); ``lost`` words where a line stops being finite."""
    if title is not None:
        check_text("title", title)
    check_text("xlabel", xlabel)
    check_text("ylabel", ylabel)
    with _course_style():
        figure = _new_figure(WIDTH, 3.5, title)
        axes = figure.subplots()
        if log_x:
            axes.set_xscale("log")
        if log_y:
            axes.set_yscale("log")
        ends = []
        for x, y, name, colour, dashes in lines:
            finite = np.isfinite(y)
            alone = np.count_nonzero(finite) == 1
            axes.plot(
                x,
                np.where(finite, y, np.nan),
                color=colour,
                linestyle=dashes,
                marker="o" if markers or alone else None,
            )
            label = name
            if lost is not None and not finite.all():
                label += f" ({_kind(y)} {lost.format(x[np.argmin(finite)])})"
            end = None
            if finite.any():
                last = np.flatnonzero(finite)[-1]
                end = (float(x[last]), float(y[last]))
                if lost is not None and not finite.all():
                    axes.plot(*end, marker="x", markersize=9, markeredgewidth=2, color=colour)
            ends.append((end, label, colour, dashes))
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
        for scaled, axis in ((log_x, axes.xaxis), (log_y, axes.yaxis)):
            if scaled:
                axis.set_minor_locator(NullLocator())
        if finish is not None:
            finish(axes)
        _mark_events(axes, events)
        _label_ends(figure, axes, ends)
    names = ", ".join(name for _, _, name, _, _ in lines)
    content = f"lines: {names}; x: {xlabel}; y: {ylabel}"
    if events:
        content += f"; marked: {', '.join(map(str, events))}"
    figure.description = _describe(title, content)
    return figure


def _kind(values: np.ndarray) -> str:
    """Name the first value that is not finite."""
    first = values[np.argmin(np.isfinite(values))]
    return "NaN" if np.isnan(first) else "infinite"


def _mark_events(axes: Axes, events: Mapping[str, float]) -> None:
    """Draw vertical lines with their names above the axes, the first in the highest row."""
    placed = sorted(events.items(), key=lambda event: event[1], reverse=True)
    line = {"color": GREY, "linewidth": 1.0, "linestyle": ":"}
    for row, (name, place) in enumerate(placed):
        level = 4 + row * NOTE_SIZE * 1.5  # points above the axes
        foot = {"xy": (place, 1.0), "xycoords": axes.get_xaxis_transform()}
        above = {"textcoords": "offset points", "annotation_clip": False}
        axes.axvline(place, **line)
        arrow = {"arrowstyle": "-", "shrinkA": 0, "shrinkB": 0, **line}
        axes.annotate("", xytext=(0, level + NOTE_SIZE), arrowprops=arrow, **foot, **above)
        axes.annotate(str(name), xytext=(3, level), fontsize=NOTE_SIZE, **foot, **above)


def _label_ends(
    figure: Figure,
    axes: Axes,
    ends: list[tuple[tuple[float, float] | None, str, str, str]],
) -> None:
    """Write each line's name right of the axes, with a sample of the line, led to its end.

    Each of ``ends`` is the last point of a line (or None), its name, its colour, its dashes.
    """
    figure.draw_without_rendering()  # now the axes have their height
    height = axes.get_window_extent().height
    line_height = LABEL_SIZE * 1.3 * PIXELS_PER_INCH / 72 / height
    texts = [textwrap.fill(label, 20) for _, label, _, _ in ends]
    heights = [line_height * (text.count("\n") + 1) for text in texts]
    wanted = []
    for end, *_ in ends:
        level = 1.0
        if end is not None:
            level = axes.transAxes.inverted().transform(axes.transData.transform(end))[1]
        wanted.append(float(level))
    levels = spread(wanted, heights)
    for (end, _, colour, dashes), text, level in zip(ends, texts, levels, strict=True):
        if end is not None:
            axes.annotate(
                "",
                xy=end,
                xytext=(1.04, level),
                textcoords="axes fraction",
                arrowprops={
                    "arrowstyle": "-",
                    "color": colour,
                    "linewidth": 1.0,
                    "linestyle": ":",
                    "shrinkA": 0,
                    "shrinkB": 0,
                },
                annotation_clip=False,
            )
        sample = {"color": colour, "linestyle": dashes, "transform": axes.transAxes}
        axes.add_line(Line2D([1.04, 1.09], [level, level], clip_on=False, **sample))
        axes.text(1.105, level, text, va="center", ha="left", transform=axes.transAxes)


def spread(wanted: Sequence[float], heights: Sequence[float]) -> list[float]:
    """Return centres near the wanted ones at which boxes of these heights do not overlap.

    The boxes stay between 0 and 1 where there is room for all of them.

    >>> [round(level, 2) for level in spread([0.5, 0.5, 0.95], [0.2, 0.2, 0.2])]
    [0.4, 0.6, 0.9]
    """
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    groups: list[tuple[list[int], float, float]] = []  # members, mean of what they want, height

    def centre(group: tuple[list[int], float, float]) -> float:
        _, mean, height = group
        return max(min(mean, 1 - height / 2), height / 2)

    for index in order:
        group = ([index], wanted[index], heights[index])
        while groups:
            below = groups[-1]
            if centre(below) + below[2] / 2 <= centre(group) - group[2] / 2 + 1e-9:
                break
            groups.pop()
            members = below[0] + group[0]
            mean = sum(wanted[member] for member in members) / len(members)
            group = (members, mean, below[2] + group[2])
        groups.append(group)
    levels = [0.0] * len(wanted)
    for group in groups:
        bottom = centre(group) - group[2] / 2
        for index in group[0]:
            levels[index] = bottom + heights[index] / 2
            bottom += heights[index]
    return levels


# --- checking arguments ---------------------------------------------------------------------


def _array(name: str, value: Any) -> np.ndarray:
    """Return an array; numbers of a type that NumPy borrows, such as bfloat16, as float32."""
    try:
        array = np.asarray(value)
        if array.dtype.kind == "V":
            array = array.astype(np.float32)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise TypeError(f"{name}: expected numbers, got {short(value)}.") from error
    return array


def _numbers(name: str, value: Any) -> np.ndarray:
    array = _array(name, value)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name}: expected numbers, got {short(value)}.")
    return array.astype(np.float64)


def _check_curve(name: str, value: Any, *, log: bool) -> np.ndarray:
    values = _numbers(name, value)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"{name}: expected a list of numbers, got shape {values.shape}.")
    if log and (values <= 0).any():
        raise ValueError(
            f"{name}: a logarithmic axis shows values above 0 only, got {values.min():g}."
        )
    return values


def _check_count(name: str, values: Mapping, noun: str) -> None:
    if not values:
        raise ValueError(f"{name}: expected at least one {noun}, got none.")
    if len(values) > len(COLOURS):
        raise ValueError(
            f"{name}: {len(values)} {noun}s, but at most {len(COLOURS)} can be told apart. "
            "Draw them in two figures."
        )


def _check_events(events: Mapping[str, float] | None) -> Mapping[str, float]:
    if events is None:
        return {}
    if not isinstance(events, Mapping):
        raise TypeError(f"events: expected a dict from a name to a place, got {short(events)}.")
    for name, place in events.items():
        value = _numbers(f"events[{name!r}]", place)
        if value.ndim or not np.isfinite(value):
            raise ValueError(f"events[{name!r}]: expected a finite number, got {short(place)}.")
    return events


def _check_runs(histories: Any) -> dict[str, Mapping[str, Any]]:
    """Return runs by name; the only run, given alone, is named by an empty text."""
    if isinstance(getattr(histories, "history", None), Mapping):
        return {"": histories.history}
    if not isinstance(histories, Mapping):
        raise TypeError(
            "histories: expected what fit returns, or a dict from the name of a run to a run, "
            f"got {short(histories)}."
        )
    runs = {}
    for name, run in histories.items():
        run = getattr(run, "history", run)
        if isinstance(run, Mapping):
            runs[str(name)] = run
    if not runs and histories:
        return {"": histories}
    for name, run in histories.items():
        if str(name) not in runs:
            raise TypeError(
                f"histories[{name!r}]: expected what fit returns, or a dict from the name of a "
                f"metric to a list of numbers, got {short(run)}."
            )
    _check_count("histories", runs, "run")
    return runs


def _check_images(images: Any) -> np.ndarray:
    """Return the images as (n, height, width, channels), or raise."""
    array = _array("images", images)
    if array.dtype.kind not in "iufb":
        raise TypeError(
            "images: expected an array of numbers (uint8, or floats from 0 to 1), "
            f"got dtype {array.dtype}."
        )
    shape = array.shape
    expected = "expected (n, height, width), (n, height, width, 1) or (n, height, width, 3)"
    if array.ndim == 2:
        raise ValueError(
            f"images: {expected}, got shape {shape}. For a single image write images[np.newaxis]."
        )
    if array.ndim == 3 and shape[-1] in (1, 3) and shape[1] > 8:
        raise ValueError(
            f"images: {expected}, got shape {shape}, which looks like one image with its "
            "channels. Write images[np.newaxis]."
        )
    if array.ndim == 4 and shape[-1] not in (1, 3):
        hint = ""
        if shape[1] in (1, 3):
            hint = " Channels come last: write np.transpose(images, (0, 2, 3, 1))."
        raise ValueError(f"images: {expected}, got shape {shape}.{hint}")
    if array.ndim not in (3, 4):
        raise ValueError(f"images: {expected}, got shape {shape}.")
    if 0 in shape:
        raise ValueError(f"images: {expected} with something in it, got shape {shape}.")
    if len(array) > MOST_IMAGES:
        raise ValueError(
            f"images: expected at most {MOST_IMAGES} images, got {len(array)}. "
            f"Write images[:{MOST_IMAGES // 2}]."
        )
    if array.dtype.kind == "f":
        bad = np.count_nonzero(~np.isfinite(array))
        if bad:
            raise ValueError(f"images: expected finite values, got {bad} that are NaN or infinite.")
    return array if array.ndim == 4 else array[..., np.newaxis]


def _check_titles(titles: Sequence[Any] | None, count: int) -> list[str]:
    if titles is None:
        return [""] * count
    if isinstance(titles, str | bytes | Mapping):
        raise TypeError(f"titles: expected a list with a text an image, got {short(titles)}.")
    try:
        names = [str(name) for name in np.asarray(titles, dtype=object).ravel().tolist()]
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"titles: expected a list with a text an image, got {short(titles)}."
        ) from error
    if len(names) != count:
        raise ValueError(f"titles: expected {count}, one an image, got {len(names)}.")
    return names


def _check_range(
    images: np.ndarray, value_range: Any, signed: bool
) -> tuple[np.ndarray, np.ndarray, str]:
    """Return the lowest and highest shown value of each image, and the line that says so."""
    check_flag("signed", signed)
    count, channels = len(images), images.shape[-1]
    each = isinstance(value_range, str) and value_range == "each"
    flat = images.reshape(count, -1).astype(np.float64)
    if signed and channels == 3:
        raise ValueError("signed: expected images of one channel, got three.")
    if isinstance(value_range, str):
        if value_range not in ("shared", "each"):
            raise ValueError(
                f'value_range: expected (low, high), "shared" or "each", got {short(value_range)}.'
            )
        low, high = flat.min(axis=1), flat.max(axis=1)
        if value_range == "shared":
            low, high = np.full(count, low.min()), np.full(count, high.max())
        if signed:
            high = np.maximum(np.abs(low), np.abs(high))
            low = -high
    elif value_range is not None:
        pair = _numbers("value_range", value_range)
        if pair.shape != (2,) or not np.isfinite(pair).all() or pair[0] >= pair[1]:
            raise ValueError(
                f"value_range: expected (low, high) with low below high, got {short(value_range)}."
            )
        if signed and pair[0] != -pair[1]:
            raise ValueError(
                f"value_range: expected (-high, high) for signed images, got {short(value_range)}."
            )
        low, high = np.full(count, pair[0]), np.full(count, pair[1])
    elif signed:
        high = np.full(count, np.abs(flat).max())
        low = -high
    else:
        low, high = _default_range(images)
    return low, high, _range_note(low[0], high[0], each, signed, channels)


def _default_range(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return 0 and 255 for uint8, 0 and 1 for floats and booleans, for each image, or raise."""
    advice = 'State what is black and what is white: value_range=(low, high), "shared" or "each".'
    if images.dtype == np.uint8:
        top = 255.0
    elif images.dtype.kind in "fb":
        top = 1.0
        low, high = float(images.min()), float(images.max())
        if low < 0.0 or high > top:
            raise ValueError(
                f"images: expected floats from 0 to 1, got {low:g} to {high:g}. {advice}"
            )
    else:
        raise TypeError(f"images: expected uint8 or floats, got dtype {images.dtype}. {advice}")
    return np.zeros(len(images)), np.full(len(images), top)


def _range_note(low: float, high: float, each: bool, signed: bool, channels: int) -> str:
    if each and signed:
        return "each image by itself: purple negative, white 0, orange positive"
    if each:
        return "each image by itself: black its lowest value, white its highest"
    if signed:
        return f"purple {low:.3g}, white 0, orange {high:.3g}"
    if channels == 3:
        return f"each channel from {low:.3g} to {high:.3g}"
    return f"black {low:.3g}, white {high:.3g}"
