/** Loads the model that the server encodes with into the decoder: manifest first, then both graphs at once. */
import type { Client } from "../../api/client.ts";
import { ApiError } from "../../api/errors.ts";
import type { Manifest } from "../../api/types.ts";
import type { Decoder } from "../../session/types.ts";

const EXPORT_POLL = 2000; // ms; the server may still be exporting the graphs of a new model

export async function loadModel(client: Client, decoder: Decoder, signal: AbortSignal): Promise<Manifest> {
  const { model_sha256 } = await client.server();
  const manifest = await whenExported(() => client.manifest(model_sha256), signal);
  const { graphs } = manifest;
  const [prepare, decode] = await Promise.all([
    whenExported(() => client.graph(model_sha256, "prepare", graphs.prepare.sha256), signal),
    whenExported(() => client.graph(model_sha256, "decode", graphs.decode.sha256), signal),
  ]);
  await decoder.loadModel(manifest, prepare, decode);
  return manifest;
}

async function whenExported<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 503) throw error;
      const wait = error.retryAfter === null ? EXPORT_POLL : error.retryAfter * 1000;
      await new Promise((resolve) => setTimeout(resolve, wait));
      signal.throwIfAborted();
    }
  }
}
