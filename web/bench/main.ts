/** The page that `limner bench decoder` drives: it hands the worker to whoever evaluates scripts here. */

import { wrap } from "comlink";
import type { BenchWorker } from "./worker.ts";

const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "bench" });
Object.assign(globalThis, { bench: wrap<BenchWorker>(worker) });
