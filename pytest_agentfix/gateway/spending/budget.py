"""One cluster's spending: the worst case is reserved first, the real cost charged afterwards."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType

from pytest_agentfix.core.model import Tokens
from pytest_agentfix.gateway.admission.rules import Admission
from pytest_agentfix.gateway.providers.prices import Prices
from pytest_agentfix.gateway.spending.cap_messages import describe_cut
from pytest_agentfix.gateway.spending.ledger import (
    Account,
    Amount,
    CapError,
    Demand,
    Hold,
    Ledger,
)
from pytest_agentfix.gateway.spending.token_estimate import (
    PromptEstimator,
    PromptEstimators,
    RequestSize,
    is_plausible,
)
from pytest_agentfix.gateway.spending.usage import UsageScanner

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """The known facts about a run's models: prices by model id, and the longest prompt."""

    prices: Mapping[str, Prices] = field(default_factory=dict)
    context_limit: int | None = None


class Budget:
    """One cluster's side of the ledger. Shared by the threads of its gateway.

    ``account`` is the cluster's, if it has one already; its own sums are those of this budget only.
    ``estimators`` are the run's.
    """

    def __init__(
        self,
        ledger: Ledger,
        tariff: Tariff,
        account: Account | None = None,
        estimators: PromptEstimators | None = None,
    ) -> None:
        self._ledger = ledger
        self._tariff = tariff
        self._cluster = account or ledger.run.open("cluster")
        self._attempt = self._cluster.open("attempt")
        self._estimators = estimators or PromptEstimators()
        self._excess = Amount()
        self._lock = threading.Lock()
        self._tokens = Tokens()
        self._cost: float | None = None
        self._is_cost_known = True

    def begin_attempt(self) -> None:
        """Start a new attempt's account."""
        self._attempt = self._cluster.open("attempt")

    def reserve(self, admission: Admission, *, is_repeated: bool) -> Reservation:
        """Reserve the most that a request can take, with its answer cut to what the caps leave.

        Raises ``CapError`` or ``BusyError``. A retry by the gateway itself (``is_repeated``) does
        not count as another request.
        """
        request_size = RequestSize(
            body=admission.body,
            images=admission.images,
            is_measurable=admission.is_measurable,
        )
        estimator = self._estimators.find(
            admission.url, admission.model, context_limit=self._tariff.context_limit
        )
        prompt = estimator.bound(request_size)
        prices = self._tariff.prices.get(admission.model)
        self._refuse_unknown(admission, prices, prompt)
        with self._lock:
            excess = self._excess
        known = len(request_size.body) if prompt is None else prompt
        demand = Demand(
            fixed=Amount(
                requests=0 if is_repeated else 1,
                tokens=known + excess.tokens,
                cost=self._charge_most(prices, known, excess.tokens) + excess.cost,
            ),
            each=Amount(tokens=1, cost=prices.find_output_price(known) if prices else 0.0),
            most=admission.max_output,
            least=admission.least_output,
        )
        hold = self._ledger.hold(self._attempt, demand)
        most = Tokens(input=known, output=hold.grant.output + excess.tokens)
        return Reservation(self, hold, request_size, most, (estimator, prices))

    @staticmethod
    def _charge_most(prices: Prices | None, prompt: int, output: int) -> float:
        return 0.0 if prices is None else prices.charge_at_most(prompt=prompt, output=output)

    def _refuse_unknown(
        self, admission: Admission, prices: Prices | None, prompt: int | None
    ) -> None:
        """Refuse a request whose worst case is unknown, if a cap depends on it."""
        caps = self._ledger.caps
        if prices is None and caps.has("cost"):
            words = f"the price of {admission.model} is unknown (set agent_fix_price)"
            raise CapError("run", words)
        if prompt is None and (caps.has("cost") or caps.has("tokens")):
            words = (
                "a request contains a document or a recording, whose tokens cannot be known"
                " beforehand, so no cap on tokens or money could be kept with it"
            )
            raise CapError("cluster", words)

    def _weigh(
        self, tokens: Tokens, prices: Prices | None, *, requests: int, is_most: bool
    ) -> Amount:
        if prices is None or is_most:
            cost = self._charge_most(prices, tokens.input, tokens.output)
        else:
            cost = prices.charge(tokens)
        return Amount(requests=requests, tokens=tokens.total, cost=cost)

    def charge(
        self, reservation: Reservation, tokens: Tokens, *, is_most: bool, said: float = 0.0
    ) -> float | None:
        """Charge ``tokens`` in place of the amount held; ``is_most``: at the highest price.

        ``said`` is the cost that the provider reports, which counts if it is higher. Returns the
        cost in US dollars, ``None`` if no price is known.
        """
        held = reservation.hold.amount
        amount = self._weigh(tokens, reservation.prices, requests=held.requests, is_most=is_most)
        if reservation.prices is not None:
            amount = replace(amount, cost=max(amount.cost, said))
        reservation.hold.settle(amount)
        with self._lock:
            self._note_excess(amount, held)
            self._tokens += tokens
            self._is_cost_known = self._is_cost_known and reservation.prices is not None
            self._cost = (self._cost or 0.0) + amount.cost
        return None if reservation.prices is None else amount.cost

    def _note_excess(self, amount: Amount, held: Amount) -> None:
        """Hold that much more from now on: what exceeded its worst case may do so again."""
        self._excess = Amount(
            tokens=self._excess.tokens + max(0, amount.tokens - held.tokens),
            cost=self._excess.cost + max(0.0, amount.cost - held.cost),
        )

    def find_timeout(self) -> str:
        """Return the description of a time cap that has passed, "" if none has."""
        return self._ledger.find_timeout(self._attempt)

    @property
    def account(self) -> Account:
        """The account of the cluster in the ledger."""
        return self._cluster

    @property
    def tokens(self) -> Tokens:
        """The tokens charged here; an answer that broke off counts with its worst case."""
        with self._lock:
            return self._tokens

    @property
    def cost(self) -> float | None:
        """US dollars, ``None`` if nothing was requested or a price is unknown."""
        with self._lock:
            return self._cost if self._is_cost_known else None


class Reservation:
    """The amount reserved for one try of a request; a context manager that charges it all at exit.

    It does so unless something else was settled before: whatever goes wrong, the provider may have
    made an answer that has to be paid for.
    """

    def __init__(
        self,
        budget: Budget,
        hold: Hold,
        request_size: RequestSize,
        most: Tokens,
        model: tuple[PromptEstimator, Prices | None],
    ) -> None:
        self.hold = hold
        self._estimator, self.prices = model
        self.tokens = Tokens()  # charged; zero until then
        self.cost: float | None = None  # US dollars charged
        self._budget = budget
        self._request_size = request_size
        self._most = most
        self._is_open = True

    @property
    def output(self) -> int:
        """The most tokens that the answer may have."""
        return self.hold.grant.output

    @property
    def cut_by(self) -> str:
        """The cap that has cut the answer, "" if none has."""
        return self.hold.grant.cut_by

    def describe_cut(self) -> str:
        """Return the message that the answer ended at its cut limit."""
        return describe_cut(self.cut_by, self.output)

    def __enter__(self) -> Reservation:  # noqa: PYI034 - nothing derives from it
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._charge(self._most, is_most=True)

    def release(self) -> None:
        """Charge nothing: it was not sent, and does not even count as a request."""
        self._is_open = False
        self.hold.settle(Amount())

    def settle_nothing(self) -> None:
        """Charge the request but no tokens: no model has answered."""
        self._charge(Tokens(), is_most=False)

    def settle(self, scanner: UsageScanner, *, is_whole: bool) -> None:
        """Charge an answer: the provider's count, or the worst case without a complete one.

        If the count of a part already exceeds the worst case, the count is charged.
        """
        counted = scanner.tokens
        if is_whole and scanner.is_complete and scanner.has_prompt:
            if is_plausible(self._request_size, counted, events=scanner.events):
                self._estimator.learn(self._request_size, counted)
                self._charge(counted, is_most=False, said=scanner.cost)
                return
            _log.warning("the provider's count of tokens is too low to be true: %s", counted)
        prompt = max(self._most.input, counted.input + counted.cached + counted.written)
        most = Tokens(input=prompt, output=max(self._most.output, counted.output))
        self._charge(most, is_most=True, said=scanner.cost)

    def _charge(self, tokens: Tokens, *, is_most: bool, said: float = 0.0) -> None:
        if self._is_open:
            self._is_open = False
            self.tokens = tokens
            self.cost = self._budget.charge(self, tokens, is_most=is_most, said=said)
