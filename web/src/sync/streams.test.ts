import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { TabLocks } from "./locks.ts";
import { ProjectStreams, type Sharing } from "./streams.ts";

/** A connection to the server as a page sees it. */
class FakeSource extends EventTarget {
  static readonly CLOSED = 2;
  static all: FakeSource[] = [];
  readyState = 0;

  constructor(readonly url: string) {
    super();
    FakeSource.all.push(this);
  }

  static get open(): FakeSource[] {
    return FakeSource.all.filter(({ readyState }) => readyState !== FakeSource.CLOSED);
  }

  say(name: string, data: object, lastEventId: string): void {
    this.dispatchEvent(new MessageEvent(name, { data: JSON.stringify(data), lastEventId }));
  }

  close(): void {
    this.readyState = FakeSource.CLOSED;
  }
}

let locks: TabLocks;
let tabs: Tab[];
const browser = crypto.randomUUID();

class Tab {
  readonly heard: string[] = [];
  readonly close: () => void;

  constructor(shared = true) {
    const sharing: Sharing = { locks, channel: (name) => new BroadcastChannel(`${browser} ${name}`) };
    const streams = new ProjectStreams(Promise.resolve(shared ? sharing : null));
    this.close = streams.listen(1, {
      annotations: ({ image_id, revision }) => this.heard.push(`${image_id}@${revision}`),
      start: () => this.heard.push("start"),
      reset: () => this.heard.push("reset"),
    });
    tabs.push(this);
  }
}

const change = (revision: number, id = `${revision}`) =>
  FakeSource.open[0]!.say("annotations", { image_id: 7, revision }, id);
const connected = (count: number) => vi.waitFor(() => expect(FakeSource.all).toHaveLength(count));
const allHeard = (...said: string[]) =>
  vi.waitFor(() => {
    for (const { heard } of tabs) expect(heard).toEqual(said);
  });

beforeEach(() => {
  FakeSource.all = [];
  vi.stubGlobal("EventSource", FakeSource);
  locks = new TabLocks();
  tabs = [];
});

afterEach(() => {
  for (const { close } of tabs) close();
  vi.unstubAllGlobals();
});

it("one connection serves seven tabs", async () => {
  for (let index = 0; index < 7; index++) new Tab();
  await connected(1);
  change(1);
  change(2);
  await allHeard("7@1", "7@2");
  expect(FakeSource.all).toHaveLength(1);
});

it("the next tab goes on where the one that listened stopped, and nobody hears anything twice", async () => {
  const first = new Tab();
  await connected(1);
  FakeSource.all[0]!.say("start", {}, "40");
  expect(first.heard.splice(0)).toEqual(["start"]); // what was read before may be older
  for (const late of [new Tab(), new Tab()]) {
    await vi.waitFor(() => expect(late.heard.splice(0)).toEqual(["start"])); // for that one, too
  }
  change(1, "41");
  await allHeard("7@1");
  first.close();
  await connected(2);
  expect(FakeSource.all[0]!.readyState).toBe(FakeSource.CLOSED);
  expect(FakeSource.all[1]!.url).toBe("/api/v1/projects/1/events?after=41");
  tabs.shift();
  FakeSource.open[0]!.say("start", {}, "41"); // nothing was missed
  change(2, "42");
  await allHeard("7@1", "7@2");
});

it("a tab that comes later is told where the stream is, and that what it read before may be older", async () => {
  const first = new Tab();
  await connected(1);
  FakeSource.all[0]!.say("start", {}, "40");
  const second = new Tab();
  const asked = vi.fn();
  const channel = new BroadcastChannel(`${browser} events 1`);
  channel.addEventListener("message", asked);
  await vi.waitFor(() => expect(asked.mock.calls.map(([{ data }]) => data.kind)).toContain("here"));
  channel.close();
  first.close();
  await connected(2);
  expect(FakeSource.all[1]!.url).toContain("after=40");
  FakeSource.open[0]!.say("start", {}, "40"); // it goes on where the first one stopped
  expect(second.heard).toEqual(["start"]);
  expect(first.heard).toEqual(["start"]); // which nobody told anew
});

it("a tab that was told of a change before it was told where the stream is reads again all the same", async () => {
  const first = new Tab();
  await connected(1);
  FakeSource.all[0]!.say("start", {}, "40");
  const second = new Tab();
  await Promise.resolve(); // it has asked where the stream is, and nobody has heard that yet
  change(1, "41");
  await vi.waitFor(() => expect([...second.heard].sort()).toEqual(["7@1", "start"]));
  expect(first.heard).toEqual(["start", "7@1"]);
});

it("reads everything again when it takes over and cannot know where the stream was", async () => {
  const first = new Tab();
  await connected(1); // not a word came over it
  const second = new Tab();
  await new Promise((resolve) => setTimeout(resolve, 0));
  first.close();
  await connected(2);
  expect(second.heard).toEqual(["reset"]);
});

it("all tabs read everything again when the connection was broken", async () => {
  new Tab();
  new Tab();
  await connected(1);
  change(1);
  FakeSource.all[0]!.dispatchEvent(new Event("error"));
  FakeSource.all[0]!.dispatchEvent(new Event("open"));
  await allHeard("7@1", "reset");
});

it("a tab that is closed before its turn never connects", async () => {
  const first = new Tab();
  await connected(1);
  const second = new Tab();
  await new Promise((resolve) => setTimeout(resolve, 0));
  second.close();
  first.close();
  await locks.exclusive("events 1", async () => undefined);
  expect(FakeSource.all).toHaveLength(1);
});

it("without a way to find each other every tab has a connection of its own", async () => {
  new Tab(false);
  new Tab(false);
  await connected(2);
});
