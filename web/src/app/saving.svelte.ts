import type { Client } from "../api/client.ts";
import { ApiError } from "../api/errors.ts";
import { newUuid } from "../core/ids.ts";
import { Drafts } from "../sync/drafts.ts";
import { LastingDatabase } from "../sync/lasting-database.ts";
import { availableLocks } from "../sync/locks.ts";
import type { SyncState } from "../sync/status.ts";
import { OperationStore } from "../sync/store.ts";
import { Synchroniser } from "../sync/synchroniser.ts";
import { tidy } from "../sync/tidy.ts";
import { m } from "../texts/messages.ts";
import type { Account } from "./account.svelte.ts";

export type { Conflict } from "../sync/overview.ts";

const isNotFound = (error: unknown) => error instanceof ApiError && error.status === 404;

/** That the server would not take what somebody said of an image. */
const MARK_REFUSED = {
  waiting: m.errors_mark_refused_waiting,
  submitted: m.errors_mark_refused_submitted,
  approved: m.errors_mark_refused_approved,
  returned: m.errors_mark_refused_returned,
  skipped: m.errors_mark_refused_skipped,
};

/** The durable queue of this browser and its state, for the pages. */
export class Saving {
  state = $state.raw<SyncState>({ phase: "saved", waiting: 0, atRisk: false, conflicts: [], message: "" });
  /** Told when the server refuses what was said of an image; so is the person. */
  onMarkRefused: (imageId: number) => void = () => undefined;
  private synchroniser: Promise<Synchroniser>;

  /** @param scope names what this browser keeps for the installation */
  constructor(client: Client, account: Account, scope: Promise<string>, onError: (error: unknown) => void) {
    this.synchroniser = scope.then((known) => this.build(client, account, known, onError));
  }

  /** Resolves once somebody has signed in. */
  ready(): Promise<Synchroniser> {
    return this.synchroniser;
  }

  /** What the server does not have, as a file that whoever manages the project can bring in. */
  async unsentFile(name: string): Promise<Blob> {
    const changes = await (await this.synchroniser).unsent();
    const file = { format: "limner unsent changes", version: 1, user: name, changes };
    return new Blob([JSON.stringify(file)], { type: "application/json" });
  }

  /** Try again now: after a login, or when the network is back. */
  async flush(): Promise<void> {
    await (await this.synchroniser).flush();
  }

  /** Flush when the network comes back or the tab is looked at again; ask before work is left that is only here. @returns disposer */
  listen(): () => void {
    const flush = () => {
      if (!document.hidden && this.state.waiting > 0) void this.flush();
    };
    const leave = (event: BeforeUnloadEvent) => {
      if (this.state.atRisk) event.preventDefault();
    };
    window.addEventListener("online", flush);
    window.addEventListener("beforeunload", leave);
    document.addEventListener("visibilitychange", flush);
    return () => {
      window.removeEventListener("online", flush);
      window.removeEventListener("beforeunload", leave);
      document.removeEventListener("visibilitychange", flush);
    };
  }

  private async build(
    client: Client,
    account: Account,
    scope: string,
    onError: (error: unknown) => void,
  ): Promise<Synchroniser> {
    const storage = await LastingDatabase.open(scope);
    const { database } = storage;
    const locks = availableLocks(scope);
    const writer = newUuid();
    const drafts = new Drafts({ database, presence: locks, writer });
    await drafts.announce();
    const isMissing = (imageId: number) => client.image(imageId).then(() => false, isNotFound);
    void tidy({ database, presence: locks, isMissing }).catch(onError);
    return new Synchroniser({
      storage,
      store: new OperationStore(database, newUuid),
      drafts,
      send: client.sendOperation,
      load: (imageId) => client.annotations(imageId),
      locks,
      writer,
      channel: "BroadcastChannel" in window ? new BroadcastChannel(`${scope} sync`) : null,
      onSignedOut: () => void account.signInAgain(),
      onError,
      onMarkRefused: async (imageId, { state }, { message, hint }) => {
        this.onMarkRefused(imageId);
        const name = await client.image(imageId).then(
          (image) => image.file_name,
          () => m.errors_image_unnamed({ id: imageId }),
        );
        onError(new Error(MARK_REFUSED[state]({ image: name, reason: `${message} ${hint}` }).trim()));
      },
      onState: (state) => {
        this.state = state;
      },
    });
  }
}
