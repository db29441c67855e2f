/** Everything that can go wrong between this page and the server is one of two errors. */

import { locale } from "../texts/locale.ts";
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

/** Whether an error says that the server is away or has no time, and not that something is wrong with the request. */
export const isAway = (error: unknown): boolean =>
  error instanceof NetworkError || (error instanceof ApiError && [502, 503, 504].includes(error.status));

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

/** What the server answers most, by its code. It says more itself, in English. */
const BY_CODE: Readonly<Record<string, () => string>> = {
  not_signed_in: m.errors_code_not_signed_in,
  csrf_failed: m.errors_code_csrf_failed,
  forbidden: m.errors_code_forbidden,
  not_found: m.errors_code_not_found,
  stale_revision: m.errors_code_stale_revision,
  model_changed: m.errors_code_model_changed,
  name_taken: m.errors_code_name_taken,
  category_in_use: m.errors_code_category_in_use,
  invalid_image: m.errors_code_invalid_image,
  image_too_large: m.errors_code_image_too_large,
  invalid_file: m.errors_code_invalid_file,
  too_large: m.errors_code_too_large,
  encoder_failed: m.errors_code_encoder_failed,
  unavailable: m.errors_code_unavailable,
  no_network: m.errors_code_no_network,
  storage_full: m.errors_code_storage_full,
  request_timeout: m.errors_code_request_timeout,
  weak_password: m.errors_code_weak_password,
  invalid_invitation: m.errors_code_invalid_invitation,
  last_owner: m.errors_code_last_owner,
  sign_in_failed: m.errors_code_sign_in_failed,
};

/** Message and hint of any error, for a person. The server speaks English: in other languages its words come after what they mean. */
export function explain(error: unknown): { message: string; hint: string } {
  if (error instanceof NetworkError) return { message: error.message, hint: error.hint };
  if (error instanceof ApiError) {
    const { message, hint } = error;
    const said = locale() === "en" ? undefined : BY_CODE[error.code]?.();
    return { message: said ? m.errors_server_said({ said, message }) : message, hint };
  }
  return { message: error instanceof Error ? error.message : String(error), hint: "" };
}
