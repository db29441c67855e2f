import type { Client } from "../api/client.ts";
import { ApiError } from "../api/errors.ts";
import type { Http } from "../api/http.ts";
import type { Permission, Session } from "../api/types.ts";

/** The token in what a person pastes: a whole one-time link or the token alone. */
export function tokenIn(text: string): string {
  const match = /[#?&]token=([^&\s]+)/.exec(text);
  return decodeURIComponent(match?.[1] ?? text).trim();
}

/** Whose work it is that a browser keeps: it is sent to no other installation, and in nobody else's name. */
export function ownerOf({ installation, user }: Session): string {
  return `${installation} ${user.storage_key}`;
}

/** Who is signed in, and the request to sign in again when the login expires in the middle of work. */
export class Account {
  status = $state<"checking" | "in" | "out">("checking");
  id = $state<number | null>(null);
  name = $state("");
  /** What they may do in the installation; a project says what they may do there. */
  permissions = $state.raw<ReadonlySet<Permission>>(new Set());
  /** True while the page is kept and a dialog asks for a new link. */
  expired = $state(false);

  /** As it was when somebody first signed in on this page. */
  readonly session: Promise<Session>;
  private owner: string | null = null;
  private firstSession: (session: Session) => void = () => undefined;
  private waiting: (() => void)[] = [];
  private checking: Promise<void> | null = null;

  /** `onMoved`: somebody else is signed in than the page began with, or another installation is served at this address. */
  constructor(
    private readonly client: Client,
    private readonly http: Http,
    private readonly onSignedIn: () => void,
    private readonly onMoved: () => void,
  ) {
    this.session = new Promise((resolve) => {
      this.firstSession = resolve;
    });
  }

  /** Asks who is signed in; once, if that is being asked already. */
  check(): Promise<void> {
    this.checking ??= this.ask().finally(() => {
      this.checking = null;
    });
    return this.checking;
  }

  private async ask(): Promise<void> {
    try {
      this.accept(await this.client.session());
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      this.status = "out";
    }
  }

  async signIn(linkOrToken: string): Promise<void> {
    this.accept(await this.client.signIn({ token: tokenIn(linkOrToken) }));
  }

  async signInAs(name: string, password: string): Promise<void> {
    this.accept(await this.client.signIn({ name, password }));
  }

  /** Sign out; the page is left where that goes on at a provider. */
  async signOut(leave = (address: string) => location.assign(address)): Promise<void> {
    const address = await this.client.signOut();
    if (address === null) this.status = "out";
    else leave(address);
  }

  /** Whether somebody has signed in meanwhile, in another tab. */
  async lookAgain(): Promise<void> {
    try {
      this.accept(await this.client.session());
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
    }
  }

  /** The token of the login that there is now; another tab may have begun it. */
  async renewCsrfToken(): Promise<string> {
    const session = await this.client.session();
    this.accept(session);
    if (ownerOf(session) !== this.owner) return await new Promise(() => undefined); // the page is being left
    return session.csrf_token;
  }

  /** Resolves when somebody has signed in again. */
  signInAgain(): Promise<void> {
    this.expired = true;
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Somebody has just signed in, or is signed in still. */
  accept(session: Session): void {
    this.owner ??= ownerOf(session);
    if (ownerOf(session) !== this.owner) {
      this.onMoved(); // what waits here is not theirs
      return;
    }
    this.firstSession(session);
    this.http.csrfToken = session.csrf_token;
    this.id = session.user.id;
    this.name = session.user.name;
    this.permissions = new Set(session.permissions);
    this.status = "in";
    this.expired = false;
    for (const resolve of this.waiting.splice(0)) resolve();
    this.onSignedIn();
  }
}
