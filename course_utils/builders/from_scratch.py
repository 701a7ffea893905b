"""A dense network and its training, from tensors and a tape alone (lesson 08)."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.arguments import check_whole, short
from course_utils.session import import_tensorflow

if TYPE_CHECKING:
    import tensorflow as tf

Update = Callable[..., None]  # update(gradients, weights, learning_rate=...)

# --- layers ---------------------------------------------------------------------------------


def published(shape: Sequence[int]) -> "tf.Tensor":
    """Return the first values of a weight as they are often published: uniform from 0 to 0.1.

    Here to be compared with :func:`centred`. Hidden units that all start with positive weights
    answer almost alike, and such a network hardly learns.

    >>> published((784, 64)).shape.as_list()
    [784, 64]

    Raises:
        TypeError, ValueError: ``shape`` is not one or more whole numbers above 0.

    Source: F. Chollet, *Deep Learning with Python*, chapter 2. Built in lesson 08.
    """
    return import_tensorflow().random.uniform(_check_shape(shape), 0.0, 0.1)


def centred(shape: Sequence[int]) -> "tf.Tensor":
    """Return the first values of a weight, float32, uniform from -0.05 to 0.05.

    >>> centred((784, 64)).shape.as_list()
    [784, 64]

    Raises:
        TypeError, ValueError: ``shape`` is not one or more whole numbers above 0.

    Source: the range of Keras' ``RandomUniform``. Built in lesson 08.
    """
    return import_tensorflow().random.uniform(_check_shape(shape), -0.05, 0.05)


class NaiveDense:
    """A dense layer: ``activation(inputs · W + b)``.

    ``W`` is a variable of shape (input_size, output_size), ``b`` one of shape (output_size,)
    that starts at 0; both are float32.

    Args:
        input_size: numbers in a sample, 1 or more.
        output_size: numbers in an output, 1 or more.
        activation: applied to the sum, such as ``tf.nn.relu``; without it the sum is returned.
        initial: takes the shape of ``W`` and returns its first values; :func:`centred` if not
            given.

    >>> layer = NaiveDense(784, 10)
    >>> layer(np.zeros((32, 784), "float32")).shape.as_list()
    [32, 10]

    Raises:
        TypeError: a size is not a whole number, or ``activation`` or ``initial`` cannot be called.
        ValueError: a size is below 1, or ``initial`` returns another shape or NaN or infinity.

    Source: F. Chollet, *Deep Learning with Python*, chapter 2. Built in lesson 08.
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        activation: Callable | None = None,
        *,
        initial: Callable = centred,
    ):
        tf = import_tensorflow()
        check_whole("input_size", input_size)
        check_whole("output_size", output_size)
        if activation is not None and not callable(activation):
            raise TypeError(
                f"activation: expected a function such as tf.nn.relu, got {activation!r}."
            )
        if not callable(initial):
            raise TypeError(f"initial: expected a function of a shape, got {short(initial)}.")
        shape = (int(input_size), int(output_size))
        values = tf.cast(initial(shape), tf.float32)
        if tuple(values.shape) != shape:
            raise ValueError(f"initial: expected values of shape {shape}, got {values.shape}.")
        if hasattr(values, "numpy") and not np.isfinite(values.numpy()).all():
            raise ValueError("initial: expected finite values, got NaN or infinity among them.")
        self.activation = activation
        self.W = tf.Variable(values)
        self.b = tf.Variable(tf.zeros(shape[1:]))

    def __call__(self, inputs: Any) -> "tf.Tensor":
        """Return the layer's output, float32 of shape (n, output_size).

        Args:
            inputs: float32 of shape (n, input_size).

        Raises:
            TypeError: ``inputs`` does not hold float32 numbers.
            ValueError: ``inputs`` has another shape.
        """
        tf = import_tensorflow()
        inputs = _as_floats("inputs", inputs)
        size = self.W.shape[0]
        if inputs.shape.rank != 2 or inputs.shape[1] not in (size, None):
            raise ValueError(
                f"inputs: expected the shape (n, {size}), got {tuple(inputs.shape)}. "
                "Flatten images first: images.reshape(len(images), -1)."
            )
        total = tf.matmul(inputs, self.W) + self.b
        return total if self.activation is None else self.activation(total)

    @property
    def weights(self) -> "list[tf.Variable]":
        """The two variables, ``[W, b]``."""
        return [self.W, self.b]


class NaiveSequential:
    """Layers in a row: the output of each is the input of the next.

    Args:
        layers: one or more objects that can be called on a tensor. Those that learn have a list
            ``weights`` of variables.

    >>> tf = import_tensorflow()
    >>> model = NaiveSequential([NaiveDense(784, 64, tf.nn.relu), NaiveDense(64, 10)])
    >>> len(model.weights), model(np.zeros((32, 784), "float32")).shape.as_list()
    (4, [32, 10])

    Raises:
        TypeError: ``layers`` is not a list or tuple, or something in it cannot be called.
        ValueError: ``layers`` is empty.

    Source: F. Chollet, *Deep Learning with Python*, chapter 2. Built in lesson 08.
    """

    def __init__(self, layers: Sequence[Callable]):
        if not isinstance(layers, list | tuple):
            raise TypeError(f"layers: expected a list of layers, got {short(layers)}.")
        if not layers:
            raise ValueError("layers: expected at least one layer, got an empty list.")
        for place, layer in enumerate(layers):
            if not callable(layer):
                raise TypeError(f"layers[{place}]: expected a layer, got {short(layer)}.")
        self.layers = list(layers)

    def __call__(self, inputs: Any) -> "tf.Tensor":
        """Return the output of the last layer. Raises what the layers raise."""
        x = inputs
        for layer in self.layers:
            x = layer(x)
        return x

    @property
    def weights(self) -> "list[tf.Variable]":
        """The variables of all layers, in order."""
        return [weight for layer in self.layers for weight in getattr(layer, "weights", [])]


# --- loss and accuracy ----------------------------------------------------------------------


def cross_entropy(labels: Any, logits: Any) -> "tf.Tensor":
    """Return the mean cross-entropy between labels and the softmax of logits, a float32 scalar.

    The logarithm and the softmax are computed together, after the largest logit of each row has
    been subtracted, so that nothing overflows.

    Args:
        labels: whole numbers of shape (n,), from 0 to classes - 1.
        logits: float32 of shape (n, classes).

    >>> round(float(cross_entropy([3, 7], np.zeros((2, 10), "float32"))), 3)
    2.303

    Raises:
        TypeError: ``labels`` are not whole numbers, or ``logits`` not float32.
        ValueError: no samples, shapes that do not fit, or a label out of range.

    Source: ``tf.nn.sparse_softmax_cross_entropy_with_logits`` (TensorFlow API reference).
    Built in lesson 08.
    """
    tf = import_tensorflow()
    logits = _as_floats("logits", logits)
    if logits.shape.rank != 2 or 0 in logits.shape:
        raise ValueError(
            f"logits: expected the shape (n, classes) with n of 1 or more, got {logits.shape}."
        )
    classes = logits.shape[1]
    labels = _as_labels(labels, len(logits) if logits.shape[0] else None, classes)
    shifted = logits - tf.reduce_max(logits, axis=1, keepdims=True)
    log_of_sum = tf.math.log(tf.reduce_sum(tf.exp(shifted), axis=1))
    right = tf.reduce_sum(tf.one_hot(labels, classes) * shifted, axis=1)
    return tf.reduce_mean(log_of_sum - right)


def accuracy(model: Callable, images: Any, labels: Any) -> float:
    """Return the share of samples, from 0 to 1, whose largest logit is the one of their label.

    Args:
        model: takes float32 of shape (n, features) and returns logits of shape (n, classes).
        images: float32 of shape (n, features).
        labels: whole numbers of shape (n,).

    Raises:
        TypeError, ValueError: no samples, other dtypes, or lengths that differ.

    Built in lesson 08.
    """
    images, labels = _check_samples(images, labels)
    logits = np.asarray(model(images))
    if logits.ndim != 2 or len(logits) != len(labels):
        raise ValueError(
            f"model: expected an output of shape ({len(labels)}, classes), got {logits.shape}."
        )
    return float(np.mean(np.argmax(logits, axis=1) == labels))


# --- batches --------------------------------------------------------------------------------


class BatchGenerator:
    """Samples in batches, in order; the last batch holds what is left.

    Loop over it as often as you like: each loop starts at the first sample. ``num_batches`` is
    the number of batches, ``ceil(n / batch_size)``.

    Args:
        images: float32 of shape (n, features), n of 1 or more.
        labels: whole numbers of shape (n,).
        batch_size: samples in a batch, 1 or more.

    >>> batches = BatchGenerator(np.zeros((300, 784), "float32"), np.zeros(300, "int64"))
    >>> batches.num_batches, [len(labels) for _, labels in batches]
    (3, [128, 128, 44])

    Raises:
        TypeError: other dtypes, or ``batch_size`` is not a whole number.
        ValueError: no samples, lengths that differ, or ``batch_size`` below 1.

    Source: F. Chollet, *Deep Learning with Python*, chapter 2. Built in lesson 08.
    """

    def __init__(self, images: Any, labels: Any, batch_size: int = 128):
        self.images, self.labels = _check_samples(images, labels)
        check_whole("batch_size", batch_size)
        self.batch_size = int(batch_size)
        self.num_batches = math.ceil(len(self.images) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield pairs of images (m, features) and labels (m,), m at most ``batch_size``."""
        for start in range(0, len(self.images), self.batch_size):
            stop = start + self.batch_size
            yield self.images[start:stop], self.labels[start:stop]


# --- steps ----------------------------------------------------------------------------------


def update_weights(gradients: Sequence[Any], weights: Sequence[Any], learning_rate: float) -> None:
    """Move each weight against its gradient: ``w -= learning_rate * g`` (gradient descent).

    Args:
        gradients: one tensor a weight, of its shape; none of them ``None``.
        weights: variables, changed in place.
        learning_rate: a finite number above 0.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: as many gradients as there are not weights, a gradient that is ``None`` or has
            another shape, or a learning rate out of range.

    Source: F. Chollet, *Deep Learning with Python*, chapter 2. Built in lesson 08.
    """
    _check_step(gradients, weights, learning_rate)
    for gradient, weight in zip(gradients, weights, strict=True):
        weight.assign_sub(learning_rate * gradient)


class Momentum:
    """Gradient descent with momentum: steps in one direction add up, others cancel.

    Called as :func:`update_weights` is. Each weight has a velocity that starts at 0:
    ``v = momentum * v - learning_rate * g``, then ``w += v``.

    Args:
        momentum: the share of the velocity that is kept, from 0 to less than 1.

    Raises:
        TypeError: ``momentum`` is not a number.
        ValueError: ``momentum`` is out of range; when called, as :func:`update_weights`, or with
            other weights than before.

    Source: B. Polyak 1964; ``keras.optimizers.SGD`` (Keras API reference). Built in lesson 08.
    """

    def __init__(self, momentum: float = 0.9):
        _check_number("momentum", momentum, low=0.0, below=1.0)
        self.momentum = float(momentum)
        self.velocities: list[Any] | None = None

    def __call__(
        self, gradients: Sequence[Any], weights: Sequence[Any], learning_rate: float
    ) -> None:
        """Change the weights in place by one step."""
        _check_step(gradients, weights, learning_rate)
        if self.velocities is None:
            self.velocities = _zeros_like(weights)
        _check_state(self.velocities, weights)
        for gradient, weight, velocity in zip(gradients, weights, self.velocities, strict=True):
            velocity.assign(self.momentum * velocity - learning_rate * gradient)
            weight.assign_add(velocity)


class Adam:
    """Adam: each number moves by its mean gradient over its root mean square gradient.

    Called as :func:`update_weights` is. Both means are moving ones that start at 0, and are
    corrected for that. ``epsilon`` stands where Keras has it, which differs from the paper's
    algorithm 1 by less than rounding, except for gradients around 1e-7.

    Args:
        beta_1: the share of the mean gradient that is kept, from 0 to less than 1.
        beta_2: the share of the mean squared gradient that is kept, from 0 to less than 1.
        epsilon: above 0; keeps the division finite.

    Raises:
        TypeError: an argument is not a number.
        ValueError: an argument is out of range; when called, as :func:`update_weights`, or with
            other weights than before.

    Source: D. Kingma and J. Ba 2014; ``keras.optimizers.Adam`` (Keras API reference). Built in
    lesson 08.
    """

    def __init__(self, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7):
        _check_number("beta_1", beta_1, low=0.0, below=1.0)
        _check_number("beta_2", beta_2, low=0.0, below=1.0)
        _check_number("epsilon", epsilon, above=0.0)
        self.beta_1, self.beta_2, self.epsilon = float(beta_1), float(beta_2), float(epsilon)
        self.means: list[Any] | None = None
        self.squares: list[Any] | None = None
        self.steps = 0

    def __call__(
        self, gradients: Sequence[Any], weights: Sequence[Any], learning_rate: float
    ) -> None:
        """Change the weights in place by one step."""
        tf = import_tensorflow()
        _check_step(gradients, weights, learning_rate)
        if self.means is None or self.squares is None:
            self.means, self.squares = _zeros_like(weights), _zeros_like(weights)
        _check_state(self.means, weights)
        self.steps += 1
        rate = learning_rate * math.sqrt(1 - self.beta_2**self.steps)
        rate /= 1 - self.beta_1**self.steps
        for g, w, m, s in zip(gradients, weights, self.means, self.squares, strict=True):
            m.assign(self.beta_1 * m + (1 - self.beta_1) * g)
            s.assign(self.beta_2 * s + (1 - self.beta_2) * g**2)
            w.assign_sub(rate * m / (tf.sqrt(s) + self.epsilon))


def one_training_step(
    model: NaiveSequential,
    images: Any,
    labels: Any,
    *,
    learning_rate: float = 0.1,
    update: Update = update_weights,
    loss_function: Callable = cross_entropy,
) -> "tf.Tensor":
    """Move the weights of a model once, by the gradient of one batch; return the loss before.

    Args:
        model: has ``weights``, takes ``images`` and returns logits of shape (n, classes).
        images: float32 of shape (n, features).
        labels: whole numbers of shape (n,).
        learning_rate: a finite number above 0.
        update: called as ``update(gradients, weights, learning_rate)``: :func:`update_weights`,
            or an object that keeps a state, such as ``Momentum()`` or ``Adam()``.
        loss_function: called as ``loss_function(labels, logits)``, returns a scalar.

    Returns:
        The loss of the batch before the step, a float32 scalar.

    Raises:
        TypeError, ValueError: bad images, labels or learning rate, or a weight that the loss does
            not depend on; the message names the argument.

    Source: F. Chollet, *Deep Learning with Python*, chapter 2. Built in lesson 08.
    """
    tf = import_tensorflow()
    _check_model(model, update, loss_function)
    with tf.GradientTape() as tape:
        logits = model(images)
        loss = loss_function(labels, logits)
    gradients = tape.gradient(loss, model.weights)
    update(gradients, model.weights, learning_rate)
    return loss


def fit(
    model: NaiveSequential,
    images: Any,
    labels: Any,
    *,
    epochs: int,
    batch_size: int = 128,
    learning_rate: float = 0.1,
    update: Update = update_weights,
    loss_function: Callable = cross_entropy,
    validation_data: tuple[Any, Any] | None = None,
) -> dict[str, list[float]]:
    """Train a model: once through all samples, in order, for each epoch.

    Args:
        model: has ``weights``, takes ``images`` and returns logits of shape (n, classes).
        images: float32 of shape (n, features), n of 1 or more, in mixed order.
        labels: whole numbers of shape (n,), from 0 to classes - 1.
        epochs: 1 or more.
        batch_size: samples in a step, 1 or more; the last batch holds what is left.
        learning_rate, update, loss_function: as for :func:`one_training_step`.
        validation_data: images and labels that are measured after each epoch and not learned.

    Returns:
        From ``"loss"`` to the mean loss of each epoch, weighted by the size of the batches; with
        ``validation_data`` also from ``"val_accuracy"`` to a share from 0 to 1 an epoch.

    Raises:
        TypeError, ValueError: a bad argument; the message names it.

    Source: F. Chollet, *Deep Learning with Python*, chapter 2. Built in lesson 08; lesson 15
    writes it with TensorFlow's own input pipeline.
    """
    _check_model(model, update, loss_function)
    check_whole("epochs", epochs)
    _check_rate(learning_rate)
    batches = BatchGenerator(images, labels, batch_size)
    if validation_data is not None:
        if not isinstance(validation_data, tuple | list) or len(validation_data) != 2:
            raise TypeError(
                f"validation_data: expected a pair (images, labels), got {short(validation_data)}."
            )
        validation_data = _check_samples(*validation_data, prefix="validation_data: ")
    history: dict[str, list[float]] = {"loss": []}
    for _ in range(epochs):
        total = 0.0
        for batch_images, batch_labels in batches:
            loss = one_training_step(
                model,
                batch_images,
                batch_labels,
                learning_rate=learning_rate,
                update=update,
                loss_function=loss_function,
            )
            total += float(loss) * len(batch_labels)
        history["loss"].append(total / len(batches.labels))
        if validation_data is not None:
            history.setdefault("val_accuracy", []).append(accuracy(model, *validation_data))
    return history


# --- checks of arguments --------------------------------------------------------------------


def _check_number(
    name: str,
    value: Any,
    *,
    low: float | None = None,
    below: float | None = None,
    above: float | None = None,
) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name}: expected a number, got {short(value)}.")
    in_range = math.isfinite(value)
    in_range &= (low is None or value >= low) and (below is None or value < below)
    in_range &= above is None or value > above
    if not in_range:
        wanted = f"a finite number above {above:g}" if above is not None else ""
        wanted = wanted or f"a number from {low:g} to less than {below:g}"
        raise ValueError(f"{name}: expected {wanted}, got {value}.")


def _check_rate(learning_rate: Any) -> None:
    _check_number("learning_rate", learning_rate, above=0.0)


def _check_shape(shape: Any) -> tuple[int, ...]:
    if isinstance(shape, str | bytes) or not hasattr(shape, "__iter__"):
        raise TypeError(f"shape: expected whole numbers such as (784, 64), got {short(shape)}.")
    sizes = tuple(shape)
    if not sizes:
        raise ValueError("shape: expected one or more sizes, got none.")
    for size in sizes:
        check_whole("shape", size)
    return tuple(int(size) for size in sizes)


def _as_floats(name: str, value: Any) -> "tf.Tensor":
    """Return a float32 tensor; NumPy's and Python's floats are narrowed, as TensorFlow does."""
    tf = import_tensorflow()
    if not tf.is_tensor(value):
        try:
            array = np.asarray(value)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"{name}: expected float32 numbers of one shape, got {short(value)}."
            ) from error
        if array.dtype.kind == "f":
            return tf.convert_to_tensor(array.astype(np.float32))
        found = short(value) if array.dtype.kind in "OUSV" else str(array.dtype)
    elif value.dtype == tf.float32:
        return tf.convert_to_tensor(value)
    else:
        found = value.dtype.name
    raise TypeError(
        f"{name}: expected float32, got {found}. "
        'Grey levels become floats from 0 to 1 by images.astype("float32") / 255.'
    )


def _as_labels(labels: Any, count: int | None, classes: int | None) -> "tf.Tensor":
    """Return labels as a tensor, after checking dtype, length and range."""
    tf = import_tensorflow()
    if not tf.is_tensor(labels):
        labels = np.asarray(labels)
        if labels.dtype.kind not in "iu":
            raise TypeError(f"labels: expected whole numbers, got {labels.dtype}.")
        labels = tf.convert_to_tensor(labels.astype(np.int64))
    if not labels.dtype.is_integer:
        raise TypeError(f"labels: expected whole numbers, got {labels.dtype.name}.")
    if labels.shape.rank != 1 or (count and labels.shape[0] not in (count, None)):
        wanted = f"({count},)" if count else "(n,)"
        raise ValueError(
            f"labels: expected the shape {wanted}, one label a sample, got {tuple(labels.shape)}."
        )
    labels = tf.cast(labels, tf.int64)
    if classes and hasattr(labels, "numpy"):
        low, high = int(tf.reduce_min(labels)), int(tf.reduce_max(labels))
        if low < 0 or high >= classes:
            raise ValueError(f"labels: expected 0 to {classes - 1}, got {low} to {high}.")
    return labels


def _check_samples(images: Any, labels: Any, *, prefix: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Return images and labels as arrays that have one length above 0."""
    images, labels = np.asarray(images), np.asarray(labels)
    if images.dtype.kind != "f":
        raise TypeError(
            f"{prefix}images: expected float32, got {images.dtype}. "
            'Write images.astype("float32") / 255.'
        )
    if images.ndim != 2:
        raise ValueError(
            f"{prefix}images: expected the shape (n, features), got {images.shape}. "
            "Write images.reshape(len(images), -1)."
        )
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{prefix}labels: expected whole numbers, got {labels.dtype}.")
    if labels.ndim != 1:
        raise ValueError(f"{prefix}labels: expected the shape (n,), got {labels.shape}.")
    if len(images) != len(labels):
        raise ValueError(
            f"{prefix}labels: expected one a sample, got {len(images)} images "
            f"and {len(labels)} labels."
        )
    if len(images) == 0:
        raise ValueError(f"{prefix}images: expected at least one sample, got none.")
    return images, labels


def _check_model(model: Any, update: Any, loss_function: Any) -> None:
    if not callable(model) or not isinstance(getattr(model, "weights", None), list | tuple):
        raise TypeError(
            f"model: expected something to call that has a list `weights`, got {short(model)}."
        )
    if not model.weights:
        raise ValueError("model: expected at least one weight to train, got none.")
    for name, value, example in (
        ("update", update, "Momentum()"),
        ("loss_function", loss_function, "cross_entropy"),
    ):
        if not callable(value) or isinstance(value, type):
            found = f"the class {value.__name__}" if isinstance(value, type) else short(value)
            raise TypeError(f"{name}: expected something to call such as {example}, got {found}.")


def _check_step(gradients: Any, weights: Any, learning_rate: Any) -> None:
    _check_rate(learning_rate)
    for name, values in (("gradients", gradients), ("weights", weights)):
        if not isinstance(values, list | tuple):
            raise TypeError(f"{name}: expected a list, got {short(values)}.")
    if len(gradients) != len(weights):
        raise ValueError(f"gradients: expected {len(weights)}, one a weight, got {len(gradients)}.")
    for place, (gradient, weight) in enumerate(zip(gradients, weights, strict=True)):
        if not hasattr(weight, "assign_sub"):
            raise TypeError(f"weights[{place}]: expected a variable, got {short(weight)}.")
        if gradient is None:
            raise ValueError(
                f"gradients[{place}]: got None: the loss does not depend on weights[{place}]. "
                "Lesson 05 shows the ways to a None."
            )
        shape = tuple(getattr(gradient, "shape", ()))
        if shape != tuple(weight.shape):
            raise ValueError(
                f"gradients[{place}]: expected the shape {tuple(weight.shape)}, got {shape}."
            )


def _zeros_like(weights: Sequence[Any]) -> list[Any]:
    tf = import_tensorflow()
    return [tf.Variable(tf.zeros_like(weight), trainable=False) for weight in weights]


def _check_state(state: Sequence[Any], weights: Sequence[Any]) -> None:
    shapes = [tuple(value.shape) for value in state]
    if shapes != [tuple(weight.shape) for weight in weights]:
        raise ValueError(
            f"weights: expected those of the first step, of shapes {shapes}. "
            "An object that keeps a state belongs to one model; make a new one for another."
        )
