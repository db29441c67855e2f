import type { Client } from "../../api/client.ts";
import { openSyncDatabase } from "../../sync/database.ts";
import { newUuid } from "../../sync/ids.ts";
import { availableLocks } from "../../sync/locks.ts";
import { OperationStore } from "../../sync/store.ts";
import { Synchroniser, type SyncState } from "../../sync/synchroniser.ts";

/** The durable queue of this browser and its state, for the pages. */
export class Saving {
  state = $state.raw<SyncState>({ phase: "saved", waiting: 0, conflicts: [], message: "" });
  private synchroniser: Promise<Synchroniser>;

  constructor(client: Client, onSignedOut: () => void, onError: (error: unknown) => void) {
    this.synchroniser = this.build(client, onSignedOut, onError);
  }

  ready(): Promise<Synchroniser> {
    return this.synchroniser;
  }

  /** Try again now: after a login, or when the network is back. */
  async flush(): Promise<void> {
    await (await this.synchroniser).flush();
  }

  /** Flush when the network comes back or the tab is looked at again. @returns disposer */
  listen(): () => void {
    const flush = () => {
      if (!document.hidden && this.state.waiting > 0) void this.flush();
    };
    window.addEventListener("online", flush);
    document.addEventListener("visibilitychange", flush);
    return () => {
      window.removeEventListener("online", flush);
      document.removeEventListener("visibilitychange", flush);
    };
  }

  private async build(
    client: Client,
    onSignedOut: () => void,
    onError: (error: unknown) => void,
  ): Promise<Synchroniser> {
    return new Synchroniser({
      store: new OperationStore(await openSyncDatabase(), newUuid),
      send: client.sendOperation,
      load: (imageId) => client.annotations(imageId),
      locks: availableLocks(),
      writer: newUuid(),
      channel: "BroadcastChannel" in window ? new BroadcastChannel("limner-sync") : null,
      onSignedOut,
      onError,
      onState: (state) => {
        this.state = state;
      },
    });
  }
}
