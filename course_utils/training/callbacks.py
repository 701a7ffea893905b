"""A progress line for ``fit``, and a learning rate that warms up and then falls (lesson 14)."""

import time
from typing import Any

from course_utils.arguments import check_flag, check_number, check_whole
from course_utils.session import import_tensorflow, is_quiet

import_tensorflow()
import keras  # noqa: E402  (after the quiet import of TensorFlow)


class Progress(keras.callbacks.Callback):
    """Print one line an epoch: how far the run is, its numbers, the seconds that are left.

    For ``model.fit(..., verbose=0, callbacks=[Progress()])``. The time left is the mean time of
    the epochs of this run, times the epochs that are still to come; a run that goes on from a
    later epoch (``initial_epoch``, ``BackupAndRestore``) counts from there.

    Args:
        quiet: True prints nothing, False prints. None prints where a person watches, and is
            silent where outputs are recorded or compared (``COURSE_QUIET=1``).

    Raises:
        TypeError: ``quiet`` is neither a boolean nor None.

    Source: Keras guide "Writing your own callbacks". Built in lesson 14.
    """

    def __init__(self, *, quiet: bool | None = None) -> None:
        if quiet is not None:
            check_flag("quiet", quiet)
        super().__init__()
        self.quiet = is_quiet() if quiet is None else quiet

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Remember when the run began."""
        self.start, self.first = time.perf_counter(), None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Remember with which epoch the run began."""
        if self.first is None:
            self.first = epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Print the line of this epoch."""
        if self.quiet:
            return
        done, total = epoch + 1, self.params["epochs"]
        spent = time.perf_counter() - self.start
        left = spent / (done - self.first) * (total - done)
        numbers = "  ".join(f"{name} {value:.3g}" for name, value in (logs or {}).items())
        print(f"epoch {done}/{total}  {numbers}  {left:.0f} s left")


def warmup_cosine(
    peak: float, *, warmup_steps: int, total_steps: int
) -> "keras.optimizers.schedules.CosineDecay":
    """Return a learning rate that rises from 0 to ``peak`` and then falls to 0 along a cosine.

    For an optimiser: ``keras.optimizers.Adam(warmup_cosine(...))``. Steps are batches, counted
    by the optimiser from 0. For a step s, with W warm-up steps of N in all, the rate is

        peak * s / W                                      while s < W,
        peak * (1 + cos(pi * (s - W) / (N - W))) / 2      while s < N, and 0 from then on.

    >>> rate = warmup_cosine(0.1, warmup_steps=10, total_steps=110)
    >>> [round(float(rate(step)), 3) for step in (0, 5, 10, 60, 110)]
    [0.0, 0.05, 0.1, 0.05, 0.0]

    Args:
        peak: the highest rate, above 0.
        warmup_steps: the number of batches until the peak; 0 starts there.
        total_steps: the number of batches of the whole run: epochs times batches an epoch.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: ``peak`` is not a finite number above 0, ``warmup_steps`` is below 0, or
            ``total_steps`` is not larger than ``warmup_steps``.

    Source: Loshchilov and Hutter 2016, "SGDR: stochastic gradient descent with warm restarts";
    Goyal et al. 2017, "Accurate, large minibatch SGD", for the warm-up. Built in lesson 14.
    """
    peak = check_number("peak", peak, above=0)
    warmup_steps = check_whole("warmup_steps", warmup_steps, least=0)
    total_steps = check_whole("total_steps", total_steps, least=0)
    if total_steps <= warmup_steps:
        raise ValueError(
            f"total_steps: expected more than the {warmup_steps} warm-up steps, "
            f"got {total_steps}. Count all batches: epochs times batches an epoch."
        )
    fall = total_steps - warmup_steps
    if warmup_steps == 0:
        return keras.optimizers.schedules.CosineDecay(peak, fall)
    return keras.optimizers.schedules.CosineDecay(
        0.0, fall, warmup_target=peak, warmup_steps=warmup_steps
    )
