/** How every call is made: with the types that the server's description gives, through `Http`. */
import createClient from "openapi-fetch";
import type { Fetch } from "./http.ts";
import { ROOT } from "./root.ts";
import type { paths } from "./schema.d.ts";

export type Api = ReturnType<typeof createClient<paths>>;

export interface Apis {
  /** Waits for signing in when the login has expired. */
  readonly api: Api;
  /** Rejects when the login has expired. */
  readonly apiOnce: Api;
}

export type Signal = { signal?: AbortSignal };

/** @param server where the server is: the page's own origin and root, except in tests */
export const apiOf = (fetch: Fetch, server = ROOT): Api => createClient<paths>({ baseUrl: server, fetch });

/**
 * The body of a success. `Http` has thrown for everything else, so that nothing is missing here. The type is named by
 * the caller because openapi-fetch widens tuples such as a bounding box to arrays.
 */
export async function body<T>(answer: Promise<{ data?: unknown }>): Promise<T> {
  return (await answer).data as T;
}
