"""What may become the next model: updates of a bounded size, over the rounds of a job, and a model that can answer."""

from collections.abc import Callable

from sunward_trainer.learning.inspection import WORKERS_TO_COMPARE, Refusal, Scale, beyond, scale_of, too_large
from sunward_trainer.learning.models import Weights
from sunward_trainer.protocol.rounds import RoundBook


class Gate:
    """Refuses what goes farther than `factor` times what is usual.

    Usual is what the round's workers do. With fewer than three that says nothing, and the last round's figure is taken;
    without one, the norm of the weights themselves, which no honest round changes many times over.
    """

    def __init__(self, factor: float) -> None:
        self._factor = factor
        self._last: Scale | None = None

    def close(self, book: RoundBook, start: Weights) -> bool:
        """Take back what is too large among the updates that arrived; `start` are the round's weights, (parameters,).

        Whether there was a figure to compare with. One by which nothing at all would be left is forgotten, so that a
        job with one or two workers is not stopped for good by a round that was unusually quiet.
        """
        own = scale_of(book.updates, start) if len(book.answered) >= WORKERS_TO_COMPARE else None
        scale = own or self._last
        is_too_large = too_large(self._factor, scale, start) if scale else beyond(self._factor, start)
        for update in [update for update in book.updates if is_too_large(update)]:
            book.take_back(update, Refusal.NORM_TOO_LARGE)
        self._last = scale_of(book.updates, start) if book.updates else None
        return scale is not None


def usable_accuracy(evaluate: Callable[[Weights], float], weights: Weights) -> float | None:
    """Percent on the test set of a model that may become the checkpoint; None where its answers are no numbers.

    Updates that are harmless one by one may still combine to such a model, above all before there is a usual change.
    """
    try:
        found = evaluate(weights)
    except ArithmeticError:
        return None
    return round(found, 3) if 0.0 <= found <= 100.0 else None
