"""A training loop that takes many steps in one call (lesson 15), and its batches (lesson 16)."""

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.arguments import check_callable, check_flag, check_whole, short
from course_utils.session import import_tensorflow, is_quiet

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

# --- the input pipeline ---------------------------------------------------------------------


def make_batches(
    data: Any,
    *,
    batch_size: int = 32,
    shuffle: bool = False,
    seed: int | None = None,
    reshuffle: bool = True,
    transform: Callable | None = None,
    drop_remainder: bool = False,
) -> "tf.data.Dataset":
    """Return samples that are held in memory as a dataset of batches.

    The dataset slices, shuffles with a buffer that holds all samples, cuts into batches, applies
    ``transform`` to whole batches, and prepares the next batches while one is being used.

    Args:
        data: arrays or tensors whose first axes have the same length n, 1 or more: one of them, or
            a tuple or dict, nested as you like, such as ``(images, labels)`` or
            ``({"text": a, "hour": b}, targets)``. A list counts as one array.
        batch_size: samples in a batch, 1 or more; the last batch holds what is left.
        shuffle: mix the order.
        seed: a whole number, 0 or more, that fixes the mixed orders, together with TensorFlow's
            global seed where one is set; needs ``shuffle``.
        reshuffle: with ``shuffle``, another order each time the dataset is gone through.
        transform: called once on symbolic tensors with the parts of a batch, one argument for
            each part of a tuple, such as ``lambda images, labels: (images / 255, labels)``.
        drop_remainder: leave out a last batch that is not full, so that all shapes are fixed.

    Returns:
        A ``tf.data.Dataset`` of batches with the structure of ``data``.

    >>> batches = make_batches((np.zeros((70, 784), "float32"), np.zeros(70, "int64")))
    >>> len(batches), [len(labels) for _, labels in batches]
    (3, [32, 32, 6])

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: no samples, lengths that differ, a number out of range, a seed or
            ``reshuffle=False`` without ``shuffle``, or no full batch where only full ones count.

    Source: TensorFlow guide "tf.data: Build TensorFlow input pipelines". Built in lesson 16.
    """
    tf = import_tensorflow()
    count = _count_samples(data)
    check_whole("batch_size", batch_size)
    for name, value in (
        ("shuffle", shuffle),
        ("reshuffle", reshuffle),
        ("drop_remainder", drop_remainder),
    ):
        check_flag(name, value)
    if seed is not None:
        check_whole("seed", seed, least=0)
        if not shuffle:
            raise ValueError(f"seed: {seed} has nothing to fix without shuffle=True.")
    if not reshuffle and not shuffle:
        raise ValueError("reshuffle: False means something only together with shuffle=True.")
    if transform is not None:
        check_callable("transform", transform)
    if drop_remainder and batch_size > count:
        raise ValueError(
            f"batch_size: {count} samples do not fill one batch of {batch_size}, and "
            "drop_remainder leaves out what is not full."
        )
    batches = tf.data.Dataset.from_tensor_slices(data)
    if shuffle:
        batches = batches.shuffle(count, seed=seed, reshuffle_each_iteration=reshuffle)
    batches = batches.batch(batch_size, drop_remainder=drop_remainder)
    if transform is not None:
        batches = batches.map(transform, num_parallel_calls=tf.data.AUTOTUNE)
    return batches.prefetch(tf.data.AUTOTUNE)


# --- the loop -------------------------------------------------------------------------------


class TrainingLoop:
    """``fit`` and ``evaluate``, written out: a compiled step, and many steps in one call.

    Each call of the graph takes up to ``steps_per_call`` batches from the dataset's iterator and
    trains on them, without coming back to Python in between. The loss of a step is that of
    ``loss`` plus ``model.losses`` (weight decay, ``add_loss``). The loss of an epoch is the mean
    over samples, so batches count by their size. Metrics start anew at each epoch.

    From the same weights, optimizer and batches it reaches the weights that Keras' ``fit`` does,
    apart from rounding.

    Args:
        model: a Keras model that has its weights. It is called on the first part of a batch.
        optimizer: a Keras optimizer. It is built for the weights of the model that are trainable
            now.
        loss: called as ``loss(targets, outputs)``, such as
            ``keras.losses.SparseCategoricalCrossentropy(from_logits=True)``; returns a scalar, or
            one number a sample, which are averaged. With sample weights it is called as
            ``loss(targets, outputs, sample_weight=weights)``.
        metrics: Keras metrics of different names, each called as
            ``metric.update_state(targets, outputs)``, whose results are single numbers. Sample
            weights do not reach them, as in ``compile(metrics=...)``.
        steps_per_call: the largest number of steps in one call of the graph, 1 or more. The
            progress bar moves once a call.
        jit_compile: compile the step with XLA. Each new batch size is compiled once.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: the model has no weights yet or none that is trainable, two metrics share a
            name or one is called "loss", or ``steps_per_call`` is below 1.

    Source: Keras guides "Writing a training loop from scratch in TensorFlow" and "Customizing what
    happens in fit()". Built in lesson 15, with one step a call; lesson 16 puts many into one.
    """

    def __init__(
        self,
        model: "keras.Model",
        *,
        optimizer: "keras.optimizers.Optimizer",
        loss: Callable,
        metrics: "Sequence[keras.metrics.Metric]" = (),
        steps_per_call: int = 32,
        jit_compile: bool = False,
    ):
        tf = import_tensorflow()
        import keras

        _check_model(model)
        if not isinstance(optimizer, keras.optimizers.Optimizer):
            raise TypeError(
                "optimizer: expected a Keras optimizer such as keras.optimizers.Adam(1e-3), "
                f"got {short(optimizer)}."
            )
        if isinstance(loss, type) or not callable(loss):
            raise TypeError(
                "loss: expected a function of targets and outputs, such as "
                "keras.losses.SparseCategoricalCrossentropy(from_logits=True), "
                f"got {short(loss)}."
            )
        _check_metrics(metrics)
        check_whole("steps_per_call", steps_per_call)
        check_flag("jit_compile", jit_compile)
        self.model, self.optimizer, self.loss = model, optimizer, loss
        self.metrics = tuple(metrics)
        self.steps_per_call = int(steps_per_call)
        self.jit_compile = jit_compile
        optimizer.build(model.trainable_variables)
        self._trained = list(model.trainable_variables)
        # The loss of an epoch: the sum over samples, and the samples.
        self._total, self._count = tf.Variable(0.0), tf.Variable(0.0)
        # TensorFlow counts traces by code and would warn of too many after a few loops, although
        # each traces once. A partial has no code of its own and is counted by itself.
        self._train = tf.function(functools.partial(TrainingLoop._train_steps, self))
        self._test = tf.function(functools.partial(TrainingLoop._test_all, self))
        self._update = self._step
        if jit_compile:
            self._update = tf.function(
                functools.partial(TrainingLoop._step, self), jit_compile=True
            )

    def fit(
        self,
        batches: "tf.data.Dataset",
        *,
        epochs: int = 1,
        steps_per_epoch: int | None = None,
        validation_data: "tf.data.Dataset | None" = None,
        checkpoint: str | Path | None = None,
        progress: bool | None = None,
    ) -> dict[str, list[float]]:
        """Train the model and return the history: from the name of a metric to one value an epoch.

        Args:
            batches: gives batches ``(inputs, targets)`` or ``(inputs, targets, sample_weights)``,
                as :func:`make_batches` does.
            epochs: the number of epochs, 1 or more, those of an interrupted run included.
            steps_per_epoch: steps in an epoch; by default the number of batches. The next epoch
                goes on where this one ends, and the data start again when they are used up.
            validation_data: batches that are measured after each epoch and not learned. The
                history then has ``val_loss`` and so on.
            checkpoint: a folder. After each epoch the state of the run is stored there: weights,
                optimizer, what Dropout has drawn, place in the data, history. A call that finds a
                state goes on from it. It comes to the result of a run that was never interrupted if
                the batches are made in the same way, with the same seeds.
            progress: show a progress bar; by default unless output is being recorded.

        Returns:
            ``"loss"`` and the metrics by name, with ``validation_data`` also ``"val_loss"`` and so
            on, each a list of floats, one an epoch.

        Raises:
            TypeError: an argument has the wrong type, or batches are no tuples of two or three.
            ValueError: a number out of range, no batches, a number of batches that is not known,
                validation data without end, other trainable weights than when the loop was made,
                or a checkpoint of another model or optimizer.

        Built in lesson 15.
        """
        tf = import_tensorflow()
        _check_batches("batches", batches)
        check_whole("epochs", epochs)
        steps = _count_steps(batches, steps_per_epoch)
        if validation_data is not None:
            _check_batches("validation_data", validation_data)
            _check_finite("validation_data", validation_data)
        if checkpoint is not None and not isinstance(checkpoint, str | Path):
            raise TypeError(f"checkpoint: expected a folder, got {short(checkpoint)}.")
        if progress is not None:
            check_flag("progress", progress)
        self._check_trainable()

        # A fresh iterator an epoch is the fastest; one for all epochs is needed where an epoch may
        # end within the data, and for a checkpoint that holds its place.
        one_for_all = checkpoint is not None or steps_per_epoch is not None
        iterator = iter(batches.repeat()) if one_for_all else None
        run = None if checkpoint is None else _Run(self, iterator, checkpoint)
        history: dict[str, list[float]] = {} if run is None else run.restore()
        show = not is_quiet() if progress is None else progress
        for epoch in range(len(history.get("loss", ())), epochs):
            bar = self._make_bar(epoch, epochs, steps) if show else None
            if not one_for_all:
                iterator = iter(batches)
            self._reset()
            done = 0
            while done < steps:
                now = min(self.steps_per_call, steps - done)
                self._train(iterator, tf.constant(now))
                done += now
                if bar is not None and done < steps:
                    bar.update(done, list(self._results().items()))
            results = self._results()
            if validation_data is not None:
                measured = self.evaluate(validation_data)
                results |= {f"val_{name}": value for name, value in measured.items()}
            if bar is not None:
                bar.update(steps, list(results.items()), finalize=True)
            for name, value in results.items():
                history.setdefault(name, []).append(value)
            if run is not None:
                run.save(history)
        return history

    def evaluate(self, batches: "tf.data.Dataset") -> dict[str, float]:
        """Return loss and metrics over all batches, without training.

        Args:
            batches: gives batches ``(inputs, targets)`` or ``(inputs, targets, sample_weights)``.

        Returns:
            From ``"loss"`` and the names of the metrics to floats. The loss is the mean over
            samples, ``model.losses`` included.

        Raises:
            TypeError: ``batches`` is no dataset, or gives no tuples of two or three.
            ValueError: there is no batch, or there is no end of them.

        Built in lesson 15.
        """
        _check_batches("batches", batches)
        _check_finite("batches", batches)
        self._reset()
        self._test(iter(batches))
        return self._results()

    # What is compiled. AutoGraph turns the two loops into loops of the graph.

    def _train_steps(self, iterator: Any, count: "tf.Tensor") -> None:
        tf = import_tensorflow()
        for _ in tf.range(count):
            batch = next(iterator)
            self._record(self._update(*batch), *batch)

    def _test_all(self, iterator: Any) -> None:
        for batch in iterator:
            outputs = self.model(batch[0], training=False)
            self._record((self._loss(outputs, *batch), outputs), *batch)

    def _step(self, inputs: Any, targets: Any, weights: Any = None) -> tuple[Any, Any]:
        """Move the weights by one step; return the loss before it, and the outputs."""
        tf = import_tensorflow()
        with tf.GradientTape() as tape:
            outputs = self.model(inputs, training=True)
            loss = self._loss(outputs, inputs, targets, weights)
            scaled = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, self._trained)
        self.optimizer.apply(gradients, self._trained)
        return loss, outputs

    def _loss(self, outputs: Any, inputs: Any, targets: Any, weights: Any = None) -> "tf.Tensor":
        tf = import_tensorflow()
        if weights is None:
            loss = self.loss(targets, outputs)
        else:
            loss = self.loss(targets, outputs, sample_weight=weights)
        loss = tf.reduce_mean(tf.cast(loss, tf.float32))
        if more := self.model.losses:
            loss += tf.add_n([tf.cast(part, tf.float32) for part in more])
        return loss

    def _record(self, result: Any, inputs: Any, targets: Any, weights: Any = None) -> None:
        tf = import_tensorflow()
        loss, outputs = result
        samples = tf.cast(tf.shape(tf.nest.flatten(targets)[0])[0], tf.float32)
        self._total.assign_add(loss * samples)
        self._count.assign_add(samples)
        for metric in self.metrics:
            metric.update_state(targets, outputs)

    # What is read and set from Python, between calls.

    def _reset(self) -> None:
        self._total.assign(0.0)
        self._count.assign(0.0)
        for metric in self.metrics:
            metric.reset_state()

    def _results(self) -> dict[str, float]:
        count = float(self._count)
        if not count:
            raise ValueError("batches: expected at least one batch with a sample, got none.")
        results = {"loss": float(self._total) / count}
        for metric in self.metrics:
            value = np.asarray(metric.result())
            if value.shape != ():
                raise ValueError(
                    f"metrics: {metric.name!r} has a result of shape {value.shape}; "
                    "expected a single number."
                )
            results[metric.name] = float(value)
        return results

    def _check_trainable(self) -> None:
        now = self.model.trainable_variables
        if [id(weight) for weight in now] != [id(weight) for weight in self._trained]:
            raise ValueError(
                f"model: it has {len(now)} trainable weights now, and the loop was made for "
                f"{len(self._trained)} others. After freezing or thawing, make a new TrainingLoop "
                "with a new optimizer."
            )

    def _make_bar(self, epoch: int, epochs: int, steps: int) -> Any:
        import keras

        names = ["loss", *(metric.name for metric in self.metrics)]
        names += [f"val_{name}" for name in names]
        print(f"Epoch {epoch + 1}/{epochs}")
        return keras.utils.Progbar(steps, stateful_metrics=names)


class _Run:
    """The state of a run in a folder: weights, optimizer, place in the data, history."""

    def __init__(self, loop: TrainingLoop, iterator: Any, folder: str | Path):
        tf = import_tensorflow()
        self._history = tf.Variable("{}", dtype=tf.string)
        # What Dropout and its like have drawn so far is among the model's variables, but not among
        # its weights; a checkpoint of the model alone leaves it out.
        weights = {id(weight) for weight in loop.model.weights}
        seeds = [other.value for other in loop.model.variables if id(other) not in weights]
        self._state = tf.train.Checkpoint(
            model=loop.model,
            optimizer=loop.optimizer,
            seeds=seeds,
            iterator=iterator,
            history=self._history,
        )
        self._manager = tf.train.CheckpointManager(self._state, str(folder), max_to_keep=1)
        self._folder = folder

    def restore(self) -> dict[str, list[float]]:
        """Put back what is stored, if anything, and return the history until then."""
        tf = import_tensorflow()
        newest = self._manager.latest_checkpoint
        if newest is None:
            return {}
        try:
            self._state.restore(newest).assert_existing_objects_matched().assert_consumed()
        except (AssertionError, ValueError, tf.errors.OpError) as error:
            raise ValueError(
                f"checkpoint: the state in {str(self._folder)!r} is not that of this model, "
                "optimizer and data. Give an empty folder, or the model that was trained there."
            ) from error
        return json.loads(self._history.numpy())

    def save(self, history: Mapping[str, list[float]]) -> None:
        """Store the state after an epoch; what was stored before goes when this is complete."""
        self._history.assign(json.dumps(history))
        self._manager.save()


def largest_gap(model: "keras.Model", other: "keras.Model") -> float:
    """Return the largest difference between the weights of two models of the same layers.

    Raises:
        ValueError: the models have other numbers of weights, or weights of other shapes.

    Built in lesson 15.
    """
    pairs = zip(model.get_weights(), other.get_weights(), strict=True)
    return max(float(np.abs(ours - theirs).max()) for ours, theirs in pairs)


# --- checks of arguments --------------------------------------------------------------------


def _count_samples(data: Any) -> int:
    """Check the arrays of a structure and return their common length."""
    tf = import_tensorflow()
    if isinstance(data, list):
        data = np.asarray(data)
    leaves = list(_leaves("data", data))
    if not leaves:
        raise ValueError("data: expected at least one array, got none.")
    lengths = {}
    for name, leaf in leaves:
        if leaf is None or isinstance(leaf, tf.data.Dataset) or callable(leaf):
            raise TypeError(f"{name}: expected an array, got {short(leaf)}.")
        try:
            shape = tf.convert_to_tensor(leaf).shape
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"{name}: expected an array of numbers or texts, got {short(leaf)}."
            ) from error
        if shape.rank == 0:
            raise ValueError(f"{name}: expected an array with a sample a row, got a single value.")
        lengths[name] = int(shape[0])
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ValueError(f"data: expected as many samples in each array, but {found}.")
    count = next(iter(lengths.values()))
    if count == 0:
        raise ValueError("data: expected at least one sample, got none.")
    return count


def _leaves(name: str, data: Any) -> Any:
    """Yield the arrays of nested tuples and dicts, each with a name that says where it stands."""
    if isinstance(data, Mapping):
        for key, part in data.items():
            yield from _leaves(f"{name}[{key!r}]", part)
    elif isinstance(data, tuple):
        for place, part in enumerate(data):
            yield from _leaves(f"{name}[{place}]", part)
    else:
        yield name, data


def _check_model(model: Any) -> None:
    import keras

    if not isinstance(model, keras.Model):
        raise TypeError(f"model: expected a Keras model, got {short(model)}.")
    if not model.built or not model.weights:
        raise ValueError(
            f"model: {model.name!r} has no weights yet. Call it once on a batch, such as "
            "model(images[:1]), before the loop is made."
        )
    if not model.trainable_variables:
        raise ValueError(
            f"model: all weights of {model.name!r} are frozen. Set trainable = True on what is to "
            "be trained."
        )


def _check_metrics(metrics: Any) -> None:
    import keras

    if isinstance(metrics, str) or not isinstance(metrics, Sequence):
        raise TypeError(f"metrics: expected a list of Keras metrics, got {short(metrics)}.")
    names = ["loss"]
    for place, metric in enumerate(metrics):
        if not isinstance(metric, keras.metrics.Metric):
            raise TypeError(
                f"metrics[{place}]: expected a Keras metric such as "
                'keras.metrics.SparseCategoricalAccuracy(name="accuracy"), '
                f"got {short(metric)}."
            )
        if metric.name in names:
            raise ValueError(
                f"metrics[{place}]: the name {metric.name!r} is taken. Give the metric another: "
                'name="...".'
            )
        names.append(metric.name)


def _check_batches(name: str, batches: Any) -> None:
    tf = import_tensorflow()
    if not isinstance(batches, tf.data.Dataset):
        raise TypeError(
            f"{name}: expected a tf.data.Dataset of batches, got {short(batches)}. "
            "make_batches((inputs, targets)) makes one of arrays."
        )
    spec = batches.element_spec
    if not isinstance(spec, tuple) or len(spec) not in (2, 3):
        parts = f"a tuple of {len(spec)}" if isinstance(spec, tuple) else "no tuple"
        raise TypeError(
            f"{name}: expected batches (inputs, targets) or (inputs, targets, sample_weights), "
            f"got {parts}."
        )
    for leaf in tf.nest.flatten(spec):
        if getattr(leaf, "shape", None) is not None and leaf.shape.rank == 0:
            raise ValueError(
                f"{name}: expected batches, got single samples. Put .batch(32) after the dataset."
            )


def _check_finite(name: str, batches: "tf.data.Dataset") -> None:
    tf = import_tensorflow()
    size = int(batches.cardinality())
    if size == tf.data.INFINITE_CARDINALITY:
        raise ValueError(f"{name}: it has no end. Cut it: {name}.take(100).")
    if size == 0:
        raise ValueError(f"{name}: expected at least one batch, got none.")


def _count_steps(batches: "tf.data.Dataset", steps_per_epoch: int | None) -> int:
    tf = import_tensorflow()
    size = int(batches.cardinality())
    if size == 0:
        raise ValueError("batches: expected at least one batch, got none.")
    if steps_per_epoch is not None:
        check_whole("steps_per_epoch", steps_per_epoch)
        return int(steps_per_epoch)
    if size == tf.data.INFINITE_CARDINALITY:
        raise ValueError("steps_per_epoch: the batches have no end; say how many make an epoch.")
    if size == tf.data.UNKNOWN_CARDINALITY:
        raise ValueError(
            "steps_per_epoch: the number of batches is not known; say how many make an epoch. "
            "sum(1 for _ in batches) counts them."
        )
    return size
