"""Diagrams: what they say, that they repeat, and that they can be read."""

import hashlib
import io
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from fresh_process import run_python
from PIL import Image

from course_utils import diagrams
from course_utils.diagrams import Diagram, DiagramError, draw_graph, show_model
from course_utils.session import import_tensorflow

tf = import_tensorflow()

import keras  # noqa: E402
from keras import layers  # noqa: E402

SCRIPTS = diagrams.sysconfig.get_path("scripts")
PURE = shutil.which("graphviz-pure") or shutil.which("graphviz-pure", path=SCRIPTS)
DOT = shutil.which("dot")
RENDERERS = [
    pytest.param(DOT, id="dot", marks=pytest.mark.skipif(not DOT, reason="no Graphviz here")),
    pytest.param(PURE, id="graphviz-pure"),
]


@pytest.fixture(params=RENDERERS)
def renderer(request, monkeypatch):
    """Let one of the two programs draw."""
    monkeypatch.setattr(diagrams, "find_renderer", lambda: request.param)
    return request.param


# --- models of every kind ---------------------------------------------------------------------


def functional():
    inputs = keras.Input((28, 28, 1), name="image")
    x = inputs
    for filters in (8, 16, 32):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.BatchNormalization()(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x), name="cnn")


def sequential():
    return keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(2)], name="small"
    )


def two_branches():
    words = keras.Input((12,), dtype="int32", name="headline")
    clock = keras.Input((24,), name="context")
    x = layers.LSTM(32)(layers.Embedding(100, 16)(words))
    reposts = layers.Dense(1, name="reposts")(x)
    x = layers.Concatenate()([x, clock])
    likes = layers.Dense(1, name="likes")(layers.Dense(64, activation="relu")(x))
    return keras.Model([words, clock], [likes, reposts], name="headlines")


def inception():
    inputs = keras.Input((28, 28, 16))
    branches = [layers.Conv2D(8, 1, activation="relu")(inputs)]
    for size in (3, 5):
        x = layers.Conv2D(4, 1, activation="relu")(inputs)
        branches.append(layers.Conv2D(8, size, padding="same", activation="relu")(x))
    x = layers.MaxPooling2D(3, 1, padding="same")(inputs)
    branches.append(layers.Conv2D(8, 1, activation="relu")(x))
    return keras.Model(inputs, layers.Concatenate()(branches), name="inception")


def siamese():
    encoder = keras.Sequential(
        [keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(16)], name="encoder"
    )
    left, right = keras.Input((28, 28, 1), name="left"), keras.Input((28, 28, 1), name="right")
    gap = layers.Subtract()([encoder(left), encoder(right)])
    return keras.Model([left, right], layers.Dense(1)(gap), name="siamese")


def two_sizes():
    convolution = layers.Conv2D(4, 3)
    small, large = keras.Input((32, 32, 3)), keras.Input((64, 64, 3))
    return keras.Model([small, large], [convolution(small), convolution(large)], name="sizes")


def three_rounds():
    block = layers.Dense(8, name="block")
    inputs = x = keras.Input((8,))
    for _ in range(3):
        x = block(x)
    return keras.Model(inputs, x, name="rounds")


class Wide(keras.Model):
    def __init__(self):
        super().__init__(name="wide")
        self.hidden = layers.Dense(8, name="hidden")
        self.head = layers.Dense(1, name="head")

    def call(self, inputs):
        return self.head(layers.concatenate([inputs[0], self.hidden(inputs[1])]))


def subclassed():
    model = Wide()
    model([tf.ones((2, 3)), tf.ones((2, 4))])
    return model


KINDS = [functional, sequential, two_branches, inception, siamese, two_sizes, three_rounds]
KINDS += [subclassed]


@pytest.fixture(autouse=True)
def fresh_names():
    keras.utils.clear_session()


def size_of(png):
    return struct.unpack(">II", png[16:24])


def pixels_of(png):
    return Image.open(io.BytesIO(png)).convert("RGBA")


# --- drawing ----------------------------------------------------------------------------------


def test_text_lists_nodes_and_edges():
    nodes = {"x": {"kind": "input"}, "f": {"label": "square", "note": "of x"}, "y": {}}
    diagram = draw_graph(nodes, [("x", "f"), ("f", "y", "float32")], title="One step")
    assert str(diagram) == (
        "One step\n3 nodes: x, square [of x], y\n"
        "2 edges: x -> square [of x]; square [of x] -> y (float32)"
    )


def test_an_empty_graph_can_be_drawn(renderer):
    diagram = draw_graph({}, [])
    assert diagram.text == "0 nodes: \n0 edges"
    assert draw_graph({"alone": {}}, []).png().startswith(b"\x89PNG")


@pytest.mark.parametrize("kind", diagrams.KINDS)
def test_every_kind_of_node_can_be_drawn(kind, renderer):
    assert draw_graph({"a": {"kind": kind, "note": "n"}}, []).png().startswith(b"\x89PNG")


HOSTILE = [
    "<b>bold</b>",
    "a & b",
    "&amp;",
    'say "hi"',
    "it's",
    "back\\slash",
    "back\\",
    "two\nlines",
    "}{|[]",
    "",
    " ",
    "ü – € 数",
    "\x00\x1b[31m",
    "\ud800",
    "-->",
    "\\N \\G",
    "'; drop",
    "a" * 200,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text_can_stand_anywhere(text, renderer):
    nodes = {
        text: {},
        "label": {"label": text},
        "note": {"note": text, "group": text},
    }
    diagram = draw_graph(nodes, [(text, "label", text), ("label", "note")], title=text)
    assert diagram.png().startswith(b"\x89PNG")


def test_labels_are_text_and_not_markup(renderer):
    """What would be bold, were it markup, is drawn with its brackets and so is wider."""
    plain = size_of(draw_graph({"bold": {}}, []).png())[0]
    brackets = size_of(draw_graph({"<b>bold</b>": {}}, []).png())[0]
    assert brackets > plain + 50


@pytest.mark.parametrize(
    ("nodes", "edges", "options", "message"),
    [
        ({"a": {}}, [("a", "b")], {}, r"edges: \('a', 'b'\) names 'b'; the nodes are \['a'\]"),
        ({"a": {"kind": "star"}}, [], {}, "nodes: 'a' has the kind 'star'; expected one of"),
        ({"a": {}}, [], {"direction": "UP"}, 'direction: expected one of "TB", "LR", got \'UP\''),
    ],
)
def test_wrong_arguments_are_explained(nodes, edges, options, message):
    with pytest.raises(ValueError, match=message):
        draw_graph(nodes, edges, **options)


def test_groups_are_framed(renderer):
    nodes = {"a": {}, "b": {"group": "inner"}, "c": {"group": "inner"}}
    framed = draw_graph(nodes, [("a", "b"), ("b", "c")])
    plain = draw_graph({name: {} for name in nodes}, [("a", "b"), ("b", "c")])
    assert size_of(framed.png())[1] > size_of(plain.png())[1]
    assert framed.text == plain.text


def test_left_to_right_is_wider_than_high(renderer):
    chain = {letter: {} for letter in "abcdef"}
    edges = [*zip("abcde", "bcdef", strict=True)]
    width, height = size_of(draw_graph(chain, edges, direction="LR").png())
    assert width > 3 * height
    width, height = size_of(draw_graph(chain, edges).png())
    assert height > 3 * width


# --- programs that draw -------------------------------------------------------------------------


def test_dot_comes_first_then_graphviz_pure(monkeypatch, tmp_path):
    def program(folder, name):
        folder.mkdir(exist_ok=True)
        file = folder / (f"{name}.bat" if os.name == "nt" else name)
        file.write_text("#!/bin/sh\n")
        file.chmod(0o755)
        return str(file)

    scripts, path = tmp_path / "scripts", tmp_path / "path"
    path.mkdir()
    monkeypatch.setattr(diagrams.sysconfig, "get_path", lambda name: str(scripts))
    monkeypatch.setenv("PATH", str(path))
    assert diagrams.find_renderer() is None
    beside_python = program(scripts, "graphviz-pure")
    assert Path(diagrams.find_renderer()).samefile(beside_python)
    on_path = program(path, "graphviz-pure")
    assert Path(diagrams.find_renderer()).samefile(on_path)
    dot = program(path, "dot")
    assert Path(diagrams.find_renderer()).samefile(dot)


def test_without_dot_on_the_path_graphviz_pure_draws(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Path(diagrams.find_renderer()).stem == "graphviz-pure"
    assert draw_graph({"a": {}}, []).png().startswith(b"\x89PNG")


def test_without_any_program_the_text_stays(monkeypatch):
    monkeypatch.setattr(diagrams, "find_renderer", lambda: None)
    diagram = draw_graph({"a": {}}, [])
    for draw in (diagram.png, diagram.svg):
        with pytest.raises(DiagramError, match=r"Neither `dot` nor .* `pip install graphviz-pure`"):
            draw()
    bundle = diagram._repr_mimebundle_()
    assert list(bundle) == ["text/plain"]
    assert bundle["text/plain"].startswith("1 node: a\n0 edges\n(Neither `dot` nor")


def test_a_program_that_fails_is_named(monkeypatch, tmp_path):
    assert diagrams.find_renderer()
    with pytest.raises(DiagramError, match=r"could not draw the diagram: .+"):
        Diagram("digraph { a -> ", "broken").png()
    monkeypatch.setattr(diagrams, "find_renderer", lambda: str(tmp_path / "nothing"))
    with pytest.raises(DiagramError, match="nothing could not draw the diagram: "):
        Diagram("digraph {}", "").png()


def test_a_program_that_hangs_is_stopped(monkeypatch):
    def hang(*args, timeout, **kwargs):
        raise subprocess.TimeoutExpired(args[0], timeout)

    monkeypatch.setattr(diagrams.subprocess, "run", hang)
    with pytest.raises(DiagramError, match="timed out after 60 seconds"):
        Diagram("digraph {}", "").png()


def test_save(renderer, tmp_path):
    diagram = draw_graph({"a": {}}, [])
    assert diagram.save(tmp_path / "a.png").read_bytes() == diagram.png()
    assert "<svg" in diagram.save(str(tmp_path / "a.svg")).read_text(encoding="utf-8")
    with pytest.raises(ValueError, match=r"path: expected a name ending in \.png or \.svg"):
        diagram.save(tmp_path / "a.gif")


# --- the same picture every time ----------------------------------------------------------------


@pytest.mark.parametrize("make", KINDS)
def test_one_model_gives_one_picture(make, renderer):
    model = make()
    first, second = show_model(model), show_model(model)
    assert first.source == second.source
    assert first.text == second.text
    assert first.png() == second.png()


@pytest.mark.parametrize("make", KINDS)
def test_a_model_made_again_gives_the_same_picture(make):
    first = show_model(make())
    keras.utils.clear_session()
    second = show_model(make())
    assert (first.source, first.text) == (second.source, second.text)


def test_another_process_gives_the_same_bytes(tmp_path):
    code = """
        import hashlib, sys
        from tests import test_diagrams as t
        for make in t.KINDS:
            t.keras.utils.clear_session()
            t.keras.layers.Dense(3)  # takes a name and memory
            t.keras.utils.clear_session()
            diagram = t.show_model(make())
            print(make.__name__, hashlib.sha256(diagram.source.encode()).hexdigest(),
                  hashlib.sha256(diagram.png()).hexdigest())
    """
    done = run_python(code, cwd=tmp_path, PYTHONHASHSEED="77")
    lines = done.stdout.splitlines()
    assert len(lines) == len(KINDS)
    for make, line in zip(KINDS, lines, strict=True):
        keras.utils.clear_session()
        diagram = show_model(make())
        source = hashlib.sha256(diagram.source.encode()).hexdigest()
        assert line == f"{make.__name__} {source} {hashlib.sha256(diagram.png()).hexdigest()}"


def test_text_does_not_depend_on_the_program(monkeypatch):
    texts = set()
    for program in filter(None, [DOT, PURE, None]):
        monkeypatch.setattr(diagrams, "find_renderer", lambda program=program: program)
        keras.utils.clear_session()
        bundle, _ = show_model(two_branches())._repr_mimebundle_()
        texts.add(bundle["text/plain"])
    assert len(texts) == 1


# --- what the picture of a model says -------------------------------------------------------------


def test_functional_model():
    text = show_model(functional()).text.splitlines()
    assert text[0] == "Functional model 'cnn'"
    assert text[1] == "  image (InputLayer) (None, 28, 28, 1)"
    assert text[2] == "  conv2d (Conv2D, relu) (None, 28, 28, 8) <- image"
    assert text[-1] == "  dense (Dense, softmax) (None, 10) <- flatten"
    assert len(text) == 13


def test_sequential_model():
    assert show_model(sequential()).text == (
        "Sequential model 'small'\n"
        "  input_layer (InputLayer) (None, 4)\n"
        "  dense (Dense, relu) (None, 3) <- input_layer\n"
        "  dense_1 (Dense) (None, 2) <- dense"
    )


def test_branches_join_and_leave():
    text = show_model(two_branches()).text
    assert "  concatenate (Concatenate) (None, 56) <- lstm, context\n" in text
    assert "  reposts (Dense) (None, 1) <- lstm" in text


def test_a_shared_layer_has_a_box_for_each_call_with_its_own_shape():
    diagram = show_model(two_sizes())
    assert "  conv2d #1 (Conv2D, call 1 of 2) (None, 30, 30, 4) <- input_layer\n" in diagram.text
    assert "  conv2d #2 (Conv2D, call 2 of 2) (None, 62, 62, 4) <- input_layer_1" in diagram.text
    assert diagram.source.count(diagrams.KINDS["highlight"]["fillcolor"]) == 2


def test_three_calls_are_three_boxes_and_no_cycle():
    text = show_model(three_rounds()).text
    assert "  block #2 (Dense, call 2 of 3) (None, 8) <- block #1\n" in text
    assert "  block #3 (Dense, call 3 of 3) (None, 8) <- block #2" in text


def test_calls_outside_the_model_are_not_drawn():
    layer = layers.Dense(2, name="layer")
    inputs = keras.Input((3,))
    layer(keras.Input((3,)))
    model = keras.Model(inputs, layer(inputs), name="m")
    assert show_model(model).text.splitlines()[1:] == [
        "  input_layer (InputLayer) (None, 3)",
        "  layer (Dense) (None, 2) <- input_layer",
    ]


def test_a_model_inside_a_model_is_one_box_or_a_frame(renderer):
    model = siamese()
    text = show_model(model).text
    assert "  encoder #1 (Sequential, call 1 of 2) (None, 16) <- left\n" in text
    opened = show_model(model, nested=True)
    assert "  encoder #1/flatten (Flatten) (None, 784) <- left\n" in opened.text
    assert "  encoder #2/dense (Dense) (None, 16) <- encoder #2/flatten\n" in opened.text
    assert "  subtract (Subtract) (None, 16) <- encoder #1/dense, encoder #2/dense" in opened.text
    assert 'label="encoder, call 2 of 2"' in opened.source
    assert opened.png().startswith(b"\x89PNG")


def test_models_inside_models_inside_models():
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(4, name="core")], name="inner")
    inputs = keras.Input((4,))
    middle = keras.Model(inputs, inner(layers.ReLU(name="relu")(inputs)), name="middle")
    outer = keras.Sequential([keras.Input((4,), name="x"), middle], name="outer")
    diagram = show_model(outer, nested=True)
    assert "  middle/inner/core (Dense) (None, 4) <- middle/relu" in diagram.text
    assert 'label="middle / inner"' in diagram.source


def test_the_end_of_the_model_is_marked_inside_a_model_as_well():
    """The picture that stands in for a model has the colours of the model itself."""
    inner = keras.Sequential(
        [keras.Input((4,)), layers.Dense(4, name="core"), layers.Dense(2, name="end")], name="inner"
    )
    inputs = keras.Input((4,), name="x")
    outer = keras.Model(inputs, inner(1.0 - inputs), name="outer")
    for nested, end in ((False, "inner"), (True, "end")):
        source = show_model(outer, nested=nested).source
        marked = [line for line in source.splitlines() if diagrams.KINDS["output"]["color"] in line]
        assert len(marked) == 1 and end in marked[0]
    middle = keras.Model(inputs, layers.Dense(3, name="last")(inner(inputs)), name="middle")
    source = show_model(middle, nested=True).source
    marked = [line for line in source.splitlines() if diagrams.KINDS["output"]["color"] in line]
    assert len(marked) == 1 and "last" in marked[0]


def test_operations_without_a_layer_are_drawn():
    inputs = keras.Input((4,))
    outputs = keras.ops.reshape(inputs, (-1, 2, 2)) + 1.0
    text = show_model(keras.Model(inputs, outputs)).text
    assert "Reshape" in text
    assert "(Add)" in text


def test_outputs_in_a_dict():
    inputs = {"a": keras.Input((3,), name="a"), "b": keras.Input((3,), name="b")}
    both = layers.Add()([inputs["a"], inputs["b"]])
    model = keras.Model(inputs, {"p": layers.Dense(1)(both), "q": layers.Dense(2)(both)})
    text = show_model(model).text
    assert "(None, 1) <- add" in text
    assert "(None, 2) <- add" in text


def test_shapes_can_be_left_out():
    diagram = show_model(sequential(), shapes=False, title="Two layers")
    assert diagram.text.startswith("Two layers\nSequential model 'small'\n")
    assert "None" not in diagram.text
    assert "None" not in diagram.source


def test_subclassed_model_is_traced_and_left_as_it_was():
    model = subclassed()
    for _ in range(2):
        assert show_model(model).text == (
            "Wide model 'wide'\n"
            "  input_layer (InputLayer) (None, 3)\n"
            "  input_layer (2) (InputLayer) (None, 4)\n"
            "  hidden (Dense) (None, 8) <- input_layer (2)\n"
            "  concatenate (Concatenate) (None, 11) <- input_layer, hidden\n"
            "  head (Dense) (None, 1) <- concatenate"
        )
        with pytest.raises((AttributeError, ValueError), match="has never been called"):
            _ = model.hidden.output


def test_subclassed_model_with_a_dict_of_inputs(recwarn):
    class Named(keras.Model):
        def __init__(self):
            super().__init__(name="named")
            self.dense = layers.Dense(2, name="dense")

        def call(self, inputs):
            return {"p": self.dense(inputs["a"]), "q": self.dense(inputs["b"])}

    model = Named()
    model({"a": tf.ones((5, 3)), "b": tf.ones((5, 3))})
    text = show_model(model).text
    assert "  dense #1 (Dense, call 1 of 2) (None, 2) <- a\n" in text
    assert "(5," not in text
    assert not recwarn.list


def test_models_that_cannot_be_drawn_say_why():
    with pytest.raises(
        TypeError, match=r"model: expected a keras\.Model, got an object of type Dense"
    ):
        show_model(layers.Dense(3))
    for unbuilt in (keras.Sequential([layers.Dense(2)]), Wide()):
        with pytest.raises(ValueError, match=r"has not been built.*Call it once on a batch"):
            show_model(unbuilt)
    with pytest.raises(ValueError, match="direction: expected"):
        show_model(sequential(), direction="left")

    class Choosy(keras.Model):
        def __init__(self):
            super().__init__(name="choosy")
            self.dense = layers.Dense(2)

        def call(self, inputs):
            return self.dense(inputs) if tf.reduce_sum(inputs) > 0 else inputs

    class Pair(keras.Model):
        def __init__(self):
            super().__init__(name="pair")
            self.dense = layers.Dense(2)

        def call(self, a, b):
            return self.dense(a) + self.dense(b)

    for model, args in ((Choosy(), 1), (Pair(), 2)):
        model(*[tf.ones((1, 3))] * args)
        with pytest.raises(ValueError, match=r"cannot be traced on a symbolic input.*keras\.Input"):
            show_model(model)
        assert len(model.dense._inbound_nodes) == 0


def test_a_deep_model_is_drawn():
    inputs = x = keras.Input((4,))
    for _ in range(300):
        x = layers.Identity()(x)
    assert len(show_model(keras.Model(inputs, x)).text.splitlines()) == 302


# --- readable in a notebook -----------------------------------------------------------------------


@pytest.mark.parametrize("make", KINDS)
def test_pictures_of_models_fit_the_notebook_unshrunk(make, renderer):
    width = size_of(show_model(make()).png())[0] * 96 / diagrams.RESOLUTION
    assert width <= diagrams.NOTEBOOK_WIDTH


def test_a_twelve_layer_network_fits_two_screens(renderer):
    height = size_of(show_model(functional()).png())[1] * 96 / diagrams.RESOLUTION
    assert height < 1_200


def test_a_wide_picture_is_scrolled_and_not_shrunk_to_nothing(renderer):
    def shown(count):
        nodes = {f"node number {number}": {} for number in range(count)}
        bundle, metadata = draw_graph(nodes, [])._repr_mimebundle_()
        natural = size_of(bundle["image/png"])[0] * 96 / diagrams.RESOLUTION
        return natural, metadata["image/png"]

    natural, small = shown(2)
    assert small == {"width": round(natural)}
    natural, middle = shown(5)
    assert natural > diagrams.NOTEBOOK_WIDTH
    assert middle == {"width": diagrams.NOTEBOOK_WIDTH}
    natural, large = shown(30)
    assert large["width"] == round(natural * diagrams.SMALLEST_SCALE)
    assert large["unconfined"] is True


def test_pictures_are_crisp(renderer):
    width, _ = size_of(draw_graph({"a": {}}, []).png())
    _, metadata = draw_graph({"a": {}}, [])._repr_mimebundle_()
    assert width == pytest.approx(2 * metadata["image/png"]["width"], abs=2)


@pytest.mark.parametrize("make", [functional, siamese])
def test_pictures_lie_on_a_light_card(make, renderer):
    """So that dark text stays readable on a dark page: no transparent pixel, light corners."""
    picture = pixels_of(show_model(make(), nested=True).png())
    width, height = picture.size
    picture = picture.crop((1, 1, width - 1, height - 1))  # its rim is anti-aliased
    assert picture.getextrema()[3] == (255, 255)
    width, height = picture.size
    for corner in [(0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)]:
        assert picture.getpixel(corner)[:3] == (255, 255, 255)
    grey = picture.convert("L")
    assert sum(grey.histogram()[:80]) > 500  # there is dark ink
    assert sum(grey.histogram()[180:]) > 0.8 * width * height


def test_text_stands_out_from_every_fill():
    def luminance(colour):
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    ink = luminance("#111111")
    for kind in diagrams.KINDS.values():
        assert (luminance(kind["fillcolor"]) + 0.05) / (ink + 0.05) > 7  # WCAG AAA
