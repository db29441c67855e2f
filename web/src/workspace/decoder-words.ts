/** How the decoder does, in words. */

import type { DecoderInfo } from "../decoder/decoder.ts";
import { m } from "../texts/messages.ts";

/** What somebody who draws has to know of it; "" when it answers as it should. */
export function decoderTrouble(info: DecoderInfo | undefined): string {
  if (!info || info.state === "empty" || info.state === "loading") return m.annotate_decoder_loading();
  if (info.state === "failed") return m.annotate_decoder_stopped();
  if (info.provider === "wasm" && !info.isolated) return m.annotate_decoder_slow();
  return "";
}

/** Where it answers and how fast, for whoever asks. */
export function decoderFigures(info: DecoderInfo | undefined): string {
  if (!info || info.state === "empty" || info.state === "loading" || info.state === "failed") return "";
  const where =
    info.provider === "webgpu"
      ? m.annotate_decoder_on_card()
      : info.threadsTried
        ? m.annotate_decoder_on_processor_tried({ count: info.threads })
        : m.annotate_decoder_on_processor({ count: info.threads });
  const parts = [info.fallback ? `${where}: ${info.fallback}` : where];
  if (info.lastDecodeMs !== null)
    parts.push(m.annotate_decoder_last_answer({ milliseconds: Math.round(info.lastDecodeMs) }));
  return parts.join("; ");
}
