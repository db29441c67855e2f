"""The page ``docs/performance.md``: what was measured in one run, with what a reader needs to know of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from limner.atomic import make_folder, write_file
from limner.bench.contenders import OFFICIAL, PLAIN_SAM_2, Models
from limner.bench.harness import Result, environment, table

CLIENT = Path(__file__).parents[1] / "static"  # the built client

HEAD = """# What a click costs

Made by `limner bench decoder --markdown docs/performance.md`; run it to get the figures of your machine.

Limner's two graphs are compared with the published package's ONNX export of SAM ViT-B, on the same seeded weights
(Samlet, another model, against SAM's export too; SAM 2.1 against its own decoder, traced plainly as others do). Both
sides take turns within one run, so that whatever else the machine does falls on both: read the ratios. The official
export ends at the low-resolution logits where Limner's graphs end too; "as published" it also upsamples to the image,
inside its graph: one mask as in the package's notebook, or all four, which is the default of its export script. Times
are in milliseconds: wall clock and, under CPU, that of all threads together, which a busy machine changes less. "ratio"
is that of the medians, "of CPU" that of the CPU times.
"""

NEXT_PART = "\n# What a save costs\n"  # written by hand, as is all that follows

NOTES = """
## Where the time goes

- SAM's `decode` never writes the 4,096 image tokens down (derived in `server/limner/sam/factored/decoder.py`). What is
  left of a click on a square image, node by node in onnxruntime-web (one thread, 38.3 ms): the two transposed
  convolutions 12.8 ms, which run at 19 billion multiplications a second, as all large products there; GELU on 3.1
  million values and the norm before it 6.8; products of attention, norms and tokens 12.2; softmax 2.3; 600 small nodes
  2.8. Of a 2:3 image a third of the upscaling is never computed.
- SAM's prepared tensors are 28 MB. onnxruntime-web's JavaScript would bring them into the runtime's memory on every
  click (3 ms of 72, measured in turns within one page); Limner drives the runtime's own functions
  (`web/src/decoder/processor.ts`), so that they stay where `prepare` has put them, as they do on a graphics card.
  Projections of the positional encoding are not among them: the runtime computes those from constants when it loads the
  graph.
- Twice GELU is x + |x| less |x| over a polynomial of degree 5 to the power of 27, three cubes
  (`server/limner/sam/factored/gelu.py`), within 1e-7 of the exact one everywhere; logits are within 1.4e-6 of the
  largest, as with the exact one (the exporter accepts 1e-4). That is 16 additions, multiplications and the like, at .12
  ns each in onnxruntime-web: 2 ns a value where the exact GELU, by its error function, takes 3.6 and was a quarter of a
  click. With the power of 16, four squares, which was within 1.5e-6, 44.7 ms became 38.3, node by node. Native
  onnxruntime has a fast GELU of its own (.4 ns), so that a click costs a third more there: the graphs are for browsers,
  Python answers clicks in torch with the exact one. Not with max(x, 0): onnxruntime's `Relu` branches for each value,
  and takes 4 ns where signs are mixed, as they are in SAM 2.1's decoder and hardly in SAM's with these seeds (its click
  was dearer than before by a sixth).
- Tried, too: powers of 9, 12 and 18 with degree 5 (8e-6, 3.6e-6, 1e-6) and of 27 with degree 4 (1.2e-5); polynomials
  whose squares and cubes take part in them, which have fewer steps (9e-6 at best with two fewer); an exponential of a
  polynomial (5e-7, but onnxruntime's `Exp` takes 1.5 ns); `BatchNormalization` as a multiplication and an addition in
  one (.09 ns in place of .13 for an addition alone; no difference in a click that could be told under load); smaller
  pieces of the map (a step takes as long for 128 KB as for 2 MB). And power 8 (1.9 ns, 1.0e-5), degree 4 (1.95 ns,
  2.2e-5), degree 3 to the power of 32 (1.9 ns, 3.4e-5); x times a hyperbolic tangent of a polynomial of degree 2 in x²
  (2.0 ns, 2.5e-5); a sigmoid in place of the tangent (.6 ns more); onnxruntime's FastGelu (1.5 ns, but 4.7e-4: logits
  are wrong by 2.4e-4 and would be refused).
- The largest of a softmax over tokens is found by halves: `ReduceMax` along columns has a branch for each value and
  takes .43 ms for a layer where whole rows take .1, twice in a click.
- Tried: onnxruntime-web's own multiplication with the fused multiply-add of relaxed SIMD, by rewriting the bytes of the
  39 places in its kernel where a product is added. It was no faster, in Node 20 on the machine of these figures under
  load (17 to 23 billion multiplications a second where the kernel as it is does 20 to 21): that processor adds while it
  multiplies.
- A kernel of our own makes the masks where one or two threads answer (`web/src/decoder/upscaling`, AssemblyScript,
  5 KB), from the first transposed convolution on: one row of cells at a time, both convolutions, norm, GELU and the
  products with the masks' weights, of which nothing larger than a row is ever written. It works in onnxruntime's own
  memory, so that what `prepare` gave and what `decode` gives are not copied. `decode` is the same graph: it gives what
  the kernel takes beside the masks, and is given a single cell to upscale, which costs nothing. Of a click 19 ms are
  the graph's and 13 the kernel's (processor time, least of 10), for 240 million multiplications and 3.1 million values
  of GELU. Logits are within 1.7e-6 of the largest of the official export's, over 50 prompts on images of all shapes.
- The kernel with the fused multiply-add of relaxed SIMD was no faster (31.9 and 31.8 ms a click, least of 15 in turns;
  Node 20 has it behind a flag), for the reason above, and is not there: a processor that does not add while it
  multiplies would gain.
- The kernel itself takes one thread. Where two answer, a click took 216 ms with it and 350 without (163 and 256 at the
  least of 10 in turns, at load 12; processor time 73 and 109); on a quiet machine this is yet to be measured. Of three
  or more each takes its share of the upscaling in the graph, as before.
- What the kernel does not do: SAM 2.1, whose graph looks at its masks before it answers; Samlet, whose decoder is
  another one; graphics cards.
- `prepare` is one large multiplication (1,701 × 256 × 4,096), which runs at the processor's speed without fused
  multiply-add, which onnxruntime-web is not built with: .95 of its time. All of it costs .74 of an official click. A
  second multiplication of 256 × 256 × 4,096 was only centring and a gain, and is gone: 118 ms became 103 in one run.
  Rows and columns that are not upscaled are not multiplied by the transposed convolution either, a twentieth less on a
  2:3 image. Less can be prepared only at the price of every click (each of its twelve products of 128 rows costs 7 ms
  once, and by its multiplications would cost 3 on each click). But for one click that is the bargain: eleven of the
  products, 1,408 rows, are left out when an image is opened, and zeros take their place; the embedding itself and the
  matrices go to `decode` instead, as 257 more rows and columns of what it multiplies anyhow. `prepare` takes 30 ms then
  where it takes 108, and a click 83 where it takes 41 (processor time under load), with the same answer; the same
  graphs do both (`whole`, an input of `prepare`). The rest is prepared once nobody has asked for anything for 50 ms,
  and in any case before a third answer.
- And it is done before anybody waits, where somebody can be expected to:
  the image that will probably be opened next, whose embedding is loaded ahead, is prepared in the decoder's worker once
  nobody has asked for anything for half a second (`web/src/decoder/worker.ts`), and opening it costs one click.
- Graphs that onnxruntime has optimised beforehand load in about 100 to 140 ms instead of 250 to 310 (SAM ViT-B, both
  graphs), and answer as fast. They are 10.6 MB larger, since products of the positional encoding are then in them
  instead of being computed from constants; without those, they are computed on every click (70 ms instead of 43). A
  tenth of a start is not worth 10.6 MB on the way to everybody: graphs are sent as they are.
- How many threads are fastest is tried, once for each model in a browser: 1, 2 and as many as are sensible answer the
  last click again, in workers of their own, when nobody has asked for anything for 20 s. More threads are taken where
  they need less than nine tenths of the time. What came out holds from the next time on (`web/src/decoder/threads.ts`);
  the tooltip of the model's name in the status bar says so.
- The page decodes on the processor, which is what is measured here. `?decoder=auto` in its address tries WebGPU, where
  prepared tensors stay on the graphics card. It is an experiment: small models of Samlet's and of SAM's kind are tested
  on the page with a card that Chromium emulates, where all logits and scores must agree with the processor's to 1e-4 of
  the largest; no real card was tried. Nearly all of the work is given to the card (548 of the 645 nodes of SAM's
  `decode` and 690 of Samlet's 918, before GELU was taken apart); the rest works out shapes.
- "start" has a browser of its own for each measurement: most of it is the browser compiling the runtime, and whoever
  starts second would find it compiled. Limner's has one `prepare` more in it.
- From one run to the next the ratios of one machine differ by some .03.
- With more than 12 prompt tokens the rank of what a click adds to the image stays at 128 for each block.
- Seeded weights show what a click costs, not how good its mask is. They answer noise, whose outline no mask has; what
  is painted is a mask with a wavy outline instead.
"""


def downloads(folder: Path, models: Models) -> dict[str, int]:
    """Bytes that travel once per browser: each side's graphs, and the runtime as the built client serves it."""
    sizes = {"official export, low-res": (folder / OFFICIAL.file).stat().st_size}
    if PLAIN_SAM_2.model in models:
        sizes["SAM 2.1: plain export, low-res"] = (folder / PLAIN_SAM_2.file).stat().st_size
    for name, (_, manifest) in models.items():
        sizes[f"{name}: prepare and decode"] = manifest.graphs.prepare.bytes + manifest.graphs.decode.bytes
    for runtime in sorted(CLIENT.glob("assets/ort-wasm-*.wasm.br")):
        build = "with WebGPU, only where it is asked for" if ".asyncify" in runtime.name else "without WebGPU"
        sizes[f"onnxruntime-web {build}, brotli"] = runtime.stat().st_size
    return sizes


def write_page(results: Sequence[Result], sizes: Mapping[str, int], path: Path) -> None:
    """Write the results as Markdown, one table for each place and number of threads, and what is downloaded.

    What the page says of other measurements, from ``NEXT_PART`` on, stays.
    """
    known = environment()
    machine = f"{known['cores']} cores, {known['machine']}; onnxruntime {known['onnxruntime']}, torch {known['torch']}."
    parts = [HEAD, f"Machine: {machine}\n"]
    for notes, group in groupby(results, key=lambda result: result.notes):
        parts.append(f"## {notes[:1].upper()}{notes[1:]}\n\n{table(list(group))}\n")
    rows = [f"| {name} | {size / 1e6:.1f} |" for name, size in sizes.items()]
    parts.append("\n".join(["## Downloads", "", "| file | MB |", "|---|---:|", *rows, ""]))
    before = path.read_text("utf-8") if path.exists() else ""
    others = before[before.index(NEXT_PART) :] if NEXT_PART in before else ""
    make_folder(path.parent)
    write_file(path, ("\n".join(parts) + NOTES + others).encode())
