"""What the checks of layers and models share, from lesson 24 on."""

from typing import Any

import numpy as np

from course_utils.exercises.engine import call, describe, fail
from course_utils.session import import_tensorflow

import_tensorflow()
import keras  # noqa: E402


def random_batch(*shape: int, seed: int = 0) -> np.ndarray:
    """Return float32 values of the given shape, from a normal distribution."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def expect_class(answer: Any, base: type, name: str) -> None:
    """Check that an answer is a class that derives from ``base``; ``name`` says which class."""
    if not isinstance(answer, type) or not issubclass(answer, base):
        kind = "keras.Model" if base is keras.Model else "keras.layers.Layer"
        fail(f"Got {describe(answer)}; expected the class {name}, derived from {kind}.")


def run_layer(layer: Any, *args: Any, says: dict[str, str] | None = None, **kwargs: Any) -> Any:
    """Call a learner's layer; what goes wrong becomes a verdict that fits its cause.

    Args:
        layer: An instance of the learner's class.
        *args: What it is called with.
        says: From a part of an error's text to the verdict that it earns.
        **kwargs: What it is called with by name.
    """

    def your_call() -> Any:
        try:
            return layer(*args, **kwargs)
        except Exception as error:
            if "cannot add new elements of state" in str(error):
                fail(
                    "Keras refuses it: call makes new weights or layers, and by then the layer is "
                    "built. Make them in __init__ or in build."
                )
            for part, verdict in (says or {}).items():
                if part in str(error):
                    fail(verdict)
            raise

    your_call.__name__ = type(layer).__name__
    return call(your_call)
