/** Everything that can go wrong between this page and the server is one of two errors. */

import { m } from "../texts/messages.ts";
export interface ErrorBody {
  error: { code: string; message: string; hint?: string; details?: Record<string, unknown> };
}

/** The server answered, and the answer is not a success. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly code: string,
    message: string,
    readonly hint: string,
    /** The HTTP status. */
    readonly status: number,
    readonly details: Readonly<Record<string, unknown>> = {},
    /** Seconds after which the server asks to be tried again; null when it does not say. */
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }
}

/** No answer came: the machine is offline, the server is down, or the request took too long. */
export class NetworkError extends Error {
  override readonly name = "NetworkError";
  readonly code = "no_answer";
  readonly hint = m.errors_no_answer_hint();
}

function isErrorBody(body: unknown): body is ErrorBody {
  const error = (body as Partial<ErrorBody> | null | undefined)?.error;
  return typeof error?.code === "string" && typeof error.message === "string";
}

/** The ApiError for a response that is not a success; `body` is its parsed JSON, or text when it has none. */
export function errorFrom(response: Response, body: unknown): ApiError {
  const seconds = Number(response.headers.get("Retry-After") ?? Number.NaN);
  const retryAfter = Number.isFinite(seconds) ? seconds : null;
  if (isErrorBody(body)) {
    const { code, message, hint, details } = body.error;
    return new ApiError(code, message, hint ?? "", response.status, details ?? {}, retryAfter);
  }
  const message = m.errors_unexpected_status({ status: `${response.status} ${response.statusText}`.trim() });
  return new ApiError(
    "unexpected_answer",
    message,
    m.errors_unexpected_status_hint(),
    response.status,
    {},
    retryAfter,
  );
}

/** Message and hint of any error, for a person. */
export function explain(error: unknown): { message: string; hint: string } {
  if (error instanceof ApiError || error instanceof NetworkError) {
    return { message: error.message, hint: error.hint };
  }
  return { message: error instanceof Error ? error.message : String(error), hint: "" };
}
