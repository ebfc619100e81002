"""How near the classifier comes to its matrix products alone, at each precision.

The products are those of one layer of DistilBERT again and again, weights laid out once, on one
thread a core side by side, each with rows of its own: the most that these kernels give here. The
classifier's useful operations are its linear layers' and attention's on real tokens. In turn, in
one run.

    python bench/products.py [--texts=512] [--rounds=5] [--precisions="float32;bfloat16;int8"]
"""

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional

from contender import needs_bfloat16
from contest import Contender, names
from material import SEED, machine, make_model, make_texts, write_json, write_texts
from operations import SHAPES, useful_operations
from runinference_metrics.classifier.host_memory import keep_freed_memory

ROWS = (256, 512, 1024, 2048, 4096)
# A measurement of the products lasts so long, and as long as the pass that is under way.
LEAST_SECS = 0.3
# What random inputs become in 8 bits; the speed does not depend on it.
SCALE, ZERO_POINT = 0.03, 128
Product = Callable[[torch.Tensor], torch.Tensor]


def in_float32(weight: torch.Tensor, bias: torch.Tensor) -> Product:
    """torch's own product."""
    return lambda x: functional.linear(x, weight, bias)


def in_bfloat16(weight: torch.Tensor, bias: torch.Tensor) -> Product:
    """oneDNN's, with weights in its own layout."""
    laid_out = torch.ops.mkldnn._reorder_linear_weight(weight.bfloat16())
    low = bias.bfloat16()
    return lambda x: torch.ops.mkldnn._linear_pointwise(x, laid_out, low, "none", [], "")


def in_int8(weight: torch.Tensor, bias: torch.Tensor) -> Product:
    """oneDNN's, from 8 bits to the 8 bits that a next product takes."""
    scales = weight.abs().amax(1) / 127
    rounded = (weight / scales[:, None]).round().to(torch.int8)
    laid_out = torch.ops.onednn.qlinear_prepack(rounded, None)
    zero_points = torch.zeros(len(weight), dtype=torch.long)
    return lambda x: torch.ops.onednn.qlinear_pointwise(
        x, SCALE, ZERO_POINT, laid_out, scales, zero_points, bias,
        SCALE, ZERO_POINT, torch.uint8, "none", [], "",
    )  # fmt: skip


def in_8_bits(x: torch.Tensor) -> torch.Tensor:
    """An input of `in_int8`."""
    return (x / SCALE + ZERO_POINT).round().clamp(0, 255).to(torch.uint8)


@dataclass(frozen=True)
class Kind:
    """How a precision multiplies: what makes a product of weight and bias, and an input of it."""

    product: Callable[[torch.Tensor, torch.Tensor], Product]
    convert: Callable[[torch.Tensor], torch.Tensor]


KINDS = {
    "float32": Kind(in_float32, lambda x: x),
    "bfloat16": Kind(in_bfloat16, lambda x: x.bfloat16()),
    "int8": Kind(in_int8, in_8_bits),
}


class Products:
    """The four products of a layer at a precision, on one thread a core.

    Args:
        kind: the precision.
        cores: the number of threads.

    Raises:
        RuntimeError: torch has no such product here.
    """

    def __init__(self, kind: Kind, cores: int) -> None:
        self._cores = cores
        drawn = torch.Generator().manual_seed(SEED)
        self._products = [
            kind.product(torch.randn(outputs, inputs, generator=drawn) * 0.02, torch.zeros(outputs))
            for outputs, inputs in SHAPES
        ]
        self._inputs = [
            [kind.convert(torch.randn(max(ROWS), inputs, generator=drawn)) for _, inputs in SHAPES]
            for _ in range(cores)
        ]
        self._pass(0, 1)

    def _pass(self, core: int, rows: int) -> list[float]:
        """The seconds of each product."""
        found = []
        for product, x in zip(self._products, self._inputs[core], strict=True):
            started = time.perf_counter()
            product(x[:rows])
            found.append(time.perf_counter() - started)
        return found

    def rates(self, rows: int) -> list[float]:
        """Operations a second of all cores: of the four products together, then of each."""
        together = threading.Barrier(self._cores)

        def on_one(core: int) -> list[float]:
            torch.set_num_threads(1)
            spent = [0.0] * len(SHAPES)
            passes = 0
            with torch.inference_mode():
                self._pass(core, rows)
                together.wait()
                while sum(spent) < LEAST_SECS:
                    spent = [sum(both) for both in zip(spent, self._pass(core, rows), strict=True)]
                    passes += 1
            work = [2.0 * passes * rows * outputs * inputs for outputs, inputs in SHAPES]
            each = [done / secs for done, secs in zip(work, spent, strict=True)]
            return [sum(work) / sum(spent), *each]

        with ThreadPoolExecutor(self._cores) as threads:
            found = list(threads.map(on_one, range(self._cores)))
        return [sum(of_cores) for of_cores in zip(*found, strict=True)]


@dataclass(frozen=True)
class Found:
    """What one precision did, in the order of the rounds; rates in operations a second.

    Args:
        products: by rows, of each round: that of all four together, then of each.
        classifier: the classifier's useful ones.
    """

    products: dict[int, list[list[float]]]
    classifier: list[float]

    @property
    def best_rows(self) -> int:
        """At how many rows the products are fastest together."""
        return max(
            self.products,
            key=lambda rows: statistics.median(one[0] for one in self.products[rows]),
        )

    @property
    def shares(self) -> list[float]:
        """The classifier's share of the products' best rate, round by round."""
        best = [one[0] for one in self.products[self.best_rows]]
        return [ours / most for ours, most in zip(self.classifier, best, strict=True)]


def show(found: dict[str, Found]) -> None:
    """Prints both tables, in GFLOP/s."""
    print("\nProducts alone, all four of a layer, GFLOP/s by rows of each thread")
    print(f"{'':10}" + "".join(f"{rows:>9,}" for rows in ROWS) + "   at the best, each")
    for name, one in found.items():
        cells = [statistics.median(rates[0] for rates in one.products[rows]) for rows in ROWS]
        best = list(zip(*one.products[one.best_rows], strict=True))[1:]
        each = (
            f"{inputs}->{outputs} {statistics.median(rates) / 1e9:,.0f}"
            for (outputs, inputs), rates in zip(SHAPES, best, strict=True)
        )
        figures = "".join(f"{cell / 1e9:9,.0f}" for cell in cells)
        print(f"{name:10}{figures}   {', '.join(each)}")
    print("\nThe classifier's useful GFLOP/s, and their share of the products' best")
    for name, one in found.items():
        shares = one.shares
        useful = statistics.median(one.classifier) / 1e9
        share = f"{statistics.median(shares):8.2f}  ({min(shares):.2f} to {max(shares):.2f})"
        print(f"{name:10}{useful:9,.0f}{share}")


def main() -> None:
    """Measures and prints; writes the result as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precisions", default=";".join(KINDS), help="parted by ;")
    given = parser.parse_args()
    keep_freed_memory()
    print(f"{machine()}; DistilBERT's shapes")
    texts = make_texts(given.texts)
    cores = len(os.sched_getaffinity(0))
    found: dict[str, Found] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = make_model(Path(temporary))
        file = write_texts(folder / "texts.txt", texts)
        operations = useful_operations(folder, texts)
        measured: dict[str, tuple[Products, Contender]] = {}
        for name in names("precisions", given.precisions, KINDS):
            problem = needs_bfloat16() if name == "bfloat16" else None
            try:
                products = None if problem else Products(KINDS[name], cores)
            except (RuntimeError, AttributeError) as error:
                problem = f"torch has no such product here: {str(error).splitlines()[0]}"
                products = None
            if products is None:
                print(f"{name} not run: {problem}")
                continue
            contender = Contender(f"ours {name}", folder, file)
            # oneDNN compiles at the first sight of a shape.
            contender.secs()
            measured[name] = products, contender
            found[name] = Found({rows: [] for rows in ROWS}, [])
        for _ in range(given.rounds):
            for name, (products, contender) in measured.items():
                for rows in ROWS:
                    found[name].products[rows].append(products.rates(rows))
                found[name].classifier.append(operations / contender.secs())
        for _, contender in measured.values():
            contender.end()
    show(found)
    content = {
        name: {"products": one.products, "classifier": one.classifier, "shares": one.shares}
        for name, one in found.items()
    }
    print(f"Written to {write_json('products', content)}")


if __name__ == "__main__":
    main()
