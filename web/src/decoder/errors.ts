export type DecoderErrorCode =
  | "no_model" // an image was opened before a model was loaded
  | "broken_model" // the graphs do not load, or are not those that the manifest describes
  | "broken_embedding" // not a file that Limner's encoder writes
  | "model_mismatch" // the embedding was made by another model
  | "decode_failed" // the runtime gave up, or this prompt ended the worker twice
  | "decoder_stopped"; // the worker died too often, or was closed

/** What went wrong in the decoder, in words for people. */
export class DecoderError extends Error {
  override readonly name = "DecoderError";

  constructor(
    readonly code: DecoderErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Any failure as a DecoderError: errors lose their class on the way from the worker. */
export function asDecoderError(error: unknown, code: DecoderErrorCode, doing: string): DecoderError {
  if (error instanceof DecoderError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new DecoderError(code, `${doing}: ${reason}`, { cause: error });
}
