/** How the decoder does, in words. */
import type { DecoderInfo } from "../decoder/decoder.ts";

/** What somebody who draws has to know of it; "" when it answers as it should. */
export function decoderTrouble(info: DecoderInfo | undefined): string {
  if (!info || info.state === "empty" || info.state === "loading") return "Loading the model…";
  if (info.state === "failed") return "Model stopped";
  if (info.provider === "wasm" && !info.isolated) return "Slow: page is not isolated";
  return "";
}

/** Where it answers and how fast, for whoever asks. */
export function decoderFigures(info: DecoderInfo | undefined): string {
  if (!info || info.state === "empty" || info.state === "loading" || info.state === "failed") return "";
  const threads = `${info.threads} ${info.threads === 1 ? "thread" : "threads"}`;
  const tried = info.threadsTried ? ", the fastest number that was tried" : "";
  const where =
    info.provider === "webgpu" ? "On the graphics card (WebGPU)" : `On the processor with ${threads}${tried}`;
  const parts = [info.fallback ? `${where}: ${info.fallback}` : where];
  if (info.lastDecodeMs !== null) parts.push(`last answer in ${Math.round(info.lastDecodeMs)} ms`);
  return parts.join("; ");
}
