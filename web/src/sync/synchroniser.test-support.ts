/** A tab with its synchroniser on a server that does as it is told, fresh for every test of a file that imports this. */

import "fake-indexeddb/auto";
import { afterEach, beforeEach, vi } from "vitest";
import type { AnnotationContent, ImageState, MarkOperation, Operation } from "../api/types.ts";
import type { SyncDatabase } from "./database.ts";
import { Drafts } from "./drafts.ts";
import { FakeServer } from "./fake-server.test-support.ts";
import { LastingDatabase } from "./lasting-database.ts";
import { type Locks, type Presence, TabLocks } from "./locks.ts";
import type { SyncState } from "./status.ts";
import { OperationStore } from "./store.ts";
import { Synchroniser } from "./synchroniser.ts";

export const content = (counts: string, category: number | null = 1): AnnotationContent => ({
  category_id: category,
  segmentation: { size: [4, 4], counts },
  iscrowd: 0,
  attributes: {},
  provenance: null,
});
export const create = (uid: string, counts = "00"): Operation => ({
  kind: "create",
  uid,
  ...content(counts),
});
export const recolour = (uid: string, category_id: number): Operation => ({
  kind: "update",
  uid,
  changes: { category_id },
});
export const repaint = (uid: string, counts: string): Operation => ({
  kind: "update",
  uid,
  changes: { segmentation: { size: [4, 4], counts } },
});
export const marked = (state: ImageState, note = ""): MarkOperation => ({
  kind: "mark",
  uid: crypto.randomUUID(),
  state,
  note,
});

export class Tab {
  state: SyncState = { phase: "saved", waiting: 0, atRisk: false, conflicts: [], message: "" };
  signedOut = 0;
  errors: unknown[] = [];
  /** Marks that the server would not take: image, state, code. */
  refused: unknown[][] = [];
  readonly drafts: Drafts;
  readonly sync: Synchroniser;

  constructor(
    server: FakeServer,
    storage: LastingDatabase,
    locks: Pick<Locks, "exclusive">,
    channel: BroadcastChannel | null = null,
    presence: Presence = new TabLocks(),
  ) {
    const writer = crypto.randomUUID();
    const { database } = storage;
    this.drafts = new Drafts({ database, presence, writer });
    this.sync = new Synchroniser({
      storage,
      store: new OperationStore(database, () => crypto.randomUUID()),
      send: server.client.sendOperation,
      load: (imageId) => server.client.annotations(imageId),
      locks,
      drafts: this.drafts,
      writer,
      channel,
      onSignedOut: () => this.signedOut++,
      onMarkRefused: (imageId, { state }, { code }) => this.refused.push([imageId, state, code]),
      onError: (error) => this.errors.push(error),
      onState: (state) => {
        this.state = state;
      },
      backoff: () => 2 ** 30, // retried by hand
    });
  }
}

export let name: string;
export let storage: LastingDatabase;
export let database: SyncDatabase;
export let server: FakeServer;
export let locks: Locks;
export let tab: Tab;

beforeEach(async () => {
  name = `sync ${crypto.randomUUID()}`;
  storage = await LastingDatabase.open(name);
  ({ database } = storage);
  server = new FakeServer();
  locks = new TabLocks();
  tab = new Tab(server, storage, locks);
});

afterEach(async () => {
  vi.restoreAllMocks();
  await tab.sync.settled();
  vi.useRealTimers();
  database.close();
});

export const open = (who = tab) => who.sync.openImage(server.current());
export const masks = () => server.current().annotations.map((each) => [each.uid, each.segmentation.counts]);
export const categories = () => server.current().annotations.map((each) => [each.uid, each.category_id]);

/** For a test that needs more than one. */
export function replaceServer(): void {
  server = new FakeServer();
}
