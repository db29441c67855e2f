/** The one way from this page to the server: adds the CSRF token, turns failures into errors, survives a lost login. */
import { m } from "../texts/messages.ts";
import { errorFrom, NetworkError } from "./errors.ts";

export type Fetch = (request: Request) => Promise<Response>;

export interface HttpOptions {
  fetch: Fetch;
  /** Asks the person to sign in again; resolves when that is done. */
  signInAgain: () => Promise<void>;
  /** A fresh CSRF token, for when the server rejects the one in use. */
  renewCsrfToken: () => Promise<string>;
}

const READING = new Set(["GET", "HEAD", "OPTIONS"]);
const TIMEOUT = 30_000; // ms; for what others wait behind

export class Http {
  csrfToken = "";

  constructor(private readonly options: HttpOptions) {}

  /** Resolves with a success only. Waits for the person when the login has expired, and then tries again. */
  readonly fetch: Fetch = async (request) => {
    for (;;) {
      const response = await this.attempt(request, null);
      if (response.ok || response.status === 304) return response;
      if (response.status !== 401 || request.url.endsWith("/session")) throw await failure(response);
      await this.options.signInAgain();
    }
  };

  /**
   * The same without waiting for anything: an expired login is an ApiError with status 401, and a server that does not
   * answer in time is a NetworkError.
   */
  readonly fetchOnce: Fetch = async (request) => {
    const response = await this.attempt(request, TIMEOUT);
    if (response.ok) return response;
    throw await failure(response);
  };

  private async attempt(request: Request, timeout: number | null): Promise<Response> {
    const sentWith = this.csrfToken;
    const response = await this.send(request, timeout);
    if (response.status !== 403 || !(await refusesToken(response))) return response;
    // Whoever renews it may set it here as well, and so may another request that was refused at the same time.
    if (this.csrfToken === sentWith) this.csrfToken = await this.options.renewCsrfToken();
    return this.csrfToken === sentWith ? response : await this.send(request, timeout);
  }

  private async send(original: Request, timeout: number | null): Promise<Response> {
    const request = original.clone(); // the original stays unread, for another attempt
    if (!READING.has(request.method)) request.headers.set("X-CSRFToken", this.csrfToken);
    const signals = timeout === null ? [] : [AbortSignal.timeout(timeout)];
    const signal = AbortSignal.any([original.signal, ...signals]);
    try {
      return await this.options.fetch(new Request(request, { signal }));
    } catch (error) {
      if (original.signal.aborted) throw error;
      throw new NetworkError(m.errors_no_answer(), { cause: error });
    }
  }
}

/** Whether it is the CSRF token that is not taken. The answer stays unread. */
async function refusesToken(response: Response): Promise<boolean> {
  return errorFrom(response, parsed(await response.clone().text())).code === "csrf_failed";
}

async function failure(response: Response): Promise<Error> {
  const text = await response.text();
  return errorFrom(response, parsed(text));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}
