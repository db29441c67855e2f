import { readFile } from "node:fs/promises";
import { type OrtModule, startOrt } from "./ort-module.ts";

const DIST = new URL("../../node_modules/onnxruntime-web/dist/", import.meta.url);

/** onnxruntime with one thread, as the page starts it, from the files of the package. */
export function ortInNode(): Promise<OrtModule> {
  return startOrt(1, {
    script: new URL("ort-wasm-simd-threaded.mjs", DIST).href,
    compile: async () => WebAssembly.compile(await readFile(new URL("ort-wasm-simd-threaded.wasm", DIST))),
  });
}
