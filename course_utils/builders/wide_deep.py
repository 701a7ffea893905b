"""Wide and deep, written twice: as a class that can be saved, and as a graph of layers.

Built in lesson 24. After H.-T. Cheng et al., "Wide & Deep Learning for Recommender Systems" (2016):
some inputs go to the answer directly (wide), others through hidden layers (deep).
"""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

from course_utils.arguments import check_whole, check_wholes
from course_utils.session import import_tensorflow

import_tensorflow()
import keras  # noqa: E402  (after the quiet import of TensorFlow)
from keras import layers  # noqa: E402


@keras.saving.register_keras_serializable(package="course_utils")
class WideAndDeep(keras.Model):
    """A model that answers from its wide input and from what hidden layers make of its deep one.

    Importing this module makes the class known to Keras, so that
    ``keras.models.load_model`` finds it in any process.

    Args:
        hidden: the number of units of each hidden layer, which has a ReLU; () leaves two linear
            paths.
        answers: how many numbers the model answers with.
        dropout: the share of the units that each hidden layer drops while the model is trained,
            from 0 to below 1.
        **kwargs: ``name``, ``dtype`` and ``trainable`` of a Keras model.

    Called on a dict with ``wide``, float32 (batch, m), and ``deep``, float32 (batch, n), it returns
    float32 (batch, answers). Both widths are taken from the first call.

    Raises:
        TypeError: an argument has the wrong type, or the model is not called on such a dict.
        ValueError: a size is below 1, ``dropout`` is not from 0 to below 1, or an input is missing.

    Source: Cheng et al. 2016; Keras guide "Making new layers and models via subclassing". Built in
    lesson 24.

    >>> model = WideAndDeep(hidden=(8, 4), answers=2)
    >>> model({"wide": keras.Input((3,)), "deep": keras.Input((5,))}).shape
    (None, 2)
    >>> model.count_params() == (5 * 8 + 8) + (8 * 4 + 4) + ((3 + 4) * 2 + 2)
    True
    """

    def __init__(
        self,
        *,
        hidden: Sequence[int] = (64, 32),
        answers: int = 1,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        hidden, answers, dropout = _check_arguments(hidden, answers, dropout)
        super().__init__(**kwargs)
        self.sizes, self.answers, self.rate = hidden, answers, dropout
        self.deep_path = []
        for number, units in enumerate(hidden, start=1):
            self.deep_path.append(layers.Dense(units, activation="relu", name=f"hidden_{number}"))
            if dropout:
                self.deep_path.append(layers.Dropout(dropout, name=f"drop_{number}"))
        self.join = layers.Concatenate(name="join")
        self.answer = layers.Dense(answers, name="answer")

    def call(self, inputs: Mapping[str, Any], training: bool | None = None) -> Any:
        """Return the answers to a dict of a wide and a deep batch."""
        _check_inputs(inputs)
        x = inputs["deep"]
        for layer in self.deep_path:  # Dropout is told about training by Keras, since call names it
            x = layer(x)
        return self.answer(self.join([inputs["wide"], x]))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same model again."""
        return super().get_config() | {
            "hidden": list(self.sizes),
            "answers": self.answers,
            "dropout": self.rate,
        }


def build_wide_deep(
    *,
    wide: int,
    deep: int,
    hidden: Sequence[int] = (64, 32),
    answers: int = 1,
    dropout: float = 0.0,
) -> "keras.Model":
    """Return the same network as :class:`WideAndDeep`, as a Functional model.

    Args:
        wide: numbers in the wide input.
        deep: numbers in the deep input.
        hidden: the number of units of each hidden layer, which has a ReLU.
        answers: how many numbers the model answers with.
        dropout: the share of the units that each hidden layer drops in training, from 0 to below 1.

    Returns:
        A Functional model, not compiled, from a dict of ``wide``, float32 (batch, wide), and
        ``deep``, float32 (batch, deep), to float32 (batch, answers). Its weights have the order of
        those of the class, so ``set_weights(model.get_weights())`` makes them equal.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: a size is below 1, or ``dropout`` is not from 0 to below 1.

    Source: Cheng et al. 2016; Keras guide "The Functional API". Built in lesson 24.

    >>> build_wide_deep(wide=3, deep=5, hidden=(8, 4), answers=2).output_shape
    (None, 2)
    """
    check_whole("wide", wide)
    check_whole("deep", deep)
    hidden, answers, dropout = _check_arguments(hidden, answers, dropout)
    given = keras.Input((wide,), name="wide")
    start = x = keras.Input((deep,), name="deep")
    for number, units in enumerate(hidden, start=1):
        x = layers.Dense(units, activation="relu", name=f"hidden_{number}")(x)
        if dropout:
            x = layers.Dropout(dropout, name=f"drop_{number}")(x)
    x = layers.Concatenate(name="join")([given, x])
    answer = layers.Dense(answers, name="answer")(x)
    return keras.Model({"wide": given, "deep": start}, answer, name="wide_and_deep")


def _check_arguments(hidden: Any, answers: Any, dropout: Any) -> tuple[tuple[int, ...], int, float]:
    sizes = check_wholes("hidden", hidden, least=0)
    answers = check_whole("answers", answers)
    if isinstance(dropout, bool) or not isinstance(dropout, Real):
        raise TypeError(f"dropout: expected a number from 0 to below 1, got {dropout!r}.")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout: expected a share from 0 to below 1, got {dropout}.")
    return sizes, answers, float(dropout)


def _check_inputs(inputs: Any) -> None:
    if not isinstance(inputs, Mapping):
        raise TypeError(
            "inputs: expected a dict with 'wide' and 'deep', got "
            f'{type(inputs).__name__}. Write {{"wide": ..., "deep": ...}}.'
        )
    missing = [name for name in ("wide", "deep") if name not in inputs]
    if missing:
        raise ValueError(
            f"inputs: expected 'wide' and 'deep', got {sorted(map(str, inputs))}; "
            f"{', '.join(missing)} is missing."
        )
