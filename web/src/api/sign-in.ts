/** Signing in with a provider. Where nobody is signed in yet an answer of 401 is an error, not a reason to wait. */
import { apiOf } from "./calls.ts";
import type { Http } from "./http.ts";
import type { paths } from "./schema.d.ts";
import type { Session, SignInProvider } from "./types.ts";

type Finish = paths["/api/v1/sign-in/{provider}/finish"]["post"];
export type ProviderAnswer = Finish["requestBody"]["content"]["application/json"];

const FIELDS = ["state", "code", "error", "error_description", "iss"] as const;

/** What a provider wrote into the address to which the browser came back; null when it wrote nothing. */
export function answerIn(search: string): ProviderAnswer | null {
  const query = new URLSearchParams(search);
  if (!query.has("code") && !query.has("error")) return null;
  const found = FIELDS.flatMap((name) => (query.has(name) ? [[name, query.get(name)]] : []));
  return { state: "", ...Object.fromEntries(found) };
}

export class SignInClient {
  private readonly api;

  constructor(http: Http) {
    this.api = apiOf(http.fetchOnce);
  }

  providers = async (): Promise<SignInProvider[]> =>
    (await this.api.GET("/api/v1/sign-in")).data?.providers ?? [];

  /** The address to which the browser goes. */
  begin = async (provider: string, invitation: string | null): Promise<string> => {
    const params = { path: { provider } };
    const body = invitation === null ? {} : { invitation };
    const { data } = await this.api.POST("/api/v1/sign-in/{provider}/begin", { params, body });
    return data!.address;
  };

  /** Who is signed in now; null: the account that was signed in is connected. */
  finish = async (provider: string, answer: ProviderAnswer): Promise<Session | null> => {
    const params = { path: { provider } };
    const { data } = await this.api.POST("/api/v1/sign-in/{provider}/finish", { params, body: answer });
    return data!.session;
  };
}
